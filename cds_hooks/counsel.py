"""What may a policy advise beside its statement? Neutral types, one for each response type of the guide.

``counsel`` reads them from a policy; ``cds_hooks.advise`` turns them into cards where the hook and the client's
configuration allow.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fhir_r4.resource import Coding
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
    """A sentence for who orders."""

    summary: str
    detail: str
    topic: str = "guideline"


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
    context: str | None = None


Counsel = ExternalReference | Instruction | Alternative | Companion | App


def counsel(policy: Policy, outcome: Outcome | None) -> Iterator[Counsel]:
    """Yield what a policy advises, the most pressing first; which suggestions hold is told by how it was weighed."""
    for one in outcome.suggestions if outcome else ():
        title = one.code.display or one.code.code
        if one.suggests is Suggests.ALTERNATIVE:
            yield Alternative(one.summary, one.detail, one.order, one.code, title)
        else:
            yield Companion(one.summary, one.detail, one.order, one.code, title)
    card = policy.guideline
    if card:
        yield ExternalReference(card.summary, card.detail, card.label, card.url)
