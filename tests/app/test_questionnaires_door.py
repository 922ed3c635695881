"""DTR's door: a client with a token gets the forms that its order needs."""

import pytest

from fhir_r4.wire import read_json
from tests.given import a_coverage, a_hook, an_order
from tests.second_opinion import assert_fhir


def parameters(order=None, coverage=None, context=None):
    given = [
        {"name": "coverage", "resource": coverage or a_coverage(payor=[{"reference": "Organization/acme"}])},
        {"name": "order", "resource": order or an_order()},
    ]
    given += [{"name": "context", "valueString": context}] if context else []
    return {"resourceType": "Parameters", "parameter": given}


@pytest.mark.parametrize("version", ["2.0", "2.2"])
@pytest.mark.requirement("dtr-2.0.1@239", "dtr-2.0.1@292")
def test_the_order_alone_leads_to_its_form(house, version):
    answer = house.package(parameters(), version)
    assert answer.status_code == 200
    assert_fhir(read_json(answer.data))


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
        (parameters(coverage=a_coverage(identifier=[], subscriberId="X1")), "coverage"),
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
