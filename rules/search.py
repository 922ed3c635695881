"""Which resources of the EHR does a policy want? A FHIR search, small enough to be asked of an EHR and matched here.

The same search serves three times: as CRD's prefetch template or fallback query, as DTR's population, and to find
the resources among those that came along, whoever sent them. Patients are never named in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

from fhir_r4.resource import as_dict, codings, dicts, kind, text_of, whole_number_of
from fhir_r4.systems import code_key
from rules.codes import CodeSet

CODED = {  # type of resource: its search parameter for the code, and the element
    "AllergyIntolerance": ("code", "code"),
    "Condition": ("code", "code"),
    "DeviceRequest": ("code", "codeCodeableConcept"),
    "DiagnosticReport": ("code", "code"),
    "Encounter": ("type", "type"),
    "Immunization": ("vaccine-code", "vaccineCode"),
    "MedicationAdministration": ("code", "medicationCodeableConcept"),
    "MedicationDispense": ("code", "medicationCodeableConcept"),
    "MedicationRequest": ("code", "medicationCodeableConcept"),
    "MedicationStatement": ("code", "medicationCodeableConcept"),
    "Observation": ("code", "code"),
    "Procedure": ("code", "code"),
    "ServiceRequest": ("code", "code"),
}
_TOKENS = {  # parameter: element, for what is not the code
    "category": "category",
    "status": "status",
    "intent": "intent",
    "clinical-status": "clinicalStatus",
    "verification-status": "verificationStatus",
}
_DATES = (
    "effectiveDateTime", "effectivePeriod", "effectiveInstant", "performedDateTime", "performedPeriod", "onsetDateTime",
    "occurrenceDateTime", "whenHandedOver", "authoredOn", "recordedDate", "dateAsserted", "issued", "period",
)  # fmt: skip
_LISTED = 40
"""Codes that are named in a search, at most: URLs have an end."""
_VOID = frozenset({"entered-in-error", "cancelled", "not-done", "refuted", "revoked"})
Token = tuple[str | None, str]
"""System and code, by ``code_key``; without a system any."""


@dataclass(frozen=True, slots=True)
class Search:
    """``Observation?code=http://loinc.org|59408-5&_sort=-date&_count=1``, as written and as read.

    Attributes:
        tokens: element and the codings of which it has one.
        newest_first: ``_sort=-date``.
        count: ``_count``: no more are looked at.
        narrowed: it asks for the codes that alone are wanted.
    """

    written: str
    type: str
    tokens: tuple[tuple[str, tuple[Token, ...]], ...] = ()
    newest_first: bool = False
    count: int | None = None
    narrowed: bool = False

    @classmethod
    def parse(cls, written: str) -> "Search":
        """Read a search.

        Raises:
            ValueError: the type or a parameter is none that can be matched here; the message says which can.

        >>> Search.parse("Observation?code=59408-5").tokens
        (('code', ((None, '59408-5'),)),)
        """
        resource, _, query = written.partition("?")
        if resource not in CODED:
            raise ValueError(f"'{resource}' is no type that is searched; there is: {', '.join(CODED)}")
        tokens, newest, count = [], False, None
        for name, value in parse_qsl(query, keep_blank_values=True):
            if name in {CODED[resource][0], *_TOKENS}:
                element = CODED[resource][1] if name == CODED[resource][0] else _TOKENS[name]
                tokens.append((element, tuple(map(_token, value.split(",")))))
            elif (name, value) == ("_sort", "-date"):
                newest = True
            elif name == "_count" and (said := whole_number_of(value)) is not None:
                count = said
            else:
                can = ", ".join([CODED[resource][0], *_TOKENS, "_sort=-date", "_count"])
                raise ValueError(f"'{name}={value}' is not searched by; there is: {can}")
        return cls(written, resource, tuple(tokens), newest, count)

    def for_patient(self, patient: str) -> str:
        """Return the query as it is asked; ``patient`` is an id, or CDS Hooks' ``{{context.patientId}}``.

        >>> Search.parse("Observation?code=59408-5").for_patient("{{context.patientId}}")
        'Observation?patient={{context.patientId}}&code=59408-5'
        """
        _, _, query = self.written.partition("?")
        return f"{self.type}?patient={patient}" + (f"&{query}" if query else "")

    def among(self, codes: CodeSet) -> "Search":
        """Return the search for one of these codes alone, where they can be listed and it names none itself.

        Where they cannot, as many are asked for as there are: the newest of all may be none of them.

        >>> Search.parse("Procedure?_count=1").among(CodeSet(())).written
        'Procedure'
        """
        parameter, element = CODED[self.type]
        if any(named == element for named, _ in self.tokens):
            return self
        if listed := codes.listed(_LISTED):
            added = f"{parameter}={','.join(listed)}"
            return replace(self, written=self.written + ("&" if "?" in self.written else "?") + added, narrowed=True)
        kind_of, _, query = self.written.partition("?")
        asked = "&".join(one for one in query.split("&") if one and not one.startswith("_count="))
        return replace(self, written=kind_of + (f"?{asked}" if asked else ""))

    def suffices(self, resources: Sequence[dict]) -> bool:
        """Tell whether as many matches are among these as are looked at; without ``_count`` all there are."""
        return self.count is not None and len(self.found_in(resources)) >= self.count

    def found_in(self, resources: Sequence[dict]) -> list[dict]:
        """Return the matches, in the order that the search asks for, ``count`` or not; what was an error is none."""
        found = [one for one in resources if self._matches(one)]
        if self.newest_first:
            found.sort(key=lambda one: day_of(one) or date.min, reverse=True)
        return found

    def _matches(self, resource: dict) -> bool:
        if kind(resource) != self.type or resource.get("doNotPerform") is True:
            return False
        said = dict(self.tokens)
        for element in ("status", "verificationStatus"):
            if element not in said and not _VOID.isdisjoint(code for _, code in _codes(resource.get(element))):
                return False
        return all(_has(resource.get(element), wanted) for element, wanted in self.tokens)


def day_of(resource: dict) -> date | None:
    """Return the day that a resource is about: of an effective period its last."""
    for element in _DATES:
        value = resource.get(element)
        text = text_of(value) or text_of(as_dict(value).get("end")) or text_of(as_dict(value).get("start"))
        try:
            return date.fromisoformat((text or "")[:10])
        except ValueError:
            continue
    return None


def _token(text: str) -> Token:
    system, bar, code = text.rpartition("|")
    return code_key(system, code) if bar and system else (None, code)


def _codes(value: Any) -> list[Token]:
    """Return the codes of an element, whether it is a code, a CodeableConcept or several."""
    if isinstance(value, str):
        return [(None, value)]
    concepts = [value] if isinstance(value, dict) else dicts(value)
    return [code_key(one.system, one.code) for concept in concepts for one in codings(concept)]


def _has(value: Any, wanted: tuple[Token, ...]) -> bool:
    found = _codes(value)
    codes = {code for _, code in found}
    return any(code in codes if system is None else (system, code) in found for system, code in wanted)
