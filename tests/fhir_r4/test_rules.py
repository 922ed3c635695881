"""Invariants are put together from words, each of which a JSON Schema can say as well."""

import json
from itertools import combinations

import pytest
from jsonschema_rs import Draft202012Validator

from fhir_r4.profiles.check import committed, committed_texts
from fhir_r4.profiles.invariants import rules_of
from fhir_r4.profiles.rules import (
    Word,
    absent,
    any_of,
    both,
    either,
    first_is,
    if_else,
    matches,
    needs,
    not_both,
    only_one,
    unless,
    when,
)
from tests.fhir_r4.given import PAS, a_coverage

CHILDREN = {"value[x]": ["valueString", "valueInteger"], "code": ["code"], "codeText": ["codeText"], "type": ["type"]}
SAID = {"valueString": "x", "valueInteger": 1, "code": "a", "codeText": "b", "type": "group"}
WORDS = {
    "any_of": any_of("value[x]", "code"),
    "absent": absent("value[x]", "code"),
    "needs": needs("value[x]", "code"),
    "needs a choice": needs("code", "value[x]"),
    "not_both": not_both("value[x]", "code"),
    "either": either("code", "value[x]"),
    "only_one": only_one("code", "value[x]", "type"),
    "when": when("type", {"group"}, any_of("code")),
    "unless": unless("type", {"group"}, absent("code")),
    "both": both(any_of("value[x]"), any_of("code")),
    "if_else": if_else("type", {"group"}, any_of("code"), absent("code")),
    "matches": matches(r"[b-z]", "code"),
}
ELEMENTS = [dict(some) for size in range(len(SAID) + 1) for some in combinations(SAID.items(), size)]


@pytest.mark.parametrize("name", WORDS)
def test_a_word_and_its_schema_say_the_same(name):
    """Of every element that has some of the children; a child of a longer name is another one."""
    word = WORDS[name]
    assert isinstance(word, Word)
    schema = Draft202012Validator(word.schema(lambda child: CHILDREN[child]))
    assert {schema.is_valid(one) for one in ELEMENTS} == {True, False}
    for one in ELEMENTS:
        assert schema.is_valid(one) == word(one, one), one


def test_the_first_entry_is_told_by_the_schema_too():
    word = first_is("Claim")
    schema = Draft202012Validator(word.schema(lambda name: [name]))
    claim, patient = ({"resource": {"resourceType": kind}} for kind in ("Claim", "Patient"))
    for entries in ([claim], [claim, patient], [patient, claim], [{}, claim]):
        assert schema.is_valid({"entry": entries}) == word({"entry": entries}, {})
    assert not schema.is_valid({})
    assert not word({}, {})


def test_a_word_names_children_of_the_elements_it_is_for():
    """A choice is named as one (``value[x]``); otherwise a rule would look for what is never there."""
    strange = set()
    for line in committed_texts()["nodes.jsonl"].splitlines():
        node = json.loads(line)
        if children := node.get("children"):
            strange |= {
                (rule.key, name)
                for rule in rules_of(node.get("invariants", ()))
                if isinstance(rule.holds, Word)
                for name in names_in(rule.holds) - children.keys()
            }
    assert strange == set()


def names_in(word: Word) -> set[str]:
    names = set()

    def spelt(name: str) -> list[str]:
        names.add(name)
        return [name]

    word.schema(spelt)
    return names


def test_a_longest_period_needs_a_period():
    """tim-6: what is called periodMax is not the period that it needs."""
    order = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"display": "someone"},
        "occurrenceTiming": {"repeat": {"periodMax": 2, "periodUnit": "d"}},
    }
    found = committed("2.2").check(order, references="open")
    assert [(one.code, one.expression) for one in found if "tim-6" in one.diagnostics] == [
        ("invariant", "ServiceRequest.occurrence.ofType(Timing).repeat")
    ]


def test_a_number_of_the_subscriber_is_not_the_subscriber():
    """PAS 2.2.1, self-beneficiary: unless the relationship is self, there is a subscriber."""
    coverage = a_coverage() | {"subscriberId": "1"}
    found = committed("2.2").check(coverage, f"{PAS}/profile-coverage", references="open")
    assert "expected self-beneficiary: a subscriber unless the relationship is self" in {i.diagnostics for i in found}


def test_an_observation_may_have_a_value_beside_components_of_other_codes():
    """obs-7: the schema refuses every value beside components, and the walk compares the codes."""
    pressure, systolic = ({"coding": [{"system": "http://loinc.org", "code": code}]} for code in ("85354-9", "8480-6"))
    observation = {"resourceType": "Observation", "status": "final", "code": pressure, "valueString": "high"}
    other, same = ([{"code": code, "valueInteger": 150}] for code in (systolic, pressure))
    assert committed("2.2").check(observation | {"component": other}, references="open") == []
    found = committed("2.2").check(observation | {"component": same}, references="open")
    assert [issue.diagnostics.partition(":")[0] for issue in found] == ["expected obs-7"]
