"""Libraries, parameters, functions and the way out to FHIR."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from cql import (
    Code,
    Concept,
    CqlError,
    Failure,
    Interval,
    Libraries,
    Limits,
    Quantity,
    Ratio,
    fhir_value,
    read_identifier,
)
from cql.temporal import Date, DateTime, Time
from cql.types import Tuple, Uncertainty
from tests.cql.given import SYSTEM, a_library, a_list, a_run, literal, node, the_run, value_of


def named(name):
    return {"type": "NamedTypeSpecifier", "name": SYSTEM + name}


def parameter(name, kind, default=None):
    return {"name": name, "parameterTypeSpecifier": named(kind)} | ({"default": default} if default else {})


P = {"type": "ParameterRef", "name": "P"}


def test_a_parameter_has_its_default_until_one_is_given():
    """And null where it has neither."""
    library = a_library(parameters=[parameter("P", "Integer", literal(3))], defines={"It": P})
    assert a_run(library).value("Lib", "It") == 3
    assert a_run(library, parameters={"P": 4}).value("Lib", "It") == 4
    assert a_run(library, parameters={("Lib", "P"): 5, "P": 4}).value("Lib", "It") == 5
    assert a_run(a_library(parameters=[parameter("P", "Integer")], defines={"It": P})).value("Lib", "It") is None


def test_a_parameter_of_another_type_is_refused():
    """Told to the author of the call; the other defines go on."""
    library = a_library(parameters=[parameter("P", "Integer")], defines={"It": P, "Other": literal(1)})
    values = a_run(library, parameters={"P": "three"}).values("Lib")
    assert values["It"].message == "the parameter 'P' has another type"
    assert values["Other"] == 1


def test_a_parameter_of_an_unknown_type_fails_only_who_uses_it():
    """Of a data model that is not FHIR R4."""
    odd = {"name": "P", "parameterTypeSpecifier": {"type": "NamedTypeSpecifier", "name": "{urn:other}X"}}
    values = a_run(a_library(parameters=[odd], defines={"It": P, "Other": literal(1)})).values("Lib")
    assert values["It"].message == "the type {urn:other}X is not known"
    assert values["Other"] == 1


def test_a_parameter_reaches_included_libraries():
    """By its name."""
    assert the_run(parameters={"Threshold": 90}).value("Story", "Included") == 91


def test_a_library_resolves_by_identifier_and_version():
    """Without a version the last one given."""
    libraries = [a_library(version=version, defines={"It": literal(version)}) for version in ("1.0", "2.0")]
    run = a_run(*libraries)
    assert [run.value("Lib", "It", version) for version in ("1.0", "2.0", None)] == ["1.0", "2.0", "2.0"]


def test_an_include_names_the_version_that_it_was_compiled_with():
    """Two versions of one library may be in one package."""
    used = [a_library("Used", version, defines={"It": literal(version)}) for version in ("1", "2")]
    includes = [{"localIdentifier": "U", "path": "Used", "version": "1"}]
    user = a_library(
        "User", includes=includes, defines={"It": {"type": "ExpressionRef", "libraryName": "U", "name": "It"}}
    )
    assert a_run(*used, user).value("User", "It") == "1"


@pytest.mark.requirement("dtr-2.0.1@177")
def test_a_define_is_computed_once_in_a_run():
    """However many ask for it."""
    message = {"type": "Message", "source": literal(1), "condition": literal(True), "severity": literal("Trace")}
    ref = {"type": "ExpressionRef", "name": "Told"}
    run = a_run(a_library(defines={"Told": message, "A": node("Add", ref, ref), "B": ref}))
    assert (run.value("Lib", "A"), run.value("Lib", "B"), len(run.messages)) == (2, 1, 1)


def overload(kind, answer):
    operand = {"name": "x", "operandTypeSpecifier": named(kind)}
    return {"type": "FunctionDef", "name": "F", "operand": [operand], "expression": literal(answer)}


def call(*operands, **parts):
    return {"type": "FunctionRef", "name": "F", "operand": [*operands], **parts}


OVERLOADS = [overload("Integer", "integer"), overload("String", "string")]


def test_an_overload_is_chosen_by_the_signature_that_the_translator_wrote():
    """Also for null, whose type the value does not tell."""
    cast = node("As", {"type": "Null"}, asType=SYSTEM + "String")
    defines = {"It": call(cast, signature=[named("String")])}
    assert a_run(a_library(functions=OVERLOADS, defines=defines)).value("Lib", "It") == "string"


def test_without_a_signature_the_value_chooses():
    """Translators leave it out by default."""
    defines = {"Integer": call(literal(1)), "String": call(literal("x")), "Neither": call(literal(True))}
    values = a_run(a_library(functions=OVERLOADS, defines=defines)).values("Lib")
    assert (values["Integer"], values["String"]) == ("integer", "string")
    assert values["Neither"].message == "no function 'F' takes these operands"


def test_a_function_of_the_outside_is_unsupported():
    """ELM allows external functions; none is here."""
    function = {"type": "FunctionDef", "name": "F", "operand": [], "external": True}
    found = a_run(a_library(functions=[function], defines={"It": call()})).value("Lib", "It")
    assert found.message == "the function 'F' is external"


def test_elm_14_is_read_as_well():
    """One operand written bare or in a list, operandType as a name, the library without its wrapper."""
    function = {"name": "F", "type": "FunctionDef", "operand": [{"name": "x", "operandType": SYSTEM + "Integer"}]}
    function["expression"] = {"type": "Negate", "operand": {"type": "OperandRef", "name": "x"}}
    library = a_library(
        functions=[function], defines={"It": call(literal(5)), "Not": {"type": "Not", "operand": [literal(True)]}}
    )
    run = a_run(library["library"])
    assert (run.value("Lib", "It"), run.value("Lib", "Not")) == (-5, False)


def test_dates_without_a_zone_are_in_that_of_the_evaluation():
    """A DateTime of the logic and one of the record alike."""
    now = datetime(2026, 3, 2, 9, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert value_of({"type": "DateTime", "year": literal(2026)}, now=now) == DateTime((2026,), -300)


def test_filter_and_for_each_see_their_member():
    """ELM 1.5 writes a query without clauses so."""
    this = {"type": "Current", "scope": "$this"}
    kept = {"type": "Filter", "source": a_list(1, 2, 3), "condition": node("Greater", this, 1), "scope": "$this"}
    assert value_of(kept) == [2, 3]
    assert value_of({"type": "ForEach", "source": kept, "element": node("Add", this, 1), "scope": "$this"}) == [3, 4]


def test_an_iteration_knows_its_index_and_its_total():
    """A sum of each member times its place."""
    weighted = node("Multiply", {"type": "Current"}, {"type": "Iteration"})
    elm = {"type": "Aggregate", "source": a_list(5, 6, 7), "initialValue": literal(0)}
    assert value_of({**elm, "iteration": node("Add", {"type": "Total"}, weighted)}) == 6 + 14


def test_repeat_goes_on_until_nothing_new_comes():
    """From 1, always one more, up to 5."""
    more = {
        "type": "If",
        "condition": node("Less", {"type": "Current"}, 5),
        "then": node("Add", {"type": "Current"}, 1),
    }
    elm = {"type": "Repeat", "source": a_list(1), "element": {**more, "else": {"type": "Null"}}}
    assert value_of(elm) == [2, 3, 4, 5]
    endless = {"type": "Repeat", "source": a_list(1), "element": node("Add", {"type": "Current"}, 1)}
    assert isinstance(value_of(endless, limits=Limits(items=100)), Failure)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, None),
        (True, ("boolean", True)),
        (3, ("integer", 3)),
        (Decimal("1.50"), ("decimal", Decimal("1.50"))),
        ("x", ("string", "x")),
        (Date((2026,)), ("date", "2026")),
        (DateTime((2026, 3), -300), ("dateTime", "2026-03")),
        (DateTime((2026, 3, 2, 9), -300), ("dateTime", "2026-03-02T09:00:00-05:00")),
        (Time((9, 30)), ("time", "09:30:00")),
        (Code("a", "s"), ("Coding", {"system": "s", "code": "a"})),
        (Concept((Code("a"),), "A"), ("CodeableConcept", {"coding": [{"code": "a"}], "text": "A"})),
        (
            Quantity(Decimal(3), "days"),
            ("Quantity", {"value": 3, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"}),
        ),
        (Interval(Date((2026,)), None), ("Period", {"start": "2026"})),
    ],
)
def test_a_value_becomes_fhir_json(value, told):
    """With the name of its type, for ``value[x]``."""
    assert fhir_value(value) == told


def test_a_ratio_and_a_range_are_made_of_quantities():
    """Each part as a Quantity of its own."""
    half = Quantity(Decimal("0.5"), "mg")
    assert fhir_value(Ratio(half, half))[1]["numerator"]["code"] == "mg"
    assert set(fhir_value(Interval(half, half))[1]) == {"low", "high"}


def test_an_element_keeps_its_json_and_the_datatypes_own_name():
    """A status is a code for FHIR, whatever the model calls its binding."""
    assert fhir_value(the_run().value("Story", "Gender")) == ("code", "female")
    assert fhir_value(the_run().value("Story", "Reference range"))[0] == "Quantity"


@pytest.mark.parametrize("value", [Tuple(a=1), Interval(1, 2), Uncertainty(1, 2), [1]])
def test_what_has_no_fhir_datatype_is_said_so(value):
    """An answer cannot hold it."""
    with pytest.raises(CqlError):
        fhir_value(value)


@pytest.mark.parametrize(
    ("expression", "library", "define"),
    [
        ('"PapPrepop".LatestAHI', "PapPrepop", "LatestAHI"),
        ('PapPrepop."Latest AHI"', "PapPrepop", "Latest AHI"),
        ('"A \\"quoted\\" define"', "", 'A "quoted" define'),
        (" Lib . Define ", "Lib", "Define"),
        ("LatestAHI", "", "LatestAHI"),
    ],
)
def test_a_forms_expression_names_a_define(expression, library, define):
    """As the DTR examples write it."""
    found = read_identifier(expression)
    assert (found.library, found.define) == (library, define)


@pytest.mark.parametrize("expression", ["", "1 + 1", "A.B.C", '"open', "A.", ".B", "First(X)", "A B"])
def test_other_cql_is_no_identifier(expression):
    """It needs a translator."""
    assert read_identifier(expression) is None


def test_libraries_are_compiled_once_and_shared():
    """Two runs at a time do not see each other."""
    libraries = Libraries([a_library(parameters=[parameter("P", "Integer")], defines={"It": P})])
    assert libraries.get("Lib") is libraries.get("Lib")
    with pytest.raises(KeyError):
        libraries.get("Other")


def test_a_failure_is_no_value_that_fhir_could_take_for_one():
    """``fhir_value`` of a Failure is an error, not an answer."""
    failure = value_of(node("SingletonFrom", a_list(1, 2)))
    assert isinstance(failure, Failure)
    with pytest.raises(CqlError):
        fhir_value(failure)
