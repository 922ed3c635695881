"""A request is weighed on all that came with it, on the directory and on our own file, not on the form alone."""

from dataclasses import replace
from datetime import date

import pytest

from fhir_r4.resource import Identifier, as_dict
from fhir_r4.systems import HCPCS, NPI
from prior_auth.decision import ReviewAction
from prior_auth.evidence import evidence_of
from prior_auth.parties import Parties, parties
from prior_auth.submission import read_submission
from rules.directory import GoldCard
from rules.trace import Origin, Trace
from tests.given import (
    ACME,
    AMY,
    CLINIC,
    EHR,
    NOW,
    OXYGEN,
    TODAY,
    FakeDirectory,
    a_certification,
    a_submission_bundle,
    an_authorization,
    knowledge,
)
from tests.given import entry as of_type
from tests.given_policy import BY_RECORD, saturation
from tests.prior_auth.test_submit import decided

KNOWLEDGE = replace(knowledge(), book=BY_RECORD)
TRUSTED = replace(CLINIC, gold_cards=(GoldCard("oxygen-*", date(2026, 1, 1)),))


def a_bundle(*records, item=None, order=None):
    """A request with these resources as supporting information."""
    bundle = a_submission_bundle()
    claim = of_type(bundle, "Claim")
    claim["item"][0] |= item or {}
    of_type(bundle, "DeviceRequest").update(order or {})
    for number, record in enumerate(records, start=2):
        bundle["entry"].append({"fullUrl": f"{EHR}/Observation/{record['id']}", "resource": record})
        info = claim["supportingInfo"][0] | {"sequence": number}
        claim["supportingInfo"].append(info | {"valueReference": {"reference": f"Observation/{record['id']}"}})
    return bundle


def the_item(bundle, on_file=(), **known):
    return decided(bundle, on_file=on_file, known=Parties(ACME, AMY, **known), knowledge=KNOWLEDGE).items[0]


def test_what_the_record_has_is_weighed_and_named_in_the_trace():
    decision = the_item(a_bundle(saturation(86))).decision
    assert (decision.action, decision.ends) == (ReviewAction.CERTIFIED, date(2026, 8, 31))
    trace = Trace.from_json(decision.trace)
    assert (trace.facts["spo2"], trace.origins["spo2"]) == (86, Origin("record", "Observation/spo2"))
    assert (trace.facts["place"], trace.facts["used"], trace.quantity) == ("12", 0, "3")


def test_what_is_missing_is_kept_with_its_kind():
    decision = the_item(a_bundle()).decision
    assert decision.action is ReviewAction.PENDED
    asked = {one.fact: one.ask for one in Trace.from_json(decision.trace).missing}
    assert asked["spo2"] == "Saturation at rest"
    assert Trace.from_json(decision.trace).queue == "oxygen-nurses"


def test_a_record_of_somebody_else_says_nothing():
    other = a_bundle(saturation(86, patient="Organization/acme"))
    assert the_item(other).decision.action is ReviewAction.PENDED


@pytest.mark.parametrize(("quantity", "action"), [(3, "A1"), (4, "A4"), ("many", "A4")])
def test_as_many_as_the_policy_certifies_are_certified_and_more_wait(quantity, action):
    decision = the_item(a_bundle(saturation(86), item={"quantity": {"value": quantity}})).decision
    assert decision.action == action
    if action == "A4":
        assert "More than three systems" in decision.reason


def test_what_was_certified_before_counts():
    before = an_authorization(a_certification())
    trace = Trace.from_json(the_item(a_bundle(saturation(86)), on_file=[before]).decision.trace)
    assert trace.facts["used"] == 1


def test_the_other_items_are_known():
    bundle = a_bundle(saturation(86))
    claim = of_type(bundle, "Claim")
    second = claim["item"][0] | {"sequence": 2}
    claim["item"].append(second | {"productOrService": {"coding": [{"system": HCPCS, "code": "E1390"}]}})
    decision = the_item(bundle).decision
    assert (decision.action, decision.reason) == (ReviewAction.PENDED, "Decided with the concentrator.")


def test_a_gold_card_needs_no_authorization():
    item = the_item(a_bundle(), requester=TRUSTED)
    assert (item.decision.action, item.decision.reason) == (ReviewAction.NOT_REQUIRED, "Gold card.")


def test_who_asks_and_who_is_to_do_it_are_looked_up():
    performer = {"performer": {"reference": "Practitioner/lindqvist"}}
    npi = next(one["value"] for one in of_type(a_bundle(), "Practitioner")["identifier"])
    doctor = replace(CLINIC, npi=npi, name="Dr. Lindqvist")
    found = parties(read_submission(a_bundle(order=performer)), FakeDirectory(providers=(CLINIC, doctor)), NOW)
    assert (found.requester, found.providers) == (CLINIC, {CLINIC.npi: CLINIC, npi: doctor})


LINDQVIST = {"reference": "Practitioner/lindqvist"}
BY_NUMBER = {"identifier": Identifier(NPI, "1667788990").to_fhir()}
DOCTOR = replace(CLINIC, npi="1144221847")


def performers(named, *, others=(), **order):
    """Return whom the directory knows to perform an item, as its policy learns of them."""
    bundle = a_bundle(order={"performer": named} | order)
    bundle["entry"].extend({"fullUrl": f"{EHR}/{one['resourceType']}/{one['id']}", "resource": one} for one in others)
    submission = read_submission(bundle)
    known = parties(submission, FakeDirectory(providers=(CLINIC, DOCTOR)), NOW)
    (item,) = submission.items
    return evidence_of(item, OXYGEN, {}, known, (), TODAY).performers


def test_every_performer_counts_and_not_the_first_alone():
    assert performers([LINDQVIST, {"reference": "Organization/riverside"}]) == (DOCTOR, CLINIC)
    assert performers(LINDQVIST) == (DOCTOR,)


def test_where_one_performer_is_not_known_nothing_holds_of_the_others():
    assert performers([LINDQVIST, BY_NUMBER]) == ()
    assert performers([LINDQVIST, {"display": "whoever is free"}]) == ()


def test_who_performs_without_a_number_is_none_of_the_directory_s():
    nurse = {"resourceType": "Practitioner", "id": "nurse", "name": [{"family": "Moss"}]}
    assert performers([LINDQVIST, {"reference": "Practitioner/nurse"}], others=[nurse]) == (DOCTOR,)


def test_a_performer_may_be_contained_or_a_role():
    role = {"resourceType": "PractitionerRole", "id": "role", "practitioner": LINDQVIST}
    assert performers([{"reference": "PractitionerRole/role"}], others=[role]) == (DOCTOR,)
    held = {"resourceType": "Organization", "id": "c", "identifier": [Identifier(NPI, CLINIC.npi).to_fhir()]}
    assert performers([{"reference": "#c"}], contained=[held]) == (CLINIC,)


@pytest.mark.parametrize(
    "item", [{"modifier": [{"coding": [{"system": HCPCS, "code": "RR"}]}]}, {"quantity": {"value": 0}}]
)
def test_what_the_policy_does_not_weigh_still_waits_for_a_person(item):
    bundle = a_bundle(saturation(86), item=item)
    assert as_dict(item)
    decision = the_item(bundle).decision
    assert decision.action in {ReviewAction.PENDED, ReviewAction.CERTIFIED}
    if "modifier" in item:
        assert "modifier, which no policy weighs" in decision.reason
