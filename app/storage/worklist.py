"""Which cases does the payer's staff see in a list, in which order, and how many are there?

What waits for a person, the most pressing first; what is decided, the latest change first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, exists, false, func, or_, select, true

from app.storage import authorizations
from app.storage.tables import authorizations as cases
from app.storage.tables import decisions
from prior_auth.authorization import Authorization
from prior_auth.decision import ReviewAction


class Place(NamedTuple):
    """The decision row at which a case waits; None where no policy pended it."""

    policy: str | None
    version: str | None
    row: int | None


class Shown(StrEnum):
    OPEN = "open"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class Filter:
    """What is looked for.

    Attributes:
        due_before: aware; only what is due before this moment.
        plan: only this plan's members.
        places: only what waits at these rows; None is anywhere.
    """

    shown: Shown = Shown.OPEN
    urgent: bool = False
    due_before: datetime | None = None
    plan: str | None = None
    places: tuple[Place, ...] | None = None


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


def open_due(connection: Connection, before: Iterable[datetime]) -> dict[Place, list[int]]:
    """Return how many open cases are due before each of these moments and not before the one in front of it.

    By the decision rows at which they wait; the last number of each list counts what is due later than all moments.
    """
    moments = list(before)
    waiting = (  # a query of its own: PostgreSQL takes an expression with parameters for another each time
        select(
            *(column.label(name) for name, column in zip(Place._fields, _PLACE, strict=True)),
            cases.c.id,
            cases.c.due_at,
        )
        .select_from(decisions.join(cases, cases.c.id == decisions.c.authorization_id))
        .where(cases.c.open == true(), *_waits())
        .subquery()
    )
    place = [waiting.c[name] for name in Place._fields]
    case = func.count(waiting.c.id.distinct())
    counts = [case.filter(waiting.c.due_at < moment) for moment in moments]
    query = select(*place, case, *counts).group_by(*place).order_by(*place)
    found = {}
    for policy, version, row, total, *upto in connection.execute(query):
        edges = [0, *upto, total]
        found[Place(policy, version, row)] = [later - earlier for earlier, later in pairwise(edges)]
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
    if wanted.places is not None:
        here = or_(false(), *(_at(place) for place in wanted.places))
        yield exists().where(decisions.c.authorization_id == cases.c.id, *_waits(), here)


def _at(place: Place) -> ColumnElement[bool]:
    return and_(
        *(column.is_(None) if value is None else column == value for column, value in zip(_PLACE, place, strict=True))
    )


def _waits() -> tuple[ColumnElement[bool], ...]:
    """Return that a decision is a pend, and its item's present one."""
    later = decisions.alias("later")
    newer = (
        later.c.authorization_id == decisions.c.authorization_id,
        later.c.sequence == decisions.c.sequence,
        later.c.ordinal > decisions.c.ordinal,
    )
    return decisions.c.action == ReviewAction.PENDED, ~exists().where(*newer)


_PLACE = (
    decisions.c.trace["policy"].as_string(),
    decisions.c.trace["version"].as_string(),
    decisions.c.trace["row"].as_integer(),
)
