"""DTR's door: a client with a token gets the forms that its order needs."""

from datetime import UTC, datetime

import pytest

from app.storage import form_errors, tables
from fhir_r4.generations import Generation
from fhir_r4.order_codes import BILLING_OPTIONS
from fhir_r4.wire import read_json
from questionnaires.answers import every_item
from tests.app.browsing import Person
from tests.given import a_coverage, a_hook, an_order
from tests.questionnaires.given import bundles, outcome
from tests.second_opinion import assert_fhir, assert_profiled

FORMS = "https://forms.priorauth.example.org"
OXIMETRY = f"{FORMS}/ValueSet/oximetry"
BOTH = pytest.mark.parametrize("version", ["2.0", "2.2"])


def parameters(order=None, coverage=None, context=None, more=()):
    given = [
        {"name": "coverage", "resource": coverage or a_coverage(payor=[{"reference": "Organization/acme"}])},
        {"name": "order", "resource": order or an_order()},
        *more,
    ]
    given += [{"name": "context", "valueString": context}] if context else []
    return {"resourceType": "Parameters", "parameter": given}


def a_stranger(**changes):
    """A coverage of nobody that this payer insures."""
    known = a_coverage(subscriberId="X1", **changes)
    return {name: value for name, value in known.items() if name != "identifier"}


@pytest.mark.parametrize("version", ["2.0", "2.2"])
@pytest.mark.requirement("dtr-2.0.1@239", "dtr-2.0.1@292", "dtr-2.0.1@169")
def test_the_order_alone_leads_to_its_form(house, version):
    answer = house.package(parameters(), version)
    assert answer.status_code == 200
    assert_fhir(read_json(answer.data))


DEVICE = {"resourceType": "Device", "id": "concentrator", "type": an_order()["codeCodeableConcept"]}


def without_code(**changes):
    return {name: value for name, value in an_order().items() if name != "codeCodeableConcept"} | changes


@pytest.mark.parametrize(
    ("order", "more"),
    [
        (without_code(codeReference={"reference": "#concentrator"}, contained=[DEVICE]), ()),
        (
            without_code(codeReference={"reference": "https://ehr.example.org/fhir/Device/concentrator"}),
            [{"name": "referenced", "resource": DEVICE}],
        ),
        (
            an_order(
                codeCodeableConcept={
                    "text": "Oxygen at home",
                    "extension": [{"url": BILLING_OPTIONS, "valueCodeableConcept": DEVICE["type"]}],
                }
            ),
            (),
        ),
    ],
    ids=["of a contained Device", "of a Device that came along", "of a billing option"],
)
@BOTH
def test_a_form_is_found_by_every_code_that_a_hook_reads(house, version, order, more):
    answer = house.package(parameters(order, more=more), version)
    assert [one["resourceType"] for one in bundles(read_json(answer.data))] == ["Bundle"]


@pytest.mark.parametrize(("hours", "age"), [(4, 75), (6, 76)], ids=["the evening before", "the day itself"])
def test_the_age_in_a_draft_is_that_of_the_payer_s_day(house, hours, age):
    """In New York the member's 76th birthday begins five hours after that of Greenwich."""
    house.clock.now = datetime(2026, 2, 1, hours, tzinfo=UTC)
    body = read_json(house.package(parameters()).data)
    draft = body["parameter"][0]["resource"]["entry"][1]["resource"]
    told = [
        one["answer"][0]["valueInteger"]
        for one in every_item(draft)
        if one["text"].startswith("Age") and "answer" in one
    ]
    assert told == [age]


def test_the_promise_of_the_hook_leads_to_the_form_it_spoke_of(house):
    order = house.call(a_hook()).json["systemActions"][0]["resource"]
    parts = {part["url"]: part for part in order["extension"][0]["extension"]}
    promise = parts["coverage-assertion-id"]["valueString"]
    body = read_json(house.package(parameters(order, context=promise)).data)
    form = body["parameter"][0]["resource"]["entry"][0]["resource"]
    assert parts["questionnaire"]["valueCanonical"] == f"{form['url']}|{form['version']}"


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        (parameters(context="never-promised"), "context"),
        (parameters(coverage=a_stranger()), "coverage"),
    ],
)
@pytest.mark.requirement("dtr-2.2.0@spec-130")
def test_a_promise_or_coverage_that_is_not_ours_is_422(house, asked, where):
    answer = house.package(asked, "2.2")
    assert answer.status_code == 422
    (issue,) = read_json(answer.data)["issue"]
    assert where in issue["expression"][0]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"resourceType":"Bundle"}', b'{"resourceType":"Parameters"}'])
def test_what_cannot_be_read_is_400(house, body):
    answer = house.package(body)
    assert answer.status_code == 400
    assert read_json(answer.data)["resourceType"] == "OperationOutcome"


@BOTH
@pytest.mark.requirement("dtr-2.0.1@294", "dtr-2.2.0@spec-40")
def test_what_leaves_the_door_keeps_to_its_profiles(house, version):
    """With the member's age, which the payer knows."""
    body = read_json(house.package(parameters(), version).data)
    assert_profiled(body, Generation(version), references="open")
    assert "valueInteger" in str(bundles(body)[0]["entry"][1]["resource"])


def test_a_coverage_of_nobody_beside_one_of_ours_is_a_warning(house):
    stranger = {"name": "coverage", "resource": a_stranger(id="x")}
    body = read_json(house.package(parameters(more=[stranger]), "2.0").data)
    assert len(bundles(body)) == 1
    (issue,) = outcome(body)
    assert (issue["code"], issue["severity"]) == ("not-found", "warning")
    assert issue["expression"] == ["Parameters.parameter.where(name = 'coverage')[1].resource"]


@BOTH
@pytest.mark.parametrize(("since", "number"), [("2025-12-01T00:00:00Z", 1), ("2026-02-01T00:00:00Z", 0)])
def test_who_has_the_form_already_is_told_that_nothing_has_changed(house, version, since, number):
    """The forms are of January 2026."""
    since = {"name": "changedsince", "valueInstant": since}
    body = read_json(house.package(parameters(more=[since]), version).data)
    assert len(bundles(body)) == number
    assert [one["severity"] for one in outcome(body)] == ["information"] * (1 - number)


@pytest.mark.requirement("dtr-2.0.1@343", "dtr-2.2.0@sec-9")
def test_nothing_of_a_package_request_is_kept(house):
    """Neither the order nor the coverage, nor whose they were."""
    before = {table.name: len(house.rows(table)) for table in tables.metadata.sorted_tables}
    assert house.package(parameters()).status_code == 200
    grown = {table.name for table in tables.metadata.sorted_tables if len(house.rows(table)) > before[table.name]}
    assert grown == {"access_tokens", "spent_assertions", "events"}
    assert not any("ACME0001234" in str(row) for row in house.rows(tables.events))


# ValueSet/$expand ------------------------------------------------------------------------------------------------


@BOTH
def test_a_value_set_is_expanded_by_post_and_by_get(house, version):
    url = f"{FORMS}/ValueSet/chronic-lung-disease"
    given = [
        {"name": "url", "valueUri": url},
        {"name": "filter", "valueString": "emphysema"},
        {"name": "count", "valueInteger": 2},
    ]
    posted = house.post(f"{version}/ValueSet/$expand", {"resourceType": "Parameters", "parameter": given})
    headers = {"Authorization": f"Bearer {house.token('system/Questionnaire.rs')}"}
    query = f"url={url}|2026.1&filter=emphysema&count=2&offset=0"
    got = house.web.get(f"/fhir/{version}/ValueSet/$expand?{query}", headers=headers)
    for answer in (posted, got):
        expansion = read_json(answer.data)["expansion"]
        assert (answer.status_code, expansion["total"], len(expansion["contains"])) == (200, 5, 2)
        assert_fhir(read_json(answer.data))


@pytest.mark.parametrize(
    ("parameter", "status"),
    [
        ([], 400),
        ([{"name": "url", "valueUri": "https://elsewhere.example"}], 404),
        ([{"name": "url", "valueUri": "x"}, {"name": "count", "valueString": "many"}], 400),
        ([{"name": "url", "valueUri": "x"}, {"name": "offset", "valueInteger": -1}], 400),
        ([{"name": "url", "valueUri": OXIMETRY}, {"name": "valueSetVersion", "valueString": "1"}], 404),
    ],
)
def test_what_cannot_be_expanded_says_why(house, parameter, status):
    answer = house.post("2.2/ValueSet/$expand", {"resourceType": "Parameters", "parameter": parameter})
    assert answer.status_code == status
    assert read_json(answer.data)["resourceType"] == "OperationOutcome"


def test_a_parameter_that_is_missing_is_said_to_be(house):
    answer = house.post("2.2/ValueSet/$expand", {"resourceType": "Parameters"})
    (issue,) = read_json(answer.data)["issue"]
    assert issue["diagnostics"] == "the parameter 'url' is missing"


@pytest.mark.parametrize("operation", ["Questionnaire/$next-question", "ValueSet/$expand"])
@pytest.mark.requirement("dtr-2.0.1@41", "dtr-2.0.1@23", "dtr-2.2.0@spec-6")
def test_all_operations_are_under_one_base_and_take_the_same_token(house, operation):
    """The token of $questionnaire-package reaches them, and one of another scope does not."""
    refused = house.post(f"2.0/{operation}", {}, token=house.token("system/Claim.crus"))
    assert refused.status_code == 403
    assert house.post(f"2.0/{operation}", {}).status_code == 400
    assert house.web.post(f"/fhir/2.0/{operation}", json={}).status_code == 401


# $log-questionnaire-errors ---------------------------------------------------------------------------------------


def a_report(words="HomeOxygen.Saturation failed for Patient/amy-baxter", names=("questionnaire", "operationOutcome")):
    issue = {"severity": "error", "code": "processing", "diagnostics": words}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    form = {"name": names[0], "valueCanonical": f"{FORMS}/Questionnaire/home-oxygen|2026.1"}
    return {"resourceType": "Parameters", "parameter": [form, {"name": names[1], "resource": outcome}]}


@pytest.mark.requirement("dtr-2.0.1@284", "dtr-2.2.0@oper-1")
def test_what_went_wrong_with_a_form_is_kept_and_its_authors_see_it(house):
    """Told twice in either spelling, shown once with a count; nothing of the patient is kept."""
    spellings = {"2.0": ("Questionnaire", "OperationOutcome"), "2.2": ("questionnaire", "operationOutcome")}
    for version, names in spellings.items():
        answer = house.post(f"{version}/Questionnaire/$log-questionnaire-errors", a_report(names=names))
        assert answer.status_code == 200
        assert read_json(answer.data)["issue"][0]["severity"] == "information"
    assert len(house.rows(tables.form_errors)) == 2
    page = Person(house).comes_in().browser.get("/forms").text
    assert page.count("HomeOxygen.Saturation failed for …") == 1
    assert "amy-baxter" not in page
    for words in ("Home oxygen", "2026-01-01 to 2027-12-31", "home-oxygen 2026.1", "HomeOxygen"):
        assert words in page


def test_a_form_is_read_as_a_page_with_what_is_required_and_which_facts_it_answers(house):
    silva = Person(house).comes_in().browser
    assert '<a href="/policies/home-oxygen/2026.1">home-oxygen 2026.1</a>' in (page := silva.get("/forms").text)
    assert '<a href="/forms/home-oxygen/2026.1">' in page
    page = silva.get("/forms/home-oxygen/2026.1").text
    for words in ("Home oxygen", 'href="/policies/home-oxygen/2026.1"', '<td data-label="Fact">spo2</td>'):
        assert words in page
    assert '<td data-label="Required">yes</td>' in page
    assert '<td data-label="Answer">A first device; Continued use' in silva.get("/forms/cpap/2026.1").text
    assert silva.get("/forms/home-oxygen/1999").status_code == 404
    assert house.web.get("/forms/home-oxygen/2026.1").status_code == 302


def test_script_in_a_report_is_words(house):
    house.post("2.2/Questionnaire/$log-questionnaire-errors", a_report("<script>alert(1)</script>"))
    page = Person(house).comes_in().browser.get("/forms").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_a_client_that_cannot_stop_complaining_fills_no_disk(house, monkeypatch):
    monkeypatch.setattr(form_errors, "MOST_IN_A_DAY", 1)
    for kept in (1, 1):
        answer = house.post("2.2/Questionnaire/$log-questionnaire-errors", a_report())
        assert answer.status_code == 200
        assert len(house.rows(tables.form_errors)) == kept


def test_the_forms_page_is_for_staff(house):
    assert house.web.get("/forms").status_code == 302


@pytest.mark.requirement("dtr-2.2.0@conf-1")
@BOTH
def test_the_capability_statement_tells_all_of_it(house, version):
    """And that it does all that the guide's own statement for payers asks for."""
    told = read_json(house.web.get(f"/fhir/{version}/metadata").data)["instantiates"]
    assert any("davinci-dtr/CapabilityStatement/dtr-payer-service" in one for one in told)
    rest = read_json(house.web.get(f"/fhir/{version}/metadata").data)["rest"][0]
    told = {one["type"]: {operation["name"] for operation in one.get("operation", [])} for one in rest["resource"]}
    assert told["Questionnaire"] == {"questionnaire-package", "next-question", "log-questionnaire-errors"}
    assert told["ValueSet"] == {"expand"}
