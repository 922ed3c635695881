"""Is one code a kind of another? By the CodeSystem of the package, or not at all (CQL 1.5, "Subsumes")."""

import pytest

from cql import Failure, PackageTerminology
from tests.cql.given import a_library, a_run, node

URL = "https://payer.example.org/codes"
NESTED = {"concept": [{"code": "lung", "concept": [{"code": "copd", "concept": [{"code": "emphysema"}]}]}]}
BY_PARENT = {
    "concept": [
        {"code": "lung"},
        {"code": "copd", "property": [{"code": "parent", "valueCode": "lung"}]},
        {"code": "emphysema", "property": [{"code": "subsumedBy", "valueCode": "copd"}]},
    ]
}
BY_CHILD = {
    "concept": [
        {"code": "lung", "property": [{"code": "child", "valueCode": "copd"}]},
        {"code": "copd", "property": [{"code": "child", "valueCode": "emphysema"}]},
        {"code": "emphysema"},
    ]
}
NULL = {"type": "Null"}


def code(value, system="S"):
    return {"type": "Code", "code": value, "system": {"name": system}}


def concept(*values):
    return {"type": "Concept", "code": [code(value) for value in values]}


def answer(elm, hierarchy=NESTED):
    systems = [{"name": "S", "id": URL}, {"name": "Other", "id": "https://elsewhere.example.org"}]
    resources = [{"resourceType": "CodeSystem", "url": URL, **hierarchy}] if hierarchy else []
    library = a_library(codeSystems=systems, defines={"It": elm})
    return a_run(library, terminology=PackageTerminology(resources)).value("Lib", "It")


@pytest.mark.parametrize("hierarchy", [NESTED, BY_PARENT, BY_CHILD])
@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (code("lung"), code("emphysema"), True),
        (code("emphysema"), code("lung"), False),
        (code("copd"), code("copd"), True),
        (code("lung"), code("lung", "Other"), False),
        (concept("emphysema", "copd"), code("emphysema"), True),
        (concept("emphysema"), concept("lung", "copd"), False),
        (code("lung"), NULL, None),
        (NULL, code("lung"), None),
    ],
)
def test_a_code_subsumes_what_is_below_it(hierarchy, first, second, expected):
    """However the code system tells its hierarchy; SubsumedBy asks the same from below."""
    assert answer(node("Subsumes", first, second), hierarchy) is expected
    assert answer(node("SubsumedBy", second, first), hierarchy) is expected


def test_codes_that_are_the_same_need_no_code_system():
    """CQL: true if the given codes are equivalent."""
    assert answer(node("Subsumes", code("x"), code("x")), hierarchy=None) is True


@pytest.mark.parametrize("hierarchy", [None, {"concept": [{"code": "lung"}]}])
def test_what_nobody_knows_is_never_no(hierarchy):
    """Without the CodeSystem, or with one that lacks a code, there is no answer."""
    assert isinstance(answer(node("Subsumes", code("lung"), code("copd")), hierarchy), Failure)


def test_a_hierarchy_in_a_circle_ends():
    """Two concepts that each call the other their parent."""
    circle = {
        "concept": [
            {"code": "a", "property": [{"code": "parent", "valueCode": "b"}]},
            {"code": "b", "property": [{"code": "parent", "valueCode": "a"}]},
            {"code": "c"},
        ]
    }
    assert answer(node("Subsumes", code("c"), code("a")), circle) is False


def test_the_translator_writes_it_as_a_call_of_a_function():
    """CQL has no syntax for it: ELM of the standard translator says FunctionRef."""
    call = {"type": "FunctionRef", "name": "Subsumes", "operand": [code("lung"), code("copd")]}
    assert answer(call) is True
