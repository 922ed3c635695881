"""What was asked and answered by hook, for who has to settle a dispute; what users made of it; its measures.

Who looks is recorded (``events``, hooks.searched); what is old goes (app/storage/retention.py), measures stay: no
patient is in them.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, insert, or_, select, union_all, update

from app.storage.hooks import assertions_called
from app.storage.prepared import Prepared
from app.storage.tables import (
    MEASURED_OR_NOT,
    coverage_assertions,
    crd_metrics,
    hook_feedback,
    hook_invocations,
    hook_orders,
)
from cds_hooks.feedback import Feedback
from rules.assertion import CoverageAssertion

MOST = 100
_PROMISED_IN = Prepared(
    select(coverage_assertions.c.id).where(coverage_assertions.c.invocation_id == bindparam("call"))
)
_CALL = tuple(column for column in hook_invocations.c if column.name not in {"request", "response"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for; whatever is given has to hold."""

    hook_instance: str | None = None
    assertion: str | None = None
    order: str | None = None
    member: str | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        if self.hook_instance:
            yield hook_invocations.c.hook_instance == self.hook_instance
        if self.member:
            yield hook_invocations.c.member_id == self.member
        if self.assertion:
            yield _promised(coverage_assertions.c.id == self.assertion)
        if self.order:
            about = select(hook_orders.c.invocation_id).where(hook_orders.c.order == self.order)
            yield or_(hook_invocations.c.id.in_(about), _promised(coverage_assertions.c.order == self.order))

    @property
    def words(self) -> list[str]:
        """Return by what is searched; values are patient data and are not in the record of it."""
        return [name for name in self.__slots__ if getattr(self, name)]


def found(connection: Connection, search: Search) -> list[Any]:
    """Return the calls, the newest first, without their payloads."""
    query = select(*_CALL).where(*search.conditions())
    if query.whereclause is None:
        return []
    either = union_all(*(query.where(state) for state in MEASURED_OR_NOT))
    return list(connection.execute(either.order_by(either.selected_columns.received_at.desc()).limit(MOST)))


def whole(connection: Connection, identity: str) -> Any | None:
    """Return one call with its payloads."""
    return connection.execute(select(hook_invocations).where(hook_invocations.c.id == identity)).one_or_none()


def keep_feedback(
    connection: Connection, client_id: str, service: str, told: Iterable[Feedback], now: datetime
) -> None:
    rows = [
        {
            "client_id": client_id,
            "service": service,
            "card": one.card,
            "outcome": one.outcome,
            "suggestions": list(one.suggestions),
            "reason": one.reason,
            "outcome_at": one.outcome_at,
            "received_at": now,
        }
        for one in told
    ]
    connection.execute(insert(hook_feedback), rows)


def unmeasured(connection: Connection, limit: int) -> list[Any]:
    """Return calls whose measures are not taken, the oldest first."""
    query = select(hook_invocations).where(hook_invocations.c.measured_at.is_(None))
    return list(connection.execute(query.order_by(hook_invocations.c.received_at).limit(limit)))


def keep_measures(connection: Connection, call: Any, data: dict, orders: Iterable[str], now: datetime) -> None:
    """Keep one call's measures, and what it was about; once, whoever else may be at it."""
    mine = update(hook_invocations).where(hook_invocations.c.id == call.id, hook_invocations.c.measured_at.is_(None))
    if connection.execute(mine.values(measured_at=now)).rowcount != 1:
        return
    row = {"invocation_id": call.id, "client_id": call.client_id, "at": call.received_at, "data": data}
    connection.execute(insert(crd_metrics), row)
    if rows := [{"invocation_id": call.id, "order": one} for one in dict.fromkeys(orders)]:
        connection.execute(insert(hook_orders), rows)


def measures(connection: Connection, since: datetime, until: datetime) -> Iterator[tuple[str, dict]]:
    """Yield client and measures of the calls of a time."""
    query = select(crd_metrics.c.client_id, crd_metrics.c.data)
    query = query.where(crd_metrics.c.at >= since, crd_metrics.c.at < until).order_by(crd_metrics.c.at)
    for row in connection.execution_options(yield_per=1000).execute(query):
        yield row.client_id, row.data


def promises_of(connection: Connection, identity: str) -> tuple[CoverageAssertion, ...]:
    """Return what one call has promised."""
    return assertions_called(connection, promised_in(connection, identity))


def promised_in(connection: Connection, identity: str) -> frozenset[str]:
    """Return the coverage-assertion-ids that one call has issued."""
    return frozenset(row.id for row in _PROMISED_IN.rows(connection, {"call": identity}))


def fates(connection: Connection, cards: Collection[str] | None = None) -> dict[tuple[str, str], str]:
    """Return what became of cards (of these alone, where they are given), by client and uuid; the last word counts."""
    query = select(hook_feedback.c.client_id, hook_feedback.c.card, hook_feedback.c.outcome)
    if cards is not None:
        query = query.where(hook_feedback.c.card.in_(cards))
    return {(row.client_id, row.card): row.outcome for row in connection.execute(query.order_by(hook_feedback.c.id))}


def _promised(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return hook_invocations.c.id.in_(select(coverage_assertions.c.invocation_id).where(condition))
