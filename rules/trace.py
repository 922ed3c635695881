"""Why was it decided so? What was weighed, as the audit keeps it and a reviewer reads it.

A published policy version never changes, so the trace names version and row and leaves their words where they are:
``PolicyBook.version`` finds the questions, titles and units again, for as long as the decision is kept.

As JSON, kept with each decision; keys may be added and never change their meaning::

    {"policy": "home-oxygen", "version": "2026.1", "row": 4,
     "answers": {"group I": "yes", ...},                         each criterion: yes, no or missing
     "facts":   {"spo2": 88, ...},                               plain values in the policy's unit, missing ones absent
     "origins": {"spo2": {"place": "question", "at": "2.1"}},    where each value came from
     "missing": [{"fact": "pao2", "need": "clinical", "ask": "...", "question": "2.2"}],
     "notes":   ["pao2: answered more than once"],               what did not count, and never its value
     "quantity": "20", "queue": "nurses",                        where a row says them
     "table": "plan-exclusions.csv:12",                          file and line, of a row of a table or list
     "promise": "..."}                                           the coverage assertion that pinned the version, if any
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Need(StrEnum):
    """What kind of information a missing fact is; each door asks for it in its own words.

    The first three are CRD's ``info-needed`` of the same code, the rest its ``doc-needed``. PAS asks for exactly
    that information, DTR with a question.
    """

    PERFORMER = "performer"
    LOCATION = "location"
    TIMEFRAME = "timeframe"
    CLINICAL = "clinical"
    ADMIN = "admin"
    PATIENT = "patient"

    @property
    def is_information(self) -> bool:
        """Tell whether the order itself is to say it (who, where, when), rather than a document."""
        return self in _OF_THE_ORDER


_OF_THE_ORDER = frozenset({Need.PERFORMER, Need.LOCATION, Need.TIMEFRAME})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from.

    Attributes:
        place: as policies spell it: question, record, order, coverage, patient, requester, performer, on-file;
            ``given`` where a case or a caller stated the value itself.
        at: what there: a linkId, a resource's ``Type/id``, a path.
    """

    place: str
    at: str = ""

    def __str__(self) -> str:
        return f"{self.place} {self.at}".strip()


@dataclass(frozen=True, slots=True)
class Missing:
    """A fact that would have told more, and what to ask for.

    Attributes:
        ask: a sentence or title for people.
        question: linkId of the form's question that answers it, if one does.
    """

    fact: str
    need: Need
    ask: str
    question: str | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """One policy version, weighed once for one order or item; the names are those of the JSON."""

    policy: str
    version: str
    row: int
    answers: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()
    notes: tuple[str, ...] = ()
    promise: str | None = None
    quantity: str | None = None
    queue: str | None = None
    table: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON that is kept."""
        kept = {
            "policy": self.policy,
            "version": self.version,
            "row": self.row,
            "answers": {name: str(answer) for name, answer in self.answers.items()},
            "facts": dict(self.facts),
            "origins": {name: {"place": origin.place, "at": origin.at} for name, origin in self.origins.items()},
            "missing": [
                {"fact": one.fact, "need": str(one.need), "ask": one.ask}
                | ({"question": one.question} if one.question else {})
                for one in self.missing
            ],
            "notes": list(self.notes),
        }
        said = {"promise": self.promise, "quantity": self.quantity, "queue": self.queue, "table": self.table}
        return kept | {name: value for name, value in said.items() if value}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Trace | None":
        """Return the trace that was kept; None where a decision has none, such as a clinician's.

        >>> Trace.from_json({}) is None
        True
        """
        if "policy" not in kept or "row" not in kept:
            return None
        return cls(
            policy=kept["policy"],
            version=kept["version"],
            row=kept["row"],
            answers=kept.get("answers", {}),
            facts=kept.get("facts", {}),
            origins={name: Origin(**origin) for name, origin in kept.get("origins", {}).items()},
            missing=tuple(
                Missing(one["fact"], Need(one["need"]), one["ask"], one.get("question"))
                for one in kept.get("missing", [])
            ),
            notes=tuple(kept.get("notes", [])),
            promise=kept.get("promise"),
            quantity=kept.get("quantity"),
            queue=kept.get("queue"),
            table=kept.get("table"),
        )
