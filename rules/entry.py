"""What does the book have to know of a policy before anybody opens it? Enough to find it, and no more.

In a book of thousands a policy stays packed until it is first asked for: opening costs half a millisecond, holding
them all open hundreds of megabytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Self

from rules.codes import Pattern
from rules.facts import Fact, FactType
from rules.policy import Policy, Status
from rules.scope import Scope


@dataclass(frozen=True, slots=True)
class Asks:
    """What a policy asks of its form: the fact, the linkId of its question, and what an answer can be.

    Attributes:
        limits: the least and the most that a number can be (both included), where the policy says so.
    """

    name: str
    question: str
    type: FactType
    unit: str | None = None
    limits: tuple[Decimal, Decimal] | None = None

    @classmethod
    def of(cls, fact: Fact, question: str) -> Self:
        limits = None if fact.least is None or fact.most is None else (fact.least, fact.most)
        return cls(fact.name, question, fact.type, fact.unit, limits)

    def to_json(self) -> list[Any]:
        limits = self.limits and [str(one) for one in self.limits]
        return [self.name, self.question, str(self.type), self.unit, limits]

    @classmethod
    def from_json(cls, kept: list[Any]) -> Self:
        name, question, kind, unit, limits = kept
        return cls(name, question, FactType(kind), unit, limits and (Decimal(limits[0]), Decimal(limits[1])))


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of one policy, closed.

    Attributes:
        patterns: the codes that it is for.
        orders: the types of order; all where empty.
        questionnaire: the form that it needs, if any.
        asks: what that form is asked.
        owner: the department that answers for it.
        searches: what it looks for in an EHR.
        digest: of all that weighing depends on; empty where the policy was not read from a file.
        open: returns the policy.
        line: file and line, of a line of a list (rules/lists.py).
    """

    id: str
    version: str
    title: str
    status: Status
    effective: date
    expires: date | None
    scope: Scope
    priority: int
    patterns: tuple[Pattern, ...]
    orders: frozenset[str]
    questionnaire: str | None
    asks: tuple[Asks, ...]
    searches: tuple[str, ...]
    digest: str
    open: Callable[[], Policy] = field(compare=False, repr=False)
    owner: str | None = None
    line: str | None = None

    def __str__(self) -> str:
        return f"{self.id} {self.version}"

    @property
    def file(self) -> str:
        return f"{self.id}/{self.version}.yaml"

    @property
    def rank(self) -> tuple[int, date, str, str]:
        """Return by what one is preferred to another that is for the same order: the greater one wins."""
        return self.priority, self.effective, self.version, self.id

    def in_force(self, on: date) -> bool:
        """Tell whether an active version is in force for a service of that day."""
        inside = self.effective <= on and (self.expires is None or on <= self.expires)
        return inside and self.status is Status.ACTIVE

    @classmethod
    def of(cls, policy: Policy, digest: str = "", opened: Callable[[], Policy] | None = None) -> Self:
        """Return the entry of a policy; it stays open unless ``opened`` says how to open it again."""
        return cls(
            id=policy.id,
            version=policy.version,
            title=policy.title,
            status=policy.identity.status,
            effective=policy.effective,
            expires=policy.expires,
            scope=policy.scope,
            priority=policy.priority,
            patterns=policy.applies_to.codes.patterns,
            orders=policy.applies_to.orders,
            questionnaire=policy.at_order_time.questionnaire,
            asks=tuple(Asks.of(one, one.question) for one in policy.facts if one.question is not None),
            searches=tuple(search.written for search in policy.searches),
            digest=digest,
            open=opened or (lambda: policy),
            owner=policy.identity.owner,
        )

    def to_json(self) -> dict[str, Any]:
        """Return all but how to open it, as it is kept on disk."""
        return {
            "id": self.id,
            "version": self.version,
            "title": self.title,
            "status": str(self.status),
            "effective": self.effective.isoformat(),
            "expires": self.expires and self.expires.isoformat(),
            "scope": asdict(self.scope),
            "priority": self.priority,
            "patterns": [pattern_to_json(one) for one in self.patterns],
            "orders": sorted(self.orders),
            "questionnaire": self.questionnaire,
            "asks": [one.to_json() for one in self.asks],
            "searches": list(self.searches),
            "digest": self.digest,
            "owner": self.owner,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any], opened: Callable[[], Policy]) -> Self:
        return cls(
            id=kept["id"],
            version=kept["version"],
            title=kept["title"],
            status=Status(kept["status"]),
            effective=date.fromisoformat(kept["effective"]),
            expires=date.fromisoformat(kept["expires"]) if kept["expires"] else None,
            scope=Scope(**{name: tuple(values) for name, values in kept["scope"].items()}),
            priority=kept["priority"],
            patterns=tuple(map(pattern_from_json, kept["patterns"])),
            orders=frozenset(kept["orders"]),
            questionnaire=kept["questionnaire"],
            asks=tuple(map(Asks.from_json, kept["asks"])),
            searches=tuple(kept["searches"]),
            digest=kept["digest"],
            open=opened,
            owner=kept["owner"],
        )


def pattern_to_json(pattern: Pattern) -> list[Any]:
    return [*pattern.key, *(day and day.isoformat() for day in (pattern.starts, pattern.ends))]


def pattern_from_json(kept: list[Any]) -> Pattern:
    system, prefix, length, starts, ends = kept
    days = (date.fromisoformat(day) if day else None for day in (starts, ends))
    return Pattern((system, prefix, length), *days)
