"""What do we answer? One coverage-information action for each order, and the cards that help with it.

Pure: everything known of the world comes in as values.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from cds_hooks.advise import advice
from cds_hooks.insured import Insured
from cds_hooks.order import Order
from cds_hooks.weigh import Scene, Weighed, weigh
from fhir_r4.coverage_information import with_extension
from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest, Issue
from fhir_r4.resource import local_reference
from rules.assertion import CoverageAssertion


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What goes back, what we promised by it, and whose coverage that is about."""

    cards: tuple[dict, ...]
    system_actions: tuple[dict, ...]
    assertions: tuple[CoverageAssertion, ...]
    insured: Insured | None = None

    def to_json(self) -> dict:
        return {"cards": list(self.cards), "systemActions": list(self.system_actions)}


def respond(scene: Scene) -> HookAnswer:
    """Answer for all orders of the request.

    Raises:
        InvalidRequest: CRD 2.2 only, there is no Coverage with a payer of this installation (hook-13). Under
            2.0.1 that is answered with nothing.
    """
    request, insured = scene.request, scene.circumstances.insured
    if not insured:
        return _nothing_to_say(scene)
    weighed = [weigh(order, one, scene) for order in scene.circumstances.orders for one in _covering(order, insured)]
    shown = advice(scene, weighed)
    news = list(_news(scene, weighed)) if request.wants("coverage-info") else []
    actions = [_action(list(of_one)) for _, of_one in groupby(news, key=lambda one: one.weighed.order.reference)]
    return HookAnswer(
        tuple(shown[: int(request.configuration["max-cards"])]),
        tuple(actions),
        tuple(one.weighed.assertion for one in news),
        next((one for one in insured if one.member), insured[0]),
    )


def _covering(order: Order, insured: tuple[Insured, ...]) -> tuple[Insured, ...]:
    """Return the coverages that an order names, or all where it names none of them."""
    chosen = tuple(one for one in insured if local_reference(one.coverage) in order.insurances)
    return chosen or insured


def _nothing_to_say(scene: Scene) -> HookAnswer:
    if scene.request.generation is Generation.V2_2:
        rule = "one Coverage whose payer identifier is handled here (hook-13)"
        raise InvalidRequest(Issue("required", rule, "prefetch.coverage"))
    return HookAnswer(tuple(advice(scene, [])), (), ())


@dataclass(frozen=True, slots=True)
class _New:
    """What is said of an order that does not carry it yet, and how it is written."""

    weighed: Weighed
    written: dict


def _news(scene: Scene, weighed: Iterable[Weighed]) -> Iterator[_New]:
    for one in weighed:
        written = one.written(scene.request.generation)
        if one.is_of_a_service and one.is_news(written):
            yield _New(one, written)


def _action(of_one: list[_New]) -> dict:
    """Return the system action: the very resource received, with the extensions added (CRD 2.2.1 resp-37)."""
    payers = (one.weighed.insured.payer for one in of_one)
    names = dict.fromkeys(payer.name if payer else "the payer" for payer in payers)
    order = of_one[0].weighed.order
    resource = order.resource
    for one in of_one:
        resource = with_extension(resource, one.written)
    return {
        "type": "update",
        "description": f"Add coverage information of {' and '.join(names)} to {order.title or 'the order'}",
        "resource": resource,
    }
