"""What CQL comes with a form, and what do its expressions say of a record?

A package's libraries and value sets are compiled once and kept by their content; each form and record is one
:class:`Clinical`. What cannot be told is a :class:`cql.Failure`, words for the form's author that quote no patient.

Source: DTR 2.0.1 and 2.2.0, "Use of CQL"; SDC 4.0.0, "Using Expressions"; extensions ``cqf-library`` and
``alternativeExpression``.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from cql import CqlError, Failure, Library, Package, PackageTerminology, Place, Record, Requirement, Run, fhir_value
from cql.fhir_model import fhir_type, resource
from cql.identifier import Reference, read_identifier
from cql.library import Identifier, Libraries, Parameter
from cql.package import ELM_JSON
from fhir_r4.resource import as_dict, dicts, extension, extensions, kind, text_of
from fhir_r4.systems import ALTERNATIVE_EXPRESSION, CQF_LIBRARY
from fhir_r4.wire import read_json, write_json

LANGUAGES = frozenset({"text/cql", "text/cql-identifier", "text/cql.identifier", "text/cql-expression"})
_LOGIC = frozenset({"Library", "ValueSet", "CodeSystem"})
ORDER = "order"
"""By which name of the context a form's logic knows the order that the form is for."""
_INLINE = "expression of the form"

Typed = tuple[str, Any]
"""A FHIR type and its JSON, ``("Quantity", {…})``."""


class Logic:
    """The libraries and value sets of one package, compiled."""

    def __init__(self, resources: Iterable[dict]) -> None:
        resources = list(resources)
        self.compiled = Package(resources)
        self.terminology = PackageTerminology(resources)
        self._by_name = {
            name: library
            for one in resources
            if kind(one) == "Library" and (library := self.compiled.by_canonical(text_of(one.get("url")) or ""))
            for name in (text_of(one.get("name")), text_of(one.get("id")))
            if name
        }
        self.parameters = [
            (library.name, parameter.name, type_)
            for library in self.libraries
            for parameter in library.parameters.values()
            if (type_ := _resource_type(library, parameter))
        ]

    @property
    def libraries(self) -> Libraries:
        return self.compiled.libraries

    def of(self, form: dict) -> "FormLogic":
        """Return the logic as this form asks it."""
        return FormLogic(self, form)

    def by_canonical(self, canonical: str) -> Library | None:
        """Return the library of this url and version, else of the url alone."""
        return self.compiled.by_canonical(canonical) or self.compiled.by_canonical(canonical.partition("|")[0])

    def named(self, name: str) -> Library:
        """Return the library of this name: by its ELM identifier, else by the Library's ``name``, as some write.

        Raises:
            CqlError: there is none.
        """
        try:
            return self.libraries.get(name)
        except KeyError:
            pass
        if name in self._by_name:
            return self._by_name[name]
        raise CqlError(f"the library {name} is not there{self._why(name)}", "a library of the package")

    def _why(self, name: str) -> str:
        """Tell whether a library of this name came without ELM that can be read."""
        broken = [*self.compiled.unreadable, *self.compiled.without_elm]
        return ", or came without readable ELM" if any(one.rpartition("/")[2] == name for one in broken) else ""


class FormLogic:
    """A package's logic as one form asks it: which library an expression means is for the form to say.

    Attributes:
        main: the libraries that the form names.
    """

    def __init__(self, package: Logic, form: dict) -> None:
        self.package, self.form = package, form
        named = [text_of(one.get("valueCanonical")) or "" for one in extensions(form, CQF_LIBRARY)]
        self.main = [found for one in named if (found := package.by_canonical(one))]

    def library(self, name: str) -> Library:
        """Return the library that an expression means, in the version that the form's ``cqf-library`` gives.

        An empty name is the form's only library.

        Raises:
            CqlError: there is none, or no telling which.
        """
        if not name:
            if len(self.main) != 1:
                raise CqlError("the expression names no library", "one cqf-library, or a library before the define")
            return self.main[0]
        for one in self.main:
            if one.name == name:
                return one
        return self.package.named(name)

    def requirements(self) -> tuple[Requirement, ...]:
        """Return what the form's expressions will ask the record for, each once, before any runs."""
        return tuple(dict.fromkeys(need for one in expressions(self.form) for need in self.needs(one)))

    def needs(self, expression: dict) -> tuple[Requirement, ...]:
        """Return what one expression will ask for; nothing where it cannot be found, which its question says itself."""
        reference = read_identifier(text_of(expression.get("expression")) or "")
        libraries = self.package.libraries
        try:
            if reference is None:
                elm = _alternative(expression, libraries)
                return Libraries([elm], beside=libraries).requirements(_INLINE)
            library = self.library(reference.library)
            return libraries.requirements(library.name, [reference.define], library.identifier.version)
        except CqlError:
            return ()


def logic_of(resources: Iterable[dict]) -> Logic:
    """Return the package's logic, compiled the first time that these very resources are met."""
    return _kept(write_json([one for one in resources if kind(one) in _LOGIC]))


@lru_cache(maxsize=64)
def _kept(text: bytes) -> Logic:
    return Logic(read_json(text))


def expressions(form: dict) -> Iterator[dict]:
    """Yield all CQL expressions of a form, wherever they stand."""
    waiting: deque[Any] = deque([form])
    while waiting:
        node = waiting.popleft()
        if isinstance(node, dict):
            if node.get("language") in LANGUAGES and "expression" in node:
                yield node
            waiting.extend(part for key, part in node.items() if key != "contained")
        elif isinstance(node, list):
            waiting.extend(node)


@dataclass(frozen=True)
class Clinical:
    """A form's CQL over one record at one moment; each define is computed once."""

    form: FormLogic
    run: Run

    @classmethod
    def over(cls, form: FormLogic, context: Mapping[str, Any], now: datetime) -> "Clinical":
        """Make a form's logic ready to be asked.

        Args:
            context: the launch context and what was found for the form, each a resource, a searchset Bundle or a
                list of resources, by name. All of them are the record; what a library's parameter is named for, what
                is the order, or what is the only one of its type, is the parameter's value.
            now: the evaluation moment, with its zone.
        """
        logic = form.package
        named: dict[str, dict] = {}
        found: list[dict] = []
        for name, value in context.items():
            if isinstance(value, list):
                found += dicts(value)
            elif (held := kind(value)) == "Bundle":
                found += [as_dict(entry.get("resource")) for entry in dicts(value.get("entry"))]
            elif held:
                named[name] = value
                found.append(value)
        parameters = {
            (library, parameter): resource(value)
            for library, parameter, type_ in logic.parameters
            if (value := _bound(parameter, type_, named))
        }
        record = Record(_once(found))
        run = Run(logic.libraries, now=now, record=record, terminology=logic.terminology, parameters=parameters)
        return cls(form, run)

    def values(self, expression: dict) -> list[Typed] | Failure:
        """Return what the expression finds, none, one or several values; or why it finds nothing."""
        text = text_of(expression.get("expression")) or ""
        reference = read_identifier(text)
        try:
            found = self._inline(expression) if reference is None else self._named(reference)
            if isinstance(found, Failure):
                return found
            members = found if isinstance(found, list) else [found]
            return [told for member in members if (told := fhir_value(member))]
        except CqlError as error:
            library, define = (reference.library, reference.define) if reference else ("", _INLINE)
            place = error.place or Place(library, define)
            return Failure(library, define, error.message, error.expected, place)

    def _named(self, reference: Reference) -> Any:
        library = self.form.library(reference.library)
        return self.run.value(library.name, reference.define, library.identifier.version)

    def _inline(self, expression: dict) -> Any:
        """Run CQL that stands in the form itself: its compiled form stands beside it (DTR 2.2 spec-96)."""
        known = self.form.package.libraries
        libraries = Libraries([_alternative(expression, known)], beside=known)
        defines = list(libraries.get(_INLINE).defines)
        if not defines:
            raise CqlError("the ELM beside the expression defines nothing", "an expression, or a library with a define")
        run = self.run
        again = Run(
            libraries, now=run.moment, record=run.record, terminology=run.terminology, parameters=run.parameters
        )
        return again.value(_INLINE, defines[-1])


def _resource_type(library: Library, parameter: Parameter) -> str | None:
    """Return the resource type that a parameter takes: ``parameter device_request DeviceRequest``; None for others."""
    written = dicts(as_dict(library.elm.get("parameters")).get("def"))
    specified = next((one for one in written if one.get("name") == parameter.name), {})
    specifier = as_dict(specified.get("parameterTypeSpecifier"))
    name = str(specifier.get("name") or specified.get("parameterType") or "").rpartition("}")[2]
    type_ = fhir_type(name)
    return name if type_ is not None and type_.is_resource else None


def _bound(parameter: str, type_: str, named: Mapping[str, dict]) -> dict | None:
    """Return the resource that a parameter means: of its name, else the order, else the only one of its type."""
    for name in (parameter, ORDER):
        if kind(named.get(name)) == type_:
            return named[name]
    alike = list(_once(one for one in named.values() if kind(one) == type_))
    return alike[0] if len(alike) == 1 else None


def _once(resources: Iterable[dict]) -> Iterator[dict]:
    """Yield each resource once: two searches may find the same, and a count must not count it twice."""
    seen: set[tuple[str, str | int]] = set()
    for one in resources:
        key = kind(one), text_of(one.get("id")) or id(one)
        if key not in seen:
            seen.add(key)
            yield one


def _alternative(expression: dict, libraries: Iterable[Library]) -> dict:
    """Return the ELM that stands beside inline CQL, as a library of its own that includes the package's.

    Raises:
        CqlError: there is none that can be read.
    """
    beside = as_dict(extension(expression, ALTERNATIVE_EXPRESSION).get("valueExpression"))
    expected = "a define by name, or compiled JSON ELM in the extension alternativeExpression"
    if text_of(beside.get("language")) != ELM_JSON:
        raise CqlError("CQL in the form itself cannot be run as it stands", expected)
    try:
        elm = json.loads(text_of(beside.get("expression")) or "", parse_float=Decimal)
    except (ValueError, RecursionError):
        raise CqlError("the ELM beside the expression cannot be read", expected) from None
    library = as_dict(as_dict(elm).get("library"))
    if not library:
        includes = [{"localIdentifier": one.name, **_path(one.identifier)} for one in libraries]
        define = {"name": _INLINE, "expression": elm}
        library = {"includes": {"def": includes}, "statements": {"def": [define]}}
    return {"library": library | {"identifier": {"id": _INLINE}}}


def _path(identifier: Identifier) -> dict:
    return {"path": identifier.id} | ({"version": identifier.version} if identifier.version else {})
