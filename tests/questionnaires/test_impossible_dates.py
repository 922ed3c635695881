"""What cannot be is no evidence: what the record dates before birth, or in days to come, fills in no question."""

import json
import re

import pytest

from fhir_r4.resource import kind, reference
from fhir_r4.wire import write_json
from questionnaires.catalog import questions
from tests.given import a_record
from tests.questionnaires.test_library import ORDERS, RECORDS, form_of, from_record

FULL = {name: full for name, (full, _sparse) in ORDERS.items()} | {"home-oxygen": "DeviceRequest/home-oxygen-okoye"}
EACH = pytest.mark.parametrize("name", FULL)
EVENTS = {
    "Condition", "DiagnosticReport", "Encounter", "MedicationDispense", "MedicationStatement", "Observation",
    "Procedure",
}  # fmt: skip
IN_YEAR = pytest.mark.parametrize("year", [1890, 2140])
_DATE = re.compile(r'"\d{4}-(\d\d-\d\d)')


def happened_to(patient):
    return [one for one in RECORDS if kind(one) in EVENTS and patient == reference(one.get("subject"))]


def a_record_with(order, made):
    """Return the record with what is made of each thing that happened to the patient of an order."""
    records = a_record()
    for one in happened_to(order["subject"]["reference"]):
        records.put(made(one))
    return records


def in_year(resource, year):
    """Return the same with every day of it in another year."""
    return json.loads(_DATE.sub(rf'"{year}-\1', write_json(resource).decode()))


@EACH
@IN_YEAR
def test_what_is_dated_so_beside_the_record_changes_no_answer(name, year):
    order = RECORDS.get(FULL[name])
    records = a_record_with(order, lambda one: in_year(one, year) | {"id": f"{one['id']}-{year}"})
    assert from_record(name, order, records) == from_record(name, order)


@EACH
@IN_YEAR
def test_a_record_that_is_dated_so_gives_no_day_and_no_measure(name, year):
    order = RECORDS.get(FULL[name])
    records = a_record_with(order, lambda one: in_year(one, year))
    given = from_record(name, order, records)
    asked = questions(form_of(name))
    assert not {link for link in given if asked[link]["type"] in {"date", "quantity"}}


@EACH
def test_who_is_born_tomorrow_has_no_age(name):
    order = RECORDS.get(FULL[name])
    records = a_record()
    records.put(records.get(order["subject"]["reference"]) | {"birthDate": "2026-03-02"})
    ages = {link for link, item in questions(form_of(name)).items() if item.get("text", "").startswith("Age of the pa")}
    assert len(ages) == 1
    assert not ages & from_record(name, order, records).keys()
