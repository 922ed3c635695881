"""Is a code in a value set, and which codes has it?

Value sets are the FHIR resources of the package: an expansion where there is one, else a composition that lists its
codes or names other value sets. One that would need a terminology server has no answer here, and says so.

Source: CQL 1.5 appendix B, "Clinical Operators"; FHIR R4, ValueSet.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from cql.errors import CqlError, Unsupported, said
from cql.fhir_model import Element
from cql.hierarchy import Hierarchy
from cql.scope import Build, Frame, Scope, Thunk, constant, operands
from cql.types import Code, CodeSystem, Concept, ValueSet
from fhir_r4.resource import as_dict, dicts, text_of
from fhir_r4.systems import canonical_system


class Terminology(Protocol):
    """Where codes are looked up. Both raise CqlError for what is not known, which is never the same as "no"."""

    def codes(self, value_set: ValueSet) -> "Codes":
        """Return all codes of a value set."""

    def has(self, system: CodeSystem, code: str) -> bool:
        """Tell whether a code system defines a code."""

    def subsumes(self, system: CodeSystem, ancestor: str, descendant: str) -> bool:
        """Tell whether one code of a system is above another; two codes that differ."""


class Codes:
    """The codes of one value set, in order, with the look-ups made once."""

    def __init__(self, codes: Iterable[Code]) -> None:
        self.listed = list(codes)
        self._pairs = {(canonical_system(code.system or ""), code.code) for code in self.listed}
        self._codes = {code.code for code in self.listed}

    def __contains__(self, value: object) -> bool:
        """Tell whether a Code is a member, by system and code, or a bare string by code alone."""
        if type(value) is str:
            return value in self._codes
        return type(value) is Code and (canonical_system(value.system or ""), value.code) in self._pairs


class PackageTerminology:
    """The ValueSet and CodeSystem resources that came with a form."""

    def __init__(self, resources: Iterable[dict] = ()) -> None:
        self._resources: dict[tuple[str, str | None], dict] = {}
        self._codes: dict[tuple[str, str | None], Codes] = {}
        self._hierarchies: dict[tuple[str, str | None], Hierarchy] = {}
        for one in resources:
            if one.get("resourceType") in ("ValueSet", "CodeSystem") and (url := text_of(one.get("url"))):
                self._resources[url, text_of(one.get("version"))] = one
                self._resources[url, None] = one  # the last one given answers where no version is asked

    def codes(self, value_set: ValueSet) -> Codes:
        key = value_set.id, value_set.version
        if key not in self._codes:
            self._codes[key] = Codes(self._listed(*key, ()))
        return self._codes[key]

    def has(self, system: CodeSystem, code: str) -> bool:
        found = self._resource(system.id, system.version)
        return any(one.get("code") == code for one in _concepts(found))

    def subsumes(self, system: CodeSystem, ancestor: str, descendant: str) -> bool:
        key = system.id, system.version
        if key not in self._hierarchies:
            self._hierarchies[key] = Hierarchy(self._resource(*key))
        hierarchy = self._hierarchies[key]
        if not (hierarchy.has(ancestor) and hierarchy.has(descendant)):
            raise CqlError(f"{system.id} as it is in the package has not both codes", "a CodeSystem with its hierarchy")
        return hierarchy.is_above(ancestor, descendant)

    def _resource(self, url: str, version: str | None) -> dict:
        bare, _, told = url.removeprefix("urn:oid:").partition("|") if "|" in url else (url, "", "")
        found = self._resources.get((bare, version or told or None))
        if found is None:
            raise CqlError(f"{url} is not in the package", "the ValueSet or CodeSystem resource with this url")
        return found

    def _listed(self, url: str, version: str | None, above: tuple[str, ...]) -> Iterator[Code]:
        resource = self._resource(url, version)
        if url in above:
            raise CqlError(f"the value set {url} includes itself", "value sets without a circle")
        if resource.get("expansion") is not None:
            yield from _expanded(as_dict(resource["expansion"]).get("contains"))
            return
        compose = as_dict(resource.get("compose"))
        excluded = {code for part in dicts(compose.get("exclude")) for code in self._part(part, url, above)}
        for part in dicts(compose.get("include")):
            yield from (code for code in self._part(part, url, above) if _key(code) not in map(_key, excluded))

    def _part(self, part: dict, url: str, above: tuple[str, ...]) -> Iterator[Code]:
        """Return the codes of one include; several value sets, or a list beside them, mean their intersection."""
        if part.get("filter"):
            raise Unsupported(f"the value set {url} is defined by a filter", "an expansion, or codes that are listed")
        system = text_of(part.get("system"))
        listed = [
            Code(c["code"], system, None, text_of(c.get("display"))) for c in dicts(part.get("concept")) if "code" in c
        ]
        sets = [
            list(self._listed(one, None, (*above, url))) for one in part.get("valueSet") or () if isinstance(one, str)
        ]
        if system and not listed:
            found = self._resource(system, None)
            listed = [Code(c.get("code"), system, None, text_of(c.get("display"))) for c in _concepts(found)]
        first, *others = [listed, *sets] if listed else sets or [[]]
        keys = [set(map(_key, one)) for one in others]
        return (code for code in first if all(_key(code) in one for one in keys))


def _key(code: Code) -> tuple[str | None, str | None]:
    return code.system, code.code


def _expanded(contains: Any) -> Iterator[Code]:
    for one in dicts(contains):
        code = text_of(one.get("code"))
        if code and one.get("abstract") is not True:
            yield Code(code, text_of(one.get("system")), text_of(one.get("version")), text_of(one.get("display")))
        yield from _expanded(one.get("contains"))


def _concepts(system: dict) -> Iterator[dict]:
    stack = dicts(system.get("concept"))[::-1]
    while stack:
        one = stack.pop()
        yield one
        stack.extend(dicts(one.get("concept"))[::-1])


# The nodes ------------------------------------------------------------------------------------------------------


def coded(value: Any) -> list[Any]:
    """Return the codes that a value carries: of a Concept or a FHIR coding all, of a string itself."""
    kind = type(value)
    if kind is Concept:
        return list(value.codes)
    if kind is list:
        return [code for one in value for code in coded(one)]
    if kind is Element:
        found: list[Any] = value.remembered(coded, _coded_element)
        return found
    return [] if value is None else [value]


def _coded_element(value: Element) -> list[Any]:
    if "CodeableConcept" in value.type.bases:
        return [_code(one) for one in dicts(as_dict(value.json).get("coding"))]
    if "Coding" in value.type.bases:
        return [_code(as_dict(value.json))]
    return [value.json] if isinstance(value.json, str) else []


def _code(coding: dict) -> Code:
    code, system = text_of(coding.get("code")), text_of(coding.get("system"))
    return Code(code, system, text_of(coding.get("version")), text_of(coding.get("display")))


def _value_set(node: dict, scope: Scope) -> Thunk:
    return constant(scope.library.vocabulary("valueSets", node))


def _code_system(node: dict, scope: Scope) -> Thunk:
    return constant(scope.library.vocabulary("codeSystems", node))


def _expand_value_set(node: dict, scope: Scope) -> Thunk:
    (operand,) = scope.compile_all(operands(node))
    return lambda frame: list(frame[0].terminology.codes(operand(frame)).listed)


def _in(container: str, holds: Callable[[Any, Any, list[Any]], bool]) -> Build:
    """Make a membership test; ``container`` names the reference that ELM 1.4 writes beside the expression."""

    def build(node: dict, scope: Scope) -> Thunk:
        member = scope.compile(node["codes"] if "codes" in node else node.get("code"))
        expression = node.get(f"{container}Expression")
        holder = (
            scope.compile(expression) if expression is not None else _reference(node.get(container), container, scope)
        )

        def run(frame: Frame) -> bool | None:
            value = member(frame)
            where = holder(frame)
            if where is None:
                return None
            return False if value is None else holds(frame[0], where, coded(value))

        return run

    return build


def _reference(node: Any, container: str, scope: Scope) -> Thunk:
    """ELM writes the reference without its type where only one is possible."""
    kind = "ValueSetRef" if container == "valueset" else "CodeSystemRef"
    return scope.compile({"type": kind, **(node or {})})


def _in_value_set(run: Any, where: Any, values: list[Any]) -> bool:
    held = Codes(where) if type(where) is list else run.terminology.codes(_vocabulary(where, ValueSet))
    return any(value in held for value in values)


def _in_code_system(run: Any, where: Any, values: list[Any]) -> bool:
    system = _vocabulary(where, CodeSystem)
    return any(
        run.terminology.has(system, value if type(value) is str else value.code)
        for value in values
        if type(value) is str or value.system == system.id
    )


def _vocabulary(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise CqlError(f"{said(value)} is no {kind.__name__}", f"a {kind.__name__} of this library")
    return value


def _code_ref(node: dict, scope: Scope) -> Thunk:
    return constant(scope.library.code(node))


def _concept_ref(node: dict, scope: Scope) -> Thunk:
    return constant(scope.library.concept(node))


def _code_literal(node: dict, scope: Scope) -> Thunk:
    return constant(scope.library.code_of(node))


def _concept_literal(node: dict, scope: Scope) -> Thunk:
    codes = tuple(scope.library.code_of(one) for one in node.get("code", ()))
    return constant(Concept(codes, node.get("display")))


NODES: dict[str, Build] = {
    "ValueSetRef": _value_set,
    "CodeSystemRef": _code_system,
    "CodeRef": _code_ref,
    "ConceptRef": _concept_ref,
    "Code": _code_literal,
    "Concept": _concept_literal,
    "ExpandValueSet": _expand_value_set,
    "InValueSet": _in("valueset", _in_value_set),
    "AnyInValueSet": _in("valueset", _in_value_set),
    "InCodeSystem": _in("codesystem", _in_code_system),
    "AnyInCodeSystem": _in("codesystem", _in_code_system),
}
