"""What becomes of a request, as far as the policies can say at once?

Gathered first: whose coverage and whose request it is, and what was promised at order time. Then each item is
weighed by itself. What a policy does not certify waits for a person; software refuses nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from fhir_r4.bundle import Entry
from fhir_r4.resource import Coding, Identifier, dicts, identifier, identifiers, kind, reference, text_of
from fhir_r4.systems import NPI
from prior_auth.authorization import Authorization, Basis, Decision, Item, ReviewAction
from prior_auth.deadlines import decision_due
from prior_auth.submission import RequestedItem, Submission
from questionnaires.answers import facts_from
from questionnaires.catalog import Catalog
from rules.assertion import CoverageAssertion
from rules.book import PolicyBook
from rules.directory import Member, Payer
from rules.evaluate import Outcome, evaluate
from rules.policy import Policy, Then
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
    payer = directory.payer(_payer_identifiers(submission))
    if payer is None:
        path = f"{submission.insurer.path}.identifier"
        return BusinessError("79", "C", "2010A-NM109", path, "The insurer is none that is served here.")
    if submission.changes:
        path = f"{submission.claim.path}.related"
        say = "Updates and cancellations are not taken here yet; please call."
        return BusinessError("42", "N", "2000E-UM02", path, say)
    if not any(directory.provider(npi) for npi in _requestor_npis(submission)):
        path = f"{submission.provider.path}.identifier"
        return BusinessError("51", "C", "2010B-NM109", path, "The requesting provider is not on file.")
    member = _member(submission, payer, directory, now)
    return member if isinstance(member, BusinessError) else Parties(payer, member)


def _member(submission: Submission, payer: Payer, directory: Directory, now: datetime) -> Member | BusinessError:
    member = next((one for number in submission.member_ids if (one := directory.member(payer, number))), None)
    if member is None:
        path = f"{submission.patient.path}.identifier"
        return BusinessError("75", "C", "2010C-NM109", path, "No member was found under this number.")
    born = text_of(submission.patient.resource.get("birthDate"))
    if born and born != member.birth_date.isoformat():
        path = f"{submission.patient.path}.birthDate"
        return BusinessError("71", "C", "2010C-DMG02", path, "The birth date is not the member's.")
    if not all(member.covered(item.starts or payer.today(now)) for item in submission.items):
        path = f"{submission.coverage.path}.period"
        return BusinessError("95", "N", "2010C-NM109", path, "The member is not eligible on the day of service.")
    return member


def submit(
    submission: Submission,
    known: Parties,
    promises: Iterable[CoverageAssertion],
    knowledge: Knowledge,
    client: str,
    now: datetime,
) -> Authorization:
    """Return the authorization with every item decided or pended.

    Args:
        promises: the coverage assertions that the request's orders refer to; one that still holds pins the
            version of the policy by which the item is weighed.
        client: who submits.
        now: when the request reached us, aware.
    """
    promised = tuple(promises)
    number = knowledge.new_number()  # one for the whole request, kept through its life
    items = tuple(
        _decided(
            item, submission, _policy_for(item, known, promised, knowledge.book, now), known, knowledge, number, now
        )
        for item in submission.items
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


def _payer_identifiers(submission: Submission) -> Iterator[Identifier]:
    yield from identifiers(submission.insurer.resource)
    for payor in dicts(submission.coverage.resource.get("payor")):
        if inline := identifier(payor.get("identifier")):
            yield inline


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


def _policy_for(
    item: RequestedItem, known: Parties, promised: tuple[CoverageAssertion, ...], book: PolicyBook, now: datetime
) -> tuple[Policy, Coding, str | None] | None:
    """Return the policy, the code it has, and the promise that pins its version, if any."""
    today = known.payer.today(now)
    for promise in promised:
        if (
            promise.id in item.assertion_ids
            and promise.policy
            and promise.version
            and promise.payer == known.payer.id
            and promise.honoured(member_id=known.member.member_id, codes=item.codes, on=today)
            and (pinned := book.version(promise.policy, promise.version))
        ):
            return pinned, promise.code, promise.id
    found = book.in_force(item.codes, item.starts or item.authored or today)
    return (*found, None) if found else None


def _decided(
    item: RequestedItem,
    submission: Submission,
    found: tuple[Policy, Coding, str | None] | None,
    known: Parties,
    knowledge: Knowledge,
    number: str,
    now: datetime,
) -> Item:
    if found is None:
        decision = Decision(
            action=ReviewAction.PENDED,
            basis=Basis.PLAN,
            decided_by=f"plan {known.member.plan}",
            decided_at=now,
            reason="The plan has no policy of its own for this service; a person looks at the request.",
        )
        return Item(item.sequence, item.codes, item.starts, item.ends, decision)
    policy, _, promise = found
    today = known.payer.today(now)
    facts, notes = _facts(policy, submission, knowledge.catalog)
    outcome = evaluate(policy, facts, item.authored or item.starts or today)
    decision = _decision(outcome, number, item.starts or today, now)
    trace = _trace(outcome, notes) | ({"promise": promise} if promise else {})
    decision.trace.update(trace)
    return Item(item.sequence, item.codes, item.starts, item.ends, decision)


def _facts(policy: Policy, submission: Submission, catalog: Catalog) -> tuple[dict, tuple[str, ...]]:
    """Read the policy's facts from the newest completed form of its kind."""
    if policy.at_order_time.questionnaire is None:
        return {}, ()
    url = catalog.canonical(policy.at_order_time.questionnaire).partition("|")[0]
    ours = [one for one in submission.responses if (text_of(one.get("questionnaire")) or "").partition("|")[0] == url]
    if not ours:
        return {}, ("the policy's form was not sent",)
    newest = max(ours, key=lambda one: text_of(one.get("authored")) or "")
    return facts_from(newest, policy.facts)


def _decision(outcome: Outcome, number: str, starts: date, now: datetime) -> Decision:
    by = f"policy {outcome.policy} {outcome.version}, row {outcome.row}"
    match outcome.then:
        case Then.CERTIFY if outcome.period:
            return Decision(
                action=ReviewAction.CERTIFIED,
                basis=Basis.POLICY,
                decided_by=by,
                decided_at=now,
                reason=outcome.say,
                starts=starts,
                ends=outcome.period.last_day(starts),
                number=number,
            )
        case Then.NOT_COVERED:
            return Decision(
                action=ReviewAction.NOT_CERTIFIED,
                basis=Basis.PLAN,
                decided_by=by,
                decided_at=now,
                reason=outcome.say,
            )
        case _:
            return Decision(
                action=ReviewAction.PENDED,
                basis=Basis.POLICY,
                decided_by=by,
                decided_at=now,
                reason=outcome.say,
            )


def _trace(outcome: Outcome, notes: tuple[str, ...]) -> dict:
    return {
        "policy": outcome.policy,
        "version": outcome.version,
        "row": outcome.row,
        "answers": {name: str(answer) for name, answer in outcome.answers.items()},
        "facts": dict(outcome.facts),
        "notes": [*outcome.notes, *notes],
    }
