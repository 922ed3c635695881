"""A client gets its forms, each in a package of its own, named as its generation names it."""

import base64
from dataclasses import replace
from datetime import date

import pytest

from cql.package import elm_of
from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest, Issue
from fhir_r4.resource import extension, extensions, text_of, value_of
from fhir_r4.systems import (
    ADAPTIVE,
    ALTERNATIVE_EXPRESSION,
    CQF_LIBRARY,
    INFORMATION_ORIGIN,
    INITIAL_EXPRESSION,
    QR_CONTEXT,
    QR_COVERAGE,
    US_PH_ALTERNATIVE_EXPRESSION,
)
from fhir_r4.wire import write_json
from questionnaires.catalog import Catalog, questions
from questionnaires.package import to_parameters
from questionnaires.package_request import read_parameters
from rules.book import PolicyBook
from tests.cql.given import FHIR, node
from tests.cql.given import a_library as elm_library
from tests.given import BOOK, CATALOG, FORM, NOW, a_coverage, a_patient, a_promise, a_record, an_order
from tests.questionnaires.given import (
    answered,
    bundles,
    given_answers,
    held,
    outcome,
    parameters,
    requester,
    targets,
    the_draft,
)
from tests.second_opinion import assert_profiled

BOTH = pytest.mark.parametrize("generation", list(Generation))
MRI = "https://forms.priorauth.example.org/Questionnaire/lumbar-mri"


@pytest.mark.parametrize(("generation", "name"), [("2.0", "PackageBundle"), ("2.2", "packagebundle")])
@pytest.mark.requirement("dtr-2.0.1@303", "dtr-2.2.0@oper-10")
def test_a_package_is_named_as_its_generation_names_it(generation, name):
    body = answered(Generation(generation))
    assert [one["name"] for one in body["parameter"]] == [name]


@BOTH
@pytest.mark.requirement("dtr-2.0.1@308", "dtr-2.2.0@oper-12", "dtr-2.2.0@oper-18")
def test_the_form_comes_first_and_its_draft_second(generation):
    form, draft, *_ = (entry["resource"] for entry in bundles(answered(generation))[0]["entry"])
    assert (form["resourceType"], draft["resourceType"]) == ("Questionnaire", "QuestionnaireResponse")
    assert draft["questionnaire"] == f"{form['url']}|{form['version']}"
    assert draft["status"] == "in-progress"


@BOTH
def test_what_is_answered_keeps_to_its_generation_s_profiles(generation):
    assert_profiled(answered(generation), generation, references="open")


@pytest.mark.requirement("dtr-2.0.1@321", "dtr-2.0.1@322", "dtr-2.0.1@323")
def test_the_draft_of_2_0_has_subject_and_coverage_and_order_as_context():
    draft = the_draft(Generation.V2_0)
    assert targets(extensions(draft, QR_CONTEXT)) == ["Coverage/amy-baxter-acme", "DeviceRequest/home-oxygen"]
    assert draft["subject"] == {"reference": "Patient/amy-baxter"}


@pytest.mark.requirement("dtr-2.2.0@spec-122", "dtr-2.2.0@spec-139")
def test_the_draft_of_2_2_has_the_coverage_apart_and_refers_to_the_client_s_resources():
    draft = the_draft(Generation.V2_2)
    assert targets(extensions(draft, QR_COVERAGE)) == ["Coverage/amy-baxter-acme"]
    assert targets(extensions(draft, QR_CONTEXT)) == ["DeviceRequest/home-oxygen"]


@pytest.mark.requirement("dtr-2.0.1@299")
def test_a_form_that_is_asked_for_twice_comes_once():
    named = {"name": "questionnaire", "valueCanonical": f"{FORM}|2026.1"}
    body = answered(Generation.V2_2, named, promises=[a_promise()])
    assert len(body["parameter"]) == 1


@pytest.mark.requirement("dtr-2.0.1@297")
def test_a_form_is_found_by_its_canonical_alone():
    body = answered(Generation.V2_2, {"name": "questionnaire", "valueCanonical": FORM}, order=False)
    assert body["parameter"][0]["resource"]["entry"][0]["resource"]["version"] == "2026.1"


@pytest.mark.requirement("dtr-2.0.1@298")
def test_a_form_is_found_by_the_promise_alone():
    body = answered(
        Generation.V2_2, {"name": "context", "valueString": "promise-1"}, order=False, promises=[a_promise()]
    )
    assert body["parameter"][0]["name"] == "packagebundle"


def test_a_promise_s_form_is_for_the_order_that_was_promised_alone():
    mri = {"name": "order", "resource": a_record().get("ServiceRequest/lumbar-mri-baxter")}
    (first, *_) = bundles(answered(Generation.V2_2, mri, promises=[a_promise()]))
    assert targets(extensions(first["entry"][1]["resource"], QR_CONTEXT)) == ["DeviceRequest/home-oxygen"]


@pytest.mark.requirement("dtr-2.0.1@301", "dtr-2.2.0@oper-9")
def test_an_unknown_canonical_beside_known_forms_is_a_warning():
    unknown = {"name": "questionnaire", "valueCanonical": "https://elsewhere.example/Questionnaire/x"}
    package, outcome = answered(Generation.V2_2, unknown)["parameter"]
    assert package["name"] == "packagebundle"
    assert (outcome["name"], outcome["resource"]["issue"][0]["severity"]) == ("outcome", "warning")
    assert "elsewhere" not in str(outcome)


@BOTH
def test_an_order_that_needs_no_form_is_told_so(generation):
    other = {"coding": [{"system": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "code": "E0431"}]}
    order = {"name": "order", "resource": an_order(codeCodeableConcept=other)}
    (outcome,) = answered(generation, order, order=False)["parameter"]
    assert outcome["resource"]["issue"][0]["severity"] == "information"


def faults(body):
    with pytest.raises(InvalidRequest) as refused:
        read_parameters(body, Generation.V2_0)
    return [(issue.code, issue.expression) for issue in refused.value.issues]


def test_the_body_is_parameters():
    assert faults({"resourceType": "Bundle"}) == [("structure", "Parameters")]


def test_there_is_a_coverage():
    assert faults(parameters(coverage=False)) == [("required", "Parameters.parameter")]


def test_there_is_an_order_a_form_or_a_promise():
    assert faults(parameters(order=False)) == [("invariant", "Parameters.parameter")]


def test_somebody_is_named_whom_the_forms_are_about():
    """The coverage's beneficiary, where no order names its patient."""
    unnamed = {name: value for name, value in a_coverage().items() if name != "beneficiary"}
    form = {"name": "questionnaire", "valueCanonical": FORM}
    asked = parameters({"name": "coverage", "resource": unnamed}, form, order=False, coverage=False)
    assert faults(asked) == [("required", "Parameters.parameter.resource.beneficiary")]
    named = parameters({"name": "coverage", "resource": unnamed}, coverage=False)
    assert read_parameters(named, Generation.V2_2).subject == "Patient/amy-baxter"


def test_each_fault_names_its_parameter():
    bad = [{"name": "order", "resource": {"resourceType": "Patient"}}, {"name": "context"}, {"name": "questionnaire"}]
    assert faults(parameters(*bad)) == [
        ("invalid", "Parameters.parameter[2].resource"),
        ("required", "Parameters.parameter[4].valueCanonical"),
        ("required", "Parameters.parameter[3].valueString"),
    ]


@pytest.mark.parametrize("changed", [{"status": "active"}, {"note": [{"text": "at night"}]}, {"priority": "urgent"}])
@pytest.mark.requirement("dtr-2.2.0@spec-128")
def test_an_order_that_changed_a_little_since_the_hook_still_gets_its_form(changed):
    order = {"name": "order", "resource": an_order(**changed)}
    assert answered(Generation.V2_2, order, order=False)["parameter"][0]["name"] == "packagebundle"


def test_issues_keep_their_severity():
    body = to_parameters([], [Issue("not-found", "x", None, "warning")], NOW, Generation.V2_0)
    assert body["parameter"][0]["name"] == "operationOutcome"


# What goes with a form -------------------------------------------------------------------------------------------


@pytest.mark.requirement("dtr-2.0.1@309", "dtr-2.0.1@311", "dtr-2.2.0@oper-14")
@BOTH
def test_all_that_the_form_needs_comes_with_it_and_each_once(generation):
    """Its libraries, the value sets of its questions and those that its logic names."""
    answer = answered(generation)
    (library,) = held(answer, "Library")
    sets = [one["id"] for one in held(answer, "ValueSet")]
    assert library["name"] == "HomeOxygen"
    assert sorted(sets) == sorted(set(sets)) == [
        "chronic-lung-disease", "heart-failure-with-edema", "hematocrit", "home-oxygen-equipment", "oximetry"
    ]  # fmt: skip


@pytest.mark.requirement("dtr-2.0.1@310", "dtr-2.0.1@317", "dtr-2.0.1@320")
def test_what_a_dependency_depends_on_comes_too():
    """A library that includes another, which names a value set, which includes another; and each of them once."""
    catalog = a_catalog(
        libraries=[a_library("Top", "Deep"), a_library("Deep", value_sets=("outer",))],
        value_sets=[a_value_set("outer", includes=("inner",)), a_value_set("inner")],
    )
    libraries, value_sets, issues = catalog.dependencies(catalog.named("one|1"))
    assert [one["name"] for one in libraries] == ["Top", "Deep"]
    assert [one["url"] for one in value_sets] == ["https://x/outer", "https://x/inner"]
    assert issues == []


@pytest.mark.requirement("dtr-2.0.1@315")
def test_a_dependency_that_is_not_here_is_a_warning_and_the_form_comes_all_the_same():
    catalog = a_catalog(libraries=[a_library("Top", "Gone")])
    _, _, (issue,) = catalog.dependencies(catalog.named("one|1"))
    assert (issue.severity, issue.code, issue.expression) == ("warning", "not-found", "https://x/Gone|1")


@pytest.mark.requirement("dtr-2.0.1@316")
def test_a_value_set_that_cannot_be_expanded_is_a_warning_and_comes_as_it_is():
    by_filter = {"system": "https://loinc.org", "filter": [{"property": "CLASS", "op": "=", "value": "PULM"}]}
    filtered = a_value_set("outer") | {"compose": {"include": [by_filter]}}
    catalog = a_catalog(libraries=[a_library("Top", value_sets=("outer",))], value_sets=[filtered])
    named = {"name": "questionnaire", "valueCanonical": "https://x/one|1"}
    answer = answered(Generation.V2_0, named, order=False, catalog=catalog)
    assert "expansion" not in held(answer, "ValueSet")[0]
    assert [(one["severity"], one["code"]) for one in outcome(answer)] == [("warning", "not-supported")]


@pytest.mark.requirement("dtr-2.0.1@312", "dtr-2.2.0@oper-15")
def test_value_sets_are_expanded_as_of_today_and_2_2_leaves_long_ones_to_the_client():
    """Forty codes are long (oper-15); 2.0.1 wants all of them expanded."""
    whole = {one["id"]: one.get("expansion") for one in held(answered(Generation.V2_0), "ValueSet")}
    short = {one["id"]: one.get("expansion") for one in held(answered(Generation.V2_2), "ValueSet")}
    assert all(one["timestamp"].startswith("2026-03-01") for one in whole.values())
    assert whole["chronic-lung-disease"]["total"] >= 40
    assert [name for name, expansion in short.items() if expansion is None] == ["chronic-lung-disease"]


@pytest.mark.requirement("dtr-2.0.1@313", "dtr-2.2.0@oper-16")
@BOTH
def test_every_reference_in_a_package_names_one_version(generation):
    """A Library's url holds its version: 2.0.1's clients compare urls as they stand, 2.2 wants url|version too."""
    answer = answered(generation)
    form, library = held(answer, "Questionnaire", "Library")
    (named,) = (one["valueCanonical"] for one in extensions(form, CQF_LIBRARY))
    assert named.partition("|")[0] == library["url"]
    assert library["url"].endswith(f"-{library['version']}")
    assert (generation is Generation.V2_0) == ("|" not in named)
    sets = [item["answerValueSet"] for item in questions(form).values() if "answerValueSet" in item]
    filters = [one for read in library["dataRequirement"] for one in read.get("codeFilter", ())]
    needed = [one["valueSet"] for one in filters if "valueSet" in one]
    assert sets
    assert needed
    assert all("|2026.1" in one for one in [*sets, *needed])


@BOTH
def test_a_library_depends_on_libraries_alone_and_its_value_sets_come_along_all_the_same(generation):
    """Clients take each ``depends-on`` for a Library that is missing; the logic itself names its value sets."""
    answer = answered(generation)
    (library,) = held(answer, "Library")
    named = {one["id"] for one in elm_of(library)["library"]["valueSets"]["def"]}
    assert "relatedArtifact" not in library
    assert named
    assert named <= {one["url"] for one in held(answer, "ValueSet")}


@pytest.mark.requirement("dtr-2.0.1@97", "dtr-2.2.0@spec-96")
@BOTH
def test_expressions_name_library_and_define_with_their_elm_beside_them(generation):
    """2.0.1 calls the language text/cql; 2.2 has a name for a define's."""
    form = held(answered(generation), "Questionnaire")[0]
    asked = [extension(item, INITIAL_EXPRESSION).get("valueExpression") for item in questions(form).values()]
    beside = {Generation.V2_0: US_PH_ALTERNATIVE_EXPRESSION, Generation.V2_2: ALTERNATIVE_EXPRESSION}[generation]
    language = {Generation.V2_0: "text/cql", Generation.V2_2: "text/cql-identifier"}[generation]
    for expression in filter(None, asked):
        assert expression["language"] == language
        assert text_of(expression["expression"]).startswith('"HomeOxygen".')
        assert "ExpressionRef" in extension(expression, beside)["valueExpression"]["expression"]


def test_changedsince_is_an_instant_or_a_dateTime_and_has_a_zone():  # noqa: N802 FHIR's word
    """The profiles of both generations say one, 2.0.1's operation definition the other."""
    later = {"name": "changedsince", "valueInstant": "2026-02-01T00:00:00Z"}
    earlier = {"name": "changedsince", "valueDateTime": "2025-12-01"}
    assert read_parameters(parameters(later), Generation.V2_2).changed_since.isoformat() == "2026-02-01T00:00:00+00:00"
    assert (
        read_parameters(parameters(earlier), Generation.V2_0).changed_since.isoformat() == "2025-12-01T00:00:00+00:00"
    )
    assert faults(parameters({"name": "changedsince", "valueInstant": "lately"}))[0][0] == "value"


# Which form, for whom --------------------------------------------------------------------------------------------


def test_the_form_is_of_the_day_of_service_and_not_of_today():
    """An order for 2028 has no form yet, whatever is in force today; the client is told so."""
    order = {"name": "order", "resource": an_order(occurrencePeriod={"start": "2028-02-01"})}
    (issue,) = outcome(answered(Generation.V2_2, order, order=False))
    assert (issue["code"], issue["severity"]) == ("expired", "warning")
    assert bundles(answered(Generation.V2_2, today=date(2028, 2, 1)))


@pytest.mark.parametrize(
    ("told", "is_there"),
    [
        ({"occurrenceDateTime": "2028-01-01T02:00:00Z"}, True),
        ({"occurrenceDateTime": "2028-01-01T06:00:00Z"}, False),
        ({"occurrenceTiming": {"event": ["2028-02-01"]}}, False),
    ],
)
@pytest.mark.parametrize("form", [(), ({"name": "questionnaire", "valueCanonical": FORM},)])
def test_the_day_of_service_is_the_payer_s_as_it_is_for_a_hook(told, is_there, form):
    """Two in the morning in UTC is the evening before in New York, and the last day of the form."""
    order = an_order(**told)
    order.pop("occurrencePeriod", None)
    answer = answered(Generation.V2_2, {"name": "order", "resource": order}, *form, order=False)
    assert bool(bundles(answer)) is is_there


@pytest.mark.requirement("dtr-2.0.1@298", "dtr-2.0.1@306")
def test_two_orders_have_each_its_own_form_for_itself():
    """And each draft speaks of its own order alone."""
    mri = {"name": "order", "resource": a_record().get("ServiceRequest/lumbar-mri-baxter")}
    oxygen, back = bundles(answered(Generation.V2_0, mri))
    context = [targets(extensions(one["entry"][1]["resource"], QR_CONTEXT))[1:] for one in (oxygen, back)]
    assert context == [["DeviceRequest/home-oxygen"], ["ServiceRequest/lumbar-mri-baxter"]]


OKOYE = {"reference": "Patient/bernard-okoye"}
VISIT = {
    "resourceType": "Appointment",
    "participant": [{"actor": {"reference": "Practitioner/lindqvist"}}, {"actor": OKOYE}],
}


@pytest.mark.parametrize(
    ("name", "resource", "element"),
    [
        ("order", an_order(subject=OKOYE), "subject"),
        ("order", an_order(subject={"reference": "https://ehr.example.org/fhir/Patient/bernard-okoye"}), "subject"),
        ("order", {"resourceType": "VisionPrescription", "patient": OKOYE}, "patient"),
        ("order", VISIT, "participant[1].actor"),
        ("coverage", a_coverage(id="his", beneficiary=OKOYE), "beneficiary"),
        ("referenced", {"resourceType": "Patient", "id": "bernard-okoye"}, "id"),
    ],
    ids=["another order", "by its whole address", "a prescription", "an appointment", "another coverage", "himself"],
)
def test_what_is_of_another_patient_is_refused(name, resource, element):
    """Its draft would be filled with what is known of the one, and be kept in the record of the other."""
    asked = parameters({"name": name, "resource": resource})
    assert faults(asked) == [("invalid", f"Parameters.parameter[2].resource.{element}")]


@pytest.mark.parametrize(
    "named",
    [
        {"reference": "https://ehr.example.org/fhir/Patient/amy-baxter/_history/2"},
        {"reference": "urn:uuid:9e1a7f5c-3c3b-4c8e-9d0f-0a4a0a6f3c11"},
        {"reference": "#patient"},
        {"display": "Amy Baxter"},
    ],
    ids=["elsewhere", "by a URN", "contained", "in words"],
)
def test_an_order_whose_patient_is_named_otherwise_is_taken(named):
    assert read_parameters(parameters({"name": "order", "resource": an_order(subject=named)}), Generation.V2_0).orders


def test_a_second_coverage_is_not_passed_over():
    """2.0.1 takes several: the draft is for all that are ours. 2.2 takes one."""
    second = {"name": "coverage", "resource": a_coverage(id="second")}
    order = {"name": "order", "resource": an_order(insurance=[])}
    draft = the_draft(Generation.V2_0, second, order, order=False)
    assert targets(extensions(draft, QR_CONTEXT)) == [
        "Coverage/amy-baxter-acme", "Coverage/second", "DeviceRequest/home-oxygen"
    ]  # fmt: skip
    with pytest.raises(InvalidRequest, match="one Coverage"):
        read_parameters(parameters(second), Generation.V2_2)


def test_an_order_is_for_the_coverage_that_it_names():
    second = {"name": "coverage", "resource": a_coverage(id="second")}
    draft = the_draft(Generation.V2_0, second)
    assert targets(extensions(draft, QR_CONTEXT)) == ["Coverage/amy-baxter-acme", "DeviceRequest/home-oxygen"]


@pytest.mark.requirement("dtr-2.0.1@302", "dtr-2.0.1@305")
@BOTH
def test_an_order_that_is_not_understood_is_a_warning_beside_the_forms(generation):
    uncoded = {"name": "order", "resource": {"resourceType": "ServiceRequest", "id": "x"}}
    answer = answered(generation, uncoded)
    assert bundles(answer)
    assert [(one["code"], one["severity"]) for one in outcome(answer)] == [("incomplete", "warning")]


@pytest.mark.requirement("dtr-2.0.1@300", "dtr-2.2.0@oper-7")
def test_two_versions_of_a_form_are_each_for_their_own_order():
    """An order for 2026 and one for 2028: each version of the policy has its version of the form."""
    old = next(one for one in BOOK if one.id == "home-oxygen")
    then = replace(old.at_order_time, questionnaire="home-oxygen|2028.1")
    book = PolicyBook(
        [
            replace(old, expires=date(2027, 12, 31)),
            replace(old, version="2028.1", effective=date(2028, 1, 1), at_order_time=then),
        ]
    )
    form = CATALOG.named("home-oxygen|2026.1")
    newer = form | {"version": "2028.1", "effectivePeriod": {"start": "2028-01-01"}}
    libraries, value_sets, _ = CATALOG.dependencies(form)
    catalog = Catalog([form, newer], libraries, value_sets)
    later = {"name": "order", "resource": an_order(id="later", occurrencePeriod={"start": "2028-02-01"})}
    packages = bundles(answered(Generation.V2_2, later, book=book, catalog=catalog))
    told = {
        one["entry"][0]["resource"]["version"]: targets(extensions(one["entry"][1]["resource"], QR_CONTEXT))
        for one in packages
    }
    assert told == {"2026.1": ["DeviceRequest/home-oxygen"], "2028.1": ["DeviceRequest/later"]}


def test_an_old_version_that_is_asked_for_by_name_comes_with_a_warning():
    """It is never chosen for an order."""
    named = {"name": "questionnaire", "valueCanonical": f"{FORM}|2026.1"}
    answer = answered(Generation.V2_2, named, order=False, today=date(2029, 1, 1))
    assert bundles(answer)
    assert outcome(answer)[0]["code"] == "expired"
    unversioned = {"name": "questionnaire", "valueCanonical": FORM}
    answer = answered(Generation.V2_2, unversioned, order=False, today=date(2029, 1, 1))
    assert not bundles(answer)
    assert outcome(answer)[0]["code"] == "expired"


@pytest.mark.requirement("dtr-2.2.0@oper-8")
def test_where_documents_are_needed_and_no_form_is_there_the_client_is_told_what_to_do():
    """The promise said that documentation is needed; its policy names no form."""
    policy = next(one for one in BOOK if one.id == "home-oxygen")
    without = replace(policy, at_order_time=replace(policy.at_order_time, questionnaire=None))
    context = {"name": "context", "valueString": "promise-1"}
    book = PolicyBook([without])
    answer = answered(Generation.V2_2, context, order=False, promises=[a_promise()], book=book)
    assert "call Acme Health at +1-518-555-0100" in outcome(answer)[0]["diagnostics"]


@pytest.mark.requirement("dtr-2.2.0@conf-12")
@BOTH
def test_a_request_with_no_more_than_it_must_have_gets_its_form(generation):
    """A Coverage of id, number and beneficiary; an order of id, code and subject."""
    coverage = {name: a_coverage()[name] for name in ("resourceType", "id", "identifier", "beneficiary")}
    order = {name: an_order()[name] for name in ("resourceType", "id", "codeCodeableConcept", "subject")}
    given = [{"name": "coverage", "resource": coverage}, {"name": "order", "resource": order}]
    assert len(bundles(answered(generation, *given, order=False, coverage=False))) == 1


# What the payer knows --------------------------------------------------------------------------------------------


@pytest.mark.requirement("dtr-2.0.1@175")
@pytest.mark.parametrize(("generation", "source"), [(Generation.V2_0, "auto"), (Generation.V2_2, "auto-server")])
def test_the_payer_answers_what_the_request_and_its_own_books_tell(generation, source):
    """The diagnosis from the order, who ordered from what came with it, the age from the member's row; no more."""
    given = given_answers(the_draft(generation, requester(), birth_date=date(1950, 2, 1)))
    assert given.keys() == {"1.1", "1.2", "1.3", "1.4"}
    assert (given["1.3"][0]["valueString"], given["1.4"][0]["valueInteger"]) == ("1144221847", 76)
    for (answer,) in given.values():
        assert value_of(extension(extension(answer, INFORMATION_ORIGIN), "source")) == source


def test_a_day_of_birth_is_the_record_s_where_the_patient_came_along():
    patient = {"name": "referenced", "resource": a_patient(birthDate="1960-02-01")}
    given = given_answers(the_draft(Generation.V2_2, patient, birth_date=date(1950, 2, 1)))
    assert given["1.4"][0]["valueInteger"] == 66


@pytest.mark.requirement("dtr-2.0.1@364", "dtr-2.0.1@365")
@BOTH
def test_a_filled_draft_keeps_to_its_profiles(generation):
    assert_profiled(answered(generation, requester(), birth_date=date(1950, 2, 1)), generation, references="open")


# Adaptive forms --------------------------------------------------------------------------------------------------


@pytest.mark.requirement("dtr-2.0.1@37", "dtr-2.0.1@40", "dtr-2.2.0@spec-24")
@BOTH
def test_an_adaptive_form_comes_without_questions_and_says_where_the_next_ones_are(generation):
    named = {"name": "questionnaire", "valueCanonical": f"{MRI}-adaptive|2026.1"}
    order = {"name": "order", "resource": an_order(codeCodeableConcept={"coding": [{"system": "x", "code": "y"}]})}
    answer = answered(generation, named, order, order=False)
    (form,) = held(answer, "Questionnaire")
    assert "item" not in form
    assert form["meta"]["profile"][0].endswith("dtr-questionnaire-adapt-search")
    assert extension(form, ADAPTIVE)["valueUrl"] == f"https://pas.example.org/fhir/{generation}"
    assert_profiled(answer, generation, references="open")


@pytest.mark.requirement("dtr-2.0.1@42", "dtr-2.2.0@spec-25", "dtr-2.2.0@spec-23")
@BOTH
def test_the_response_of_an_adaptive_form_contains_a_form_derived_from_it(generation):
    named = {"name": "questionnaire", "valueCanonical": f"{MRI}-adaptive"}
    draft = the_draft(generation, named, order=False)
    (contained,) = draft["contained"]
    assert draft["questionnaire"] == f"#{contained['id']}"
    assert contained["derivedFrom"] == [f"{MRI}-adaptive|2026.1"]
    (profile,) = draft["meta"]["profile"]
    assert profile.endswith("-adapt") is (generation is Generation.V2_2)


def test_of_people_who_did_not_come_along_the_payer_says_nothing():
    """That it knows of no practitioner does not mean that there is none."""
    elm = elm_library("Top", "1", defines={"It": node("Exists", node("Retrieve", dataType=f"{FHIR}Practitioner"))})
    data = base64.b64encode(write_json(elm)).decode()
    library = a_library("Top") | {"content": [{"contentType": "application/elm+json", "data": data}]}
    expression = {"language": "text/cql-identifier", "expression": '"Top".It'}
    filled = [{"url": INITIAL_EXPRESSION, "valueExpression": expression}]
    catalog = a_catalog([library], type="boolean", extension=filled)
    named = {"name": "questionnaire", "valueCanonical": "https://x/one"}
    assert given_answers(the_draft(Generation.V2_0, named, order=False, catalog=catalog)) == {}
    (answer,) = given_answers(the_draft(Generation.V2_0, named, requester(), order=False, catalog=catalog))["1"]
    assert answer["valueBoolean"] is True


# Small catalogs --------------------------------------------------------------------------------------------------


def a_catalog(libraries=(), value_sets=(), **asked):
    """A catalog of one form with one question; ``asked`` is what is asked otherwise."""
    form = {
        "resourceType": "Questionnaire",
        "id": "one",
        "url": "https://x/one",
        "version": "1",
        "name": "One",
        "title": "One",
        "status": "active",
        "date": "2026-01-01",
        "text": {"status": "generated", "div": "<div>x</div>"},
        "extension": [{"url": CQF_LIBRARY, "valueCanonical": "https://x/Top|1"}],
        "item": [{"linkId": "1", "text": "?", "type": "string"} | asked],
    }
    return Catalog([form], libraries, value_sets)


def a_library(name, *includes, value_sets=()):
    needed = [f"https://x/{one}|1" for one in (*includes, *value_sets)]
    return {
        "resourceType": "Library",
        "url": f"https://x/{name}",
        "version": "1",
        "name": name,
        "status": "active",
        "relatedArtifact": [{"type": "depends-on", "resource": one} for one in needed],
    }


def a_value_set(name, includes=()):
    include = [{"valueSet": [f"https://x/{one}|1" for one in includes]}] if includes else [
        {"system": "https://x", "concept": [{"code": "a"}]}
    ]  # fmt: skip
    return {
        "resourceType": "ValueSet",
        "id": name,
        "url": f"https://x/{name}",
        "version": "1",
        "status": "active",
        "compose": {"include": include},
    }
