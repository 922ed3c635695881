"""What must not be purged, for now? Legal holds: on everything, on a member, or on one case."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, insert, or_, select, update

from app.storage.tables import authorizations, decisions, legal_holds


class NoSuchCase(ValueError):
    """No case is known by this number."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold. ``reach`` is ``everything``, ``member`` or ``case``; None for what it does not name."""

    id: int
    reach: str
    authorization_id: str | None
    reason: str
    placed_by: str
    placed_at: datetime
    lifted_at: datetime | None


def place(
    connection: Connection, reach: str, number: str | None, reason: str, actor: str, now: datetime
) -> tuple[int, str | None]:
    """Place a hold and return its id and the case that it was named by.

    Args:
        number: of a case, where the hold is on it or on its member.

    Raises:
        NoSuchCase: nothing is known by ``number``.
    """
    case = _case(connection, number) if number else None
    row = {
        "reach": reach,
        "authorization_id": case.id if case and reach == "case" else None,
        "payer": case.payer if case and reach == "member" else None,
        "member_id": case.member_id if case and reach == "member" else None,
        "reason": reason,
        "placed_by": actor,
        "placed_at": now,
    }
    done = connection.execute(insert(legal_holds).values(row))
    (identity,) = done.inserted_primary_key or (0,)
    return int(identity), case.id if case else None


def lift(connection: Connection, hold_id: int, actor: str, now: datetime) -> bool:
    """Lift a hold; False where it is none or is lifted already."""
    standing = and_(legal_holds.c.id == hold_id, legal_holds.c.lifted_at.is_(None))
    done = connection.execute(update(legal_holds).where(standing).values(lifted_at=now, lifted_by=actor))
    return done.rowcount == 1


def standing(connection: Connection) -> list[Hold]:
    """Return the holds that are not lifted."""
    query = select(legal_holds).where(legal_holds.c.lifted_at.is_(None)).order_by(legal_holds.c.id)
    return [
        Hold(row.id, row.reach, row.authorization_id, row.reason, row.placed_by, row.placed_at, row.lifted_at)
        for row in connection.execute(query)
    ]


def all_is_held(connection: Connection) -> bool:
    return any(one.reach == "everything" for one in standing(connection))


def member_is_held(payer: ColumnElement[Any], member_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition under which a row of this member is held."""
    held = legal_holds.c
    return exists().where(held.lifted_at.is_(None), held.payer == payer, held.member_id == member_id)


def case_is_held(authorization_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition under which what belongs to this case is held, by itself or by its member."""
    held = legal_holds.c
    itself = exists().where(held.lifted_at.is_(None), held.authorization_id == authorization_id)
    case = authorizations.alias()
    by_member = exists().where(
        case.c.id == authorization_id,
        held.lifted_at.is_(None),
        held.payer == case.c.payer,
        held.member_id == case.c.member_id,
    )
    return or_(itself, by_member)


def _case(connection: Connection, number: str) -> Any:
    decided = exists().where(decisions.c.authorization_id == authorizations.c.id, decisions.c.number == number)
    known = or_(authorizations.c.reference == number, authorizations.c.number == number, decided)
    row = connection.execute(select(authorizations).where(known).limit(1)).one_or_none()
    if row is None:
        raise NoSuchCase("no case is known by this number")
    return row
