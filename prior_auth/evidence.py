"""What is known of one item, for the facts of its policy? The request, its forms, the directory and our own file."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from fhir_r4.resource import Coding, codings, dicts
from prior_auth.parties import Parties
from prior_auth.quantity import quantity_of
from prior_auth.requested_item import RequestedItem
from rules.decisions import Then
from rules.directory import Provider
from rules.evaluate import Outcome
from rules.evidence import Answers, Asked, Evidence
from rules.facts import Place
from rules.policy import Policy
from rules.ports import Standing


def evidence_of(
    item: RequestedItem,
    code: Coding,
    answers: Answers,
    known: Parties,
    on_file: tuple[Standing, ...],
    received: date,
) -> Evidence:
    """Return what the item's policy is weighed on.

    Args:
        answers: of the forms that count.
        on_file: what is certified for the member otherwise.
        received: the day in the plan's zone.
    """
    along = item.along
    return Evidence(
        authored=item.authored,
        received=received,
        service=item.starts or received,
        code=code,
        answers=answers,
        records=along.records,
        order=along.order,
        asked=Asked(quantity_of(item.asked), _place_of_service(item.asked), along.diagnoses, _modifiers(item.asked)),
        coverage=along.coverage,
        patient=along.patient,
        requester=known.requester,
        performers=_performers(along.performers, known),
        on_file=on_file,
        others=along.others,
    )


def _performers(npis: tuple[str, ...], known: Parties) -> tuple[Provider, ...]:
    """Return all who may do it; nobody where the directory does not have each of them."""
    found = [known.providers.get(one) for one in npis]
    return tuple(one for one in found if one) if None not in found else ()


def unweighed(item: RequestedItem, policy: Policy | None) -> Iterator[str]:
    """Say what the item asks for that the policy does not weigh, and that would be certified unseen."""
    places = {(one.place, one.what) for fact in (policy.facts if policy else ()) for one in fact.whence}
    if item.asked.get("modifier") and (Place.ORDER, "modifiers") not in places:
        yield "The item has a modifier, which no policy weighs."
    counted = policy and any(row.amount for row in policy.rows)
    if quantity_of(item.asked) != 1 and not counted and (Place.ORDER, "quantity") not in places:
        yield "The item asks for a quantity, which no policy weighs."


def within(outcome: Outcome, item: RequestedItem) -> bool:
    """Tell whether what is asked for is certified whole: as many units at most as the policy certifies."""
    asked = quantity_of(item.asked)
    return outcome.then is Then.CERTIFY and (
        outcome.quantity is None or (asked is not None and asked <= outcome.quantity)
    )


def part_of(outcome: Outcome, item: RequestedItem) -> Decimal | None:
    """Return how many units the policy certifies of an item that asks for more; None where it certifies no part."""
    asked = quantity_of(item.asked)
    if outcome.then is not Then.CERTIFY or not outcome.quantity or asked is None or asked <= outcome.quantity:
        return None
    return outcome.quantity


def _place_of_service(asked: dict) -> str | None:
    return next((one.code for one in codings(asked.get("locationCodeableConcept"))), None)


def _modifiers(asked: dict) -> tuple[str, ...]:
    return tuple(code.code for one in dicts(asked.get("modifier")) for code in codings(one))
