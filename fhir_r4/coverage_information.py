"""What does a payer say about an order, and how does each CRD generation write it?

``CoverageInformation`` is neutral; ``extension_2_0`` and ``extension_2_2`` are its two writers, one exact writer
a generation. What a guide forbids cannot be built: the constructor refuses it, since the guides' own invariants
cannot be left to FHIRPath (2.0.1 crd-ci-q2 and 2.2.1 crd-ci-q4 report sensible data as errors).

Source: CRD 2.0.1 and 2.2.1, StructureDefinition ext-coverage-information.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 the extension has an element of that name
from typing import Any

from fhir_r4.bundle import local_part
from fhir_r4.resource import Coding, as_dict, dicts, extensions, reference, text_of, value_of
from fhir_r4.systems import COVERAGE_INFORMATION, CRD_COVERAGE_DETAIL, CRD_TEMP
from fhir_r4.wire import canonical

CONDITIONAL, INDETERMINATE = "conditional", "indeterminate"
COVERED = frozenset({"covered", "not-covered", CONDITIONAL, INDETERMINATE})
PA_NEEDED = frozenset({"no-auth", "auth-needed", "satisfied", "performpa", CONDITIONAL, INDETERMINATE})
DOC_NEEDED = frozenset({"clinical", "admin", "patient", CONDITIONAL, INDETERMINATE})
DOC_PURPOSES = frozenset({"withclaim", "withorder", "retain-doc"})
INFO_NEEDED = frozenset({"performer", "location", "timeframe", "contract-window", "detail-code", "OTH"})
REASONS_2_0 = frozenset({"gold-card", "detail-code"})
_CATEGORY = {  # 2.2.1 sorts details; 2.0.1 has no policy-link and no instructions
    "allowed-quantity": "cat-limitation",
    "allowed-period": "cat-limitation",
    "in-network-copay": "cat-decisional",
    "out-network-copay": "cat-decisional",
    "concurrent-review": "cat-decisional",
    "appropriate-use-needed": "cat-decisional",
    "policy-link": "cat-other",
    "instructions": "cat-other",
}
_ONLY_2_2 = frozenset({"policy-link", "instructions"})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a sentence for people, and 2.2.1's code for it where there is one (no-member-found, technical)."""

    text: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Detail:
    """What else holds of the statement: a code of 2.2.1, and its value with the FHIR type that it is of.

    Raises:
        ValueError: the code is none of the guide's, or the type none that it may have.
    """

    code: str
    type: str
    value: Any

    def __post_init__(self) -> None:
        if self.code not in _CATEGORY or self.type not in {"Boolean", "String", "Url", "Period", "Quantity"}:
            raise ValueError("a detail has a code and a type of the guide's")


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageInformation:
    """One repetition of the extension; the names are the sub-extensions', with ``-`` as ``_``.

    Attributes:
        coverage: reference to the Coverage on the client's own server.
        covered, pa_needed, doc_needed, info_needed: codes of 2.2.1.
        billing_codes: the codes under which the statement holds.
        reasons: why, for people.
        doc_purposes: what the documents are for, beside a prior authorization.
        questionnaires: canonicals with their version.
        details: limits, copays, where the policy can be read.
        dependencies: orders of the same request that the statement stands on.
        date: the day of the statement in the plan's time zone.
        coverage_assertion_id: the promise that DTR and PAS can look up.
        phone: whom to ask.
        expiry_date: the last day on which the statement is honoured.

    Raises:
        ValueError: the combination is one that a guide forbids.
    """

    coverage: str
    covered: str
    date: Date
    coverage_assertion_id: str
    pa_needed: str | None = None
    doc_needed: tuple[str, ...] = ()
    info_needed: tuple[str, ...] = ()
    billing_codes: tuple[Coding, ...] = ()
    reasons: tuple[Reason, ...] = ()
    doc_purposes: tuple[str, ...] = ()
    questionnaires: tuple[str, ...] = ()
    details: tuple[Detail, ...] = ()
    dependencies: tuple[str, ...] = ()
    satisfied_pa_id: str | None = None
    phone: str | None = None
    expiry_date: Date | None = None

    def __post_init__(self) -> None:
        for broken, rule in self._broken():
            if broken:
                raise ValueError(rule)

    def _broken(self) -> Iterator[tuple[bool, str]]:
        said = {self.covered, self.pa_needed, *self.doc_needed}
        yield self.covered not in COVERED, "covered has a code of its value set"
        yield self.pa_needed is not None and self.pa_needed not in PA_NEEDED, "pa-needed has a code of its value set"
        yield not DOC_NEEDED.issuperset(self.doc_needed), "doc-needed has codes of its value set"
        yield not INFO_NEEDED.issuperset(self.info_needed), "info-needed has codes of its value set"
        yield bool(self.questionnaires and not self.doc_needed), "q1: a questionnaire needs doc-needed"
        yield self.covered == "not-covered" and self.pa_needed is not None, "q2: not-covered needs no authorization"
        yield (CONDITIONAL in said) != bool(self.info_needed), "q3: conditional and info-needed go together"
        yield (self.pa_needed == "satisfied") != bool(self.satisfied_pa_id), "q5: satisfied has its number"
        yield "OTH" in self.info_needed and not self.reasons, "q6: info-needed OTH has a reason"
        yield not DOC_PURPOSES.issuperset(self.doc_purposes), "doc-purpose has codes of its value set"
        yield (
            bool(self.doc_purposes and not (self.reasons and self.doc_needed)),
            "q8: doc-purpose is of documents, with a reason",
        )
        yield INDETERMINATE in said and not self.reasons, "q9: indeterminate has a reason"


def extension_2_0(said: CoverageInformation) -> dict:
    """Write for CRD 2.0.1.

    pa-needed is always sent, ``no-auth`` with not-covered: crd-ci-q2 as published fails without it.
    What 2.0.1 has no code for, indeterminate, is conditional with info-needed OTH and the reason.
    """
    unsure = INDETERMINATE in {said.covered, said.pa_needed, *said.doc_needed}
    pa_needed = "no-auth" if said.covered == "not-covered" else said.pa_needed or CONDITIONAL
    info_needed = [code for code in said.info_needed if code != "detail-code"]  # 2.0.1 has it as a reason
    if (unsure or pa_needed == CONDITIONAL) and not info_needed:
        info_needed = ["OTH"]
    documents = {_as_2_0(code) for code in said.doc_needed}
    doc_needed = "both" if {"clinical", "admin"} <= documents else next(iter(sorted(documents)), None)
    return _extension(
        _reference("coverage", said.coverage),
        _code("covered", _as_2_0(said.covered)),
        _code("pa-needed", _as_2_0(pa_needed)),
        _code("doc-needed", doc_needed),
        _code("doc-purpose", "withpa" if doc_needed and pa_needed == "auth-needed" else None),
        *(_code("doc-purpose", code) for code in said.doc_purposes),
        *(_code("info-needed", code) for code in info_needed),
        *_billing(said),
        *(_coded(reason, reason.code in REASONS_2_0) for reason in said.reasons),
        *(_detail_2_0(one) for one in said.details if one.code not in _ONLY_2_2),
        *_promise(said),
        said.phone and {"url": "contact", "valueContactPoint": {"system": "phone", "value": said.phone}},
    )


def extension_2_2(said: CoverageInformation) -> dict:
    """Write for CRD 2.2.1.

    doc-purpose withpa is left out: crd-ci-q4 as published evaluates to nothing, hence to an error, beside
    auth-needed (crd.md §2.4).
    """
    contact = {"url": "contact", "valueContactDetail": {"telecom": [{"system": "phone", "value": said.phone}]}}
    expires = {"url": "expiry-date", "valueDate": said.expiry_date.isoformat()} if said.expiry_date else None
    return _extension(
        _reference("coverage", said.coverage),
        _code("covered", said.covered),
        _code("pa-needed", said.pa_needed),
        *(_code("doc-needed", code) for code in said.doc_needed),
        *(_code("doc-purpose", code) for code in said.doc_purposes),
        *(_code("info-needed", code) for code in said.info_needed),
        *_billing(said),
        *(_coded(reason, reason.code not in {None, "detail-code"}) for reason in said.reasons),
        *map(_detail_2_2, said.details),
        *_promise(said),
        expires,
        said.phone and contact,
    )


def with_extension(resource: dict, written: dict) -> dict:
    """Return the very resource received with ``written`` added, or in place of our earlier repetition.

    A repetition for another coverage stays as it came (CRD 2.2.1 resp-37). Earlier for the same coverage is
    replaced.
    """
    ours = _coverage_of(written)
    kept = [
        one
        for one in dicts(resource.get("extension"))
        if one.get("url") != COVERAGE_INFORMATION or _coverage_of(one) != ours
    ]
    return resource | {"extension": [*kept, written]}


def says_the_same(resource: dict, written: dict, *, since: Date) -> bool:
    """Tell whether the order carries this statement, made on ``since`` or later, whatever its id.

    Then nothing is sent (CRD 2.2.1 resp-35); an older one is renewed before its promise ends.
    """
    carried = extensions(resource, COVERAGE_INFORMATION)
    news = _news(written) if carried else []
    return any(_news(one) == news and _made_on(one) >= since.isoformat() for one in carried)


def _made_on(written: dict) -> str:
    made = (part.get("valueDate") for part in dicts(written.get("extension")) if part.get("url") == "date")
    return next((day for day in made if isinstance(day, str)), "")


def _news(written: dict) -> list[bytes]:
    """Return what is said, in whatever sequence and spelling a client keeps it."""
    parts = (part for part in dicts(written.get("extension")) if text_of(part.get("url")) not in _STAMPS)
    return sorted(canonical(_plainly(part)) for part in parts)


def _plainly(part: dict) -> dict:
    """Return a part without what servers add of their own: a reference's base, type and display, a code's display."""
    if target := reference(part.get("valueReference")):
        return {"url": part.get("url"), "valueReference": local_part(target) or target}
    coded = as_dict(part.get("valueCoding"))
    return {"url": part.get("url"), "valueCoding": [coded.get("system"), coded.get("code")]} if coded else part


_STAMPS = frozenset({"date", "coverage-assertion-id", "expiry-date"})


def assertion_ids(resource: Any) -> tuple[str, ...]:
    """Return the coverage-assertion-ids that an order carries, of whichever generation and payer."""
    return tuple(one for information in extensions(resource, COVERAGE_INFORMATION) for one in _ids(information))


def issued(resource: Any, ids: Collection[str]) -> list[dict]:
    """Return the statements that came with these coverage-assertion-ids: other payers' may stand beside them."""
    return [one for one in extensions(resource, COVERAGE_INFORMATION) if not set(ids).isdisjoint(_ids(one))]


def _ids(information: dict) -> Iterator[str]:
    found = (text_of(value_of(part)) for part in extensions(information, "coverage-assertion-id"))
    return filter(None, found)


def _as_2_0(code: str) -> str:
    return CONDITIONAL if code in {INDETERMINATE, "patient"} else code


def _coverage_of(written: dict) -> str | None:
    """Return ``Type/id`` of the coverage, however a client has come to write it."""
    parts = (one for one in dicts(written.get("extension")) if one.get("url") == "coverage")
    target = reference(next(parts, {}).get("valueReference"))
    return local_part(target) or target


def _extension(*parts: Any) -> dict:
    return {"url": COVERAGE_INFORMATION, "extension": [part for part in parts if part]}


def _reference(url: str, target: str) -> dict:
    return {"url": url, "valueReference": {"reference": target}}


def _code(url: str, code: str | None) -> dict | None:
    return {"url": url, "valueCode": code} if code else None


def _billing(said: CoverageInformation) -> Iterator[dict]:
    for coding in said.billing_codes:
        yield {"url": "billingCode", "valueCoding": {"system": coding.system, "code": coding.code}}


def _coded(reason: Reason, known: bool) -> dict:
    coding = {"coding": [{"system": CRD_TEMP, "code": reason.code}]} if known else {}
    return {"url": "reason", "valueCodeableConcept": coding | {"text": reason.text}}


def _detail_2_0(one: Detail) -> dict:
    return _detail({"coding": [{"system": CRD_TEMP, "code": one.code}]}, one)


def _detail_2_2(one: Detail) -> dict:
    written = _detail({"coding": [{"system": CRD_COVERAGE_DETAIL, "code": one.code}]}, one)
    return written | {"extension": [{"url": "category", "valueCode": _CATEGORY[one.code]}, *written["extension"]]}


def _detail(concept: dict, one: Detail) -> dict:
    value = {"url": "value", f"value{one.type}": one.value}
    return {"url": "detail", "extension": [{"url": "code", "valueCodeableConcept": concept}, value]}


def _promise(said: CoverageInformation) -> Iterator[dict]:
    for target in said.dependencies:
        yield {"url": "dependency", "valueReference": {"reference": target}}
    for form in said.questionnaires:
        yield {"url": "questionnaire", "valueCanonical": form}
    yield {"url": "date", "valueDate": said.date.isoformat()}
    yield {"url": "coverage-assertion-id", "valueString": said.coverage_assertion_id}
    if said.satisfied_pa_id:
        yield {"url": "satisfied-pa-id", "valueString": said.satisfied_pa_id}
