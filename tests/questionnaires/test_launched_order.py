"""A form is about the order that it was opened for, also where the patient has a later one of the same kind."""

import pytest

from fhir_r4.generations import Generation
from fhir_r4.resource import kind
from fhir_r4.systems import ICD_10_CM
from questionnaires.logic import Clinical
from tests.given import CATALOG, NOW, an_order
from tests.questionnaires.given import given_answers, the_draft
from tests.questionnaires.prepopulation import forms, record, rows

PARAMETERS = {
    "DeviceRequest": "device_request",
    "MedicationRequest": "medication_request",
    "ServiceRequest": "service_request",
}
FORMS = pytest.mark.parametrize("form", forms(), ids=lambda form: form["id"])


def drafted(form):
    return record().get(next(one.order for one in rows() if one.form == form["id"] and one.order))


def later(order):
    return order | {"id": "later", "authoredOn": "2026-03-01T15:00:00Z"}


def order_of(form, resources, **context):
    """Return the order that the form's logic speaks of: the id of what its library calls so."""
    logic = CATALOG.logic(form)
    found = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}
    clinical = Clinical.over(logic, {"found": found} | context, NOW)
    (library,) = logic.main
    return clinical.run.value(library.name, "Order", library.identifier.version).json["id"]


@FORMS
def test_the_order_of_the_launch_is_the_forms_order(form):
    order = drafted(form)
    assert order_of(form, [order, later(order)], order=order) == order["id"]
    assert order_of(form, [later(order), order], order=later(order)) == "later"


@FORMS
def test_a_client_may_say_which_order_by_the_name_of_the_librarys_parameter(form):
    order = drafted(form)
    assert order_of(form, [order, later(order)], **{PARAMETERS[kind(order)]: order}) == order["id"]


@FORMS
def test_where_nobody_says_which_it_is_the_latest_of_its_kind(form):
    order = drafted(form)
    assert order_of(form, [order, later(order)]) == "later"


@FORMS
def test_an_order_of_another_kind_is_not_taken_for_it(form):
    order = drafted(form)
    other = {"resourceType": kind(order), "id": "other", "intent": "order", "status": "draft"}
    assert order_of(form, [order, later(order), other], order=other) == "later"


def test_the_payers_draft_speaks_of_the_order_that_is_asked_about():
    order = an_order()
    fibrosis = {"system": ICD_10_CM, "code": "J84.10"}
    another = later(order) | {"reasonCode": [{"coding": [fibrosis]}]}
    for asked, beside in ((order, another), (another, order)):
        sent = [{"name": "order", "resource": asked}, {"name": "referenced", "resource": beside}]
        (answer,) = given_answers(the_draft(Generation.V2_0, *sent, order=False))["1.1"]
        assert answer["valueCoding"]["code"] == asked["reasonCode"][0]["coding"][0]["code"]
