"""Which authorizations answer an inquiry, and who may know of them?

Anyone authorized may ask: the submitter about its own cases, another provider where the member's number and the
ordering or rendering NPI both match (2.2.1 spec-52, -53). What is withheld is said, without a word of what it is
(spec-49, -50).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, tzinfo
from enum import Enum

from fhir_r4.resource import Identifier, codings, dicts, extensions, identifier
from fhir_r4.systems import ITEM_TRACE_NUMBER
from prior_auth.authorization import Authorization, Item
from prior_auth.change import certification_types
from prior_auth.inquiry import Example, Inquiry, key
from prior_auth.parties import BusinessError, no_member, payer_of
from rules.directory import Payer
from rules.ports import Directory


def asked_about(inquiry: Inquiry, directory: Directory) -> tuple[Payer, list[str]] | BusinessError:
    """Find the insurer, and the numbers under which it knows the person of the inquiry; or say who is not known.

    Of a number that is another person's, by the birth date, no more is said than of one that is nobody's.
    """
    payer = payer_of(inquiry.insurer, directory)
    if isinstance(payer, BusinessError):
        return payer
    known = ((number, directory.member(payer, number)) for number in inquiry.member_ids)
    numbers = [number for number, one in known if one and inquiry.birth_date in {None, one.birth_date.isoformat()}]
    return (payer, numbers) if numbers else no_member(f"{inquiry.patient.path}.identifier")


class Answer(Enum):
    """What an authorization is to an inquiry."""

    TOLD = "told"
    WITHHELD = "withheld"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a client, and the organizations that it speaks for."""

    client: str
    organizations: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True)
class OnFile:
    """An authorization with what its row does not say.

    Attributes:
        numbers: all under which it is or was known; an old number leads to the present case (spec-47, -48).
        claim: gives the Claim as it was last sent; asked for where the inquiry goes that deep.
        zone: of the payer, in which the day of an issue is told.
    """

    authorization: Authorization
    numbers: frozenset[str]
    claim: Callable[[], dict]
    zone: tzinfo


def answers(on_file: OnFile, inquiry: Inquiry, asker: Asker) -> Answer:
    """Tell whether this authorization is what the inquiry is about, and whether the asker may know of it.

    Who did not submit it asks in the name of an organization of its own, with the patient's birth date, about a
    case in which a provider of the inquiry ordered or renders: an NPI alone is public.
    """
    authorization = on_file.authorization
    if authorization.member_id not in inquiry.member_ids or not _about(on_file, inquiry):
        return Answer.NONE
    own = {one.value for one in asker.organizations}
    known_by = inquiry.npis & own if inquiry.birth_date is not None else frozenset()
    if authorization.client == asker.client or authorization.npis & known_by:
        return Answer.TOLD
    return Answer.WITHHELD if known_by and not inquiry.by_number else Answer.NONE


def _about(on_file: OnFile, inquiry: Inquiry) -> bool:
    authorization = on_file.authorization
    return (
        (not inquiry.numbers or bool(inquiry.numbers & on_file.numbers))
        and (not inquiry.care_team or bool(inquiry.care_team & authorization.npis))
        and (not inquiry.diagnoses or bool(inquiry.diagnoses & _diagnoses(on_file.claim())))
        and (not inquiry.certification or bool(inquiry.certification & _certified_as(on_file.claim())))
        and any(inquiry.days.meets(*_days(item)) for item in authorization.items)
        and (not inquiry.examples or any(_is_one(on_file, one) for one in inquiry.examples))
    )


def _is_one(on_file: OnFile, example: Example) -> bool:
    if example.numbers and not example.numbers & on_file.numbers:
        return False
    return any(_fits(item, on_file, example) for item in on_file.authorization.items)


def _fits(item: Item, on_file: OnFile, example: Example) -> bool:
    decided = item.decision
    issued = decided.decided_at.astimezone(on_file.zone).date() if decided.starts else None
    return (
        _coded(item, example)
        and example.days.meets(*_days(item))
        and example.issued.holds(issued)
        and example.effective.holds(decided.starts)
        and example.expires.holds(decided.ends)
        and (not example.actions or decided.action.value in example.actions)
        and (not example.certification or bool(example.certification & _certified_as(on_file.claim(), item)))
        and (not example.traces or bool(example.traces & _traces(item, on_file.claim())))
    )


def _coded(item: Item, example: Example) -> bool:
    held = {key(code) for code in item.codes}
    if example.code_end and example.codes:
        system, last = example.code_end
        first = min((code for its, code in example.codes if its == system), default=last)
        return any(its == system and len(code) == len(last) and first <= code <= last for its, code in held)
    return not example.codes or bool(held & example.codes)


def _days(item: Item) -> tuple[date | None, date | None]:
    starts = item.starts or item.decision.starts
    return starts, item.ends or item.decision.ends or starts


def _diagnoses(claim: dict) -> set[tuple[str, str]]:
    listed = dicts(claim.get("diagnosis"))
    return {key(code) for one in listed for code in codings(one.get("diagnosisCodeableConcept"))}


def _certified_as(claim: dict, item: Item | None = None) -> set[str]:
    """Return what the request as it was last sent says it is: of one item with the whole, or of all of it."""
    asked = [one for one in dicts(claim.get("item")) if item is None or _is(item, one)]
    return {code for element in (claim, *asked) for code in certification_types(element)}


def _traces(item: Item, claim: dict) -> set[Identifier]:
    asked: Iterable[dict] = [item.asked, *(one for one in dicts(claim.get("item")) if _is(item, one))]
    found = (identifier(one.get("valueIdentifier")) for held in asked for one in extensions(held, ITEM_TRACE_NUMBER))
    return {one for one in found if one}


def _is(item: Item, asked: dict) -> bool:
    return asked.get("sequence") == item.sequence
