"""Sentences of the guides that belong to no one part: several coverages, what is qualified, what is not needed."""

from dataclasses import replace
from datetime import date

import pytest

from fhir_r4.resource import extensions, value_of
from fhir_r4.systems import COVERAGE_INFORMATION, CRD
from rules.directory import Member, Plan
from tests.cds_hooks.test_advice import answer, therapy
from tests.cds_hooks.test_hooks import an_order_of
from tests.given import (
    ACME,
    AMY,
    EHR,
    OXYGEN,
    PLAN,
    FakeDirectory,
    FakeEhr,
    a_coverage,
    a_hook_of,
    a_patient,
    an_appointment,
    an_order,
)
from tests.second_opinion import assert_profiled

BOTH = pytest.mark.parametrize("version", ["2.0", "2.2"])
BETA_ID = replace(ACME.identifiers[0], value="00077")
BETA = replace(ACME, id="beta", name="Beta Care", identifiers=(BETA_ID,), plans=(Plan("B", "Beta", "commercial"),))
TWO = FakeDirectory(members=[AMY, Member("beta", "B-1", "B", AMY.birth_date, date(2026, 1, 1))], payers=[ACME, BETA])


def beta_coverage(**changes):
    number = [a_coverage()["identifier"][0] | {"value": "B-1"}]
    return a_coverage(id="beta", identifier=number, payor=[{"identifier": BETA_ID.to_fhir()}], order=2) | changes


def two_coverages(version="2.0", about=None):
    body = a_hook_of("order-sign", version=version, about=about or an_order(insurance=[]))
    entries = [{"resource": one} for one in (beta_coverage(), a_coverage(order=1))]
    body["prefetch"]["coverage"] = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    return body


def repetitions(given, index=0):
    written = extensions(given["systemActions"][index]["resource"], COVERAGE_INFORMATION)
    return [{part["url"]: value_of(part) for part in one["extension"]} for one in written]


# Several coverages, several payers


@BOTH
@pytest.mark.requirement("crd-2.0.1@264", "crd-2.2.1@resp-32")
def test_each_coverage_has_a_statement_with_an_id_of_its_own(version):
    first, second = repetitions(answer(two_coverages(version), directory=TWO))
    assert [one["coverage"]["reference"] for one in (first, second)] == ["Coverage/amy-baxter-acme", "Coverage/beta"]
    assert first["coverage-assertion-id"] != second["coverage-assertion-id"]


@BOTH
@pytest.mark.requirement("crd-2.0.1@265")
def test_a_coverage_is_spoken_about_once_and_so_under_one_id(version):
    said = repetitions(answer(two_coverages(version), directory=TWO))
    coverages = [one["coverage"]["reference"] for one in said]
    assert len(set(coverages)) == len(coverages)


@pytest.mark.parametrize("named", ["Coverage/beta", f"{EHR}/Coverage/beta", "Coverage/beta/_history/2"])
def test_an_order_that_names_its_coverage_is_answered_for_that_one(named):
    body = two_coverages(about=an_order(insurance=[{"reference": named}]))
    (said,) = repetitions(answer(body, directory=TWO))
    assert said["coverage"]["reference"] == "Coverage/beta"


@pytest.mark.requirement("crd-2.0.1@27")
def test_each_payer_of_the_installation_answers_in_its_own_name():
    body = a_hook_of("order-sign")
    body["prefetch"]["coverage"] = beta_coverage()
    given = answer(body, directory=TWO)
    assert "Beta Care" in given["systemActions"][0]["description"]
    assert all(card["source"]["label"] == "Beta Care" for card in given["cards"])


def test_the_statement_of_another_payer_stays_as_it_came():
    theirs = {
        "url": COVERAGE_INFORMATION,
        "extension": [
            {"url": "coverage", "valueReference": {"reference": "Coverage/theirs", "display": "Other Plan"}},
            {"url": "covered", "valueCode": "covered"},
            {"url": "pa-needed", "valueCode": "no-auth"},
            {"url": "date", "valueDate": "2026-02-01"},
            {"url": "coverage-assertion-id", "valueString": "their-id"},
            {"url": "of-their-own", "valueDecimal": 1.5},
        ],
    }
    (action,) = answer(a_hook_of("order-sign", about=an_order(extension=[theirs])))["systemActions"]
    assert extensions(action["resource"], COVERAGE_INFORMATION)[0] == theirs
    assert len(extensions(action["resource"], COVERAGE_INFORMATION)) == 2


@BOTH
@pytest.mark.parametrize("kind", ["ServiceRequest", "NutritionOrder"])
def test_an_order_for_another_patient_is_not_weighed_for_this_one(kind, version):
    """Nothing of anybody's record is read for it, and nothing is promised."""
    order = an_order_of(kind, OXYGEN)
    order["patient" if "patient" in order else "subject"] = {"reference": f"{EHR}/Patient/bernard-okoye"}
    ehr = FakeEhr()
    given = answer(a_hook_of("order-sign", version=version, about=order), ehr=ehr)
    (said,) = repetitions(given)
    assert said["covered"] == ("indeterminate" if version == "2.2" else "conditional")
    assert "another patient" in said["reason"]["text"]
    assert given["cards"] == []
    assert ehr.asked == []


@BOTH
def test_orders_that_stand_on_each_other_say_so(version):
    body = a_hook_of("order-sign", version=version)
    on_it = an_order(id="second", basedOn=[{"reference": "DeviceRequest/home-oxygen"}])
    body["context"]["draftOrders"]["entry"].append({"resource": on_it})
    given = answer(body)
    assert "dependency" not in repetitions(given)[0]
    assert repetitions(given, 1)[0]["dependency"] == {"reference": "DeviceRequest/home-oxygen"}


# What is qualified


@BOTH
@pytest.mark.requirement("crd-2.0.1@262", "crd-2.2.1@resp-30")
def test_what_a_statement_depends_on_is_said_with_it(version):
    (said,) = repetitions(answer(a_hook_of("order-sign", version=version)))
    assert said["billingCode"]["code"] == "E0424"
    assert said["date"] == "2026-03-01"
    if version == "2.2":
        assert said["expiry-date"] == "2026-05-30"
    (said,) = repetitions(answer(a_hook_of("order-sign", about=therapy(), version=version), ehr=FakeEhr()))
    assert said["billingCode"]["code"] == "97110"


@pytest.mark.requirement("crd-2.2.1@resp-45")
def test_a_coverage_that_the_ehr_calls_cancelled_is_not_active():
    body = a_hook_of("order-sign", version="2.2")
    body["prefetch"]["coverage"] = a_coverage(status="cancelled")
    (said,) = repetitions(answer(body))
    assert said["reason"]["coding"][0]["code"] == "no-active-coverage"


@pytest.mark.parametrize(
    ("moment", "covered"),
    [
        ("2026-03-31T23:30:00-04:00", "covered"),
        ("2026-04-01T01:30:00Z", "covered"),
        ("2026-04-01T01:30:00.000+00:00", "covered"),
        ("2026-03-31T22:30:00-08:00", "covered"),  # in New York it is April
        ("2026-04-01T04:30:00Z", "not-covered"),
        ("2026-04-01", "not-covered"),
    ],
)
def test_a_moment_that_the_ehr_keeps_in_utc_is_of_the_payer_s_day(moment, covered):
    """The coverage ends with March; an evening's order is of that evening, whatever the server's clock."""
    ends = FakeDirectory(members=[replace(AMY, covered_to=date(2026, 3, 31))])
    order = an_order(authoredOn=moment)
    for name in ("occurrencePeriod", "occurrenceDateTime", "occurrenceTiming"):
        order.pop(name, None)
    (said,) = repetitions(answer(a_hook_of("order-sign", version="2.2", about=order), directory=ends))
    assert said["covered"] == covered


def test_a_what_if_gets_no_number_and_none_is_made_for_anybody():
    body = a_hook_of("order-sign", configuration={"unsolicited-determ": False})
    (said,) = repetitions(answer(body))
    assert "satisfied-pa-id" not in said


# What is not needed


@BOTH
def test_a_code_whose_policy_is_of_other_days_is_not_called_free_of_authorization(version):
    """$submit has a person look at it, whatever the plan says of codes without a policy."""
    early = FakeDirectory(members=[replace(AMY, covered_from=date(2025, 1, 1))])
    order = an_order(authoredOn="2025-06-01")
    order.pop("occurrencePeriod", None)
    (said,) = repetitions(answer(a_hook_of("order-sign", about=order, version=version), directory=early))
    assert (said["covered"], said["pa-needed"]) == ("covered", "auth-needed")
    assert "other days" in said["reason"]["text"]


@BOTH
@pytest.mark.requirement("crd-2.2.1@conf-7", "crd-2.2.1@conf-8", "crd-2.2.1@hook-22")
def test_the_barest_resources_are_enough(version):
    order = {
        "resourceType": "ServiceRequest", "id": "bare", "status": "draft", "intent": "order",
        "code": {"coding": [OXYGEN.to_fhir()]}, "subject": {"reference": "Patient/amy-baxter"},
    }  # fmt: skip
    coverage = {
        "resourceType": "Coverage", "id": "c", "status": "active", "subscriberId": AMY.member_id,
        "beneficiary": {"reference": "Patient/amy-baxter"}, "payor": [{"identifier": ACME.identifiers[0].to_fhir()}],
    }  # fmt: skip
    body = a_hook_of("order-sign", about=order, version=version)
    body["prefetch"] = {"coverage": coverage}
    (said,) = repetitions(answer(body, ehr=FakeEhr(down=True)))
    assert said["pa-needed"] == "auth-needed"


@pytest.mark.requirement("crd-2.2.1@found-32")
@pytest.mark.parametrize("lacking", ["identifier", "class", "period", "relationship", "type"])
def test_a_record_that_lacks_something_is_never_412(lacking):
    body = a_hook_of("order-sign", version="2.2")
    body["prefetch"]["coverage"] = {k: v for k, v in a_coverage().items() if k != lacking}
    body["prefetch"]["patient"] = a_patient(birthDate=None)
    assert repetitions(answer(body))


@BOTH
@pytest.mark.requirement("crd-2.0.1@275", "crd-2.0.1@276", "crd-2.0.1@277")
@pytest.mark.parametrize("kind", ["NutritionOrder", "ServiceRequest", "VisionPrescription"])
def test_an_annotated_order_keeps_to_its_profile(kind, version):
    (action,) = answer(a_hook_of("order-sign", about=an_order_of(kind, OXYGEN), version=version))["systemActions"]
    assert extensions(action["resource"], COVERAGE_INFORMATION)
    profile = f"{CRD}/StructureDefinition/profile-{kind.lower()}"
    assert_profiled(action["resource"], version, profile, references="open")


@pytest.mark.requirement("crd-2.0.1@170", "crd-2.0.1@272")
def test_an_appointment_book_call_of_version_1_0_is_answered_within_its_profile():
    body = a_hook_of("appointment-book", encounterId="stay")
    (action,) = answer(body)["systemActions"]
    profile = f"{CRD}/StructureDefinition/profile-appointment"
    assert_profiled(action["resource"], "2.0", profile, references="open")


@BOTH
@pytest.mark.requirement("crd-2.2.1@conf-5", "crd-2.2.1@conf-13")
def test_what_the_plan_knows_is_said_in_the_elements_that_are_made_for_it(version):
    (said,) = repetitions(answer(a_hook_of("order-sign", version=version)))
    for element in ("coverage", "covered", "pa-needed", "doc-needed", "questionnaire", "billingCode", "contact"):
        assert element in said
    if version == "2.2":
        assert "expiry-date" in said


def test_a_plan_without_a_phone_gives_no_contact():
    silent = replace(ACME, phone=None)
    (said,) = repetitions(answer(a_hook_of("order-sign"), directory=FakeDirectory(payers=[silent])))
    assert "contact" not in said


def test_an_appointment_that_was_cancelled_is_left_out():
    assert answer(a_hook_of("appointment-book", about=an_appointment(status="cancelled")))["systemActions"] == []


def test_a_plan_says_what_holds_where_no_policy_has_the_code():
    strict = replace(ACME, plans=(replace(PLAN, otherwise="auth-needed"),))
    other = {"coding": [{"system": OXYGEN.system, "code": "E9999"}]}
    body = a_hook_of("order-sign", about=an_order(codeCodeableConcept=other))
    (said,) = repetitions(answer(body, directory=FakeDirectory(payers=[strict])))
    assert said["pa-needed"] == "auth-needed"
