"""Whose request is it, under whose coverage, and do we know them all?

Found in the payer's directory, or said as a business error that the submitter can mend (pas.md §3.5).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from itertools import islice

from fhir_r4.bundle import Entry
from fhir_r4.resource import Identifier, dicts, extension, identifier, identifiers, reference, text_of, value_of
from fhir_r4.systems import NPI, TRANSMISSION_IDENTIFIERS
from prior_auth.change import Wish
from prior_auth.insurer import Insurer
from prior_auth.named import MOST_NUMBERS, stood_for
from prior_auth.submission import Submission
from rules.directory import Member, Payer, Provider
from rules.ports import Directory


@dataclass(frozen=True, slots=True)
class BusinessError:
    """Why a readable request cannot be worked on: a ClaimResponse.error.

    Attributes:
        code: X12 901, reject reason.
        followup: X12 889, what the submitter can do.
        element: X12 loop and segment.
        path: FHIRPath of the element.
        say: a sentence for people.
    """

    code: str
    followup: str
    element: str
    path: str
    say: str


@dataclass(frozen=True, slots=True)
class Parties:
    """Who is involved, as the payer knows them.

    Attributes:
        providers: who asks and who is to do it, by NPI.
        requester: who asks, with the gold cards of whom the client speaks for.
    """

    payer: Payer
    member: Member
    providers: Mapping[str, Provider] = field(default_factory=dict)
    requester: Provider | None = None


def parties(submission: Submission, directory: Directory, now: datetime) -> Parties | BusinessError:
    """Find payer, member and provider in the directory, or say which is not there (pas.md §3.5)."""
    payer = payer_of(submission.insurer, directory)
    if isinstance(payer, BusinessError):
        return payer
    asking = list(islice(_requestor_npis(submission), MOST_NUMBERS))
    requester = next((found for npi in asking if (found := directory.provider(npi))), None)
    if requester is None:
        path = f"{submission.provider.path}.identifier"
        if not asking:
            return BusinessError("43", "C", "2010B-NM109", path, "The requesting provider has no NPI.")
        return BusinessError("51", "C", "2010B-NM109", path, "The requesting provider is not on file.")
    error = _coverage_error(submission, payer, directory)
    member = error or _member(submission, payer, directory, now)
    if isinstance(member, BusinessError):
        return member
    others = {npi for item in submission.items for npi in item.along.performers} - {requester.npi}
    performers = (directory.provider(npi) for npi in sorted(others)[:MOST_NUMBERS])
    providers = {one.npi: one for one in (requester, *performers) if one}
    return Parties(payer, member, providers, requester.asking_for(submission.speakers))


def payer_of(insurer: Insurer, directory: Directory) -> Payer | BusinessError:
    """Find the payer that is asked, or say that it is none of this installation's."""
    if not insurer.identifiers:
        return BusinessError("T4", "C", "2010A-NM109", insurer.path, "The insurer has no identifier.")
    said = BusinessError("79", "C", "2010A-NM109", insurer.path, "The insurer is none that is served here.")
    return directory.payer(insurer.identifiers) or said


def no_member(path: str) -> BusinessError:
    return BusinessError("75", "C", "2010C-NM109", path, "No member was found under this number.")


def spoken_for(submission: Submission, organizations: Iterable[Identifier]) -> Submission | None:
    """Return the submission as a client of these organizations sends it; None where it does not speak for who asks."""
    mine = replace(submission, speakers=frozenset(one.value for one in organizations))
    return mine if requestors_of(mine) else None


def kept_for(submission: Submission, requestors: Iterable[str]) -> Submission:
    """Return a submission that was kept, as it may be weighed again: by the names that its case has."""
    return replace(submission, speakers=frozenset(one.rpartition("|")[2] for one in requestors))


def dated(submission: Submission, directory: Directory) -> Submission:
    """Return the submission with its moments as days of its payer's zone."""
    return replace(submission, zone=zone_of(submission.insurer, directory))


def zone_of(insurer: Insurer, directory: Directory) -> tzinfo:
    """Return the zone in which the days of a payer begin; UTC where the payer is not known."""
    payer = directory.payer(insurer.identifiers)
    return payer.time_zone if payer else UTC


def _coverage_error(submission: Submission, payer: Payer, directory: Directory) -> BusinessError | None:
    """Say where the Coverage is not this patient's with this payer, now."""
    coverage, path = submission.coverage.resource, submission.coverage.path
    named = list(_payors(submission))
    if named and directory.payer(named) != payer:
        return BusinessError("79", "C", "2010A-NM109", f"{path}.payor", "The coverage is with another insurer.")
    insured = submission.entries.resolve(reference(coverage.get("beneficiary")), submission.coverage)
    if insured is None or insured.full_url != submission.patient.full_url:
        return BusinessError("75", "C", "2010C-NM109", f"{path}.beneficiary", "The coverage is another person's.")
    if coverage.get("status") != "active":
        return BusinessError("95", "N", "2010C-NM109", f"{path}.status", "The coverage is not active.")
    return None


def _member(submission: Submission, payer: Payer, directory: Directory, now: datetime) -> Member | BusinessError:
    born = text_of(submission.patient.resource.get("birthDate"))
    if born is None and payer.needs_birth_date:
        path = f"{submission.patient.path}.birthDate"
        return BusinessError("58", "C", "2010C-DMG02", path, "The member's birth date is needed.")
    if not submission.member_ids:
        path = f"{submission.patient.path}.identifier"
        return BusinessError("72", "C", "2010C-NM109", path, "The member's number is needed.")
    member = next((one for number in submission.member_ids if (one := directory.member(payer, number))), None)
    if member is None:
        path = f"{submission.patient.path}.identifier"
        return no_member(path)
    return _not_theirs(submission, payer, member, now) or member


def _not_theirs(submission: Submission, payer: Payer, member: Member, now: datetime) -> BusinessError | None:
    """Say where the request does not fit the member that it names: born on another day, later, or not covered."""
    born, path = text_of(submission.patient.resource.get("birthDate")), f"{submission.patient.path}.birthDate"
    if born is not None and born != member.birth_date.isoformat():
        return BusinessError("71", "C", "2010C-DMG02", path, "The birth date is not the member's.")
    live = [item for item in submission.items if item.wish not in {Wish.CANCELLED, Wish.UNCHANGED}]
    if any(item.starts and item.starts < member.birth_date for item in live):
        path = f"{submission.claim.path}.item"
        return BusinessError("60", "C", "2010C-DMG02", path, "A service is dated before the member's birth.")
    if not all(member.covered(item.starts or payer.today(now)) for item in live):
        path = f"{submission.coverage.path}.period"
        return BusinessError("95", "N", "2010C-NM109", path, "The member is not eligible on the day of service.")
    return None


def _payors(submission: Submission) -> Iterator[Identifier]:
    """Yield how the Coverage names its payers, inline or as entries."""
    for payor in dicts(submission.coverage.resource.get("payor")):
        if inline := identifier(payor.get("identifier")):
            yield inline
        if entry := submission.entries.resolve(reference(payor), submission.coverage):
            yield from identifiers(entry.resource)


def _requestor_npis(submission: Submission) -> Iterator[str]:
    """Yield the numbers of who asks: the client's own first, whoever else it names beside them."""
    asking = list(requestor(submission))
    own = [one for entry in asking for one in _own(entry, submission)]
    every = [one for entry in asking for one in identifiers(entry.resource)]
    yield from dict.fromkeys(one.value for one in (*own, *every) if one.system == NPI)


def requestor(submission: Submission) -> Iterator[Entry]:
    """Yield who asks; a PractitionerRole stands for its practitioner and its organization as well."""
    return stood_for(submission.provider, submission.entries)


def requestors_of(submission: Submission) -> frozenset[str]:
    """Return ``system|value`` of all in whose name it was submitted, as far as its client speaks for them.

    By these a case is found again, told about and changed: a name of others beside one's own opens nothing.
    """
    return frozenset(str(one) for entry in requestor(submission) for one in _own(entry, submission))


def _own(entry: Entry, submission: Submission) -> list[Identifier]:
    """Return the numbers of who asks that are its client's own."""
    speakers = submission.speakers
    return [one for one in identifiers(entry.resource) if speakers is None or one.value in speakers]


def senders_of(submission: Submission) -> frozenset[str]:
    """Return how the sending system names itself (2.2.1 spec-58: what a subscription filters by)."""
    said = extension(submission.claim.resource, TRANSMISSION_IDENTIFIERS)
    held = (value_of(one) for one in dicts(said.get("extension")) if one.get("url") in _SENDER)
    return frozenset(one for one in held if isinstance(one, str))


_SENDER = frozenset({"interchangeSenderID", "applicationSenderCode"})
