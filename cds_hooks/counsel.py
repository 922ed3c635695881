"""What may a policy advise beside its statement? Neutral types, one for each response type of the guide.

``counsel`` reads them from a policy; ``cds_hooks.advise`` turns them into cards where the hook and the client's
configuration allow.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fhir_r4.resource import Coding
from rules.decisions import When
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


def counsel(policy: Policy, outcome: Outcome | None) -> Iterator[Counsel]:
    """Yield what a policy advises, the most pressing first; which cards hold is told by how it was weighed."""
    for one in outcome.suggestions if outcome else ():
        title = one.code.display or one.code.code
        if one.suggests is Suggests.ALTERNATIVE:
            yield Alternative(one.summary, one.detail, one.order, one.code, title, one.required)
        else:
            yield Companion(one.summary, one.detail, one.order, one.code, title)
    for told in policy.instructions:
        if _holds(told.when, outcome):
            yield Instruction(told.summary, told.detail, told.about)
    card = policy.guideline
    if card:
        yield ExternalReference(card.summary, card.detail, card.label, card.url)
    for app in policy.apps:
        if _holds(app.when, outcome):
            yield App(app.summary, app.detail, app.label, app.url, app.about, app.context)


def _holds(when: When, outcome: Outcome | None) -> bool:
    return outcome is not None and all(outcome.answers[name] in allowed for name, allowed in when.items())
