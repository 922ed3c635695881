"""Every response type, where its hook allows it; what a client has switched off stays away."""

from dataclasses import replace
from datetime import date

import pytest

from cds_hooks import cards
from cds_hooks.cards import Topic
from cds_hooks.counsel import Alternative
from cds_hooks.gather import gather
from cds_hooks.order import read_order
from cds_hooks.proposals import alternative
from cds_hooks.request import read_request
from cds_hooks.respond import respond
from cds_hooks.services import SERVICES
from cds_hooks.weigh import Scene
from fhir_r4.generations import Generation
from fhir_r4.resource import Coding, extension, value_of
from fhir_r4.systems import COVERAGE_INFORMATION, CRD_CARD_TYPE, CRD_TEMP, HCPCS, NPI
from rules.book import PolicyBook
from rules.directory import GoldCard
from rules.load import load_policy
from rules.ports import Part, Standing
from tests.given import (
    ACME,
    AMY,
    BOOK,
    FORM,
    NOW,
    OXYGEN,
    PLAN,
    FakeDirectory,
    FakeEhr,
    a_coverage,
    a_hook_of,
    a_patient,
    a_record,
    an_appointment,
    an_encounter,
    an_order,
    hook_knowledge,
)
from tests.given_policy import TEXT as BY_RECORD_TEXT
from tests.hook_answer import assert_answer
from tests.rules.given import POLICY, TEXT, an_observation, kilograms

BOTH = pytest.mark.parametrize("version", ["2.0", "2.2"])
PORTABLE = """\
policy: portable-oxygen
title: Portable oxygen
version: "1"
effective: 2026-01-01
sources: [{cite: A document, url: "https://acmehealth.example/portable"}]
applies-to: {HCPCS: ["E0431"]}
coverage-information: {covered: covered, pa-needed: auth-needed, doc-needed: clinical}
suggestions:
  - {card: alternative, summary: "A concentrator is covered without authorization", detail: "It does the same.",
     order: DeviceRequest, code: {HCPCS: "E1390"}, title: Oxygen concentrator}
  - {card: alternative, summary: "A visit may do", detail: "Ask first.",
     order: ServiceRequest, code: {CPT: "99213"}, title: Office visit}
  - {card: companion, summary: "An oximetry goes with it", detail: "Within 30 days.",
     order: ServiceRequest, code: {CPT: "94760"}, title: Oximetry}
facts: {}
criteria: {}
decisions:
  - {then: pend, say: A nurse reviews this request.}
cases:
  - {name: always, given: {}, expect: pend}
"""
PORTABLE_CODE = Coding(HCPCS, "E0431")
SUGGESTING = PolicyBook([*BOOK, load_policy(PORTABLE, "portable-oxygen/1.yaml"), POLICY])


def answer(body, *, ehr=None, directory=None, book=BOOK, standing=(), has_dtr=True, now=NOW):
    """Return the answer to a call, from its body on; no network."""
    request = read_request(body, SERVICES[f"{body['hook']}-crd"], Generation.V2_0, has_dtr=has_dtr)
    directory = directory or FakeDirectory()
    knowledge = replace(hook_knowledge(), book=book, payers=tuple(directory.payers))
    known = gather(request, ehr or FakeEhr(), directory, knowledge, now)
    given = respond(Scene(request, known, {AMY: tuple(standing)}, knowledge, now)).to_json()
    assert_answer(body, given, request.generation)
    return given


def by_topic(given):
    found = {}
    for card in given["cards"]:
        found.setdefault(card["source"]["topic"]["code"], []).append(card)
    return found


def portable(**changes):
    return an_order(codeCodeableConcept={"coding": [PORTABLE_CODE.to_fhir()], "text": "Portable oxygen"}, **changes)


# Alternatives and companions


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
@BOTH
@pytest.mark.requirement("crd-2.2.1@resp-55", "crd-2.2.1@resp-56", "crd-2.2.1@resp-3")
def test_an_alternative_of_the_same_kind_is_one_update_of_the_order(hook, version):
    given = answer(a_hook_of(hook, about=portable(), version=version), book=SUGGESTING)
    card = by_topic(given)["therapy-alternatives-opt"][0]
    (suggestion,) = card["suggestions"]
    (action,) = suggestion["actions"]
    assert action["type"] == "update"
    assert action["resource"]["codeCodeableConcept"]["coding"] == [
        {"system": HCPCS, "code": "E1390", "display": "Oxygen concentrator"}
    ]
    others = {k: v for k, v in action["resource"].items() if k != "codeCodeableConcept"}
    assert others == {k: v for k, v in portable().items() if k != "codeCodeableConcept"}
    assert {reason["code"] for reason in card["overrideReasons"]} == {"not-suitable", "already-tried"}


@BOTH
@pytest.mark.requirement("cds-hooks-2.0@131", "cds-hooks-2.0@133", "cds-hooks-2.0@134")
def test_an_alternative_of_another_kind_is_a_delete_and_a_create(version):
    given = answer(a_hook_of("order-sign", about=portable(), version=version), book=SUGGESTING)
    gone, new = by_topic(given)["therapy-alternatives-opt"][1]["suggestions"][0]["actions"]
    assert (gone["type"], gone["resourceId"]) == ("delete", "DeviceRequest/home-oxygen")
    assert (new["type"], new["resource"]["resourceType"]) == ("create", "ServiceRequest")


@BOTH
@pytest.mark.requirement("crd-2.2.1@resp-57", "crd-2.2.1@resp-58", "crd-2.0.1@77")
def test_a_companion_order_is_created_for_the_same_patient(version):
    given = answer(a_hook_of("order-sign", about=portable(), version=version), book=SUGGESTING)
    (card,) = (one for one in by_topic(given)["guideline"] if "suggestions" in one)
    (action,) = card["suggestions"][0]["actions"]
    assert action["type"] == "create"
    assert (action["resource"]["subject"], action["resource"]["status"]) == (portable()["subject"], "draft")


def test_a_companion_that_is_being_ordered_already_is_not_proposed():
    body = a_hook_of("order-sign", about=portable())
    oximetry = {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "94760"}]}
    body["context"]["draftOrders"]["entry"].append(
        {"resource": {"resourceType": "ServiceRequest", "id": "oximetry", "code": oximetry, "status": "draft"}}
    )
    given = answer(body, book=SUGGESTING)
    assert not [one for one in by_topic(given).get("guideline", []) if "suggestions" in one]


def test_an_alternative_takes_what_was_said_of_the_first_order_off():
    said = {"url": COVERAGE_INFORMATION, "extension": []}
    order = read_order(portable(extension=[said, {"url": "x", "valueBoolean": True}]), lambda _: None)
    wanted = Alternative("s", "d", "DeviceRequest", OXYGEN, "Stationary")
    (action,) = alternative(order, wanted)
    assert action["resource"]["extension"] == [{"url": "x", "valueBoolean": True}]


@pytest.mark.parametrize("hook", ["order-dispatch", "appointment-book"])
def test_nothing_is_proposed_where_the_order_is_signed_already(hook):
    about = an_appointment(serviceType=[{"coding": [PORTABLE_CODE.to_fhir()]}]) if "book" in hook else portable()
    assert not [one for one in answer(a_hook_of(hook, about=about), book=SUGGESTING)["cards"] if "suggestions" in one]


@pytest.mark.parametrize("topic", ["therapy-alternatives-opt", "guideline"])
@pytest.mark.requirement("crd-2.0.1@115", "crd-2.0.1@116", "crd-2.0.1@128")
def test_a_type_of_card_that_is_switched_off_stays_away(topic):
    body = a_hook_of("order-sign", about=portable(), configuration={topic: False})
    assert topic not in by_topic(answer(body, book=SUGGESTING))


def test_the_most_pressing_cards_come_first_and_no_more_than_wanted():
    body = a_hook_of("order-sign", about=portable(), configuration={"max-cards": 1})
    (card,) = answer(body, book=SUGGESTING)["cards"]
    assert card["source"]["topic"]["code"] == "therapy-alternatives-opt"


@pytest.mark.requirement("crd-2.0.1@140", "crd-2.2.1@dev-24")
def test_a_card_about_some_of_several_orders_names_them_in_words():
    body = a_hook_of("order-sign", about=portable())
    body["context"]["draftOrders"]["entry"].append({"resource": an_order(id="other")})
    for card in answer(body, book=SUGGESTING)["cards"]:
        titles = {"Portable oxygen", "Home oxygen, stationary system"}
        assert any(card["detail"].startswith(f"Concerns: {title}.") for title in titles)
    alone = answer(a_hook_of("order-sign", about=portable()), book=SUGGESTING)["cards"]
    assert not any(card["detail"].startswith("Concerns") for card in alone)


def test_one_card_speaks_of_all_orders_that_it_is_for():
    body = a_hook_of("order-sign")
    body["context"]["draftOrders"]["entry"].append({"resource": an_order(id="other")})
    (card,) = answer(body)["cards"]
    related = card["extension"]["davinci-crd.associated-resource"]
    assert [one["reference"] for one in related] == ["DeviceRequest/home-oxygen", "DeviceRequest/other"]


# External references, instructions, apps


@BOTH
@pytest.mark.requirement("crd-2.0.1@248", "crd-2.0.1@258", "crd-2.0.1@259")
def test_an_external_reference_has_absolute_links_and_nothing_else(version):
    (card,) = answer(a_hook_of("order-sign", version=version))["cards"]
    assert [link["type"] for link in card["links"]] == ["absolute"]
    assert "suggestions" not in card


@pytest.mark.parametrize(("network", "told"), [({"network": "in"}, False), ({"network": "out"}, True), (None, True)])
@BOTH
@pytest.mark.requirement("crd-2.0.1@249", "crd-2.2.1@resp-24")
def test_instructions_tell_of_a_performer_outside_of_the_network(network, told, version):
    found = [replace(FakeDirectory().providers[0], **network)] if network else []
    given = answer(a_hook_of("order-dispatch", version=version), directory=FakeDirectory(providers=found))
    cards_of = by_topic(given).get("network", [])
    assert bool(cards_of) is told
    for card in cards_of:
        assert not {"links", "suggestions"} & card.keys()
        assert card["indicator"] == "warning"


def test_a_performer_without_an_npi_is_not_called_an_outsider():
    body = a_hook_of("order-dispatch")
    body["prefetch"]["performer"] = {"resourceType": "Organization", "id": "riverside", "name": "Riverside"}
    assert "network" not in by_topic(answer(body, directory=FakeDirectory(providers=[])))


@pytest.mark.parametrize(
    ("others", "said"), [({"network": "out"}, "Not every performer is"), ({"network": "in"}, None)]
)
def test_every_performer_is_looked_for_in_the_network(others, said):
    """Any of them may do it (FHIR R4, ServiceRequest.performer)."""
    clinic = FakeDirectory().providers[0]
    directory = FakeDirectory(providers=[clinic, replace(clinic, npi="1144221847", **others)])
    named = [{"reference": "Organization/riverside"}, {"reference": "Practitioner/lindqvist"}]
    body = a_hook_of("order-sign", about=therapy(performer=named))
    body["prefetch"] |= {key: a_record().get(one["reference"]) for key, one in zip("ab", named, strict=True)}
    cards_of = by_topic(answer(body, directory=directory)).get("network", [])
    assert [card["summary"] for card in cards_of] == ([f"{said} in the network of Acme Health"] if said else [])


BY_NUMBER = {"identifier": {"system": NPI, "value": "1667788990"}}


@pytest.mark.parametrize(
    "named",
    [
        {"performer": BY_NUMBER},
        {"performer": {"reference": "#lab"}, "contained": [{"resourceType": "Organization", "id": "lab"} | BY_NUMBER]},
    ],
)
def test_a_performer_may_be_named_by_number_alone_or_contained(named):
    ehr = FakeEhr()
    body = a_hook_of("order-sign", about=an_order(**named))
    given = answer(body, ehr=ehr, directory=FakeDirectory(providers=[]))
    assert "network" in by_topic(given)
    assert ehr.asked == []


def test_a_performer_s_role_leads_to_the_npi_of_its_practitioner_or_organization():
    role = {
        "resourceType": "PractitionerRole",
        "id": "role",
        "practitioner": {"reference": "Practitioner/nobody"},
        "organization": {"reference": "Organization/riverside"},
    }
    records = a_record()
    records.put(role)
    body = a_hook_of("order-dispatch", performer="PractitionerRole/role")
    del body["prefetch"]["performer"]
    ehr = FakeEhr(records)
    given = answer(body, ehr=ehr, directory=FakeDirectory(providers=[]))
    assert ehr.rounds[0][0].startswith("PractitionerRole?_id=role&_include=PractitionerRole:practitioner")
    assert "network" in by_topic(given)


@BOTH
def test_a_smart_app_is_offered_by_a_link_of_its_kind(version):
    order = read_order(an_order(), lambda _: None)
    topic = Topic("appropriate-use", ACME, Generation(version), [order], [order])
    card = cards.launch(topic, "Check appropriate use", "Opens beside the chart.", "Open", "https://x.example/l", "a1")
    assert_answer({}, {"cards": [card], "systemActions": []}, version)
    assert card["links"] == [{"label": "Open", "url": "https://x.example/l", "type": "smart", "appContext": "a1"}]


def test_a_summary_is_never_too_long():
    order = read_order(an_order(), lambda _: None)
    topic = Topic("guideline", ACME, Generation.V2_0, [order], [order])
    assert len(cards.instructions(topic, "word " * 60, "d")["summary"]) == 139


# Forms


@BOTH
@pytest.mark.requirement("crd-2.0.1@299", "crd-2.2.1@resp-62", "crd-2.2.1@resp-65")
def test_a_client_without_dtr_is_asked_for_the_form_by_a_task(version):
    given = answer(a_hook_of("order-sign", version=version), has_dtr=False)
    (card,) = by_topic(given)["claim"]
    form, task = (action["resource"] for action in card["suggestions"][0]["actions"])
    assert (form["resourceType"], task["resourceType"]) == ("Questionnaire", "Task")
    asked = {one["type"]["coding"][0]["code"]: value_of(one) for one in task["input"]}
    assert asked["questionnaire"] == f"{FORM}|2026.1"
    assert ("after-completion-action" in asked) is (version == "2.0")
    assert task["basedOn"] == [{"reference": "DeviceRequest/home-oxygen"}]


@pytest.mark.requirement("crd-2.2.1@resp-59")
def test_a_client_with_dtr_is_not():
    assert "claim" not in by_topic(answer(a_hook_of("order-sign")))


@pytest.mark.requirement("crd-2.2.1@dev-20")
def test_a_form_is_sent_only_after_the_client_said_that_it_has_it_not():
    ehr = FakeEhr()
    given = answer(a_hook_of("order-sign"), ehr=ehr, has_dtr=False)
    assert ehr.asked == [f"Questionnaire?url={FORM}&version=2026.1"]
    form, _ = by_topic(given)["claim"][0]["suggestions"][0]["actions"]
    assert form["extension"]["davinci-crd.if-none-exist"] == f"url={FORM}&version=2026.1"
    for held in (FakeEhr(down=True), FakeEhr(_with_form())):
        (card,) = by_topic(answer(a_hook_of("order-sign"), ehr=held, has_dtr=False))["claim"]
        assert [one["resource"]["resourceType"] for one in card["suggestions"][0]["actions"]] == ["Task"]


class _WithForm:
    def search(self, *_):
        return [{"resourceType": "Questionnaire", "id": "held"}]

    def get(self, reference):
        return a_record().get(reference)


def _with_form():
    return _WithForm()


# The coverage itself


def with_updates(**changes):
    plan = replace(PLAN, coverage_updates=True)
    return FakeDirectory(members=[replace(AMY, **changes)], payers=[replace(ACME, plans=(plan,))])


@pytest.mark.parametrize("hook", ["encounter-start", "appointment-book"])
@BOTH
@pytest.mark.requirement("crd-2.0.1@306", "crd-2.2.1@resp-71")
def test_a_coverage_that_the_plan_knows_otherwise_is_proposed_corrected(hook, version):
    directory = with_updates(covered_to=date(2026, 12, 31))
    (card,) = by_topic(answer(a_hook_of(hook, version=version), directory=directory))["insurance"]
    (suggestion,) = card["suggestions"]
    (action,) = suggestion["actions"]
    assert action["type"] == "update"
    expected = a_coverage(period={"start": "2026-01-01", "end": "2026-12-31"})
    assert action["resource"] == expected


def test_a_coverage_under_another_plan_is_proposed_under_the_right_one():
    kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/coverage-class", "code": "plan"}]}
    body = a_hook_of("encounter-start")
    body["prefetch"]["coverage"] = a_coverage(**{"class": [{"type": kind, "value": "OLD-2020"}]})
    (card,) = by_topic(answer(body, directory=with_updates()))["insurance"]
    (written,) = card["suggestions"][0]["actions"][0]["resource"]["class"]
    assert written["value"] == PLAN.id


@pytest.mark.requirement("crd-2.0.1@305", "crd-2.2.1@resp-69")
def test_no_coverage_is_proposed_unless_the_operator_lets_the_plan():
    """Where X12 270/271 is the law, hooks stay out of it; that is so until the operator says otherwise."""
    directory = FakeDirectory(members=[replace(AMY, covered_to=date(2026, 12, 31))])
    assert answer(a_hook_of("encounter-start"), directory=directory)["cards"] == []


@pytest.mark.parametrize("hook", ["order-sign", "order-select"])
def test_no_coverage_is_proposed_while_ordering(hook):
    directory = with_updates(covered_to=date(2026, 12, 31))
    assert "insurance" not in by_topic(answer(a_hook_of(hook), directory=directory))


def test_a_coverage_that_the_ehr_does_not_have_is_proposed_in_2_0_to_the_person_it_is_of():
    body = a_hook_of("encounter-start")
    body["prefetch"]["coverage"] = None
    number = {"type": a_coverage()["identifier"][0]["type"], "value": AMY.member_id}
    body["prefetch"]["patient"] = a_patient(identifier=[number])
    (card,) = by_topic(answer(body, directory=with_updates()))["insurance"]
    (action,) = card["suggestions"][0]["actions"]
    assert (action["type"], action["resource"]["subscriberId"]) == ("create", AMY.member_id)
    body["prefetch"]["patient"] = a_patient(identifier=[number], birthDate="1951-02-01")
    assert answer(body, directory=with_updates())["cards"] == []


@BOTH
def test_a_coverage_that_ends_soon_is_told_of(version):
    directory = FakeDirectory(members=[replace(AMY, covered_to=date(2026, 3, 20))])
    (card,) = by_topic(answer(a_hook_of("appointment-book", version=version), directory=directory))["insurance"]
    assert card["summary"] == "The coverage with Acme Health ends on 20 March 2026"


# Facts from the record


def therapy(**changes):
    return {
        "resourceType": "ServiceRequest",
        "id": "therapy",
        "status": "draft",
        "intent": "order",
        "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "97110"}]},
        "subject": {"reference": "Patient/amy-baxter"},
        "requester": {"reference": "Practitioner/lindqvist"},
        "authoredOn": "2026-03-01",
    } | changes


def said(given):
    written = extension(given["systemActions"][0]["resource"], COVERAGE_INFORMATION)
    return {part["url"]: value_of(part) for part in written["extension"]}


class _Recorded:
    """Records of which searches by a policy find one weight."""

    def search(self, kind, query):
        assert query.startswith("patient=amy-baxter")
        weight = an_observation(kilograms(80), subject={"reference": "Patient/amy-baxter"})
        return [weight] if kind == "Observation" else []

    def get(self, reference):
        return a_record().get(reference)


THERAPY_TEXT = TEXT.replace(", questionnaire: therapy|1", "")
THERAPY_BOOK = PolicyBook([load_policy(THERAPY_TEXT, "therapy/1.yaml")])


@pytest.mark.requirement("crd-2.0.1@42", "crd-2.0.1@3", "crd-2.2.1@conf-4")
def test_what_a_matched_policy_asks_about_is_read_and_nothing_else():
    ehr = FakeEhr(_Recorded())
    answer(a_hook_of("order-sign", about=therapy()), ehr=ehr, book=THERAPY_BOOK)
    assert ehr.rounds[0] == [
        "Observation?patient=amy-baxter&code=http://loinc.org|29463-7&_sort=-date&_count=1",
        "Condition?patient=amy-baxter&clinical-status=active",
        "MedicationRequest?patient=amy-baxter&status=active&code=1657981",
        "Procedure?patient=amy-baxter&code=97110",
        "Practitioner/lindqvist",
    ]
    nothing = FakeEhr()
    answer(a_hook_of("order-sign"), ehr=nothing)
    assert nothing.asked == []


def test_nothing_of_the_record_is_read_of_who_is_not_a_member():
    ehr = FakeEhr(_Recorded())
    answer(a_hook_of("order-sign", about=therapy()), ehr=ehr, book=THERAPY_BOOK, directory=FakeDirectory(members=[]))
    assert ehr.asked == []


@BOTH
def test_a_gold_card_needs_no_authorization(version):
    gold = FakeDirectory().providers[0]
    lindqvist = next(
        one["value"] for one in a_record().get("Practitioner/lindqvist")["identifier"] if "npi" in one["system"]
    )
    directory = FakeDirectory(
        providers=[replace(gold, npi=lindqvist, gold_cards=(GoldCard("therapy", date(2026, 1, 1)),))]
    )
    body = a_hook_of("order-sign", about=therapy(), version=version)
    given = said(answer(body, ehr=FakeEhr(_Recorded()), book=THERAPY_BOOK, directory=directory))
    assert (given["pa-needed"], given["reason"]["text"]) == ("no-auth", "Gold card.")


@pytest.mark.parametrize(("version", "needed"), [("2.0", "conditional"), ("2.2", "indeterminate")])
@pytest.mark.requirement("crd-2.2.1@resp-43")
def test_a_record_that_cannot_be_read_leaves_open_whether_authorization_is_needed(version, needed):
    """Where the policy lets go, without authorization, who is not heavy."""
    free = "  - when: {heavy: no}\n    coverage-information: {pa-needed: no-auth}"
    book = PolicyBook([load_policy(THERAPY_TEXT.replace("  - when: {heavy: no}", free), "therapy/1.yaml")])
    given = said(answer(at_the_office(version), ehr=FakeEhr(down=True), book=book))
    assert (given["covered"], given["pa-needed"]) == ("covered", needed)
    assert "could not be read" in given["reason"]["text"]


class HalfRead(FakeEhr):
    """Gives the first page of each search and not the last."""

    def fetch(self, asked):
        return {one: Part(found) if "?" in one else found for one, found in super().fetch(asked).items()}


def test_a_record_that_was_not_read_to_its_end_leaves_open_what_is_not_found_in_it():
    free = "  - when: {heavy: no}\n    coverage-information: {pa-needed: no-auth}"
    book = PolicyBook([load_policy(THERAPY_TEXT.replace("  - when: {heavy: no}", free), "therapy/1.yaml")])
    given = said(answer(at_the_office("2.2"), ehr=HalfRead(), book=book))
    assert (given["covered"], given["pa-needed"]) == ("covered", "indeterminate")
    found = said(answer(at_the_office("2.2"), ehr=HalfRead(_Recorded()), book=book))
    assert found["pa-needed"] == "no-auth"


@BOTH
def test_where_authorization_is_needed_whatever_the_record_says_a_form_asks_for_what_was_not_read(version):
    given = said(answer(at_the_office(version), ehr=FakeEhr(down=True), book=THERAPY_BOOK))
    assert (given["covered"], given["pa-needed"], given["doc-needed"]) == ("covered", "auth-needed", "clinical")


def at_the_office(version):
    place = [{"coding": [{"system": _POS, "code": "11"}]}]
    return a_hook_of("order-sign", about=therapy(locationCode=place), version=version)


_POS = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"


@BOTH
def test_where_the_order_does_not_say_where_the_answer_is_conditional_on_it(version):
    given = said(
        answer(a_hook_of("order-sign", about=therapy(), version=version), ehr=FakeEhr(_Recorded()), book=THERAPY_BOOK)
    )
    assert (given["pa-needed"], given["info-needed"]) == ("conditional", "location")


@pytest.mark.requirement("crd-2.2.1@found-13", "crd-2.0.1@26")
def test_what_is_on_file_needs_no_reading():
    standing = [Standing("PA1", (OXYGEN,), date(2026, 2, 1), date(2027, 1, 31))]
    assert answer(a_hook_of("order-sign"), standing=standing)["cards"] == []


def test_the_topic_is_of_its_generation():
    for version, system in (("2.0", CRD_TEMP), ("2.2", CRD_CARD_TYPE)):
        (card,) = answer(a_hook_of("order-sign", version=version))["cards"]
        assert card["source"]["topic"]["system"] == system


def test_an_encounter_s_own_type_is_answered_for():
    given = answer(a_hook_of("encounter-discharge", about=an_encounter()))
    assert said(given)["covered"] == "covered"


ASKING = """\
suggestions:
  - {card: companion, summary: "No test of the last 30 days was found", detail: "One is asked for.",
     order: ServiceRequest, code: {CPT: "94760"}, title: Oximetry, when: {low: missing}}
instructions:
  - {summary: "A saturation at rest is to be on file", detail: "Of 30 days.", when: {low: missing}}
  - {summary: "Say where the system is to stand", detail: "Home or clinic.", when: {at home: missing}}
facts:
"""


@BOTH
def test_no_card_says_that_there_is_nothing_where_nothing_could_be_read(version):
    """The chart in front of the clinician may well have it."""
    book = PolicyBook([load_policy(BY_RECORD_TEXT.replace("facts:\n", ASKING), "oxygen-by-record/1.yaml")])
    where = "Say where the system is to stand"
    for ehr, found in ((FakeEhr(), {"No test of the last 30 days was found", "A saturation at rest is to be on file"}),
                       (FakeEhr(down=True), set())):  # fmt: skip
        given = answer(a_hook_of("order-sign", version=version), ehr=ehr, book=book)
        assert {card["summary"] for card in given["cards"]} == found | {where}
