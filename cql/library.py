"""What is in a library once it is compiled, and how do libraries find each other?

A library is compiled once: each define and function becomes a closure. What cannot be compiled is kept as the error
that says so, and met only by who asks for it. A library compiled with ``located`` knows for each node where it
stands in the source; it is slower, and made only when a define has failed and its place is to be told.

Source: ELM 1.5, Library, IncludeDef, ParameterDef, ExpressionDef, FunctionDef.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cql.compile import NODES
from cql.errors import CqlError, Place, Unsupported
from cql.retrieve import Requirement, requirement_of
from cql.scope import Frame, Layout, Scope, Thunk, null
from cql.specifiers import Test, is_specified
from cql.types import Code, CodeSystem, Concept, ValueSet
from fhir_r4.resource import as_dict, dicts, text_of


@dataclass(eq=False, slots=True)
class Define:
    """One ``define``; ``error`` says why it has no body."""

    library: str
    name: str
    body: Thunk = null
    size: int = 1
    error: CqlError | None = None


@dataclass(eq=False, slots=True)
class Function:
    """One ``define function``; its operands take the frame's slots after the Run."""

    library: str
    name: str
    operands: tuple[str, ...]
    specifiers: tuple[dict, ...]
    body: Thunk = null
    size: int = 1
    error: CqlError | None = None

    def tests(self) -> list[Test]:
        return [is_specified(specifier) for specifier in self.specifiers]


@dataclass(eq=False, slots=True)
class Parameter:
    """One ``parameter`` with its default, if it has one."""

    library: str
    name: str
    fits: Test
    default: Define | None = None
    error: CqlError | None = None


@dataclass(frozen=True, slots=True)
class Identifier:
    """What a library is called; ``system`` is empty where it has only a local name."""

    id: str
    version: str | None = None
    system: str | None = None


@dataclass(eq=False)
class Library:
    """A compiled library. Its methods answer what a node says by name: a define, a code, a value set."""

    identifier: Identifier
    elm: dict
    includes: "dict[str, Library | Identifier | CqlError]" = field(default_factory=dict)
    """By local name; an Identifier stands for a library that is not there, an error for one that cannot be had."""
    defines: dict[str, Define] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    overloads: dict[str, list[Function]] = field(default_factory=dict)
    is_located: bool = False
    has_locators: bool = False
    """Whether the translator wrote where the nodes stand."""

    @property
    def name(self) -> str:
        return self.identifier.id

    # What the nodes ask for ---------------------------------------------------------------------------------

    def define(self, node: dict) -> Define:
        home, name = self._home(node), node["name"]
        if name not in home.defines:
            raise CqlError(f"there is no define '{name}' in {home.name}", "a define of the library")
        return home.defines[name]

    def parameter(self, node: dict) -> Parameter:
        home, name = self._home(node), node["name"]
        if name not in home.parameters:
            raise CqlError(f"there is no parameter '{name}' in {home.name}", "a parameter of the library")
        return home.parameters[name]

    def functions(self, node: dict) -> list[Function]:
        return self._home(node).overloads.get(node["name"], [])

    def is_helpers(self, node: dict) -> bool:
        """Tell whether a function is of FHIRHelpers, which needs no text: it is native."""
        included = self.includes.get(node.get("libraryName", ""))
        identifier = included.identifier if isinstance(included, Library) else included
        return isinstance(identifier, Identifier) and identifier.id == "FHIRHelpers"

    def _home(self, node: dict) -> "Library":
        alias = node.get("libraryName")
        if not alias:
            return self
        found = self.includes.get(alias)
        if isinstance(found, CqlError):
            raise found.with_traceback(None)
        if not isinstance(found, Library):
            wanted = f"{found.id} version {found.version or 'any'}" if found else alias
            raise CqlError(f"the library {wanted} is not there", "every library that is included")
        return found

    def vocabulary(self, table: str, node: dict) -> Any:
        """Return the ValueSet or CodeSystem that a reference names; ``table`` is ELM's name of the section."""
        found = self._home(node).definition(table, node.get("name"))
        kind = ValueSet if table == "valueSets" else CodeSystem
        return kind(text_of(found.get("id")) or "", text_of(found.get("version")), text_of(found.get("name")))

    def code(self, node: dict) -> Code:
        home = self._home(node)
        return home.code_of(home.definition("codes", node.get("name")))

    def code_of(self, definition: dict) -> Code:
        """Return the Code of a CodeDef or of a Code literal: its system is a reference in both."""
        reference = definition.get("system", definition.get("codeSystem"))
        system = self.vocabulary("codeSystems", reference) if reference else CodeSystem("")
        code = text_of(definition.get("code", definition.get("id")))
        return Code(code, system.id or None, system.version, text_of(definition.get("display")))

    def concept(self, node: dict) -> Concept:
        home = self._home(node)
        found = home.definition("concepts", node.get("name"))
        return Concept(tuple(home.code(one) for one in found.get("code", ())), text_of(found.get("display")))

    def definition(self, table: str, name: Any) -> dict:
        for one in _definitions(self.elm, table):
            if one.get("name") == name:
                return one
        raise CqlError(f"there is no '{name}' among the {table} of {self.name}", "a definition of the library")

    # Where a node stands ------------------------------------------------------------------------------------

    def located(self, node: dict, thunk: Thunk) -> Thunk:
        """Return a thunk that tells the place of an error, in a library that is compiled for it."""
        if "locator" not in node:
            return thunk
        self.has_locators = True
        if not self.is_located:
            return thunk

        def run(frame: Frame) -> Any:
            try:
                return thunk(frame)
            except CqlError as error:
                self.locate(error, node)
                raise

        return run

    def locate(self, error: CqlError, node: dict) -> None:
        """Note the innermost node's place; the define's name is added by who runs it."""
        if error.place is None and node.get("locator"):
            error.place = Place(self.name, "", node["locator"])

    def statements(self, name: str) -> list[dict]:
        """Return the ELM of a define, or of all overloads of a function."""
        return [one for one in _definitions(self.elm, "statements") if one.get("name") == name]

    def home_of(self, node: dict) -> "Library | None":
        """Return the library that a reference speaks of, if it is there."""
        found = self.includes.get(str(node["libraryName"])) if node.get("libraryName") else self
        return found if isinstance(found, Library) else None


class Libraries:
    """Compiled libraries that include each other, found by identifier and version.

    Args:
        elms: ELM JSON as parsed, ``{"library": {…}}``; the order does not matter.
        beside: libraries that are compiled already; these join them, and may include them.

    >>> one = {"library": {"identifier": {"id": "One", "version": "1"}, "statements": {"def": []}}}
    >>> Libraries([one]).get("One").identifier.version
    '1'
    """

    def __init__(self, elms: Iterable[dict], *, located: bool = False, beside: "Libraries | None" = None) -> None:
        joining = list(elms)
        known: list[dict] = beside.elms if beside else []
        self.elms: list[dict] = [*known, *joining]
        self._is_located = located
        self._elm: dict[tuple[str, str | None], dict] = dict(beside._elm) if beside else {}  # noqa: SLF001 of this class
        self._libraries: dict[int, Library] = dict(beside._libraries) if beside else {}  # noqa: SLF001
        self._located: Libraries | None = None
        for one in joining:
            elm = _library_of(one)
            identifier = _identifier(elm.get("identifier", {}))
            self._elm[identifier.id, identifier.version] = elm
            self._elm[identifier.id, None] = elm
        for elm in self._elm.values():
            self._compiled(elm, ())

    def get(self, name: str, version: str | None = None) -> Library:
        """Return a library; without a version the last one given. KeyError where there is none."""
        return self._libraries[id(self._elm[name, version])]

    def __iter__(self) -> Iterator[Library]:
        return iter(self._libraries.values())

    def requirements(
        self, library: str, defines: Iterable[str] | None = None, version: str | None = None
    ) -> tuple[Requirement, ...]:
        """Return what the defines, and all that they use, will ask the record for; each once, before any runs.

        Without ``defines``, all of the library's. KeyError where there is no such library.
        """
        home = self.get(library, version)
        found: dict[Requirement, None] = {}
        waiting = [(home, name) for name in (home.defines if defines is None else defines)]
        seen = set()
        while waiting:
            where, name = waiting.pop(0)
            if (where.name, where.identifier.version, name) in seen:
                continue
            seen.add((where.name, where.identifier.version, name))
            for node in _nodes([one.get("expression") for one in where.statements(name)]):
                if node.get("type") == "Retrieve" and (requirement := requirement_of(node, where)):
                    found[requirement] = None
                elif node.get("type") in ("ExpressionRef", "FunctionRef") and (used := where.home_of(node)):
                    waiting.append((used, str(node.get("name"))))
        return tuple(found)

    def located(self) -> "Libraries":
        """Return the same libraries compiled so that errors tell their place."""
        if self._located is None:
            self._located = Libraries(self.elms, located=True)
        return self._located

    def _compiled(self, elm: dict, above: tuple[int, ...]) -> Library:
        key = id(elm)
        if key in self._libraries:
            return self._libraries[key]
        identifier = _identifier(elm.get("identifier", {}))
        includes: dict[str, Library | Identifier | CqlError] = {}
        for include in _definitions(elm, "includes"):
            path = text_of(include.get("path")) or ""
            wanted = Identifier(path.rpartition("/")[2], text_of(include.get("version")))
            found = self._elm.get((wanted.id, wanted.version))
            alias = text_of(include.get("localIdentifier")) or wanted.id
            if found is not None and id(found) in (*above, key):
                includes[alias] = CqlError(f"the library {wanted.id} includes itself", "includes without a circle")
            else:
                includes[alias] = self._compiled(found, (*above, key)) if found else wanted
        library = Library(identifier, elm, includes, is_located=self._is_located)
        _compile(library)
        self._libraries[key] = library
        return library


def checked(elm: Any) -> dict:
    """Return ELM that is a library, as it came; CqlError for anything else."""
    _library_of(elm)
    return elm  # type: ignore[no-any-return]  # it is a dict


def _library_of(elm: Any) -> dict:
    found = elm.get("library", elm) if isinstance(elm, dict) else None
    if not isinstance(found, dict) or not isinstance(found.get("identifier", {}), dict):
        raise CqlError("this is no ELM library", "a JSON object with library.identifier")
    return found


def _identifier(told: Any) -> Identifier:
    told = as_dict(told)
    return Identifier(text_of(told.get("id")) or "", text_of(told.get("version")), text_of(told.get("system")))


def _nodes(elm: Any) -> Iterator[dict]:
    """Yield all objects of a piece of ELM, in its order and without recursion."""
    stack = [elm]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack.extend(part for key, part in reversed(node.items()) if key != "annotation")
        elif isinstance(node, list):
            stack.extend(reversed(node))


def _definitions(elm: dict, table: str) -> list[dict]:
    return dicts(as_dict(elm.get(table)).get("def"))


def _compile(library: Library) -> None:
    """Name all that the library defines, then compile the bodies: a define may speak of a later one."""
    bodies: list[tuple[Define | Function, dict]] = []
    for elm in _definitions(library.elm, "parameters"):
        parameter, default = _parameter(library, elm)
        library.parameters[parameter.name] = parameter
        bodies += default
    for elm in _definitions(library.elm, "statements"):
        if elm.get("type") == "FunctionDef":
            function = _function(library, elm)
            library.overloads.setdefault(function.name, []).append(function)
            bodies.append((function, elm))
        else:
            define = Define(library.name, str(elm.get("name")))
            library.defines[define.name] = define
            bodies.append((define, elm))
    for subject, elm in bodies:
        _compile_body(library, subject, elm)


def _parameter(library: Library, elm: dict) -> tuple[Parameter, list[tuple[Define | Function, dict]]]:
    name = str(elm.get("name"))
    specifier = elm.get("parameterTypeSpecifier")
    if specifier is None and elm.get("parameterType"):
        specifier = {"type": "NamedTypeSpecifier", "name": elm["parameterType"]}
    parameter = Parameter(library.name, name, lambda _value: True)
    try:
        parameter.fits = is_specified(specifier) if specifier else parameter.fits
    except CqlError as error:
        parameter.error = error
    if elm.get("default") is None:
        return parameter, []
    parameter.default = Define(library.name, name)
    return parameter, [(parameter.default, {"expression": elm["default"]})]


def _function(library: Library, elm: dict) -> Function:
    operands = dicts(elm.get("operand"))
    specifiers = [one.get("operandTypeSpecifier") or _named(one.get("operandType")) for one in operands]
    return Function(
        library.name, str(elm.get("name")), tuple(str(one.get("name")) for one in operands), tuple(specifiers)
    )


def _named(name: Any) -> dict:
    return {"type": "NamedTypeSpecifier", "name": name or "{urn:hl7-org:elm-types:r1}Any"}


def _compile_body(library: Library, subject: Define | Function, elm: dict) -> None:
    layout = Layout()
    scope = Scope(library, NODES, layout)
    for operand in subject.operands if isinstance(subject, Function) else ():
        scope.declare(operand)
    try:
        if elm.get("external"):
            raise Unsupported(f"the function '{subject.name}' is external", "a function with a body")
        subject.body = scope.compile(elm.get("expression"))
    except CqlError as error:
        subject.error = error
    except RecursionError:
        subject.error = CqlError("the expression is nested too deeply", "an expression of fewer levels")
    except (AttributeError, LookupError, TypeError, ValueError):
        subject.error = CqlError("the ELM is not well-formed", "ELM as the schema has it")
    subject.size = layout.size
