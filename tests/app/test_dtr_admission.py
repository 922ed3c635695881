"""At DTR's door: what is refused, naming its element, and what is let pass, by the manner of the client."""

import pytest

from fhir_r4.wire import read_json
from tests.app.test_questionnaires_door import a_report, parameters
from tests.given import a_coverage, a_hook, an_order

BOTH = pytest.mark.parametrize("version", ["2.0", "2.2"])
CLIENTS = pytest.mark.parametrize("client", ["riverside-ehr", "strict-ehr"], ids=["lenient", "strict"])
ORDER = "Parameters.parameter[1].resource"
COVERAGE = "Parameters.parameter[0].resource"
LOG = "Questionnaire/$log-questionnaire-errors"


def refused(answer):
    """Return the elements that a refusal names; it is one OperationOutcome that quotes nothing."""
    assert answer.status_code == 400, answer.data
    body = read_json(answer.data)
    assert body["resourceType"] == "OperationOutcome"
    assert "Baxter" not in answer.text
    return {where for issue in body["issue"] for where in issue.get("expression", [])}


@BOTH
@CLIENTS
@pytest.mark.parametrize(
    ("order", "coverage", "where"),
    [
        ({"authoredOn": "lately"}, {}, f"{ORDER}.authoredOn"),
        ({"colour": "Baxter"}, {}, f"{ORDER}.colour"),
        ({"note": {"text": "Baxter"}}, {}, f"{ORDER}.note"),
        ({"subject": []}, {}, f"{ORDER}.subject"),
        ({}, {"status": "alive"}, f"{COVERAGE}.status"),
        ({}, {"payor": []}, f"{COVERAGE}.payor"),
    ],
    ids=["no date", "an unknown element", "no list", "a list", "an unknown status", "an empty list"],
)
def test_what_breaks_fhir_itself_is_refused_whoever_sends_it(house, version, client, order, coverage, where):
    asked = parameters(an_order(**order), a_coverage(**coverage))
    assert where in refused(house.package(asked, version, client=client))


@BOTH
def test_what_only_the_profile_asks_for_is_refused_of_a_strict_client_and_let_pass_of_others(house, version):
    """CRD's profile of an order wants its day; the form is found without."""
    known = an_order()
    asked = parameters({name: known[name] for name in known if name != "authoredOn"})
    assert f"{ORDER}.authoredOn" in refused(house.package(asked, version, client="strict-ehr"))
    assert house.package(asked, version).status_code == 200


@BOTH
def test_a_strict_client_that_keeps_to_the_profile_gets_its_form(house, version):
    assert house.package(parameters(), version, client="strict-ehr").status_code == 200


@BOTH
@CLIENTS
def test_an_extension_of_somebody_else_is_no_fault(house, version, client):
    own = {"url": "https://ehr.example.org/StructureDefinition/colour", "valueString": "blue"}
    asked = parameters(an_order(extension=[own]), a_coverage(extension=[own]))
    assert house.package(asked, version, client=client).status_code == 200


@BOTH
@CLIENTS
def test_what_is_referred_to_may_come_along(house, version, client):
    """2.0.1's ``referenced``; 2.2 has taken it from the profile, and its text still speaks of it."""
    patient = {"name": "referenced", "resource": a_hook()["prefetch"]["patient"]}
    assert house.package(parameters(more=[patient]), version, client=client).status_code == 200


@CLIENTS
@pytest.mark.parametrize(
    "more",
    [
        {"name": "order", "resource": {"resourceType": "Patient", "id": "x"}},
        {"name": "questionnaire", "valueString": "not a canonical"},
        {"name": "changedsince", "valueInstant": "yesterday"},
        {"name": "context", "valueString": ""},
        {"name": "questionnaire"},
        {"name": "coverage", "resource": "x"},
        {"name": 5},
        {},
    ],
    ids=["no order", "no canonical", "no instant", "empty", "nothing", "no resource", "no name", "no parameter"],
)
def test_a_parameter_of_the_wrong_kind_is_refused(house, client, more):
    assert refused(house.package(parameters(more=[more]), "2.0", client=client))


@BOTH
@CLIENTS
def test_a_report_of_errors_that_is_no_fhir_is_refused_and_not_kept(house, version, client):
    report = a_report()
    report["parameter"][1]["resource"]["issue"][0]["severity"] = "terrible"
    assert "Parameters.parameter[1].resource.issue[0].severity" in refused(
        house.post(f"{version}/{LOG}", report, client=client)
    )
    assert house.post(f"{version}/{LOG}", a_report(), client=client).status_code == 200


@BOTH
def test_more_orders_than_anybody_writes_at_once_are_refused(house, version):
    many = [{"name": "order", "resource": an_order(id=f"o{number}")} for number in range(500)]
    assert refused(house.package(parameters(more=many), version)) == {"Parameters.parameter"}
