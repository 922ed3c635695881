"""What the library's forms leave to a person where the record only makes it likely; and what the record does say."""

from decimal import Decimal

import pytest

from fhir_r4.systems import ICD_10_CM
from tests.given import a_record
from tests.questionnaires.test_library import ORDERS, bare, from_record, quantity


def ordered(name, **changes):
    """Return what the full record gives, its order changed."""
    records = a_record()
    order = records.get(ORDERS[name][0]) | changes
    records.put(order)
    return bare(name, from_record(name, order, records))


def test_a_dose_for_each_kilogram_is_the_prescriber_s_and_is_worked_out_from_no_milligrams():
    """200 mg for 66 kg are whole vials for what may have been ordered as 3 mg/kg."""
    doses = ({"doseQuantity": quantity(200, "mg")}, {"doseQuantity": quantity(3, "mg/kg")})
    given = [
        ordered("infliximab", dosageInstruction=[{"doseAndRate": list(ones)}]).get("2.2")
        for ones in (doses[:1], doses[1:], doses)
    ]
    assert given == [None, 3, 3]


def every(weeks, **more):
    return {"timing": {"repeat": {"frequency": 1, "period": weeks, "periodUnit": "wk"}}} | more


@pytest.mark.parametrize(
    ("instructions", "weeks"),
    [
        ([every(8)], 8),
        ([every(8, sequence=2), every(2, sequence=1)], 8),
        ([every(8), every(2)], None),  # which of them goes on, nobody has said
        ([every(Decimal("1.5"))], None),
        ([{"timing": {"repeat": {"frequency": 2, "period": 8, "periodUnit": "wk"}}}], None),
        ([{"text": "every 8 weeks"}], None),
        ([], None),
    ],
)
def test_the_weeks_between_infusions_are_those_of_the_order_s_timing(instructions, weeks):
    assert ordered("infliximab", dosageInstruction=instructions).get("2.3") == weeks


@pytest.mark.parametrize(
    ("changes", "tried"),
    [
        ({}, True),
        ({"status": "stopped"}, True),  # dispensed from 1100 days ago until today
        ({"status": "stopped", "dispenseRequest": {}}, None),  # nobody knows when
        ({"status": "stopped", "dispenseRequest": {"validityPeriod": {"end": "2023-03-10"}}}, None),
        ({"status": "active", "authoredOn": "2026-02-01"}, None),
    ],
)
def test_what_was_stopped_counts_as_taken_for_as_long_as_it_was_dispensed(changes, tried):
    records = a_record()
    records.put(records.get("MedicationRequest/natalie-brooks-methotrexate") | changes)
    order = records.get(ORDERS["infliximab"][0])
    assert bare("infliximab", from_record("infliximab", order, records)).get("3.2") == tried


@pytest.mark.parametrize(("code", "for_looks"), [("Z41.1", True), ("H53.483", None), ("H02.831", None)])
def test_that_lids_are_not_operated_for_looks_is_said_by_the_surgeon_and_by_no_diagnosis(code, for_looks):
    reason = {"coding": [{"system": ICD_10_CM, "code": code}]}
    assert ordered("eyelid-surgery", reasonCode=[reason]).get("1.1") is for_looks


def test_whether_treatment_of_the_obesity_failed_no_weight_tells():
    given = ordered("bariatric-surgery")
    assert given["3.1"] is True
    assert "3.3" not in given


def test_nobody_was_seen_with_a_device_before_one_was_ordered():
    records = a_record()
    order = records.get(ORDERS["cpap"][0])
    records.put(order | {"id": "earlier", "status": "completed", "authoredOn": "2026-02-09"})
    given = bare("cpap", from_record("cpap", order, records))
    assert (given["1.5"], given["4.2"]) == ("continued", "2026-02-10")


@pytest.mark.parametrize(("since", "seen"), [("2025-02-08", "2025-02-08"), ("2025-02-07", None)])
def test_a_visit_of_more_than_a_year_before_a_sleep_test_was_not_for_it(since, seen):
    records = a_record()
    order = records.get(ORDERS["cpap"][0])
    before = records.get("Encounter/carmen-delgado-sleep-visit")
    records.put(before | {"period": {"start": f"{since}T09:00:00-05:00"}})
    assert bare("cpap", from_record("cpap", order, records)).get("2.1") == seen


@pytest.mark.parametrize(
    ("session", "weeks"),
    [
        ({"reasonCode": [{"coding": [{"system": ICD_10_CM, "code": "M54.50"}]}]}, 3),
        ({"reasonReference": [{"reference": "Condition/back"}]}, 3),
        ({"reasonCode": [{"coding": [{"system": ICD_10_CM, "code": "M25.662"}]}]}, None),
        ({"reasonReference": [{"reference": "Condition/grace-thompson-knee-stiffness"}]}, None),
        ({}, None),
    ],
)
def test_therapy_is_care_of_the_back_where_it_was_given_for_the_back(session, weeks):
    records = a_record()
    for number in range(1, 7):
        records.put(records.get(f"Procedure/grace-thompson-therapy-{number}") | session)
    back = {"coding": [{"system": ICD_10_CM, "code": "M54.50"}]}
    records.put(records.get("Condition/grace-thompson-knee-stiffness") | {"id": "back", "code": back})
    order = records.get("ServiceRequest/lumbar-mri") | {"subject": {"reference": "Patient/grace-thompson"}}
    given = from_record("lumbar-mri", order, records)
    assert given.get("2.1") == (weeks and [weeks])
