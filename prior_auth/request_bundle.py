"""Is this a PAS request Bundle that can be read? What a submission and an inquiry have in common.

Only the structure is judged here, each fault with the element it is in; all faults are told at once. Whether a
member or a code is known is business, answered in a ClaimResponse.

Source: PAS 2.0.1 "Submission errors", 2.2.1 spec-11 to spec-23; pas.md §3.1.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, tzinfo
from hashlib import sha256
from itertools import chain, islice
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from fhir_r4.attachments import disguised
from fhir_r4.bundle import Entries, Entry, is_absolute
from fhir_r4.days import day_in
from fhir_r4.narrative import acting
from fhir_r4.problems import InvalidRequest, Issue
from fhir_r4.resource import (
    Identifier,
    as_dict,
    as_list,
    dicts,
    identifier,
    kind,
    modifiers,
    reference,
    text_of,
)
from fhir_r4.systems import COVERAGE_INFORMATION, INFO_CANCELLED, ORIGINAL_URN
from fhir_r4.wire import canonical

MOST_FAULTS = 100
MOST_LISTED = 1_000
"""How many items, diagnoses and the like one Claim may have; X12 takes 99 service lines."""
_KNOWN_MODIFIERS = frozenset({INFO_CANCELLED})


def read_bundle(body: dict, *, lenient: bool) -> Entries:
    """Return the entries of a request Bundle; a Parameters with one ``resource`` around it is taken off.

    Args:
        lenient: what is unambiguous without it need not be there: the transaction's identifier, the timestamp, and
            references by fullUrl where type and id say the same. ``liberties`` tells what was so let pass.

    Raises:
        InvalidRequest: with every structural fault found.
    """
    bundle = unwrapped(body)
    if kind(bundle) != "Bundle":
        raise InvalidRequest(Issue("structure", "the body must be a Bundle", "Bundle"))
    _refuse(chain(() if lenient else _unidentified(bundle), _bundle_faults(bundle)))
    entries = Entries(bundle, lenient=lenient)
    claims = _claim_faults(entries), _other_claims(entries), () if lenient else _unreached(entries)
    _refuse(chain(*claims, _reference_faults(entries), _modifier_faults(entries), _narrative_faults(entries)))
    return entries


def liberties(bundle: dict, entries: Entries) -> list[Issue]:
    """Return, as warnings, what a lenient reading of ``bundle`` made up for, none of it a guess, and what is odd."""
    found = [replace(issue, severity="warning") for issue in chain(_unidentified(bundle), _unreached(entries))]
    said = "no entry has this fullUrl; read as the only one with this type and id"
    lies = "the attachment begins as no file of this type does"
    found += [Issue("not-found", said, f"{path}.reference", "warning") for path in entries.guessed()]
    for entry in entries:
        found += [Issue("invalid", lies, path, "warning") for path in disguised(entry.resource, entry.path)]
    return found[:MOST_FAULTS]


def transaction_of(bundle: dict) -> Identifier:
    """Return the submitter's transaction identifier; of a body without one, a name that this body always has."""
    return identifier(bundle.get("identifier")) or name_by_content(bundle)


def focal(claim: dict) -> tuple[int, dict]:
    """Return the insurance under which is asked, and its place: the first where none of them says that it is."""
    listed = [(place, one) for place, one in enumerate(as_list(claim.get("insurance"))) if isinstance(one, dict)]
    return next((found for found in listed if found[1].get("focal") is True), listed[0])


def name_by_content(bundle: dict, sent_to: str = "") -> Identifier:
    """Return a name that this body always has, and no other; another one for each door that it is sent to."""
    digest = sha256(sent_to.encode() + canonical(bundle)).hexdigest()
    return Identifier(ORIGINAL_URN, f"urn:uuid:{uuid5(NAMESPACE_OID, digest)}")


def _refuse(faults: Iterable[Issue]) -> None:
    """Raise InvalidRequest for faults, if any: all of them, but for a body that is made of nothing else."""
    issues = list(islice(faults, MOST_FAULTS))
    if issues:
        raise InvalidRequest(*issues)


def unwrapped(body: dict) -> dict:
    if kind(body) != "Parameters":
        return body
    held = [as_dict(one.get("resource")) for one in dicts(body.get("parameter")) if one.get("name") == "resource"]
    return held[0] if len(held) == 1 else body


def _unidentified(bundle: dict) -> Iterator[Issue]:
    if identifier(bundle.get("identifier")) is None:
        yield Issue("required", "the submitter's transaction identifier is missing", "Bundle.identifier")
    if not text_of(bundle.get("timestamp")):
        yield Issue("required", "the moment at which the Bundle was made is missing", "Bundle.timestamp")


def _other_claims(entries: Entries) -> Iterator[Issue]:
    """One request has one Claim; beside it only the one that it changes (pas.md §3.1)."""
    claim = entries[0]
    named = [reference(one.get("claim")) for one in dicts(claim.resource.get("related"))]
    changed = {found.index for target in named if (found := entries.resolve(target, claim))}
    for entry in entries:
        if entry.kind == "Claim" and entry.index not in {claim.index, *changed}:
            yield Issue("structure", "there may be one Claim, and beside it only the one that it changes", entry.path)


def _unreached(entries: Entries) -> Iterator[Issue]:
    """Name the entries that nothing leads to from the Claim (2.2.1 spec-20)."""
    reached = {entry.index for entry in entries.reached}
    for entry in entries:
        if entry.index not in reached:
            yield Issue("structure", "the Claim does not lead to this entry", entry.path)


def _bundle_faults(bundle: dict) -> Iterator[Issue]:
    if bundle.get("type") != "collection":
        yield Issue("value", "the Bundle must be a collection", "Bundle.type")
    entries = as_list(bundle.get("entry"))
    if not entries:
        yield Issue("required", "there must be at least one entry, the Claim first", "Bundle.entry")
    for index, entry in enumerate(entries):
        yield from _entry_faults(as_dict(entry), index)
    urls = [text_of(as_dict(entry).get("fullUrl")) for entry in entries]
    for index in _repeated(urls):
        yield Issue("duplicate", "each fullUrl may stand once only", f"Bundle.entry[{index}].fullUrl")
    if entries and kind(as_dict(as_dict(entries[0]).get("resource"))) != "Claim":
        yield Issue("structure", "the first entry must be the Claim", "Bundle.entry[0].resource")


def _entry_faults(entry: dict, index: int) -> Iterator[Issue]:
    if not is_absolute(entry.get("fullUrl")):
        yield Issue("value", "this must be an absolute http(s) URL or a urn:uuid", f"Bundle.entry[{index}].fullUrl")
    if not kind(entry.get("resource")):
        yield Issue(
            "required", "an entry must hold a resource with its resourceType", f"Bundle.entry[{index}].resource"
        )
    for name in ("search", "request", "response"):
        if name in entry:
            yield Issue("structure", f"entries of a collection may have no {name}", f"Bundle.entry[{index}].{name}")


def _repeated(values: list) -> list[int]:
    """Return the places of what stands more than once; nothing repeats what is not there."""
    if len(set(values)) == len(values):
        return []
    counted = Counter(values)
    return [place for place, value in enumerate(values) if value is not None and counted[value] > 1]


def _claim_faults(entries: Entries) -> Iterator[Issue]:
    claim, where = entries[0].resource, entries[0].path
    if claim.get("use") != "preauthorization":
        yield Issue("value", "Claim.use must be preauthorization", f"{where}.use")
    if claim.get("status") != "active":
        yield Issue("value", "Claim.status must be active", f"{where}.status")
    if day(claim.get("created")) is None:
        yield Issue("required", "the day on which the Claim was made is missing", f"{where}.created")
    for name in ("type", "priority"):
        if not _is_said(as_dict(claim.get(name))):
            yield Issue("required", f"Claim.{name} must have a coding or words", f"{where}.{name}")
    for name, kinds in _PARTIES.items():
        said = as_dict(claim.get(name))
        target = entries.resolve(reference(said), entries[0])
        by_number = name == "insurer" and identifier(said.get("identifier"))
        if not reference(said) and not by_number:
            yield Issue("required", f"Claim.{name} is missing", f"{where}.{name}")
        elif target and target.kind not in kinds:
            yield Issue("invalid", f"Claim.{name} must be a {' or '.join(kinds)}", f"{where}.{name}")
    yield from _list_faults(entries)


def _is_said(concept: dict) -> bool:
    """Tell whether a concept says anything; where a generation wants a code, its profile does."""
    return bool(text_of(concept.get("text")) or any(dicts(concept.get("coding"))))


_PARTIES = {
    "patient": ("Patient",),
    "insurer": ("Organization",),
    "provider": ("Organization", "PractitionerRole", "Practitioner"),
}


def _list_faults(entries: Entries) -> Iterator[Issue]:
    claim, where = entries[0].resource, entries[0].path
    numbers = {name: [_sequence(one) for one in as_list(claim.get(name))] for name in _NUMBERED}
    for name, numbered in numbers.items():
        if len(numbered) > MOST_LISTED:
            yield Issue("too-costly", f"there may be no more than {MOST_LISTED:,} of them", f"{where}.{name}")
            continue
        for index, sequence in enumerate(numbered):
            if sequence is None:
                yield Issue("required", "this must be a positive whole number", f"{where}.{name}[{index}].sequence")
        for index in _repeated(numbered):
            yield Issue(
                "duplicate", f"each {name} must have a sequence of its own", f"{where}.{name}[{index}].sequence"
            )
    if not dicts(claim.get("insurance")):
        yield Issue("required", "the coverage under which is asked is missing", f"{where}.insurance")
    for index, insurance in enumerate(dicts(claim.get("insurance"))):
        if not reference(insurance.get("coverage")):
            yield Issue("required", "this must refer to a Coverage", f"{where}.insurance[{index}].coverage")
    known = {name: frozenset(numbered) for name, numbered in numbers.items()}
    for index, item in enumerate(dicts(claim.get("item"))):
        yield from _item_faults(item, known, f"{where}.item[{index}]")


_NUMBERED = ("insurance", "item", "supportingInfo", "careTeam", "diagnosis", "procedure")
_POINTERS = {
    "careTeamSequence": "careTeam",
    "diagnosisSequence": "diagnosis",
    "procedureSequence": "procedure",
    "informationSequence": "supportingInfo",
}


def _item_faults(item: dict, known: Mapping[str, frozenset[int | None]], where: str) -> Iterator[Issue]:
    if not item.get("productOrService"):
        yield Issue("required", "the service that is asked for is missing", f"{where}.productOrService")
    yield from _day_faults(item, where)
    for name, listed in _POINTERS.items():
        for index, wanted in enumerate(as_list(item.get(name))):
            if type(wanted) is not int or wanted not in known[listed]:
                yield Issue("not-found", f"no Claim.{listed} has this sequence", f"{where}.{name}[{index}]")


def _modifier_faults(entries: Entries) -> Iterator[Issue]:
    modified = {entry.index for key in ("modifierExtension", "implicitRules") for entry in entries.having(key)}
    for entry in entries.reached:
        for url, path in modifiers(entry.resource, entry.path) if entry.index in modified else ():
            if url not in _KNOWN_MODIFIERS:
                yield Issue("not-supported", "this modifier is not understood here", path)


def _narrative_faults(entries: Entries) -> Iterator[Issue]:
    for entry in entries.having("div"):
        for path in acting(entry.resource, entry.path):
            yield Issue("invalid", "a narrative must be formatted text, without scripts, forms and the like", path)


def _day_faults(item: dict, where: str) -> Iterator[Issue]:
    """Judge the days of service: readable, of this age, the first not after the last."""
    period = as_dict(item.get("servicedPeriod"))
    given = {"servicedDate": item.get("servicedDate"), "servicedPeriod.start": period.get("start")}
    given["servicedPeriod.end"] = period.get("end")
    for name, value in given.items():
        if value is not None and day(value) is None:
            yield Issue("value", "this must be a day of this age, YYYY-MM-DD", f"{where}.{name}")
    starts, ends = day(period.get("start")), day(period.get("end"))
    if starts and ends and ends < starts:
        yield Issue("value", "a period must not end before it starts", f"{where}.servicedPeriod")


def day(value: Any, zone: tzinfo = UTC) -> date | None:
    """Return the day of a FHIR date or dateTime as ``day_in`` does; None where what is written is none of this age."""
    written = day_in(value, UTC)
    return day_in(value, zone) if written and _AGE[0] <= written.year <= _AGE[1] else None


_AGE = (1900, 2199)


def _reference_faults(entries: Entries) -> Iterator[Issue]:
    """Judge every reference that can be reached from the Claim."""
    for entry in filter(entries.dangles, entries.reached):
        elsewhere = _leads_elsewhere(entry)
        for target, path in entries.references(entry):
            if target.startswith("#"):
                if not any(target[1:] == one.get("id") for one in dicts(entry.resource.get("contained"))):
                    yield Issue("not-found", "no contained resource has this id", f"{path}.reference")
            elif not path.startswith(elsewhere) and entries.resolve(target, entry) is None:
                yield Issue("not-found", "no entry has this fullUrl", f"{path}.reference")


def _leads_elsewhere(entry: Entry) -> tuple[str, ...]:
    """Return where in an entry references legally point outside the Bundle: the prior Claim, the EHR's records.

    A QuestionnaireResponse and CRD's extension speak of resources on the EHR's server (DTR qr-context, CRD
    ext-coverage-information), a DocumentReference of its repository.
    """
    if entry.kind in {"QuestionnaireResponse", "DocumentReference"}:
        return (entry.path,)
    noted = (
        f"{entry.path}.extension[{index}]"
        for index, one in enumerate(dicts(entry.resource.get("extension")))
        if one.get("url") == COVERAGE_INFORMATION
    )
    return (f"{entry.path}.related", *noted)


def _sequence(element: Any) -> int | None:
    value = as_dict(element).get("sequence")
    return value if type(value) is int and 0 < value < 2**31 else None
