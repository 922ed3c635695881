"""A patient's record as CQL sees it: elements over plain JSON, retrieves, and what is asked for beforehand."""

from decimal import Decimal

import pytest

from cql import Code, Failure, FetchedRecord, Record, Requirement
from cql.fhir_model import Element, fhir_type, resource
from cql.temporal import Date, DateTime, Time
from tests.cql.given import FHIR, SYSTEM, a_library, a_list, a_run, literal, node, the_libraries, the_run, value_of

OBSERVATION = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "_status": {"extension": [{"url": "https://example.org/why", "valueString": "checked"}]},
    "category": [{"text": "vital"}, None, "bad"],
    "effectiveDateTime": "2026-02",
    "issued": "2026-02-10T09:31:00.5+01:00",
    "valueQuantity": {"value": Decimal("87.50"), "unit": "%"},
    "contained": [{"resourceType": "Device", "id": "d"}, {"resourceType": "Unheard", "id": "u"}],
    "component": [{"valueBoolean": True}],
    "extension": [{"url": "https://example.org/n", "valueInteger": 3}],
}


@pytest.fixture
def observation():
    return resource(OBSERVATION)


def test_a_choice_is_found_under_its_types_name(observation):
    """``value`` is ``valueQuantity`` here, and knows that it is a Quantity."""
    assert observation.get("value").type.name == "Quantity"
    assert observation.get("component")[0].get("value").type.name == "boolean"


def test_a_primitive_keeps_its_extensions(observation):
    """They are written beside it, under an underscore."""
    (extension,) = observation.get("status").get("extension")
    assert extension.get("value").get("value") == "checked"


def test_a_primitive_that_has_only_an_extension_is_there_without_a_value():
    """A data-absent-reason on a birth date."""
    patient = resource({"resourceType": "Patient", "_birthDate": {"extension": [{"url": "x", "valueCode": "unknown"}]}})
    birth = patient.get("birthDate")
    assert (birth.get("value"), len(birth.get("extension"))) == (None, 1)


def test_a_list_of_primitives_keeps_the_extensions_of_each():
    """Null in the list stands for an element of which only the extension is known."""
    name = {"given": ["Ada", None], "_given": [None, {"id": "second"}]}
    (human,) = resource({"resourceType": "Patient", "name": [name]}).get("name")
    assert [one.get("value") for one in human.get("given")] == ["Ada", None]
    assert human.get("given")[1].get("id") == "second"


def test_dates_have_the_precision_that_they_were_written_with(observation):
    """And the zone of the evaluation where they have none."""
    assert observation.get("effective").get("value", -300) == DateTime((2026, 2), -300)
    assert observation.get("issued").get("value") == DateTime((2026, 2, 10, 9, 31, 0, 500), 60)


def test_a_decimal_is_a_decimal_also_where_json_gave_a_float():
    """87.5 is 87.5, not the float beside it."""
    assert resource({**OBSERVATION, "valueQuantity": {"value": 0.1}}).get("value").get("value").get("value") == Decimal(
        "0.1"
    )


def test_contained_resources_have_their_own_types(observation):
    """One of a type that R4 does not know is a bare Resource."""
    assert [one.type.name for one in observation.get("contained")] == ["Device", "Resource"]


@pytest.mark.parametrize(
    "broken",
    [
        {"status": 5},
        {"status": ["final"]},
        {"status": {"value": "final"}},
        {"code": "text"},
        {"code": [1]},
        {"category": {"text": "vital"}},
        {"valueQuantity": "87 %"},
        {"effectiveDateTime": "yesterday"},
        {"effectiveDateTime": "2026-02-30"},
        {"component": [None, 1, "x"]},
        {"extension": "x"},
        {"contained": {"resourceType": "Device"}},
        {"_status": "x"},
        {"referenceRange": [[]]},
        {"issued": 20260210},
    ],
)
def test_what_has_the_wrong_shape_is_absent(broken):
    """A hostile record costs empty answers and never an exception."""
    element = resource({"resourceType": "Observation", **broken})
    for name in element.type.properties:
        found = element.get(name)
        for one in found if isinstance(found, list) else [found]:
            assert one is None or isinstance(one, Element)
            if isinstance(one, Element):
                assert one.get("value") is None or one.json is not None


@pytest.mark.parametrize("body", [{}, {"resourceType": None}, {"resourceType": 3}, {"resourceType": "Unheard"}])
def test_a_resource_of_no_known_type_is_a_bare_resource(body):
    """It is in no retrieve of a known type."""
    assert resource(body).type.name == "Resource"


def test_an_element_never_shows_its_content():
    """Its repr is for logs and debuggers."""
    assert "Oster" not in repr(resource({"resourceType": "Patient", "name": [{"family": "Oster"}]}))


def test_the_model_knows_every_resource_of_r4():
    """Bases and code paths come with it."""
    assert fhir_type("Observation").code_path == "code"
    assert {"DomainResource", "Resource"} <= fhir_type("Condition").bases
    assert "Quantity" in fhir_type("Age").bases
    assert fhir_type("Unheard") is None


def retrieve(kind, **parts):
    return {"type": "Retrieve", "dataType": FHIR + kind, **parts}


def moment(*fields):
    names = ("year", "month", "day", "hour", "minute", "second", "millisecond")
    return {"type": "DateTime", **{name: literal(field) for name, field in zip(names, fields, strict=False)}}


def ids(found):
    return [one.json["id"] for one in found]


def test_a_retrieve_by_date_keeps_what_lies_in_the_range():
    """A moment within it, a period that it includes; what is uncertain is left out."""
    year = {"type": "Interval", "low": moment(2026, 1, 1, 0, 0, 0, 0), "high": moment(2026, 2, 20, 0, 0, 0, 0)}
    record = the_run().record
    found = value_of(retrieve("Encounter", dateProperty="period", dateRange=year), record=record)
    assert ids(found) == ["e1"]
    dated = value_of(retrieve("Observation", dateProperty="effective", dateRange=year), record=record)
    assert {"o1", "o9"} <= set(ids(dated))
    assert not {"o3", "o8"} & set(ids(dated))


def test_a_retrieve_takes_the_filters_of_elm_15():
    """``codeFilter`` and ``dateFilter`` beside the older attributes."""
    code = {"type": "Instance", "classType": SYSTEM + "Code", "element": []}
    code["element"] = [
        {"name": "code", "value": literal("59408-5")},
        {"name": "system", "value": literal("http://loinc.org")},
    ]
    by_code = retrieve("Observation", codeFilter=[{"property": "code", "comparator": "in", "value": a_list(code)}])
    assert ids(value_of(by_code, record=the_run().record)) == ["o1", "o2", "o3", "o4"]


def test_codes_are_compared_by_system_and_code():
    """The same code of another system is another code; an alias of a system is the same one."""

    def order(system):
        code = {"coding": [{"system": system, "code": "E0424"}]}
        return {"resourceType": "DeviceRequest", "id": "dr", "codeCodeableConcept": code}

    wanted = {"type": "Instance", "classType": SYSTEM + "Code"}
    wanted["element"] = [
        {"name": "code", "value": literal("E0424")},
        {"name": "system", "value": literal("urn:oid:2.16.840.1.113883.6.285")},
    ]
    elm = retrieve("DeviceRequest", codeProperty="code", codes=a_list(wanted))
    hcpcs = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
    assert ids(value_of(elm, record=Record([order(hcpcs)]))) == ["dr"]
    assert value_of(elm, record=Record([order("https://payer.example.org/codes")])) == []


def test_a_lazy_record_fetches_a_type_once_and_only_when_asked():
    """Two defines over Conditions, none over Observations: one fetch."""
    asked = []

    def fetch(kind):
        asked.append(kind)
        return [{"resourceType": kind, "id": "x"}, {"resourceType": "Other"}]

    defines = {"A": retrieve("Condition"), "B": node("Count", source=retrieve("Condition")), "C": literal(1)}
    values = a_run(a_library(defines=defines), record=FetchedRecord(fetch)).values("Lib")
    assert (values["B"], values["C"], asked) == (1, 1, ["Condition"])


def test_a_library_tells_what_it_will_ask_for():
    """Types, profiles, value sets, codes and dates, before anything runs."""
    told = the_libraries().requirements("Story")
    assert {one.type for one in told} >= {"Patient", "Observation", "Condition", "Encounter", "Coverage"}
    lung = next(one for one in told if one.value_set.endswith("lung-disease"))
    assert (lung.type, lung.code_path) == ("Condition", "code")
    saturation = next(one for one in told if one.codes and one.codes[0].code == "59408-5")
    assert saturation.to_fhir() == {
        "type": "Observation",
        "profile": ["http://hl7.org/fhir/StructureDefinition/Observation"],
        "codeFilter": [
            {
                "path": "code",
                "code": [{"system": "http://loinc.org", "code": "59408-5", "display": "Oxygen saturation"}],
            }
        ],
    }


def test_a_form_asks_only_for_what_its_defines_reach():
    """Minimum necessary: through other defines and functions, and no further."""
    told = the_libraries().requirements("Story", ["Low saturations", "Family name"])
    assert [(one.type, bool(one.codes)) for one in told] == [("Observation", True), ("Patient", False)]
    assert the_libraries().requirements("Story", ["Saturation limit", "No such define"]) == ()


def test_a_requirement_tells_its_date_path():
    """For the search parameter that the EHR is asked with."""
    elm = a_library(defines={"It": retrieve("Encounter", dateProperty="period", dateRange=literal(1))})
    (told,) = a_run(elm).libraries.requirements("Lib")
    assert told == Requirement("Encounter", date_path="period")
    assert told.to_fhir()["dateFilter"] == [{"path": "period"}]


def test_a_define_that_cannot_tell_its_requirements_does_not_hide_the_others():
    """It says so itself when it is asked for its value."""
    defines = {"Bad": {"type": "Retrieve", "dataType": "{urn:other}X"}, "Good": retrieve("Condition")}
    (told,) = a_run(a_library(defines=defines)).libraries.requirements("Lib")
    assert told.type == "Condition"


def test_a_bundles_entries_without_a_resource_are_no_part_of_the_record():
    """Nor is what is no object."""
    record = Record.of_bundle({"entry": [None, {}, {"resource": 3}, {"resource": {"resourceType": "Patient"}}]})
    assert len(record.of_type("Patient")) == 1


def test_a_quantity_with_a_comparator_is_no_single_value():
    """``< 5`` is told as a failure, not taken for 5."""
    record = Record([{**OBSERVATION, "valueQuantity": {"value": 5, "comparator": "<"}}])
    source = {"type": "Property", "path": "value", "source": node("First", source=retrieve("Observation"))}
    helpers = [{"localIdentifier": "F", "path": "FHIRHelpers", "version": "4.0.1"}]
    call = {"type": "FunctionRef", "libraryName": "F", "name": "ToQuantity", "operand": [source]}
    found = a_run(a_library(includes=helpers, defines={"It": call}), record=record).value("Lib", "It")
    assert isinstance(found, Failure)
    assert found.message == "a FHIR Quantity with a comparator is no single value"


def test_fhirhelpers_is_native_and_needs_no_text():
    """The story's package has none, and all its conversions work."""
    assert "FHIRHelpers" not in {library.name for library in the_libraries()}
    assert the_run().value("Story", "Age") == 68


def test_an_instance_of_a_fhir_type_is_json_like_any_other():
    """A form's logic may make a Coding."""
    elm = {"type": "Instance", "classType": FHIR + "Coding"}
    text = {"type": "Instance", "classType": FHIR + "code", "element": [{"name": "value", "value": literal("a1")}]}
    elm["element"] = [{"name": "code", "value": text}]
    assert value_of(elm).json == {"code": "a1"}


@pytest.mark.parametrize(
    ("define", "value"),
    [
        ("Birth date", Date((1957, 4, 12))),
        ("Time value", Time((7, 30, 0))),
        ("Code", Code("J44.9", "http://hl7.org/fhir/sid/icd-10-cm", None, "COPD")),
    ],
)
def test_fhir_values_become_cqls_own(define, value):
    """Through the story's defines."""
    found = the_run().value("Story", define)
    assert (found.get("value") if isinstance(found, Element) else found) == value


def test_a_choice_is_also_known_by_the_name_that_json_gives_it():
    """The model info filters a DeviceRequest by codeCodeableConcept."""
    order = resource({"resourceType": "DeviceRequest", "codeCodeableConcept": {"text": "oxygen"}})
    assert order.get("codeCodeableConcept").get("text").get("value") == "oxygen"
    assert order.get("code") == order.get("codeCodeableConcept")
    assert order.get("codeReference") is None
