"""What may a policy advise beside its statement? Neutral types, one for each response type of the guide.

``counsel`` reads them from a policy; ``cds_hooks.advise`` turns them into cards where the hook and the client's
configuration allow.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fhir_r4.resource import Coding
from rules.decisions import Answer, When
from rules.evaluate import Outcome
from rules.policy import Policy, Suggests


@dataclass(frozen=True, slots=True)
class ExternalReference:
    """A page that tells what the policy asks for; shown as long as something is to be documented."""

    summary: str
    detail: str
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Instruction:
    """A sentence for who orders; ``topic`` is the guide's type of card."""

    summary: str
    detail: str
    topic: str


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another order, that the plan covers better, or asks to be tried first; ``kind`` is its resource type."""

    summary: str
    detail: str
    kind: str
    code: Coding
    title: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Companion:
    """A further order that the policy asks for; ``kind`` is its resource type."""

    summary: str
    detail: str
    kind: str
    code: Coding
    title: str


@dataclass(frozen=True, slots=True)
class App:
    """A SMART app that helps; never DTR."""

    summary: str
    detail: str
    label: str
    url: str
    topic: str
    context: str | None = None


Counsel = ExternalReference | Instruction | Alternative | Companion | App


def counsel(policy: Policy, outcome: Outcome | None, unread: frozenset[str]) -> Iterator[Counsel]:
    """Yield what a policy advises, the most pressing first; which cards hold is told by how it was weighed.

    Args:
        unread: facts that could not be read. What holds only because they are missing is not said: the chart in front
            of the clinician may well have them.
    """
    open_ = _open(policy, outcome, unread) if outcome and unread else frozenset()
    for one in outcome.suggestions if outcome else ():
        if not open_.isdisjoint(one.when):
            continue
        title = one.code.display or one.code.code
        if one.suggests is Suggests.ALTERNATIVE:
            yield Alternative(one.summary, one.detail, one.order, one.code, title, one.required)
        else:
            yield Companion(one.summary, one.detail, one.order, one.code, title)
    for told in policy.instructions:
        if _holds(told.when, outcome, open_):
            yield Instruction(told.summary, told.detail, told.about)
    card = policy.guideline
    if card:
        yield ExternalReference(card.summary, card.detail, card.label, card.url)
    for app in policy.apps:
        if _holds(app.when, outcome, open_):
            yield App(app.summary, app.detail, app.label, app.url, app.about, app.context)


def _holds(when: When, outcome: Outcome | None, open_: frozenset[str]) -> bool:
    if outcome is None or not open_.isdisjoint(when):
        return False
    return all(outcome.answers[name] in allowed for name, allowed in when.items())


def _open(policy: Policy, outcome: Outcome, unread: frozenset[str]) -> frozenset[str]:
    """Return the criteria that could have had an answer, had these facts been read."""
    return frozenset(
        one.name
        for one in policy.criteria
        if outcome.answers[one.name] is Answer.MISSING and not unread.isdisjoint(one.facts)
    )
