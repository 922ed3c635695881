"""Which of the record's resources does a retrieve mean, and what will a library ask for?

Source: CQL 1.5 Author's Guide, "Retrieve"; ELM 1.5, Retrieve; FHIR R4, DataRequirement.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cql.errors import CqlError, Unsupported
from cql.fhir_helpers import HELPERS
from cql.fhir_model import URI, Element, fhir_type, resource
from cql.interval import includes
from cql.scope import Build, Frame, Scope, Thunk
from cql.structure import reader
from cql.terminology import Codes, coded
from cql.types import Code, Interval, ValueSet
from fhir_r4.resource import dicts


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one retrieve asks for, as far as the library tells it before it runs."""

    type: str
    profile: str = ""
    code_path: str = ""
    value_set: str = ""
    codes: tuple[Code, ...] = ()
    date_path: str = ""

    def to_fhir(self) -> dict:
        """Return a FHIR DataRequirement.

        >>> Requirement("Condition", code_path="code", value_set="http://example.org/vs").to_fhir()["codeFilter"]
        [{'path': 'code', 'valueSet': 'http://example.org/vs'}]
        """
        told: dict[str, Any] = {"type": self.type}
        if self.profile:
            told["profile"] = [self.profile]
        if self.value_set or self.codes:
            codes = [{key: value for key, value in _coding(code).items() if value} for code in self.codes]
            by = {"valueSet": self.value_set} if self.value_set else {"code": codes}
            told["codeFilter"] = [{"path": self.code_path, **by}]
        if self.date_path:
            told["dateFilter"] = [{"path": self.date_path}]
        return told


def _coding(code: Code) -> dict[str, str | None]:
    return {"system": code.system, "code": code.code, "display": code.display}


class Source(Protocol):
    """The record of one patient. A lazy one fetches a type when it is first asked for."""

    def of_type(self, name: str) -> Sequence[Element]:
        """Return the resources of a type; nothing where there are none."""


class Record:
    """A record in memory: plain FHIR JSON, as it came, sorted by type once.

    >>> record = Record([{"resourceType": "Patient", "id": "p1"}])
    >>> len(record.of_type("Patient")), len(record.of_type("Observation"))
    (1, 0)
    """

    def __init__(self, resources: Iterable[dict]) -> None:
        self._by_type: dict[str, list[Element]] = {}
        for one in resources:
            name = one.get("resourceType")
            if isinstance(name, str):
                self._by_type.setdefault(name, []).append(resource(one))

    @classmethod
    def of_bundle(cls, bundle: Mapping[str, Any]) -> "Record":
        return cls(one for entry in dicts(bundle.get("entry")) for one in dicts([entry.get("resource")]))

    def of_type(self, name: str) -> Sequence[Element]:
        return self._by_type.get(name, [])


class FetchedRecord:
    """A record that is read as it is asked for: ``fetch`` is called once for each type that a define reaches."""

    def __init__(self, fetch: Callable[[str], Iterable[dict]]) -> None:
        self._fetch = fetch
        self._known: dict[str, list[Element]] = {}

    def of_type(self, name: str) -> Sequence[Element]:
        if name not in self._known:
            self._known[name] = [resource(one) for one in self._fetch(name) if one.get("resourceType") == name]
        return self._known[name]


# The node -------------------------------------------------------------------------------------------------------


def _retrieve(node: dict, scope: Scope) -> Thunk:
    name = _type_name(node)
    filters = [*_code_filters(node, scope, name), *_date_filters(node, scope)]
    if not filters:
        return lambda frame: list(frame[0].record.of_type(name))

    def run(frame: Frame) -> list[Any]:
        found: Iterable[Element] = frame[0].record.of_type(name)
        for each in filters:
            found = each(frame, found)
        return list(found)

    return run


def _type_name(node: dict) -> str:
    data_type = str(node.get("dataType", ""))
    name = data_type.rpartition("}")[2]
    if not data_type.startswith(URI) or fhir_type(name) is None:
        raise Unsupported(f"{data_type or 'an unnamed type'} cannot be retrieved", "a FHIR R4 resource type")
    return name


_Filter = Callable[[Frame, Iterable[Element]], Iterator[Element]]


def _code_filters(node: dict, scope: Scope, name: str) -> Iterator[_Filter]:
    for path, expression in _coded_by(node):
        type_ = fhir_type(name)
        yield _by_code(path or (type_.code_path if type_ else ""), scope.compile(expression))


def _coded_by(node: dict) -> Iterator[tuple[str, dict]]:
    if node.get("codes") is not None:
        yield node.get("codeProperty", ""), node["codes"]
    for one in node.get("codeFilter", ()):
        if one.get("value") is not None:
            yield one.get("property", ""), one["value"]


def _by_code(path: str, codes: Thunk) -> _Filter:
    read = reader(path)

    def chosen(frame: Frame, found: Iterable[Element]) -> Iterator[Element]:
        run = frame[0]
        wanted = codes(frame)
        held = run.terminology.codes(wanted) if type(wanted) is ValueSet else Codes(coded(wanted))
        for one in found:
            run.tick()
            for code in one.remembered((coded, path), lambda one: coded(read(run, one))):
                if code in held:
                    yield one
                    break

    return chosen


def _date_filters(node: dict, scope: Scope) -> Iterator[_Filter]:
    if node.get("dateRange") is not None:
        yield _by_date(node.get("dateProperty", ""), scope.compile(node["dateRange"]))
    for one in node.get("dateFilter", ()):
        if one.get("value") is not None:
            yield _by_date(one.get("property", ""), scope.compile(one["value"]))


def _by_date(path: str, range_: Thunk) -> _Filter:
    """Keep what lies in the range: a moment within it, a period that it includes."""
    read = reader(path)

    def chosen(frame: Frame, found: Iterable[Element]) -> Iterator[Element]:
        run = frame[0]
        wanted = range_(frame)
        for one in found:
            run.tick()
            when = _when(run, read(run, one))
            if when is not None and type(wanted) is Interval and includes(wanted, when) is True:
                yield one

    return chosen


def _when(run: Any, value: Any) -> Any:
    if type(value) is not Element:
        return value
    return HELPERS["ToInterval" if value.type.name == "Period" else "ToDateTime"](run, value)


# What a library will ask for ------------------------------------------------------------------------------------


def requirement_of(node: dict, library: Any) -> Requirement | None:
    """Return what a retrieve asks for; None where it could not be compiled, which its define says itself."""
    try:
        name = _type_name(node)
        path, expression = next(_coded_by(node), ("", {}))
        value_set, codes = _told(expression, library)
        dated = node.get("dateProperty") or next((one.get("property", "") for one in node.get("dateFilter", ())), "")
    except (CqlError, AttributeError, LookupError, TypeError):
        return None
    return Requirement(name, str(node.get("templateId") or ""), str(path), value_set, codes, str(dated))


def _told(expression: Any, library: Any) -> tuple[str, tuple[Code, ...]]:
    """Return the value set or the codes that an expression names outright."""
    match expression.get("type"):
        case "ValueSetRef":
            return library.vocabulary("valueSets", expression).id, ()
        case "CodeRef":
            return "", (library.code(expression),)
        case "ConceptRef":
            return "", library.concept(expression).codes
        case "ToList" | "ExpandValueSet" | "ToConcept" | "Property":
            return _told(expression.get("operand", expression.get("source", {})), library)
        case "List":
            return "", tuple(code for one in expression.get("element", ()) for code in _told(one, library)[1])
    return "", ()


NODES: dict[str, Build] = {"Retrieve": _retrieve}
