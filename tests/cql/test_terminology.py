"""Value sets of a package: expansions, compositions, and what needs a server."""

import pytest

from cql import Code, CqlError, PackageTerminology
from cql.terminology import Codes
from cql.types import CodeSystem, ValueSet

URL = "https://payer.example.org/fhir/ValueSet/"
SYSTEM = "https://payer.example.org/codes"


def a_set(name, **parts):
    return {"resourceType": "ValueSet", "url": URL + name, **parts}


def listing(*codes, **parts):
    return {"system": SYSTEM, "concept": [{"code": code} for code in codes], **parts}


def composed(name, *include, exclude=()):
    return a_set(name, compose={"include": list(include), "exclude": list(exclude)})


def members(resources, name, version=None):
    return [code.code for code in PackageTerminology(resources).codes(ValueSet(URL + name, version)).listed]


def test_an_expansion_is_taken_as_it_stands():
    """Nested codes too; abstract ones are headings."""
    contains = [
        {"system": SYSTEM, "code": "a", "contains": [{"system": SYSTEM, "code": "b"}]},
        {"code": "c", "abstract": True},
    ]
    assert members([a_set("x", expansion={"contains": contains})], "x") == ["a", "b"]


def test_a_composition_that_lists_its_codes_needs_no_expansion():
    """Included codes less excluded ones."""
    assert members([composed("x", listing("a", "b"), listing("c"), exclude=[listing("b")])], "x") == ["a", "c"]


def test_a_composition_may_name_other_value_sets():
    """Several in one include mean what all of them have; a list beside one is narrowed by it."""
    sets = [composed("x", listing("a", "b")), composed("y", listing("b", "c"))]
    both = composed("both", {"valueSet": [URL + "x", URL + "y"]})
    narrowed = composed("narrowed", listing("a", "z", valueSet=[URL + "x"]))
    assert members([*sets, both], "both") == ["b"]
    assert members([*sets, narrowed], "narrowed") == ["a"]


def test_a_whole_code_system_is_included_where_the_package_has_it():
    """With the codes below others."""
    system = {"resourceType": "CodeSystem", "url": SYSTEM, "concept": [{"code": "a", "concept": [{"code": "b"}]}]}
    assert members([system, composed("x", {"system": SYSTEM})], "x") == ["a", "b"]
    assert PackageTerminology([system]).has(CodeSystem(SYSTEM), "b")


def test_a_version_is_taken_where_it_is_asked_for():
    """Else the last one given."""
    sets = [{**composed("x", listing(code)), "version": code} for code in ("1", "2")]
    assert (members(sets, "x", "1"), members(sets, "x")) == (["1"], ["2"])


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ([], "is not in the package"),
        ([{"resourceType": "ValueSet"}], "is not in the package"),
        ([composed("x", {"system": SYSTEM, "filter": [{}]})], "is defined by a filter"),
        ([composed("x", {"system": SYSTEM})], "is not in the package"),
        ([composed("x", {"valueSet": [URL + "y"]}), composed("y", {"valueSet": [URL + "x"]})], "includes itself"),
    ],
)
def test_what_cannot_be_listed_is_an_error_and_never_an_empty_set(resources, message):
    """A missing value set taken for an empty one would answer no where nobody knows."""
    with pytest.raises(CqlError, match=message):
        members(resources, "x")


@pytest.mark.parametrize(
    "compose", [None, 3, [], {"include": "x"}, {"include": [None, 3]}, {"include": [{"concept": "x"}]}]
)
def test_a_composition_of_the_wrong_shape_lists_nothing(compose):
    """The package's own validation tells its author."""
    assert members([a_set("x", compose=compose)], "x") == []


def test_a_code_is_a_member_by_system_and_code_a_string_by_code_alone():
    """CQL 1.5 appendix B, In (Valueset)."""
    codes = Codes([Code("a", SYSTEM)])
    assert Code("a", SYSTEM, "9", "any display") in codes
    assert Code("a", "https://elsewhere.example.org") not in codes
    assert "a" in codes
    assert None not in codes
