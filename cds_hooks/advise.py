"""Which cards help with these orders? What policies advise, and what the payer's directory shows, as far as the hook
and the client's configuration allow.

The most pressing come first: a client that takes few cards gets those.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from cds_hooks import cards
from cds_hooks.cards import Topic
from cds_hooks.counsel import Alternative, App, Companion, Counsel, ExternalReference, Instruction, counsel
from cds_hooks.coverage_record import corrected, created
from cds_hooks.forms import form_actions, question
from cds_hooks.order import Order
from cds_hooks.performer import is_identified
from cds_hooks.proposals import alternative, can_propose, companion
from cds_hooks.weigh import Scene, Weighed
from fhir_r4.generations import Generation
from rules.directory import Payer

ENDS_SOON = timedelta(days=30)


def advice(scene: Scene, weighed: Sequence[Weighed]) -> list[dict]:
    """Return the cards, each once, the most pressing first."""
    every = [
        *_network(scene, weighed),
        *_from_policies(scene, weighed),
        *_forms(scene, weighed),
        *_insurance(scene, weighed),
    ]
    every.sort(key=lambda card: _PRESSING.index(card["source"]["topic"]["code"]))
    return list({card["uuid"]: card for card in every}.values())


_PRESSING = (
    "contraindication", "therapy-alternatives-req", "duplicate-therapy", "network", "limits",
    "therapy-alternatives-opt", "insurance", "claim", "off-guideline", "guideline", "clinical-reminder", "cost",
    "appropriate-use",
)  # fmt: skip
_WARNING = frozenset({"contraindication", "duplicate-therapy", "limits"})


def _topic(scene: Scene, code: str, payer: Payer, orders: Sequence[Order]) -> Topic:
    return Topic(code, payer, scene.request.generation, orders, scene.circumstances.orders)


@dataclass(frozen=True, slots=True)
class _Advised:
    """One piece of a policy's advice, and the orders that it is for, by reference."""

    said: Counsel
    weighed: Weighed
    by_reference: dict[str, Order] = field(default_factory=dict)

    @property
    def orders(self) -> list[Order]:
        return list(self.by_reference.values())


def _from_policies(scene: Scene, weighed: Sequence[Weighed]) -> Iterator[dict]:
    found: dict[tuple[str, Counsel], _Advised] = {}
    for one in weighed:
        if one.policy and one.insured.payer and one.insured.member and one.information.covered != "indeterminate":
            for said in counsel(one.policy, one.outcome, one.unread):
                if _applies(said, one):
                    kept = found.setdefault((one.insured.payer.id, said), _Advised(said, one))
                    kept.by_reference.setdefault(one.order.reference, one.order)
    for advised in found.values():
        yield from _card(scene, advised)


def _applies(said: Counsel, one: Weighed) -> bool:
    """Leave out what has no bearing any more: with an authorization on file nothing is to be read or documented."""
    if one.information.pa_needed == "satisfied":
        return False
    return not isinstance(said, ExternalReference) or bool(one.information.doc_needed)


def _card(scene: Scene, advised: _Advised) -> Iterator[dict]:
    """Build the cards of one piece of advice, where they are wanted here."""
    said, wants, payer = advised.said, scene.request.wants, advised.weighed.insured.payer
    assert payer is not None  # noqa: S101 _from_policies has left out whoever has none
    match said:
        case ExternalReference() if wants("guideline"):
            topic = _topic(scene, "guideline", payer, advised.orders)
            yield cards.external_reference(topic, said.summary, said.detail, said.label, said.url)
        case Instruction() if wants(said.topic):
            indicator = "warning" if said.topic in _WARNING else "info"
            topic = _topic(scene, said.topic, payer, advised.orders)
            yield cards.instructions(topic, said.summary, said.detail, indicator)
        case Alternative() if wants(code := _alternative_topic(said)) and scene.request.service.ordering:
            for order in advised.orders if can_propose(said.kind) else ():
                topic = _topic(scene, code, payer, [order])
                yield cards.suggestions(topic, said.summary, said.detail, [(said.title, alternative(order, said))])
        case Companion() if wants("guideline") and scene.request.service.ordering and can_propose(said.kind):
            for order in advised.orders:
                if not _is_ordered(said, scene):
                    topic = _topic(scene, "guideline", payer, [order])
                    yield cards.suggestions(topic, said.summary, said.detail, [(said.title, companion(order, said))])
        case App() if wants(said.topic):
            topic = _topic(scene, said.topic, payer, advised.orders)
            yield cards.launch(topic, said.summary, said.detail, said.label, said.url, said.context)


def _alternative_topic(said: Alternative) -> str:
    return "therapy-alternatives-req" if said.required else "therapy-alternatives-opt"


def _is_ordered(said: Companion, scene: Scene) -> bool:
    """Tell whether the clinician is ordering it already."""
    return any(said.code.key == code.key for order in scene.circumstances.orders for code in order.codes)


def _forms(scene: Scene, weighed: Sequence[Weighed]) -> Iterator[dict]:
    """Ask for forms by a task, where the client says that it has no DTR (CRD 2.2.1 resp-59)."""
    if scene.request.has_dtr or not scene.request.wants("claim"):
        return
    known = scene.circumstances.known
    for one in weighed:
        payer = one.insured.payer
        for canonical in one.information.questionnaires if payer else ():
            held = known.answer(question(canonical))
            form = scene.knowledge.catalog.find(canonical, one.today) if held == () else None
            assert payer is not None  # noqa: S101 else there is no questionnaire to loop over
            actions = form_actions(one.order, form, canonical, payer, one.today, scene.request.generation)
            summary = f"Complete the form for {one.order.title}"
            detail = "The form documents what the plan asks for; it goes along with the prior authorization."
            yield cards.suggestions(
                _topic(scene, "claim", payer, [one.order]), summary, detail, [("Add the form as a task", actions)]
            )


def _network(scene: Scene, weighed: Sequence[Weighed]) -> Iterator[dict]:
    """Say when the performer is known and not in the plan's network."""
    if not scene.request.wants("network"):
        return
    outside: dict[tuple[str, str], tuple[Payer, dict[str, Order]]] = {}
    for one in weighed:
        named, payer = one.order.performers, one.insured.payer
        others = [each for each in named if _is_outside(each, scene)]
        if others and payer and one.insured.member:
            who = "The performer is not" if len(others) == len(named) else "Not every performer is"
            outside.setdefault((payer.id, who), (payer, {}))[1].setdefault(one.order.reference, one.order)
    for (_, who), (payer, orders) in outside.items():
        contact = f" Ask for one in the network: {payer.phone}." if payer.phone else ""
        yield cards.instructions(
            _topic(scene, "network", payer, list(orders.values())),
            f"{who} in the network of {payer.name}",
            f"The plan may cover less, or nothing, of what is done outside of its network.{contact}",
            "warning",
        )


def _is_outside(performer: str, scene: Scene) -> bool:
    found = scene.circumstances.performers.get(performer)
    if found is None:
        return is_identified(performer, scene.circumstances.known)
    return found.network != "in"


def _insurance(scene: Scene, weighed: Sequence[Weighed]) -> Iterator[dict]:
    """Say what the directory knows of the coverage that the EHR, or its user, may not."""
    if not scene.request.wants("insurance"):
        return
    for insured in scene.circumstances.insured:
        payer, member = insured.payer, insured.member
        if payer is None or member is None:
            continue
        today = payer.today(scene.now)
        if member.covered_to and today <= member.covered_to <= today + ENDS_SOON:
            yield cards.instructions(
                _topic(scene, "insurance", payer, [one.order for one in weighed]),
                f"The coverage with {payer.name} ends on {member.covered_to:%d %B %Y}",
                "What is done after that day is not covered. Ask the patient for the coverage that follows.",
                "warning",
            )
        plan = payer.plan(member.plan)
        if plan and plan.coverage_updates and (new := corrected(insured)):
            yield _coverage_card(scene, payer, cards.update("Update the coverage on file", new))
    if not scene.circumstances.insured and scene.request.generation is Generation.V2_0:
        yield from _created(scene)


def _created(scene: Scene) -> Iterator[dict]:
    """Propose the Coverage that the payer knows of, and the EHR does not; only 2.0.1 has that."""
    for payer, member in scene.circumstances.unlisted:
        plan = payer.plan(member.plan)
        if plan and plan.coverage_updates and member.covered(payer.today(scene.now)):
            new = created(payer, member, scene.request.patient_id)
            yield _coverage_card(scene, payer, cards.create("Add the coverage with this plan", new))


def _coverage_card(scene: Scene, payer: Payer, action: dict) -> dict:
    return cards.suggestions(
        _topic(scene, "insurance", payer, []),
        f"{payer.name} knows this coverage otherwise",
        "The plan's own record of the coverage is proposed: number, plan and period.",
        [("Take over the plan's record", [action])],
    )
