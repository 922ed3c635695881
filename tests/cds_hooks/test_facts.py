"""At order time the policy is weighed on what is known then: it is asked of the EHR, and what is missing is said."""

from dataclasses import replace
from datetime import date

import pytest

from cds_hooks.evidence import Matched, evidence
from cds_hooks.gather import gather
from cds_hooks.request import read_request
from cds_hooks.respond import respond
from cds_hooks.services import SERVICES
from cds_hooks.weigh import Scene
from fhir_r4.generations import Generation
from fhir_r4.resource import extension, value_of
from fhir_r4.systems import COVERAGE_INFORMATION, ICD_10_CM, NPI, PLACE_OF_SERVICE
from rules.book import PolicyBook
from rules.directory import GoldCard
from rules.lists import read_lists
from rules.load import load_policy
from tests.given import (
    AMY,
    CLINIC,
    NOW,
    OXYGEN,
    TODAY,
    FakeDirectory,
    FakeEhr,
    a_hook,
    a_hook_of,
    a_record,
    an_appointment,
    an_order,
    hook_knowledge,
)
from tests.given_policy import BY_RECORD, TEXT, saturation
from tests.hook_answer import assert_answer

KNOWLEDGE = replace(hook_knowledge(), book=BY_RECORD)
SEARCH = "Observation?patient=amy-baxter&code=http://loinc.org|20564-1&_sort=-date&_count=1"


def called(
    *records, order=None, knowledge=KNOWLEDGE, providers=(CLINIC,), standing=(), sent=None, now=NOW, speakers=None
):
    """Return what is said of the order, and the EHR that was asked; ``sent`` comes by prefetch besides."""
    held = a_record()
    for record in records:
        held.put(record)
    ehr, body = FakeEhr(held), a_hook(order=an_order(**(order or {})), version="2.2")
    body["prefetch"] |= sent or {}
    request = read_request(body, SERVICES["order-sign-crd"], Generation.V2_2, speakers=speakers)
    known = gather(request, ehr, FakeDirectory(providers=providers), knowledge, now)
    given = respond(Scene(request, known, {AMY: tuple(standing)}, knowledge, now))
    assert_answer(body, given.to_json(), Generation.V2_2)
    written = extension(given.system_actions[0]["resource"], COVERAGE_INFORMATION)
    return {part["url"]: value_of(part) for part in written["extension"]}, ehr


@pytest.mark.requirement("crd-2.2.1@found-5", "crd-2.2.1@resp-39")
def test_what_the_policy_wants_to_know_is_asked_of_the_ehr():
    assert SEARCH in called()[1].asked


@pytest.mark.parametrize(("hour", "asked"), [(4, False), (6, True)])
def test_an_order_without_a_day_is_asked_about_by_the_policy_of_the_payer_s_own_day(hour, asked):
    """It is the 2nd of March by UTC in both cases; New York is five hours behind."""
    book = PolicyBook([load_policy(TEXT.replace("2026-01-01", "2026-03-02"), "oxygen-by-record/1.yaml")])
    undated = {"authoredOn": None, "occurrencePeriod": None, "occurrenceDateTime": None}
    _, ehr = called(knowledge=replace(KNOWLEDGE, book=book), order=undated, now=NOW.replace(day=2, hour=hour))
    assert (SEARCH in ehr.asked) is asked


def test_a_policy_that_asks_nothing_of_the_ehr_reads_nothing_there():
    assert not any("Observation" in one for one in called(knowledge=hook_knowledge())[1].asked)


@pytest.mark.requirement("dtr-2.0.1@54")
def test_a_missing_value_becomes_documentation_and_one_that_is_there_does_not():
    assert called()[0]["doc-needed"] == "clinical"
    assert "doc-needed" not in called(saturation(86))[0]


def by_network(*performers, providers, records=()):
    """Return what is said of an order whose policy asks whether who performs is in the network."""
    asks = TEXT.replace('"%trusted"', "\"%network = 'in'\"").replace("{trusted: true}", "{network: in}")
    asks = asks.replace("trusted: {type: boolean, requester: gold-card}", "network: {type: code, performer: network}")
    book = PolicyBook([load_policy(asks, "oxygen-by-record/1.yaml")])
    named = [{"reference": one} for one in performers]
    order = {"performer": named}
    return called(*records, knowledge=replace(KNOWLEDGE, book=book), order=order, providers=providers)


def test_a_missing_performer_becomes_information_needed():
    said, _ = by_network(providers=())
    assert (said["pa-needed"], said["info-needed"]) == ("conditional", "performer")


NURSE = {"resourceType": "Practitioner", "id": "nurse", "name": [{"family": "Moss"}]}


@pytest.mark.parametrize(("network", "needed"), [("in", "no-auth"), ("out", "conditional"), (None, "conditional")])
def test_all_who_may_perform_are_asked_about_and_not_the_first_alone(network, needed):
    """A nurse has no number, and is none of the directory's."""
    others = [replace(CLINIC, npi=LINDQVIST, network=network)] if network else []
    said, ehr = by_network(
        "Organization/riverside", "Practitioner/lindqvist", "Practitioner/nurse",
        providers=(CLINIC, *others), records=[NURSE],
    )  # fmt: skip
    assert said["pa-needed"] == needed
    assert {"Organization/riverside", "Practitioner/lindqvist", "Practitioner/nurse"} <= set(ehr.asked)


def test_of_a_performer_who_could_not_be_read_nothing_is_known():
    assert (
        by_network("Organization/riverside", "Practitioner/away", providers=(CLINIC,))[0]["pa-needed"] == "conditional"
    )


def test_of_a_role_whose_practitioner_could_not_be_read_nothing_is_known():
    away = ROLE | {"id": "away", "practitioner": {"reference": "Practitioner/away"}, "organization": None}
    named = "Organization/riverside", "PractitionerRole/away"
    assert by_network(*named, providers=(CLINIC,), records=[away])[0]["pa-needed"] == "conditional"


def test_no_more_performers_are_read_than_an_order_has_in_earnest():
    crowd = [f"Practitioner/{number}" for number in range(30)]
    said, ehr = by_network("Organization/riverside", *crowd, providers=(CLINIC,))
    assert len([one for one in ehr.asked if one.startswith("Practitioner/") and one != "Practitioner/lindqvist"]) == 4
    assert said["pa-needed"] == "conditional"


def test_a_gold_card_needs_no_authorization():
    """Who orders is read from the EHR, because the policy asks about them."""
    record = a_record()
    requester = record.get("DeviceRequest/home-oxygen")["requester"]["reference"]
    npi = next(one["value"] for one in record.get(requester)["identifier"] if one["system"] == NPI)
    trusted = replace(CLINIC, npi=npi, gold_cards=(GoldCard("*", date(2026, 1, 1)),))
    said, ehr = called(providers=(trusted,))
    assert said["pa-needed"] == "no-auth"
    assert requester in ehr.asked


LINDQVIST = "1144221847"
CARD = (GoldCard("*", date(2026, 1, 1)),)
ROLE = {
    "resourceType": "PractitionerRole",
    "id": "lindqvist-riverside",
    "practitioner": {"reference": "Practitioner/lindqvist"},
    "organization": {"reference": "Organization/riverside"},
}


@pytest.mark.parametrize("orders", ["Practitioner/lindqvist", "PractitionerRole/lindqvist-riverside"])
@pytest.mark.parametrize(
    ("speakers", "needed"),
    [({CLINIC.npi}, "auth-needed"), ({CLINIC.npi, LINDQVIST}, "no-auth"), (set(), "auth-needed")],
)
def test_a_gold_card_is_theirs_for_whom_the_client_speaks_alone(orders, speakers, needed):
    """Else whoever names a trusted colleague as the one who orders would be trusted."""
    trusted = replace(CLINIC, npi=LINDQVIST, gold_cards=CARD)
    said, _ = called(
        ROLE,
        order={"requester": {"reference": orders}},
        providers=(trusted, CLINIC),
        speakers=frozenset(speakers),
    )
    assert said["pa-needed"] == needed


@pytest.mark.parametrize(("speakers", "needed"), [({CLINIC.npi}, "no-auth"), ({LINDQVIST}, "auth-needed")])
def test_of_a_role_it_is_the_client_s_own_whose_gold_card_counts(speakers, needed):
    providers = (replace(CLINIC, npi=LINDQVIST), replace(CLINIC, gold_cards=CARD))
    order = {"requester": {"reference": "PractitionerRole/lindqvist-riverside"}}
    said, _ = called(ROLE, order=order, providers=providers, speakers=frozenset(speakers))
    assert said["pa-needed"] == needed


def asked(body, *records):
    """Return what the policies learn of the order of a call itself."""
    held = a_record()
    for record in records:
        held.put(record)
    request = read_request(body, SERVICES[f"{body['hook']}-crd"], Generation.V2_0)
    known = gather(request, FakeEhr(held), FakeDirectory(), KNOWLEDGE, NOW)
    matched = Matched(next(iter(BY_RECORD)), OXYGEN)
    return evidence(known.orders[0], known.insured[0], matched, known, (), "amy-baxter", TODAY)


@pytest.mark.parametrize("target", ["#why", "Condition/why"])
def test_a_diagnosis_is_read_where_the_order_points_to(target):
    why = {"resourceType": "Condition", "id": "why", "code": {"coding": [{"system": ICD_10_CM, "code": "J44.9"}]}}
    held = {"contained": [why]} if target == "#why" else {}
    order = an_order(reasonCode=[], reasonReference=[{"reference": target}], **held)
    found = asked(a_hook(order=order), why)
    assert [one.code for one in found.asked.diagnoses] == ["J44.9"]


def test_what_is_asked_of_an_appointment_is_told_by_the_order_behind_it():
    """CRD 2.0.1 annotates the appointment; why, where and how much stand in what it is for."""
    why, where = {"system": ICD_10_CM, "code": "J44.9"}, {"system": PLACE_OF_SERVICE, "code": "11"}
    order = {
        "resourceType": "ServiceRequest", "id": "therapy", "status": "active", "intent": "order",
        "code": {"coding": [OXYGEN.to_fhir()]}, "subject": {"reference": "Patient/amy-baxter"},
        "reasonCode": [{"coding": [why]}], "locationCode": [{"coding": [where]}], "quantityQuantity": {"value": 12},
    }  # fmt: skip
    booked = an_appointment(basedOn=[{"reference": "ServiceRequest/therapy"}], serviceType=[])
    found = asked(a_hook_of("appointment-book", about=booked), order)
    assert (found.asked.quantity, found.asked.place_of_service) == (12, "11")
    assert [one.code for one in found.asked.diagnoses] == ["J44.9"]
    assert found.order["id"] == "therapy"
    assert "therapy" not in [one["id"] for one in found.records]


def test_what_is_only_being_ordered_is_no_record():
    drafted = saturation(86) | {"status": "draft"}
    assert called(drafted)[0]["doc-needed"] == "clinical"


@pytest.mark.parametrize("patient", ["Patient/somebody-else", "Organization/acme"])
def test_a_record_of_somebody_else_says_nothing(patient):
    assert called(saturation(86, patient=patient))[0]["doc-needed"] == "clinical"


@pytest.mark.parametrize(("file", "expected"), [
    ("plan-exclusions.csv", {"covered": "not-covered", "pa-needed": None}),
    ("no-authorization.csv", {"covered": "covered", "pa-needed": "no-auth"}),
])  # fmt: skip
@pytest.mark.parametrize("url", ["https://acmehealth.example/booklet", ""])
def test_a_line_of_the_payer_s_lists_is_said_and_nothing_is_read_for_it(file, expected, url):
    """As its reason has it, with where it can be read."""
    text = f"system,code,from,reason,url\nHCPCS,E0424,2026-01-01,So says the booklet.,{url}\n"
    book = PolicyBook(BY_RECORD.entries, read_lists({file: text}))
    said, ehr = called(knowledge=replace(KNOWLEDGE, book=book))
    assert {name: said.get(name) for name in expected} == expected
    assert said["reason"]["text"] == "So says the booklet."
    assert ("detail" in said) is bool(url)
    assert not {"doc-needed", "questionnaire"} & said.keys()
    assert SEARCH not in ehr.asked
