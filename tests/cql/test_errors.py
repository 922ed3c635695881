"""What a form's author is told when the logic goes wrong, and what goes on regardless."""

import copy
from datetime import UTC, datetime

import pytest

from cql import CqlError, Failure, Libraries, Limits, Message
from cql.errors import said
from tests.cql.given import FHIR, SYSTEM, a_library, a_list, a_run, literal, node, the_run, value_of

REF = {"type": "ExpressionRef"}


def failing(elm, **arguments):
    found = value_of(elm, **arguments)
    assert isinstance(found, Failure), found
    return found


def test_a_define_that_fails_takes_no_others_with_it():
    """One bad define beside a good one: the good one has its value."""
    run = a_run(a_library(defines={"Bad": node("SingletonFrom", a_list(1, 2)), "Good": literal(1)}))
    values = run.values("Lib")
    assert values["Good"] == 1
    assert isinstance(values["Bad"], Failure)


def test_a_failure_names_library_define_locator_and_what_was_expected():
    """All that an author needs to find the place in the source."""
    elm = node("Add", node("SingletonFrom", a_list(1, 2), locator="7:3-7:30"), 1, locator="7:1-7:34")
    failure = failing(elm)
    assert (failure.library, failure.define) == ("Lib", "It")
    assert failure.place.locator == "7:3-7:30"
    assert failure.expected == "a list of one member or none"
    assert "Lib.It at 7:3-7:30" in str(failure)


def test_a_failure_tells_where_the_reason_lies_not_only_who_met_it():
    """A define that uses a failing one fails with the other's place."""
    defines = {"Reason": node("SingletonFrom", a_list(1, 2), locator="2:1-2:9"), "User": {**REF, "name": "Reason"}}
    failure = a_run(a_library(defines=defines)).value("Lib", "User")
    assert failure.define == "User"
    assert (failure.place.define, failure.place.locator) == ("Reason", "2:1-2:9")


def test_a_failure_in_an_included_library_names_that_library():
    """The place is the function of the library that is at fault."""
    function = {"type": "FunctionDef", "name": "Fail", "operand": [], "expression": node("SingletonFrom", a_list(1, 2))}
    used = a_library("Used", functions=[function])
    user = a_library(
        "User",
        includes=[{"localIdentifier": "U", "path": "Used"}],
        defines={"It": {"type": "FunctionRef", "libraryName": "U", "name": "Fail"}},
    )
    failure = a_run(used, user).value("User", "It")
    assert (failure.place.library, failure.place.define) == ("Used", "Fail")


def test_no_failure_quotes_the_record():
    """Messages are for logs and authors: a patient's name is in none of them."""
    patient = node("Retrieve", dataType=FHIR + "Patient")
    name = {"type": "Property", "path": "name.family", "source": node("First", source=patient)}
    failure = failing(node("Add", name, 1), record=the_run().record)
    assert "Oster" not in str(failure)


@pytest.mark.parametrize(
    ("elm", "message"),
    [
        (None, "an expression is missing"),
        ("text", "an expression is missing"),
        ({"type": "Nonsense"}, "the ELM node Nonsense is not known"),
        ({"type": "Add"}, "an expression is missing"),
        ({"type": "And", "operand": [literal(True)]}, "the ELM is not well-formed"),
        ({"type": "AliasRef", "name": "X"}, "'X' is not in sight here"),
        ({"type": "ExpressionRef", "name": "X"}, "there is no define 'X' in Lib"),
        ({"type": "ParameterRef", "name": "X"}, "there is no parameter 'X' in Lib"),
        ({"type": "FunctionRef", "name": "X", "operand": []}, "there is no function 'X' of 0 operands"),
        ({"type": "ValueSetRef", "name": "X"}, "there is no 'X' among the valueSets of Lib"),
        ({"type": "CodeRef", "name": "X"}, "there is no 'X' among the codes of Lib"),
        ({"type": "ExpressionRef", "libraryName": "L", "name": "X"}, "the library L is not there"),
        ({"type": "Query", "source": []}, "a query has no source"),
        ({"type": "Retrieve", "dataType": "{urn:other}Thing"}, "{urn:other}Thing cannot be retrieved"),
        ({"type": "Retrieve"}, "an unnamed type cannot be retrieved"),
        (node("Is", 1, isType="{urn:other}Thing"), "the type {urn:other}Thing is not known"),
        (node("Is", 1, isType=FHIR + "Nothing"), "FHIR R4 has no type Nothing"),
        (node("As", "x", asType=SYSTEM + "Integer", strict=True), "a string cannot be cast"),
        (node("Convert", 1, toType=SYSTEM + "Any"), "nothing is converted to Any"),
        (node("Subsumes", 1, 2), "an integer is in no hierarchy of codes"),
        ({"type": "Literal", "valueType": SYSTEM + "Integer", "value": "two"}, "a literal is no Integer"),
        ({"type": "Quantity", "unit": "mg"}, "a quantity has no number that fits"),
        ({"type": "MinValue", "valueType": SYSTEM + "Boolean"}, "Boolean has no least or greatest value"),
        (node("Less", 1, "x"), "an integer and a string have no order"),
        (node("Add", "x", 1), "a string and an integer cannot be reckoned with"),
        (node("SameAs", 1, 2, precision="Fortnight"), "'Fortnight' is not a precision"),
        (node("Start", 1), "an integer is no interval"),
        ({"type": "Interval", "low": literal("a"), "high": literal("b")}, "an interval of a string was asked for"),
        (node("Length", 5), "an operator met a value of a kind that it does not take"),
        (node("Matches", "aaaa", "(a+)+"), "the pattern repeats a group that repeats"),
        (node("Matches", "aaaa", "("), "the pattern is not a regular expression"),
        (node("Ln", 0), "zero has no logarithm"),
    ],
)
def test_what_is_wrong_is_said_in_words(elm, message):
    """Malformed ELM and impossible operands are told, never raised."""
    assert failing(elm).message == message


@pytest.mark.parametrize("elm", [None, [], "text", {"library": []}, {"library": {"identifier": "x"}}])
def test_what_is_no_library_is_refused(elm):
    """Said when the package is loaded, not when a clinician waits."""
    with pytest.raises(CqlError, match="this is no ELM library"):
        Libraries([elm])


@pytest.mark.parametrize(
    "sections",
    [{"statements": None}, {"statements": {"def": "x"}}, {"parameters": {"def": [None]}}, {"includes": 3}, {}],
)
def test_a_library_with_odd_sections_has_no_defines(sections):
    """Sections of the wrong shape are absent."""
    assert Libraries([{"library": {"identifier": {"id": "Odd"}, **sections}}]).get("Odd").defines == {}


def test_libraries_that_include_each_other_in_a_circle_fail_only_who_goes_round_it():
    """There is no order in which they could be compiled; what does not need the circle has its value."""
    reference = {**REF, "libraryName": "O", "name": "It"}
    one = a_library("One", includes=[{"localIdentifier": "T", "path": "Two"}], defines={"It": literal(1)})
    two = a_library(
        "Two",
        includes=[{"localIdentifier": "O", "path": "One"}],
        defines={"Around": reference, "It": literal(2)},
    )
    run = a_run(one, two)
    assert run.value("Two", "Around").message == "the library One includes itself"
    assert (run.value("One", "It"), run.value("Two", "It")) == (1, 2)


def test_a_missing_include_fails_only_who_uses_it():
    """A package may lack a library that one define needs."""
    includes = [{"localIdentifier": "G", "path": "Gone", "version": "2.0"}]
    defines = {"Uses": {**REF, "libraryName": "G", "name": "X"}, "Does without": literal(1)}
    values = a_run(a_library(includes=includes, defines=defines)).values("Lib")
    assert values["Does without"] == 1
    assert values["Uses"].message == "the library Gone version 2.0 is not there"


def test_an_unknown_library_or_define_is_a_failure():
    """A form's expression may name what its package has not."""
    run = a_run(a_library(defines={"It": literal(1)}))
    assert run.value("Other", "It").message == "the library Other is not there"
    assert run.value("Lib", "Other").message == "there is no define 'Other' in Lib"


def test_a_define_that_uses_itself_is_told():
    """Directly or in a circle."""
    defines = {"A": {**REF, "name": "B"}, "B": {**REF, "name": "A"}}
    assert a_run(a_library(defines=defines)).value("Lib", "A").message == "the define 'A' uses itself"


def _recursive(expression):
    function = {
        "type": "FunctionDef",
        "name": "F",
        "operand": [{"name": "n", "operandTypeSpecifier": {"type": "NamedTypeSpecifier", "name": SYSTEM + "Integer"}}],
        "expression": expression,
    }
    call = {"type": "FunctionRef", "name": "F", "operand": [literal(1)]}
    return a_library(functions=[function], defines={"It": call, "Other": literal(1)})


N = {"type": "OperandRef", "name": "n"}


def _again(operand):
    return {"type": "FunctionRef", "name": "F", "operand": [operand]}


def test_a_function_may_call_itself_within_bounds():
    """Forty deep is fine."""
    body = {"type": "If", "condition": node("Greater", N, 40), "then": N, "else": _again(node("Add", N, 1))}
    assert a_run(_recursive(body)).value("Lib", "It") == 41


def test_a_function_without_end_is_stopped_and_the_rest_goes_on():
    """The depth is bounded whatever Python's own limit is."""
    run = a_run(_recursive(_again(node("Add", N, 1))))
    assert run.value("Lib", "It").message == "the function 'F' calls too deep"
    assert run.value("Lib", "Other") == 1


def test_elm_nested_beyond_reason_is_told():
    """A thousand levels of Not."""
    elm = literal(True)
    for _ in range(3000):
        elm = {"type": "Not", "operand": elm}
    assert failing(elm).message == "the expression is nested too deeply"


def _rows(count):
    sources = [{"alias": f"S{place}", "expression": a_list(*range(20))} for place in range(count)]
    return {"type": "Query", "source": sources, "return": {"expression": literal(1)}}


def test_a_query_of_too_many_rows_is_stopped():
    """Five sources of twenty are 3.2 million rows."""
    assert failing(_rows(5), limits=Limits(steps=10_000)).message == "the logic takes too many steps"


def test_a_define_that_is_stopped_takes_no_others_with_it():
    """Each define that is asked for has its own steps."""
    library = a_library(defines={"Endless": _rows(5), "Short": _rows(1)})
    values = a_run(library, limits=Limits(steps=10_000)).values("Lib")
    assert isinstance(values["Endless"], Failure)
    assert values["Short"] == [1]


def test_what_an_exhausted_define_used_may_still_have_a_value():
    """The steps were spent by another."""
    used = {**REF, "name": "Used"}
    library = a_library(defines={"Greedy": node("Flatten", a_list(_rows(5), used)), "Used": _rows(1)})
    values = a_run(library, limits=Limits(steps=10_000)).values("Lib")
    assert isinstance(values["Greedy"], Failure)
    assert values["Used"] == [1]


def test_few_steps_are_few():
    """Also fewer than the stopwatch's interval."""
    assert failing(_rows(1), limits=Limits(steps=5)).message == "the logic takes too many steps"


def test_logic_that_takes_too_long_is_stopped():
    """By a stopwatch that no value depends on."""
    assert failing(_rows(5), limits=Limits(seconds=0.05)).message == "the logic takes too long"


def test_lists_and_strings_do_not_double_without_end():
    """Forty defines that each double the one before would hold a million million."""
    doubled = {"L0": a_list(1, 2)} | {
        f"L{n}": node("Flatten", a_list({**REF, "name": f"L{n - 1}"}, {**REF, "name": f"L{n - 1}"}))
        for n in range(1, 41)
    }
    assert a_run(a_library(defines=doubled)).value("Lib", "L40").message == "a list grows too long"
    texts = {"T0": literal("ab")} | {
        f"T{n}": node("Concatenate", {**REF, "name": f"T{n - 1}"}, {**REF, "name": f"T{n - 1}"}) for n in range(1, 41)
    }
    assert a_run(a_library(defines=texts)).value("Lib", "T40").message == "a string grows too long"


def test_an_interval_is_not_expanded_without_end():
    """From 1 to two thousand million by ones."""
    wide = {"type": "Interval", "low": literal(1), "high": literal(2_000_000_000)}
    elm = node("Expand", wide, {"type": "Quantity", "value": 1, "unit": "1"})
    assert failing(elm).message == "an interval expands to too many pieces"


def test_a_pattern_of_many_repetitions_is_not_run_on_a_long_string():
    """It could take the sixth power of the length."""
    elm = node("Matches", "a" * 1000, ".*a.*a.*a.*a.*a.*b")
    assert failing(elm).message == "a long string meets a pattern of many repetitions"


@pytest.mark.parametrize("exponent", [2_000_000_000, -2_000_000_000])
def test_a_vast_power_costs_nothing(exponent):
    """It is beyond every type, and is not reckoned."""
    assert value_of(node("Power", 9, exponent)) in (None, 0)


def test_a_message_of_severity_error_stops_the_define_and_keeps_its_text_from_the_failure():
    """The text may quote the record: it is in the Run's messages alone."""
    elm = {
        "type": "Message",
        "source": literal(1),
        "condition": literal(True),
        "code": literal("E1"),
        "severity": literal("Error"),
        "message": literal("Ada Oster is too young"),
    }
    run = a_run(a_library(defines={"It": elm}))
    assert run.value("Lib", "It").message == "the logic stopped with its own error, code E1"
    assert run.messages == [Message("E1", "Error", "Ada Oster is too young")]


def test_a_code_that_is_worked_out_is_not_quoted():
    """It may come from the record; one that is written in the logic is the author's own."""
    elm = {"type": "Message", "source": literal(1), "condition": literal(True), "severity": literal("Error")}
    assert failing({**elm, "code": node("Concatenate", "Os", "ter")}).message == "the logic stopped with its own error"


def test_a_unit_of_the_record_is_not_quoted():
    """A sender may write anything there."""

    def quantity(unit):
        return {"type": "Quantity", "value": 1, "unit": unit}

    for elm in (node("Add", quantity("Oster"), quantity("mg")), node("Add", {"type": "Today"}, quantity("Oster"))):
        assert "Oster" not in str(failing(elm))


def test_a_message_of_another_severity_goes_on():
    """Its source is the value."""
    elm = {"type": "Message", "source": literal(1), "condition": literal(True), "severity": literal("Warning")}
    run = a_run(a_library(defines={"It": elm}))
    assert run.value("Lib", "It") == 1
    assert [one.severity for one in run.messages] == ["Warning"]


def test_a_moment_without_a_zone_is_refused():
    """A timestamp without one is off by hours."""
    with pytest.raises(ValueError, match="no zone"):
        a_run(a_library(), now=datetime(2026, 3, 2, 9, 30))  # noqa: DTZ001 that is the point


def test_the_moment_is_the_only_clock():
    """Now, Today and TimeOfDay are the evaluation timestamp's."""
    moment = datetime(2026, 3, 2, 9, 30, 1, 250_000, tzinfo=UTC)
    defines = {"Now": node("Now"), "Today": node("Today"), "Time": node("TimeOfDay")}
    values = a_run(a_library(defines=defines), now=moment).values("Lib")
    assert [str(value) for value in values.values()] == ["2026-03-02T09:30:01.250+00:00", "2026-03-02", "09:30:01.250"]


def test_a_run_leaves_the_elm_and_the_library_as_they_were():
    """Libraries are shared by all requests."""
    elm = a_library(defines={"It": node("SingletonFrom", a_list(1, 2), locator="1:1-1:2")})
    before = copy.deepcopy(elm)
    libraries = Libraries([elm])
    first = a_run(elm).value("Lib", "It")
    second = a_run(elm).value("Lib", "It")
    assert (elm, str(first)) == (before, str(second))
    assert libraries.get("Lib").is_located is False


def test_a_value_is_named_by_its_kind_only():
    """Never by what it holds."""
    assert [said(value) for value in (True, 1, "Oster", [1], None)] == [
        "a Boolean",
        "an integer",
        "a string",
        "a list",
        "null",
    ]
