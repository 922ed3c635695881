"""How is an authorization spelt in columns, and read from them again?"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from fhir_r4.resource import Coding, Identifier
from prior_auth.authorization import Authorization, Item
from prior_auth.decision import Basis, Decision, ReviewAction, Service


def authorization_of(rows: Sequence[Row[Any]]) -> Authorization:
    """Return one authorization from the rows of its items' present decisions."""
    row = rows[0]
    return Authorization(
        id=row.id,
        reference=row.reference,
        client=row.client_id,
        payer=row.payer,
        plan=row.plan,
        member_id=row.member_id,
        claim_identifiers=tuple(map(Identifier.parse, row.claim_identifiers)),
        npis=frozenset(row.npis),
        requestors=frozenset(row.requestors),
        received_at=row.received_at,
        due_at=row.due_at,
        urgent=row.urgent,
        items=tuple(map(item_of, rows)),
        version=row.version,
        retrospective=row.retrospective,
        emergency=row.emergency,
        first_number=row.number,
    )


def item_of(row: Row[Any]) -> Item:
    decision = Decision(
        action=ReviewAction(row.action),
        basis=Basis(row.basis),
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        reason=row.reason,
        reason_codes=tuple(Coding(**one) for one in row.reason_codes or ()),
        licence=row.licence,
        reviewer_npi=row.reviewer_npi,
        reviewer_specialty=row.reviewer_specialty,
        starts=row.starts,
        ends=row.ends,
        number=row.item_number,
        granted=granted_of(row.granted),
        trace=row.trace,
    )
    codes = tuple(Coding(**code) for code in row.codes)
    return Item(row.sequence, codes, row.item_starts, row.item_ends, decision, row.asked)


def granted_of(row: dict | None) -> Service | None:
    """Return what a decision grants instead of, or of, what was asked for; None where its column is empty."""
    if row is None:
        return None
    codes = tuple(Coding(**one) for one in row["codes"])
    quantity = Decimal(row["quantity"]) if row["quantity"] is not None else None
    return Service(codes=codes, quantity=quantity, unit=row["unit"])


def _granted_row(granted: Service) -> dict:
    quantity = str(granted.quantity) if granted.quantity is not None else None
    return {"codes": _codes_row(granted.codes), "quantity": quantity, "unit": granted.unit}


def _codes_row(codes: Iterable[Coding]) -> list[dict]:
    return [{"system": code.system, "code": code.code, "display": code.display} for code in codes]


def item_row(authorization_id: str, item: Item) -> dict:
    return {
        "authorization_id": authorization_id,
        "sequence": item.sequence,
        "codes": _codes_row(item.codes),
        "starts": item.starts,
        "ends": item.ends,
        "asked": item.asked,
    }


def decision_row(authorization_id: str, item: Item, ordinal: int) -> dict:
    decided = item.decision
    return {
        "authorization_id": authorization_id,
        "sequence": item.sequence,
        "ordinal": ordinal,
        "action": decided.action,
        "basis": decided.basis,
        "decided_by": decided.decided_by,
        "licence": decided.licence,
        "reason": decided.reason,
        "reason_codes": _codes_row(decided.reason_codes) or None,
        "reviewer_npi": decided.reviewer_npi,
        "reviewer_specialty": decided.reviewer_specialty,
        "decided_at": decided.decided_at,
        "starts": decided.starts,
        "ends": decided.ends,
        "number": decided.number,
        "granted": _granted_row(decided.granted) if decided.granted else None,
        "trace": decided.trace,
    }
