"""What would have been decided otherwise, had these policies been in force? Stored submissions, weighed once more.

Nothing is written. Each submission is weighed as of the moment when it reached us, by what the payer knew then:
promises pin their versions, and what was certified before is on file. Drafts count as active.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from sqlalchemy import Connection, Row, func, select

from app.policies import Edition
from app.storage import authorizations, hooks
from app.storage.authorization_rows import granted_of
from app.storage.tables import decisions, submissions
from app.wiring import Service as House
from app.wiring import knowledge_of
from fhir_r4.problems import Problem
from fhir_r4.wire import read_object
from prior_auth.authorization import Item
from prior_auth.decision import ReviewAction, Service
from prior_auth.parties import BusinessError, Parties, dated, parties
from prior_auth.submission import Submission, stored_submission
from prior_auth.submit import submit
from prior_auth.weigh import OnFile
from rules.book import PolicyBook
from rules.policy import Policy, Status

AT_ONCE = 200


@dataclass(frozen=True, slots=True, order=True)
class Decided:
    """What an item came to at once: an action, and the policy that said so (empty where none did)."""

    action: str
    policy: str = ""

    def __str__(self) -> str:
        return f"{self.action} ({self.policy})" if self.policy else self.action


@dataclass(slots=True)
class Report:
    """What came of it.

    Attributes:
        items: how many items were weighed again.
        changes: how many items went from the one to the other; only where action differs.
        reworded: how many items have the same action by another policy, version or row.
        cases: opaque ids of the authorizations whose action differs, by what changed.
        unreadable: submissions that could not be weighed, by the reason.
    """

    submissions: int = 0
    items: int = 0
    changes: Counter[tuple[str, Decided, Decided]] = field(default_factory=Counter)
    reworded: Counter[str] = field(default_factory=Counter)
    cases: dict[tuple[str, Decided, Decided], list[str]] = field(default_factory=dict)
    unreadable: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Stored:
    id: str
    authorization_id: str
    received_at: datetime
    request: bytes


def how_many(connection: Connection, since: datetime | None) -> int:
    query = select(func.count()).select_from(submissions).where(*_wanted(since))
    return connection.execute(query).scalar_one()


def as_if_in_force(book: PolicyBook) -> PolicyBook:
    """Return the newest version of each policy, in force on every day: what a policy of next year would have done."""
    newest: dict[str, Policy] = {}
    for policy in sorted(book, key=lambda one: (one.effective, one.version)):
        newest[policy.id] = policy
    return PolicyBook((replace(policy, effective=date.min, expires=None) for policy in newest.values()), book.lists)


def with_drafts(book: PolicyBook) -> PolicyBook:
    """Return the book with its drafts in force."""
    active = (
        replace(policy, identity=replace(policy.identity, status=Status.ACTIVE))
        if policy.identity.status is Status.DRAFT
        else policy
        for policy in book
    )
    return PolicyBook(active, book.lists)


def simulate(service: House, edition: Edition, since: datetime | None, report: Report) -> Iterator[int]:
    """Weigh the submissions since then once more, and yield how many are done; ``report`` grows with them."""
    for stored in _stored(service, since):
        try:
            _weigh(service, edition, stored, report)
        except Problem as problem:
            report.unreadable[type(problem).__name__] += 1
        report.submissions += 1
        yield report.submissions


def _weigh(service: House, edition: Edition, stored: _Stored, report: Report) -> None:
    submission = dated(stored_submission(read_object(stored.request)), service.directory)
    if submission.change:
        report.unreadable["changes of an earlier request, which is weighed as it was first sent"] += 1
        return
    known = parties(submission, service.directory, stored.received_at)
    if isinstance(known, BusinessError):
        report.unreadable[known.say] += 1
        return
    with service.database.reading() as connection:
        on_file = _on_file(connection, submission, known, stored)
        then = _first_decisions(connection, stored.authorization_id)
    again = submit(submission, known, on_file, knowledge_of(edition), "simulation", stored.received_at)
    for item in again.items:
        if item.sequence in then:
            _compare(then[item.sequence], _decided(item), stored, report)


def _compare(then: Decided, now: Decided, stored: _Stored, report: Report) -> None:
    report.items += 1
    policy = (now.policy or then.policy or "no policy").partition(" ")[0]
    if then.action != now.action:
        change = (policy, then, now)
        report.changes[change] += 1
        report.cases.setdefault(change, []).append(stored.authorization_id)
    elif then.policy != now.policy:
        report.reworded[f"{then.policy or 'no policy'} → {now.policy or 'no policy'}"] += 1


def _on_file(connection: Connection, submission: Submission, known: Parties, stored: _Stored) -> OnFile:
    ids = {one for item in submission.items for one in item.assertion_ids}
    before = [
        one
        for one in authorizations.of_member(connection, known.payer.id, [known.member.member_id])
        if one.received_at < stored.received_at and one.id != stored.authorization_id
    ]
    return OnFile(hooks.assertions_called(connection, ids), tuple(before))


def _first_decisions(connection: Connection, authorization_id: str) -> dict[int, Decided]:
    """Return what was decided at once on each item; what a person decided later is not the policies' doing."""
    query = select(decisions).where(decisions.c.authorization_id == authorization_id, decisions.c.ordinal == 1)
    rows = connection.execute(query)
    return {row.sequence: _named(ReviewAction(row.action), granted_of(row.granted), row.trace) for row in rows}


def _decided(item: Item) -> Decided:
    return _named(item.decision.action, item.decision.granted, item.decision.trace)


def _named(action: ReviewAction, granted: Service | None, trace: dict) -> Decided:
    by = f"{trace['policy']} {trace['version']}, row {trace['row']}" if "policy" in trace else ""
    said = _ACTIONS.get(action, action)
    if action is ReviewAction.PENDED and granted and granted.quantity is not None:
        said = f"{granted.quantity.normalize():f} certified, the rest pended"
    return Decided(said, by)


_ACTIONS = {
    ReviewAction.CERTIFIED: "certified",
    ReviewAction.NOT_CERTIFIED: "not covered",
    ReviewAction.PENDED: "pended",
}


def _stored(service: House, since: datetime | None) -> Iterator[_Stored]:
    """Yield the submissions in the order in which they came; each page is a transaction of its own."""
    keys = (submissions.c.received_at, submissions.c.id)
    after: Row | None = None
    while True:
        query = select(*(submissions.c[name] for name in _Stored.__slots__)).where(*_wanted(since))
        if after is not None:
            later = (keys[0] > after.received_at) | ((keys[0] == after.received_at) & (keys[1] > after.id))
            query = query.where(later)
        with service.database.reading() as connection:
            page = connection.execute(query.order_by(*keys).limit(AT_ONCE)).all()
        yield from (_Stored(*row) for row in page)
        if len(page) < AT_ONCE:
            return
        after = page[-1]


def _wanted(since: datetime | None) -> list:
    wanted = [submissions.c.authorization_id.is_not(None)]
    return [*wanted, submissions.c.received_at >= since] if since else wanted
