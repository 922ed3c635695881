"""What becomes of a request, as far as the policies can say at once?

Gathered first: whose coverage and whose request it is, and what was promised at order time. Then each item is
weighed by itself. What a policy does not certify waits for a person; software refuses nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from fhir_r4.bundle import Entry
from fhir_r4.resource import Coding, Identifier, dicts, identifier, identifiers, kind, reference, text_of
from fhir_r4.systems import NPI
from prior_auth.authorization import Authorization, Basis, Decision, Item, ReviewAction
from prior_auth.deadlines import decision_due
from prior_auth.submission import MOST_NUMBERS, RequestedItem, Submission
from questionnaires.answers import facts_from
from questionnaires.catalog import Catalog
from rules.assertion import CoverageAssertion
from rules.book import PolicyBook
from rules.directory import Member, Payer
from rules.evaluate import Outcome, evaluate
from rules.policy import Policy, Then
from rules.ports import Directory, Standing


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
    """Who is involved, as the payer knows them."""

    payer: Payer
    member: Member


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the payer brings to every request: policies, forms, and how new cases and numbers are named."""

    book: PolicyBook
    catalog: Catalog
    new_id: Callable[[], str]
    new_number: Callable[[], str]


def parties(submission: Submission, directory: Directory, now: datetime) -> Parties | BusinessError:
    """Find payer, member and provider in the directory, or say which is not there (pas.md §3.5)."""
    payer = directory.payer(identifiers(submission.insurer.resource))
    if payer is None:
        path = f"{submission.insurer.path}.identifier"
        return BusinessError("79", "C", "2010A-NM109", path, "The insurer is none that is served here.")
    if submission.changes:
        path = f"{submission.claim.path}.related"
        say = "Updates and cancellations are not taken here yet; please call."
        return BusinessError("42", "N", "2000E-UM02", path, say)
    if not any(directory.provider(npi) for npi in islice(_requestor_npis(submission), MOST_NUMBERS)):
        path = f"{submission.provider.path}.identifier"
        return BusinessError("51", "C", "2010B-NM109", path, "The requesting provider is not on file.")
    error = _coverage_error(submission, payer, directory)
    member = error or _member(submission, payer, directory, now)
    return member if isinstance(member, BusinessError) else Parties(payer, member)


def speaks_for(submission: Submission, organizations: Iterable[Identifier]) -> bool:
    """Tell whether a client of these organizations may submit in the name of the requestor."""
    own = {one.value for one in organizations}
    return any(one.value in own for entry in _requestor(submission) for one in identifiers(entry.resource))


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
    if born is None:
        path = f"{submission.patient.path}.birthDate"
        return BusinessError("58", "C", "2010C-DMG02", path, "The member's birth date is needed.")
    member = next((one for number in submission.member_ids if (one := directory.member(payer, number))), None)
    if member is None:
        path = f"{submission.patient.path}.identifier"
        return BusinessError("75", "C", "2010C-NM109", path, "No member was found under this number.")
    if born != member.birth_date.isoformat():
        path = f"{submission.patient.path}.birthDate"
        return BusinessError("71", "C", "2010C-DMG02", path, "The birth date is not the member's.")
    if not all(member.covered(item.starts or payer.today(now)) for item in submission.items):
        path = f"{submission.coverage.path}.period"
        return BusinessError("95", "N", "2010C-NM109", path, "The member is not eligible on the day of service.")
    return member


@dataclass(frozen=True, slots=True)
class OnFile:
    """What the payer has promised and certified before: for the orders of the request, for its member."""

    promises: tuple[CoverageAssertion, ...] = ()
    standing: tuple[Standing, ...] = ()


@dataclass(frozen=True, slots=True)
class _Weighing:
    submission: Submission
    known: Parties
    on_file: OnFile
    knowledge: Knowledge
    number: str
    now: datetime

    @property
    def today(self) -> date:
        return self.known.payer.today(self.now)


def submit(
    submission: Submission,
    known: Parties,
    on_file: OnFile,
    knowledge: Knowledge,
    client: str,
    now: datetime,
) -> Authorization:
    """Return the authorization with every item decided or pended.

    Args:
        on_file: what was promised and certified before; a promise that still holds pins the version of the policy
            by which the item is weighed.
        client: who submits.
        now: when the request reached us, aware.
    """
    number = knowledge.new_number()  # one for the whole request, kept through its life
    items = tuple(
        _decided(item, _Weighing(submission, known, on_file, knowledge, number, now)) for item in submission.items
    )
    return Authorization(
        id=knowledge.new_id(),
        reference=knowledge.new_number(),
        client=client,
        payer=known.payer.id,
        plan=known.member.plan,
        member_id=known.member.member_id,
        claim_identifiers=submission.claim_identifiers,
        npis=submission.npis,
        requestors=frozenset(str(one) for entry in _requestor(submission) for one in identifiers(entry.resource)),
        received_at=now,
        due_at=decision_due(now, urgent=submission.urgent),
        urgent=submission.urgent,
        items=items,
    )


def _payors(submission: Submission) -> Iterator[Identifier]:
    """Yield how the Coverage names its payers, inline or as entries."""
    for payor in dicts(submission.coverage.resource.get("payor")):
        if inline := identifier(payor.get("identifier")):
            yield inline
        if entry := submission.entries.resolve(reference(payor), submission.coverage):
            yield from identifiers(entry.resource)


def _requestor_npis(submission: Submission) -> Iterator[str]:
    for entry in _requestor(submission):
        yield from (one.value for one in identifiers(entry.resource) if one.system == NPI)


def _requestor(submission: Submission) -> Iterator[Entry]:
    """Yield who asks; a PractitionerRole stands for its practitioner and its organization as well."""
    yield submission.provider
    if kind(submission.provider.resource) == "PractitionerRole":
        for name in ("practitioner", "organization"):
            target = reference(submission.provider.resource.get(name))
            if found := submission.entries.resolve(target, submission.provider):
                yield found


def _policy_for(item: RequestedItem, weighing: _Weighing) -> tuple[Policy, Coding, str | None] | None:
    """Return the policy, the code it has, and the promise that pins its version, if any."""
    known, book = weighing.known, weighing.knowledge.book
    for promise in weighing.on_file.promises:
        if (
            promise.id in item.assertion_ids
            and promise.policy
            and promise.version
            and promise.payer == known.payer.id
            and promise.honoured(member_id=known.member.member_id, codes=item.codes, on=weighing.today)
            and (pinned := book.version(promise.policy, promise.version))
        ):
            return pinned, promise.code, promise.id
    under = known.payer.enrolment(known.member.plan)
    found = book.in_force(item.codes, item.starts or item.authored, under=under)
    return (*found, None) if found else None


def _decided(item: RequestedItem, weighing: _Weighing) -> Item:
    found = _policy_for(item, weighing)
    if found is None:
        reason = "The plan has no policy of its own for this service; a person looks at the request."
        decision = _pended(Basis.PLAN, f"plan {weighing.known.member.plan}", reason, weighing.now)
        return Item(item.sequence, item.codes, item.starts, item.ends, decision)
    policy, code, promise = found
    evidence = _evidence(policy, item, weighing)
    outcome = evaluate(policy, evidence.facts, item.authored, weighing.today)
    doubts = (*item.doubts, *evidence.doubts, *_twice(item, code, weighing))
    decision = _decision(outcome, item, doubts, evidence.notes, weighing)
    decision.trace.update(outcome.trace(promise=promise, notes=evidence.notes).to_json())
    return Item(item.sequence, (code,), item.starts, item.ends, decision)


def _twice(item: RequestedItem, code: Coding, weighing: _Weighing) -> Iterator[str]:
    starts = item.starts or weighing.today
    if any(one.satisfies(code, starts) for one in weighing.on_file.standing):
        yield "An authorization for this service is on file for these days."


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What the forms say: facts, notes on what does not count, and what a person has to look at."""

    facts: dict[str, Any]
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def _evidence(policy: Policy, item: RequestedItem, weighing: _Weighing) -> _Evidence:
    """Read the policy's facts from the forms that belong to the item; forms that disagree are left to a person."""
    if policy.at_order_time.questionnaire is None:
        return _Evidence({})
    wanted = weighing.knowledge.catalog.canonical(policy.at_order_time.questionnaire)
    forms = [
        form.response
        for form in weighing.submission.forms
        if (not item.information or form.sequence in item.information)
        and text_of(form.response.get("questionnaire")) == wanted
    ]
    if not forms:
        return _Evidence({}, ("the policy's form, in the version it asks for, was not sent",))
    said = [facts_from(form, policy.facts) for form in forms if not _ahead(form, weighing.now)]
    complete = [one for one in said if one[0]] or said
    if not complete:
        return _Evidence({}, ("the form is dated ahead",))
    facts, notes = complete[0]
    disagree = any(other != facts for other, _ in complete)
    return _Evidence(facts, notes, ("Forms that were sent disagree.",) if disagree else ())


def _ahead(form: dict, now: datetime) -> bool:
    """Tell whether a form says that it was completed after it reached us; an hour is left for clocks."""
    try:
        authored = datetime.fromisoformat(text_of(form.get("authored")) or "")
    except ValueError:
        return False
    return authored.tzinfo is not None and authored > now + timedelta(hours=1)


def _pended(basis: Basis, by: str, reason: str | None, now: datetime) -> Decision:
    return Decision(action=ReviewAction.PENDED, basis=basis, decided_by=by, decided_at=now, reason=reason)


def _decision(
    outcome: Outcome, item: RequestedItem, doubts: tuple[str, ...], notes: tuple[str, ...], weighing: _Weighing
) -> Decision:
    """Make the outcome a decision; where there is doubt, nothing is certified by software."""
    by, now = f"policy {outcome.policy} {outcome.version}, row {outcome.row}", weighing.now
    match outcome.then:
        case Then.CERTIFY if outcome.period and not doubts:
            starts = item.starts or weighing.today
            granted = outcome.period.last_day(starts)
            return Decision(
                action=ReviewAction.CERTIFIED,
                basis=Basis.POLICY,
                decided_by=by,
                decided_at=now,
                reason=outcome.say,
                starts=starts,
                ends=min(granted, item.ends) if item.ends and item.ends > starts else granted,
                number=weighing.number,
            )
        case Then.NOT_COVERED:
            return Decision(
                action=ReviewAction.NOT_CERTIFIED, basis=Basis.PLAN, decided_by=by, decided_at=now, reason=outcome.say
            )
        case _:
            said = " ".join(doubts) if doubts else outcome.say
            return _pended(Basis.POLICY, by, f"{said} ({'; '.join(notes)})" if notes else said, now)
