"""$expand lists what our forms choose from: all of it, by a word, or a page at a time."""

from datetime import UTC, datetime

import pytest

from fhir_r4.problems import Unknown, Unprocessable
from questionnaires.value_sets import MOST, ValueSets
from tests.given import CATALOG
from tests.second_opinion import assert_fhir

NOW = datetime(2026, 3, 1, 15, 0, tzinfo=UTC)
LUNGS = "https://forms.priorauth.example.org/ValueSet/chronic-lung-disease"
X = "https://x/set"


def a_set(*codes, **parts):
    include = [{"system": "https://x", "concept": [{"code": code} for code in codes]}]
    return {"resourceType": "ValueSet", "url": X, "status": "active", "compose": {"include": include}} | parts


def expanded(canonical=LUNGS, text="", offset=0, count=None, sets=CATALOG.value_sets):
    return sets.expand(canonical, NOW, text=text, offset=offset, count=count)


def codes(value_set):
    return [one["code"] for one in value_set["expansion"].get("contains", [])]


@pytest.mark.requirement("dtr-2.0.1@240", "dtr-2.2.0@oper-5")
def test_a_value_set_is_expanded_as_of_now():
    value_set = expanded()
    assert value_set["expansion"]["timestamp"] == "2026-03-01T15:00:00+00:00"
    assert value_set["expansion"]["total"] == len(codes(value_set)) >= 40
    assert value_set["url"] == LUNGS
    assert_fhir(value_set)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("emphysema", ["J43.0", "J43.1", "J43.2", "J43.8", "J43.9"]),
        ("EMPHY centri", ["J43.2"]),
        ("j44", ["J44.0", "J44.1", "J44.9"]),
        ("no such word", []),
    ],
)
def test_a_filter_finds_codes_by_all_of_its_words(text, expected):
    """In the code or its display, whatever the case."""
    value_set = expanded(text=text)
    assert codes(value_set) == expected
    assert value_set["expansion"]["parameter"] == [{"name": "filter", "valueString": text}]
    assert_fhir(value_set)


def test_a_page_tells_the_whole_number():
    first, second = (expanded(offset=offset, count=5) for offset in (0, 5))
    assert len(codes(first)) == 5
    assert not set(codes(first)) & set(codes(second))
    assert first["expansion"]["total"] == second["expansion"]["total"] >= 40
    assert second["expansion"]["offset"] == 5
    assert codes(expanded(offset=1000, count=5)) == codes(expanded(count=0)) == []


def test_a_version_is_taken_where_it_is_asked_for_and_else_the_newest():
    sets = ValueSets([a_set("new", version="2"), a_set("old", version="1")])
    assert codes(expanded(X, sets=sets)) == ["new"]
    assert codes(expanded(f"{X}|1", sets=sets)) == ["old"]
    with pytest.raises(Unknown):
        expanded(f"{X}|3", sets=sets)


def test_what_is_not_ours_is_not_found():
    with pytest.raises(Unknown):
        expanded("https://elsewhere.example/ValueSet/x")


def test_what_needs_a_terminology_server_says_so():
    sets = ValueSets([a_set(compose={"include": [{"system": "http://loinc.org", "filter": [{"property": "x"}]}]})])
    with pytest.raises(Unprocessable) as refused:
        expanded(X, sets=sets)
    assert refused.value.issues[0].code == "not-supported"


def test_too_many_codes_are_asked_for_by_pages():
    sets = ValueSets([a_set(*(str(number) for number in range(MOST + 1)))])
    with pytest.raises(Unprocessable) as refused:
        expanded(X, sets=sets)
    assert refused.value.issues[0].code == "too-costly"
    assert len(codes(expanded(X, sets=sets, count=5000))) == MOST
