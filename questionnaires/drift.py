"""Do a policy and its form still speak of the same things? What the policy weighs, the form must ask, in its kind."""

from collections.abc import Iterable, Iterator

from fhir_r4.resource import as_dict, extensions, text_of
from fhir_r4.systems import UNIT_OPTION
from questionnaires.catalog import questions
from rules.facts import Fact, FactType

_KINDS = {  # of a question, by the fact's type
    FactType.BOOLEAN: frozenset({"boolean"}),
    FactType.NUMBER: frozenset({"integer", "decimal"}),
    FactType.DATE: frozenset({"date"}),
    FactType.CODE: frozenset({"choice", "open-choice"}),
}


def drift(facts: Iterable[Fact], form: dict) -> Iterator[str]:
    """Yield what is wrong between a policy's facts and its form, in words for their authors."""
    asked = questions(form)
    for fact in facts:
        if not fact.question:
            continue
        question = asked.get(fact.question)
        if question is None:
            yield f"no question {fact.question} for '{fact.name}'"
            continue
        kinds = frozenset({"quantity"}) if fact.unit else _KINDS[fact.type]
        if question.get("type") not in kinds:
            yield f"question {fact.question} is a {question.get('type')}; '{fact.name}' is {_said(fact)}"
        elif fact.unit and fact.unit not in _units(question):
            yield f"question {fact.question} does not offer {fact.unit}, the unit of '{fact.name}'"
        elif question.get("repeats") is True:
            yield f"question {fact.question} repeats; '{fact.name}' is one value"


def _said(fact: Fact) -> str:
    return f"a quantity in {fact.unit}" if fact.unit else f"a {fact.type}"


def _units(question: dict) -> set[str | None]:
    return {text_of(as_dict(one.get("valueCoding")).get("code")) for one in extensions(question, UNIT_OPTION)}
