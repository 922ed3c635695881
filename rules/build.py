"""How does checked data become a Policy? One function for each part; nothing is looked for here."""

from datetime import date
from decimal import Decimal
from typing import Any

from fhir_r4.path import bounded
from rules.periods import Span
from rules.policy import (
    Answer,
    AppliesTo,
    Approval,
    AtOrderTime,
    Case,
    Criterion,
    Fact,
    FactType,
    Guideline,
    Identity,
    Policy,
    Publication,
    Row,
    Source,
    Status,
    Then,
)
from rules.read_codes import ValueSets, as_written, billed_as, code_set
from rules.scope import Scope


def policy_from(data: dict[str, Any], value_sets: ValueSets) -> Policy:
    """Return the policy of a document that schema and contradictions have passed."""
    card = data.get("guideline")
    return Policy(
        id=data["policy"],
        version=data["version"],
        title=data["title"],
        identity=_identity(data),
        effective=date.fromisoformat(data["effective"]),
        expires=_day(data.get("expires")),
        scope=_scope(data.get("scope", {})),
        priority=data.get("priority", 0),
        sources=tuple(_source(source) for source in data["sources"]),
        applies_to=_applies_to(data["applies-to"], value_sets),
        at_order_time=_at_order_time(data["coverage-information"]),
        guideline=Guideline(**card) if card else None,
        facts=tuple(_fact(name, fact) for name, fact in data.get("facts", {}).items()),
        criteria=tuple(Criterion(name, asked, bounded(asked)) for name, asked in data.get("criteria", {}).items()),
        rows=tuple(_row(row) for row in data["decisions"]),
        cases=tuple(Case(case["name"], case["given"], case["expect"]) for case in data["cases"]),
    )


def _identity(data: dict[str, Any]) -> Identity:
    return Identity(
        status=Status(data.get("status", Status.ACTIVE)),
        owner=data.get("owner"),
        approved=tuple(Approval(one["by"], date.fromisoformat(one["on"])) for one in data.get("approved", ())),
        published_at=Publication(**data["published-at"]) if "published-at" in data else None,
    )


def _scope(data: dict[str, Any]) -> Scope:
    return Scope(**{name.replace("-", "_"): tuple(values) for name, values in data.items()})


def _source(data: dict[str, Any]) -> Source:
    return Source(data["cite"], data["url"], _day(data.get("dated")), _day(data.get("until")))


def _applies_to(data: dict[str, Any], value_sets: ValueSets) -> AppliesTo:
    return AppliesTo(code_set(data, value_sets), frozenset(data.get("orders", ())), billed_as(data), as_written(data))


def _at_order_time(said: dict[str, Any]) -> AtOrderTime:
    return AtOrderTime(
        covered=said["covered"],
        pa_needed=said.get("pa-needed"),
        doc_needed=(said["doc-needed"],) if "doc-needed" in said else (),
        questionnaire=said.get("questionnaire"),
        reason=said.get("reason"),
    )


def _fact(name: str, fact: dict[str, Any]) -> Fact:
    least, most = fact.get("from-to", (None, None))
    return Fact(
        name,
        fact["question"],
        FactType(fact.get("type", FactType.NUMBER)),
        fact.get("unit"),
        None if least is None else Decimal(str(least)),
        None if most is None else Decimal(str(most)),
    )


def _row(row: dict[str, Any]) -> Row:
    when = {
        name: frozenset(map(Answer, answers if isinstance(answers, list) else [answers]))
        for name, answers in row.get("when", {}).items()
    }
    return Row(when, Then(row["then"]), Span.parse(row["for"]) if "for" in row else None, row.get("say"))


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
