"""What did users make of our cards? The JSON of one feedback call becomes records.

Source: CDS Hooks 2.0, "Feedback": a card is accepted, with the suggestions that were taken, or overridden, with a
reason or not; a card that was ignored is not told of.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from fhir_r4.problems import InvalidRequest, Issue
from fhir_r4.resource import as_dict, as_list, instant_of, text_of

OUTCOMES = frozenset({"accepted", "overridden"})
MOST, LONGEST = 500, 2000


@dataclass(frozen=True, slots=True)
class Feedback:
    """One card's fate.

    Attributes:
        card: uuid of the card.
        suggestions: uuids of those that were taken.
        reason: code, system, display and the user's comment of an override, as far as given.
        outcome_at: when the user did it, aware.
    """

    card: str
    outcome: str
    suggestions: tuple[str, ...]
    reason: dict[str, str] | None
    outcome_at: datetime


def read_feedback(body: dict) -> tuple[Feedback, ...]:
    """Read a feedback call; InvalidRequest names each element that is not as it has to be."""
    listed = as_list(body.get("feedback"))
    if not listed or len(listed) > MOST:
        raise InvalidRequest(Issue("required", f"there must be 1 to {MOST} pieces of feedback", "feedback"))
    issues = [issue for index, one in enumerate(listed) for issue in _faults(as_dict(one), f"feedback[{index}]")]
    if issues:
        raise InvalidRequest(*issues)
    return tuple(_read(one) for one in listed)


def _faults(one: dict, where: str) -> Iterator[Issue]:
    if not text_of(one.get("card")) or len(one["card"]) > 64:
        yield Issue("required", "the uuid of a card is missing", f"{where}.card")
    if text_of(one.get("outcome")) not in OUTCOMES:
        yield Issue("value", "the outcome must be accepted or overridden", f"{where}.outcome")
    if instant_of(one.get("outcomeTimestamp")) is None:
        yield Issue("value", "this must be a moment with its zone, in ISO 8601", f"{where}.outcomeTimestamp")
    taken = one.get("acceptedSuggestions", [])
    if one.get("outcome") == "accepted" and not as_list(taken):
        yield Issue("required", "the suggestions that were taken are missing", f"{where}.acceptedSuggestions")
    for index, suggestion in enumerate(as_list(taken)):
        if not text_of(as_dict(suggestion).get("id")):
            yield Issue("required", "the uuid of a suggestion is missing", f"{where}.acceptedSuggestions[{index}].id")


def _read(one: dict) -> Feedback:
    moment = instant_of(one["outcomeTimestamp"])
    assert moment is not None  # noqa: S101 _faults has looked
    return Feedback(
        card=one["card"],
        outcome=one["outcome"],
        suggestions=tuple(as_dict(taken)["id"][:64] for taken in as_list(one.get("acceptedSuggestions"))),
        reason=_reason(as_dict(one.get("overrideReason"))),
        outcome_at=moment,
    )


def _reason(told: dict) -> dict[str, str] | None:
    coding = as_dict(told.get("reason"))
    found = {name: text for name in ("system", "code", "display") if (text := text_of(coding.get(name)))}
    comment = text_of(told.get("userComment"))
    kept = found | ({"comment": comment} if comment else {})
    return {name: text[:LONGEST] for name, text in kept.items()} or None
