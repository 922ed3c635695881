"""Do a policy and its form still speak of the same things? What the policy weighs, the form must ask, in its kind."""

from collections.abc import Iterable, Iterator

from fhir_r4.resource import as_dict, extensions, text_of
from fhir_r4.systems import UNIT_OPTION
from questionnaires.adaptive import is_adaptive
from questionnaires.catalog import Catalog, questions
from rules.entry import Asks
from rules.facts import Fact, FactType
from rules.policy import Policy
from rules.read_codes import nearest
from rules.yaml_lines import Finding

_KINDS = {  # of a question, by the fact's type
    FactType.BOOLEAN: frozenset({"boolean"}),
    FactType.NUMBER: frozenset({"integer", "decimal"}),
    FactType.DATE: frozenset({"date"}),
    FactType.CODE: frozenset({"choice", "open-choice"}),
}


def drifted(policy: Policy, catalog: Catalog) -> Iterator[Finding]:
    """Yield where in its file a policy asks its form for what is not there, or is of another kind."""
    asking = [fact for fact in policy.facts if fact.question]
    name = policy.at_order_time.questionnaire
    if name is None:
        if asking and not any("questionnaire" in row.at_order_time for row in policy.rows):
            say = f"'{asking[0].name}' is asked by a form, and no form is named"
            yield Finding(("coverage-information",), say, f"add 'questionnaire', such as {policy.id}|{policy.version}")
        return
    try:
        form = catalog.named(name)
    except KeyError:
        where = ("coverage-information", "questionnaire")
        there = [f"{form['id']}|{form['version']}" for form in catalog if not is_adaptive(form)]
        yield Finding(where, f"there is no form {name}", nearest(name, there))
        return
    for fact in asking:
        for say in drift([fact], form):
            yield Finding(("facts", fact.name), f"form {name}: {say}", "mend the form, or the fact")


def drift(facts: Iterable[Fact | Asks], form: dict) -> Iterator[str]:
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


def _said(fact: Fact | Asks) -> str:
    return f"a quantity in {fact.unit}" if fact.unit else f"a {fact.type}"


def _units(question: dict) -> set[str | None]:
    return {text_of(as_dict(one.get("valueCoding")).get("code")) for one in extensions(question, UNIT_OPTION)}
