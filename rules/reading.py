"""What does a policy version say, in plain words? Statements by section, each under a name that stays.

Pages show them, and the difference of two versions is the difference of their statements.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from rules.codes import printed
from rules.decisions import Row, Then
from rules.explain import asked_in_words, criterion_in_words, outcome_in_words, value_in_words
from rules.facts import Fact, FactType, Place, Whence
from rules.policy import App, Case, Instruction, Policy, Suggestion
from rules.wording import listed, spoken, spoken_unit

_KINDS = {FactType.BOOLEAN: "yes or no", FactType.DATE: "a day"}
_NEEDED = {
    "auth-needed": "Prior authorization is needed.",
    "no-auth": "No prior authorization is needed.",
    "satisfied": "Prior authorization is on file.",
    "conditional": "Whether prior authorization is needed depends on more information.",
    "performpa": "Prior authorization is needed, and can be requested now.",
}
_PURPOSES = {
    "withclaim": "sent with the claim",
    "withorder": "sent with the order",
    "retain-doc": "kept in the record",
}
_COVERED = {
    "covered": "The plan covers it.",
    "not-covered": "The plan does not cover it.",
    "conditional": "Whether the plan covers it depends on more information.",
}
_SHOWN = 8  # codes, of many


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that a policy says; ``name`` is what it is about and the same in every version."""

    name: str
    words: str


@dataclass(frozen=True, slots=True)
class Section:
    """Statements that belong together; ``ordered`` where their order is part of what is said."""

    title: str
    statements: tuple[Statement, ...]
    ordered: bool = False


def reading(policy: Policy) -> tuple[Section, ...]:
    """Return the policy in words, section by section."""
    return (
        Section("About", tuple(_about(policy))),
        Section("Applies to", tuple(_applies_to(policy))),
        Section("When it is ordered", tuple(_when_ordered(policy))),
        Section("What is asked", tuple(Statement(fact.name, fact_in_words(fact)) for fact in policy.facts)),
        Section("Criteria", tuple(_criteria(policy))),
        Section("Decisions", tuple(Statement("", row_in_words(row)) for row in policy.rows), ordered=True),
        Section("Sources", tuple(Statement(source.cite, source.url) for source in policy.sources)),
        Section("Cases", tuple(Statement(case.name, case_in_words(case)) for case in policy.cases)),
    )


def fact_in_words(fact: Fact) -> str:
    """Return what a fact is and where it comes from: ``a number from 50 to 100 in %: question 2.1 of the form``."""
    unit = f" in {spoken_unit(fact.unit)}" if fact.unit else ""
    places = "; else ".join(_place_in_words(one) + _among_in_words(one) for one in fact.whence)
    return f"{_KINDS.get(fact.type, fact.kind)}{unit}: {places}"


def _place_in_words(one: Whence) -> str:
    within = f" of the {one.within} before the service" if one.within else ""
    match one.place:
        case Place.QUESTION:
            return f"question {one.what} of the form"
        case Place.RECORD:
            return f"the patient's record{within}, {one.what}" + (f", {one.path}" if one.path else "")
        case _ if one.is_path:
            return f"the {spoken(one.place)}, {one.what}"
        case Place.ON_FILE:
            return f"what is on file{within}, {spoken(one.what)}"
        case Place.REQUEST:
            return "another order of the request"
        case _:
            return f"the {spoken(one.place)}'s {spoken(one.what)}{within}"


def _among_in_words(one: Whence) -> str:
    """Return the codes that are looked for: the first of many, since authors have the whole list in the file."""
    if one.among is None:
        return ""
    codes = list(dict.fromkeys(_code_in_words(*pattern.key) for pattern in one.among.patterns))
    more = [f"{len(codes) - _SHOWN} more"] if len(codes) > _SHOWN else []
    return f", one of {listed(codes[:_SHOWN] + more, 'and' if more else 'or')}"


def _code_in_words(system: str, prefix: str, length: int | None) -> str:
    return printed(system, prefix) + ("" if length == len(prefix) else "*")


def row_in_words(row: Row) -> str:
    """Return a decision row as a sentence."""
    asked = asked_in_words(row)
    then = outcome_in_words(row)
    said = f"If {listed(asked)}: {then}." if asked else f"Otherwise: {then}."
    if row.at_order_time.get("pa-needed") == "satisfied":
        said += " The authorization is issued when such an order is signed."
    return f"{said} {row.say}" if row.say else said


def case_in_words(case: Case) -> str:
    """Return a case as a sentence: what is given, what is expected."""
    given = [f"{spoken(name)} {value_in_words(value)}" for name, value in case.given.items()]
    return f"given {listed(given) or 'nothing'}: {case.expect}"


def _about(policy: Policy) -> Iterator[Statement]:
    who = policy.identity
    yield Statement("title", policy.title)
    yield Statement("status", who.status)
    yield Statement("in force from", policy.effective.isoformat())
    yield Statement("in force until", policy.expires.isoformat() if policy.expires else "further notice")
    if who.owner:
        yield Statement("owner", who.owner)
    if who.approved:
        yield Statement("approved", listed([f"by {one.by} on {one.on}" for one in who.approved]))
    if who.published_at:
        section = f", {who.published_at.section}" if who.published_at.section else ""
        yield Statement("published at", f"{who.published_at.url}{section}")
    if policy.priority:
        yield Statement("priority", str(policy.priority))


def _applies_to(policy: Policy) -> Iterator[Statement]:
    for system, codes in policy.applies_to.written.items():
        for code in codes:
            yield Statement(f"{system} {code}", "")
    for (_, code), billed in policy.applies_to.billed_as.items():
        yield Statement(f"{code} may be billed as", listed([one.code for one in billed], "or"))
    if policy.applies_to.orders:
        yield Statement("orders", listed(sorted(policy.applies_to.orders), "or"))
    for field in fields(policy.scope):
        if named := getattr(policy.scope, field.name):
            yield Statement(spoken(field.name), listed(list(named), "or"))


def _when_ordered(policy: Policy) -> Iterator[Statement]:
    said = policy.at_order_time
    yield Statement("coverage", _COVERED.get(said.covered, said.covered))
    if said.pa_needed:
        yield Statement("authorization", _NEEDED.get(said.pa_needed, said.pa_needed))
    if said.questionnaire:
        yield Statement("form", said.questionnaire)
    if said.doc_needed:
        kinds = listed([spoken(one) for one in said.doc_needed])
        purposes = listed([_PURPOSES[one] for one in said.doc_purposes])
        yield Statement("documents", f"{kinds}: {purposes}" if purposes else kinds)
    if said.info_needed:
        yield Statement("information", listed([spoken(one) for one in said.info_needed]))
    if said.reason:
        yield Statement("reason", said.reason)
    if policy.guideline:
        yield Statement("guidance", policy.guideline.summary)
    for one in policy.suggestions:
        yield Statement(f"{one.suggests} {one.code.code}", _card_in_words(one))
    for told in policy.instructions:
        yield Statement(f"instruction: {spoken(told.about)}", _card_in_words(told))
    for app in policy.apps:
        yield Statement(f"app {app.label}", f"{_card_in_words(app)} {app.url}")


def _card_in_words(one: Suggestion | Instruction | App) -> str:
    asked = asked_in_words(Row(one.when, Then.PEND))
    return f"If {listed(asked)}: {one.summary}" if asked else one.summary


def _criteria(policy: Policy) -> Iterator[Statement]:
    for criterion in policy.criteria:
        yield Statement(criterion.name, criterion_in_words(criterion, policy))
