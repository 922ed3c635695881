"""How does checked data become a Policy? One function for each part; nothing is looked for here."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from fhir_r4.path import Evaluate, bounded
from fhir_r4.resource import Coding
from rules.codes import SYSTEMS
from rules.decisions import Amount, Answer, Because, Rest, Row, Then, When
from rules.facts import Fact, FactType, Place, Whence, is_path
from rules.periods import Span
from rules.policy import (
    App,
    AppliesTo,
    Approval,
    AtOrderTime,
    Case,
    Criterion,
    Guideline,
    Identity,
    Instruction,
    Policy,
    Publication,
    Source,
    Status,
    Suggestion,
    Suggests,
    one_or_more,
)
from rules.read_codes import ValueSets, as_written, billed_as, code_set
from rules.scope import Scope
from rules.search import Search
from rules.tables import cell
from rules.trace import Need

VARIABLE = re.compile(r"%([A-Za-z_]\w*)")
_NEEDS = {  # what is missing where a fact of this place is
    Place.REQUESTER: Need.ADMIN,
    Place.PERFORMER: Need.PERFORMER,
    Place.COVERAGE: Need.ADMIN,
    Place.PATIENT: Need.ADMIN,
    Place.ON_FILE: Need.ADMIN,
}


Compile = Callable[[str], Evaluate]


def policy_from(data: dict[str, Any], value_sets: ValueSets, compiled: Compile = bounded) -> Policy:
    """Return the policy of a document that schema and contradictions have passed.

    Args:
        compiled: how an expression becomes a function; a policy that was kept brings its parsed expressions along.
    """
    card = data.get("guideline")
    facts = {name: fact_from(name, fact, value_sets, compiled) for name, fact in data.get("facts", {}).items()}
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
        suggestions=tuple(_suggestion(one) for one in data.get("suggestions", ())),
        facts=tuple(facts.values()),
        criteria=tuple(_criterion(name, question, compiled) for name, question in data.get("criteria", {}).items()),
        rows=tuple(_row(row, facts, compiled) for row in data["decisions"]),
        cases=tuple(Case(case["name"], case["given"], case["expect"]) for case in data["cases"]),
        instructions=tuple(Instruction(**_card(one)) for one in data.get("instructions", ())),
        apps=tuple(App(**_card(one)) for one in data.get("apps", ())),
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
        doc_needed=one_or_more(said.get("doc-needed", ())),
        questionnaire=said.get("questionnaire"),
        reason=said.get("reason"),
        doc_purposes=one_or_more(said.get("doc-purpose", ())),
    )


def _suggestion(card: dict[str, Any]) -> Suggestion:
    ((system, code),) = card["code"].items()
    return Suggestion(
        Suggests(card["card"]),
        card["summary"],
        card["detail"],
        card["order"],
        Coding(SYSTEMS[system], code, card.get("title")),
        _when(card.get("when", {})),
        card.get("required", False),
    )


def _card(card: dict[str, Any]) -> dict[str, Any]:
    return card | ({"when": _when(card["when"])} if "when" in card else {})


def fact_from(name: str, data: dict[str, Any], value_sets: ValueSets, compiled: Compile = bounded) -> Fact:
    least, most = data.get("from-to", (None, None))
    whence = tuple(_whence(one, value_sets, compiled) for one in data.get("from", [data]))
    return Fact(
        name=name,
        whence=whence,
        type=FactType(data.get("type", FactType.NUMBER)),
        unit=data.get("unit"),
        least=None if least is None else Decimal(str(least)),
        most=None if most is None else Decimal(str(most)),
        ask=data.get("ask", ""),
        need=Need(data["need"]) if "need" in data else _need(whence[0]),
        loinc=data.get("loinc"),
    )


def _whence(data: dict[str, Any], value_sets: ValueSets, compiled: Compile) -> Whence:
    place = next(place for place in Place if place in data)
    path = data.get("path") or (data[place] if is_path(place, data[place]) else None)
    among = code_set(data["among"], value_sets) if "among" in data else None
    search = Search.parse(data[place]) if place is Place.RECORD else None
    return Whence(
        place=place,
        what=data[place],
        search=search.among(among) if search and among else search,
        path=data.get("path"),
        within=Span.parse(data["within"]) if "within" in data else None,
        among=among,
        read=compiled(path) if path else None,
    )


def _need(first: Whence) -> Need:
    """Return what is missing where the most trusted place says nothing: of an order, where and when it is to be."""
    if first.place is Place.ORDER:
        where = first.what == "place-of-service" or first.what.startswith("location")
        when = first.what.startswith("occurrence")
        return Need.LOCATION if where else Need.TIMEFRAME if when else Need.CLINICAL
    return _NEEDS.get(first.place, Need.CLINICAL)


def _criterion(name: str, question: str, compiled: Compile) -> Criterion:
    return Criterion(name, question, compiled(question), asked_about(question))


def asked_about(expression: str) -> tuple[str, ...]:
    """Return the names behind ``%`` in an expression, each once."""
    return tuple(dict.fromkeys(VARIABLE.findall(expression)))


def _when(data: dict[str, Any]) -> When:
    return {
        name: frozenset(map(Answer, answers if isinstance(answers, list) else [answers]))
        for name, answers in data.items()
    }


def _row(row: dict[str, Any], facts: Mapping[str, Fact], compiled: Compile) -> Row:
    amount = str(row["quantity"]) if "quantity" in row else None
    rest = row.get("rest")
    return Row(
        when=_when(row.get("when", {})),
        then=Then(row["then"]),
        period=Span.parse(row["for"]) if "for" in row else None,
        say=row.get("say"),
        amount=Amount(amount, compiled(amount), asked_about(amount)) if amount else None,
        rest=Rest(rest["say"], rest.get("to")) if rest else None,
        queue=row.get("to"),
        because=Because(row["because"]) if "because" in row else None,
        at_order_time=row.get("coverage-information", {}),
        cells=tuple(cell(facts[name], written) for name, written in row.get("cells", {}).items()),
        table=row.get("table"),
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
