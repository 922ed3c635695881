"""The DTR app over the library: an order opens its form, filled from the record, with the source of each answer."""

import shutil

import pytest

from app.sandbox.smart import Context
from tests.app.town import Browser, Town


@pytest.fixture
def town(opened, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(opened, data)
    made = Town(data)
    yield made
    made.close()


@pytest.mark.parametrize(("order", "filled", "asked"), [
    ("MedicationRequest/natalie-brooks-infliximab", {"1.1", "2.1", "3.1", "3.2", "5.1"}, {"1.2", "2.2", "4.1", "5.2"}),
    ("ServiceRequest/rachel-stein-brca-testing", {"1.1", "2.4", "2.5", "2.6", "3.4", "3.5", "3.6"}, {"1.2", "3.1"}),
    ("ServiceRequest/evelyn-carter-eyelid-surgery", {"3.1"}, {"1.1", "1.2", "2.1", "2.2", "2.3"}),
    ("ServiceRequest/priya-raman-coronary-ct", {"1.1", "2.1", "2.2", "3.1", "3.4", "4.1"}, {"1.2", "1.3", "3.3"}),
    ("ServiceRequest/monica-reyes-bariatric-surgery", {"1.1", "2.1", "3.1", "3.5", "4.3"}, {"2.2", "3.3", "4.1"}),
])  # fmt: skip
def test_an_order_opens_its_form_filled_from_the_record(town, order, filled, asked):
    """No search is refused, and nothing that only a person can tell is filled in."""
    held = town.sandbox.extensions["ehr"].records.get(order)
    patient = held["subject"]["reference"].partition("/")[2]
    browser = Browser(town)
    coverage = held["insurance"][0]["reference"]
    page = browser.launch(Context(patient, held["requester"]["reference"], (coverage, order)))
    assert page.status_code == 200
    told = browser.get("form.json").json()
    assert order.endswith(told["form"]["id"])
    marks = told["state"]["marks"]
    assert {one["kind"] for one in marks.values()} == {"record", "empty"}
    assert filled | {"0.1", "0.2", "0.3", "0.4"} <= {link for link, one in marks.items() if one["kind"] == "record"}
    missing = {one["link_id"] for one in told["state"]["missing"]}
    assert asked <= missing
    assert not filled & missing
