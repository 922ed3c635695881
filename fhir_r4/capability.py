"""What can another FHIR server be asked? Its CapabilityStatement, as far as a search depends on it.

Servers of US Core 3.1.1, 6.1.0 and 7.0.0 name their search parameters alike; one that does not says so in its
CapabilityStatement, and what is asked has to follow (CRD 2.0.1 #60).
"""

from dataclasses import dataclass

from fhir_r4.resource import as_list, dicts, text_of


@dataclass(frozen=True, slots=True)
class Capability:
    """What one server says of its searches, by resource type.

    Attributes:
        names: parameters under the names that FHIR gives them, with the server's own.
        includes: the ``_include`` that it takes; None where it says nothing of them.
    """

    names: dict[str, dict[str, str]]
    includes: dict[str, frozenset[str] | None]

    @classmethod
    def read(cls, statement: dict) -> "Capability":
        """Read a CapabilityStatement; what is odd in it is left out."""
        names: dict[str, dict[str, str]] = {}
        includes: dict[str, frozenset[str] | None] = {}
        for rest in dicts(statement.get("rest")):
            for resource in dicts(rest.get("resource")):
                kind = text_of(resource.get("type")) or ""
                names[kind] = _own_names(kind, dicts(resource.get("searchParam")))
                told = resource.get("searchInclude")
                includes[kind] = frozenset(filter(text_of, as_list(told))) if isinstance(told, list) else None
        return cls(names, includes)

    def local(self, query: str) -> str:
        """Return ``Type?parameters`` in the server's own names, without the ``_include`` that it does not take.

        >>> told = {"rest": [{"resource": [{"type": "Coverage", "searchInclude": [], "searchParam": [{
        ...     "name": "insured", "definition": "http://hl7.org/fhir/SearchParameter/Coverage-patient"}]}]}]}
        >>> Capability.read(told).local("Coverage?patient=1&_include=Coverage:payor")
        'Coverage?insured=1'
        """
        kind, mark, parameters = query.partition("?")
        own = self.names.get(kind, {})
        kept = []
        for parameter in parameters.split("&"):
            name, equals, value = parameter.partition("=")
            if name.startswith("_include") and not self._takes(kind, value):
                continue
            bare, colon, modifier = name.partition(":")
            kept.append(f"{own.get(bare, bare)}{colon}{modifier}{equals}{value}")
        return kind + mark + "&".join(kept)

    def _takes(self, kind: str, include: str) -> bool:
        told = self.includes.get(kind)
        return told is None or "*" in told or include in told


def _own_names(kind: str, parameters: list[dict]) -> dict[str, str]:
    """Return the server's names for parameters that it defines as FHIR or US Core does, and calls otherwise."""
    offered = {name for one in parameters if (name := text_of(one.get("name")))}
    found = {}
    for one in parameters:
        definition, name = text_of(one.get("definition")) or "", text_of(one.get("name"))
        last = definition.rpartition("/")[2].lower()
        for prefix in (f"us-core-{kind.lower()}-", f"{kind.lower()}-", "clinical-"):
            standard = last.removeprefix(prefix)
            if name and standard != last and standard not in offered:
                found[standard] = name
    return found
