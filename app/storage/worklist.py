"""Which cases does the payer's staff see in a list, in which order, and how many are there?

What waits for a person, the most pressing first; what is decided, the latest change first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from sqlalchemy import ColumnElement, Connection, false, func, select, true

from app.storage import authorizations
from app.storage.tables import authorizations as cases
from prior_auth.authorization import Authorization


class Shown(StrEnum):
    OPEN = "open"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class Filter:
    """What is looked for.

    Attributes:
        due_before: aware; only what is due before this moment.
        plan: only this plan's members.
    """

    shown: Shown = Shown.OPEN
    urgent: bool = False
    due_before: datetime | None = None
    plan: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list, and how many cases there are on all of them."""

    cases: tuple[Authorization, ...]
    total: int


def listed(connection: Connection, wanted: Filter, *, first: int, most: int) -> Page:
    """Return up to ``most`` cases, without the first ``first`` of them."""
    conditions = list(_conditions(wanted))
    total = connection.execute(select(func.count()).select_from(cases).where(*conditions)).scalar_one()
    order = cases.c.due_at.asc() if wanted.shown is Shown.OPEN else cases.c.changed_at.desc()
    query = select(cases.c.id).where(*conditions).order_by(order, cases.c.id).offset(first).limit(most)
    return Page(tuple(authorizations.called(connection, connection.execute(query).scalars().all())), total)


def open_due(connection: Connection, before: Iterable[datetime]) -> dict[str, list[int]]:
    """Return by plan how many open cases are due before each of these moments and not before the one in front of it.

    The last number of each list counts what is due later than all of them.
    """
    moments = list(before)
    counts = [func.count().filter(cases.c.due_at < moment) for moment in moments]
    query = select(cases.c.plan, func.count(), *counts).where(cases.c.open == true()).group_by(cases.c.plan)
    found = {}
    for plan, total, *upto in connection.execute(query.order_by(cases.c.plan)):
        edges = [0, *upto, total]
        found[plan] = [later - earlier for earlier, later in pairwise(edges)]
    return found


def called(connection: Connection, reference: str) -> str | None:
    """Return the id of the case with this reference or authorization number."""
    named = (cases.c.reference == reference) | (cases.c.number == reference)
    return connection.execute(select(cases.c.id).where(named)).scalars().first()


def _conditions(wanted: Filter) -> Iterable[ColumnElement[bool]]:
    yield cases.c.open == (true() if wanted.shown is Shown.OPEN else false())
    if wanted.urgent:
        yield cases.c.urgent == true()
    if wanted.due_before:
        yield cases.c.due_at < wanted.due_before
    if wanted.plan:
        yield cases.c.plan == wanted.plan
