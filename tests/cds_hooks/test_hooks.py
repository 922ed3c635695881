"""Six hooks, both generations: what each speaks about, and what it says."""

from dataclasses import replace
from datetime import date

import pytest

from cds_hooks.gather import gather
from cds_hooks.request import read_request
from cds_hooks.respond import respond
from cds_hooks.services import SERVICES
from cds_hooks.weigh import Scene
from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest, PreconditionFailed
from fhir_r4.resource import Coding, extensions, local_reference, value_of
from fhir_r4.systems import COVERAGE_INFORMATION, CPT, HCPCS, SNOMED
from tests.given import (
    AMY,
    EHR,
    HOOKS,
    NOW,
    OXYGEN,
    PRIMARY,
    FakeDirectory,
    FakeEhr,
    a_hook_of,
    a_record,
    an_appointment,
    an_encounter,
    an_order,
    hook_knowledge,
)
from tests.hook_answer import assert_answer

BOTH = pytest.mark.parametrize("version", ["2.0", "2.2"])
EVERY = pytest.mark.parametrize("hook", HOOKS)


def answer(body, ehr=None, directory=None):
    """Return the answer to a call, from its body on; no network."""
    request = read_request(body, SERVICES[f"{body['hook']}-crd"], Generation.V2_0)
    knowledge = hook_knowledge()
    known = gather(request, ehr or FakeEhr(), directory or FakeDirectory(), knowledge, NOW)
    given = respond(Scene(request, known, {}, knowledge, NOW)).to_json()
    assert_answer(body, given, request.generation)
    return given


def said(given, index=0):
    (written,) = extensions(given["systemActions"][index]["resource"], COVERAGE_INFORMATION)
    return {part["url"]: value_of(part) for part in written["extension"]}


def about(given):
    return [local_reference(action["resource"]) for action in given["systemActions"]]


def faults(body):
    with pytest.raises(InvalidRequest) as refused:
        answer(body)
    return [issue.expression for issue in refused.value.issues]


@EVERY
@BOTH
@pytest.mark.requirement("crd-2.0.1@164", "crd-2.0.1@279", "crd-2.2.1@resp-14")
def test_every_hook_says_what_the_plan_requires(hook, version):
    given = answer(a_hook_of(hook, version=version))
    assert (said(given)["covered"], said(given)["pa-needed"]) == ("covered", "auth-needed")


@pytest.mark.parametrize("hook", sorted(PRIMARY))
@BOTH
@pytest.mark.requirement("crd-2.2.1@hook-16", "crd-2.2.1@resp-26", "crd-2.0.1@226")
def test_a_primary_hook_asks_for_documents(hook, version):
    assert said(answer(a_hook_of(hook, version=version)))["doc-needed"] == "clinical"


@pytest.mark.parametrize("hook", sorted(set(HOOKS) - PRIMARY))
@BOTH
@pytest.mark.requirement("crd-2.0.1@167", "crd-2.2.1@hook-19")
def test_a_secondary_hook_asks_for_none(hook, version):
    given = said(answer(a_hook_of(hook, version=version)))
    assert not {"doc-needed", "questionnaire", "doc-purpose"} & given.keys()


@pytest.mark.requirement("crd-2.0.1@208", "crd-2.0.1@210", "crd-2.2.1@hook-34")
def test_order_select_speaks_about_the_selected_orders_alone():
    body = a_hook_of("order-select")
    body["context"]["draftOrders"]["entry"].append({"resource": an_order(id="other")})
    assert about(answer(body)) == ["DeviceRequest/home-oxygen"]
    body["context"]["selections"] = ["DeviceRequest/other", "DeviceRequest/nowhere"]
    assert about(answer(body)) == ["DeviceRequest/other"]


@pytest.mark.parametrize(
    "spelt",
    [
        {"dispatchedOrders": ["DeviceRequest/home-oxygen"]},
        {"dispatched-orders": ["DeviceRequest/home-oxygen"], "fulfillment-tasks": []},
        {"order": "DeviceRequest/home-oxygen", "task": {"resourceType": "Task"}},
        {"order": "DeviceRequest/home-oxygen", "dispatchedOrders": [], "dispatched-orders": None},
    ],
)
@BOTH
@pytest.mark.requirement("crd-2.0.1@204", "crd-2.0.1@207", "crd-2.2.1@hook-33")
def test_order_dispatch_is_understood_in_its_three_spellings(spelt, version):
    body = a_hook_of("order-dispatch", version=version)
    del body["context"]["dispatchedOrders"]
    body["context"] |= spelt
    assert about(answer(body)) == ["DeviceRequest/home-oxygen"]


@pytest.mark.parametrize("spelt", [f"{EHR}/DeviceRequest/home-oxygen", "DeviceRequest/home-oxygen/_history/2"])
def test_a_reference_in_the_context_may_be_absolute_or_have_a_version(spelt):
    assert about(answer(a_hook_of("order-select", selections=[spelt]))) == ["DeviceRequest/home-oxygen"]
    dispatched = a_hook_of("order-dispatch", dispatchedOrders=[spelt], performer=f"{EHR}/Organization/riverside")
    del dispatched["prefetch"]["order"], dispatched["prefetch"]["performer"]
    ehr = FakeEhr()
    assert about(answer(dispatched, ehr)) == ["DeviceRequest/home-oxygen"]
    assert set(ehr.asked) == {"Organization/riverside", "DeviceRequest/home-oxygen"}


def test_a_dispatched_order_that_was_not_sent_is_read_and_comes_back_as_it_is_there():
    body = a_hook_of("order-dispatch")
    del body["prefetch"]["order"]
    ehr = FakeEhr()
    (action,) = answer(body, ehr)["systemActions"]
    assert ehr.asked == ["DeviceRequest/home-oxygen"]
    received = a_record().get("DeviceRequest/home-oxygen")
    assert {k: v for k, v in action["resource"].items() if k != "extension"} == received


def test_dispatched_orders_that_nobody_gives_are_412():
    body = a_hook_of("order-dispatch")
    del body["prefetch"]["order"]
    with pytest.raises(PreconditionFailed) as refused:
        answer(body, FakeEhr(down=True))
    assert refused.value.issues[0].expression == "context.dispatchedOrders"


@pytest.mark.requirement("crd-2.0.1@184", "crd-2.2.1@hook-26", "crd-2.0.1@272")
def test_an_appointment_for_an_order_annotates_the_order_in_2_2_and_the_appointment_in_2_0():
    booked = an_appointment(
        basedOn=[{"reference": "ServiceRequest/lumbar-mri-baxter"}], serviceType=[{"text": "imaging"}]
    )
    ehr = FakeEhr()
    assert about(answer(a_hook_of("appointment-book", about=booked, version="2.2"), ehr)) == [
        "ServiceRequest/lumbar-mri-baxter"
    ]
    assert ehr.asked == ["ServiceRequest/lumbar-mri-baxter"]
    given = answer(a_hook_of("appointment-book", about=booked, version="2.0"))
    assert about(given) == ["Appointment/set-up"]
    assert said(given)["billingCode"]["code"] == "72148"


def test_an_appointment_for_somebody_else_s_order_is_not_answered_for_this_patient():
    booked = an_appointment(basedOn=[{"reference": "ServiceRequest/lumbar-mri"}], serviceType=[])
    given = said(answer(a_hook_of("appointment-book", about=booked, version="2.0")))
    assert (given["covered"], given["info-needed"]) == ("conditional", "OTH")
    assert "another patient" in given["reason"]["text"]


def test_an_appointment_for_a_device_names_it_by_the_alternate_reference():
    alternate = "http://hl7.org/fhir/StructureDefinition/alternate-reference"
    target = {"extension": [{"url": alternate, "valueReference": {"reference": "DeviceRequest/home-oxygen"}}]}
    booked = an_appointment(basedOn=[target], serviceType=[])
    assert about(answer(a_hook_of("appointment-book", about=booked, version="2.2"))) == ["DeviceRequest/home-oxygen"]


@pytest.mark.requirement("crd-2.0.1@185", "crd-2.0.1@196")
def test_an_encounter_that_nobody_gives_leaves_nothing_to_annotate():
    body = a_hook_of("encounter-start")
    del body["prefetch"]["encounter"]
    assert answer(body, FakeEhr(down=True))["systemActions"] == []
    body["prefetch"]["encounter"] = None
    ehr = FakeEhr()
    assert answer(body, ehr)["systemActions"] == []
    assert ehr.asked == []


VISIT = pytest.mark.parametrize("hook", ["encounter-start", "encounter-discharge"])


def a_visit(hook, code, version):
    """Return a call about an ordinary visit, as clinics write it: for a checkup, or under what it is billed by."""
    concepts = [{"coding": [code.to_fhir()], "text": "Office visit"}] if code else []
    return a_hook_of(hook, about=an_encounter(type=concepts, **{"class": AMBULATORY}), version=version)


AMBULATORY = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}


@VISIT
@BOTH
@pytest.mark.parametrize("code", [None, Coding(SNOMED, "185349003")])
def test_of_an_encounter_that_names_no_service_nothing_is_said(hook, version, code):
    """At each check-in somebody would be asked for a billing code, and in time nobody would read what is said."""
    assert answer(a_visit(hook, code, version)) == {"cards": [], "systemActions": []}


@VISIT
@BOTH
def test_of_an_encounter_with_a_billing_code_it_is_said_what_the_plan_says(hook, version):
    assert said(answer(a_visit(hook, Coding(CPT, "99213"), version)))["pa-needed"] == "no-auth"


@VISIT
@BOTH
def test_of_any_encounter_it_is_said_that_the_coverage_is_over(hook, version):
    ended = replace(AMY, covered_to=date(2026, 2, 1))
    given = answer(a_visit(hook, None, version), directory=FakeDirectory(members=[ended]))
    assert said(given)["covered"] == "not-covered"


@BOTH
def test_of_an_order_that_is_only_selected_it_is_said_that_its_code_cannot_be_looked_up(version):
    about = an_order(codeCodeableConcept={"text": "oxygen"})
    assert said(answer(a_hook_of("order-select", about=about, version=version)))["covered"] == "conditional"


def test_an_encounter_that_was_sent_and_is_over_is_not_read_again():
    body, ehr = a_hook_of("encounter-start", about=an_encounter(status="cancelled")), FakeEhr()
    assert answer(body, ehr)["systemActions"] == []
    assert ehr.asked == []


def an_order_of(kind, code):
    """Return an order of a kind, with its code where that kind has it."""
    person = {"subject": {"reference": "Patient/amy-baxter"}}
    concept = {"coding": [code.to_fhir()]}
    who = {"reference": "Practitioner/lindqvist"}
    numbered = [{"system": "https://riverside.example.org/orders", "value": "O-9"}]
    return {
        "CommunicationRequest": person
        | {"status": "draft", "category": [concept], "requester": who, "identifier": numbered}
        | {"authoredOn": "2026-03-01", "recipient": [who], "payload": [{"contentString": "records"}]},
        "MedicationRequest": person
        | {"status": "draft", "intent": "order", "medicationCodeableConcept": concept, "requester": who}
        | {"authoredOn": "2026-03-01"},
        "NutritionOrder": {"patient": person["subject"], "status": "draft", "intent": "order", "orderer": who}
        | {"dateTime": "2026-03-01", "enteralFormula": {"baseFormulaType": concept}, "identifier": numbered},
        "ServiceRequest": person
        | {"status": "draft", "intent": "order", "code": concept, "requester": who, "authoredOn": "2026-03-01"},
        "VisionPrescription": {"patient": person["subject"], "status": "draft", "created": "2026-03-01"}
        | {"dateWritten": "2026-03-01", "prescriber": who, "identifier": numbered}
        | {"lensSpecification": [{"product": concept, "eye": "left"}]},
    }[kind] | {"resourceType": kind, "id": "one"}


@pytest.mark.parametrize(
    "kind", ["CommunicationRequest", "MedicationRequest", "NutritionOrder", "ServiceRequest", "VisionPrescription"]
)
@BOTH
@pytest.mark.requirement("crd-2.0.1@153", "crd-2.0.1@273", "crd-2.2.1@resp-47")
def test_every_kind_of_order_is_answered(kind, version):
    given = answer(a_hook_of("order-sign", about=an_order_of(kind, OXYGEN), version=version))
    assert about(given) == [f"{kind}/one"]
    assert said(given)["pa-needed"] == "auth-needed"


@BOTH
def test_a_code_that_only_policies_for_other_kinds_of_order_have_is_not_called_free_of_authorization(version):
    """Its request will be weighed by the code; clinics write equipment as services, and book what was ordered."""
    cpap, coronary_ct = Coding(HCPCS, "E0601"), Coding(CPT, "75574")
    given = answer(a_hook_of("order-sign", about=an_order_of("ServiceRequest", cpap), version=version))
    assert said(given)["pa-needed"] == "auth-needed"
    booked = an_appointment(serviceType=[{"coding": [coronary_ct.to_fhir()]}])
    given = answer(a_hook_of("appointment-book", about=booked, version=version))
    assert said(given)["pa-needed"] == "auth-needed"


@pytest.mark.parametrize(("version", "covered"), [("2.0", "conditional"), ("2.2", "indeterminate")])
def test_a_code_that_stands_where_the_ehr_does_not_let_us_read_is_not_called_missing(version, covered):
    order = an_order_of("MedicationRequest", OXYGEN)
    del order["medicationCodeableConcept"]
    order["medicationReference"] = {"reference": "Medication/m", "display": "Infliximab 100 mg"}
    given = answer(a_hook_of("order-sign", about=order, version=version), FakeEhr(down=True))
    assert said(given)["covered"] == covered
    assert said(given)["reason"]["text"].startswith("What the order is for could not be read")
    assert given["systemActions"][0]["description"].endswith("to Infliximab 100 mg")


@pytest.mark.requirement("crd-2.0.1@274")
def test_a_code_in_a_device_or_medication_is_found_contained_sent_or_read():
    drug = {"resourceType": "Medication", "id": "m", "code": {"coding": [OXYGEN.to_fhir()]}}
    order = an_order_of("MedicationRequest", OXYGEN)
    del order["medicationCodeableConcept"]
    inside = order | {"contained": [drug], "medicationReference": {"reference": "#m"}}
    assert said(answer(a_hook_of("order-sign", about=inside)))["pa-needed"] == "auth-needed"
    outside = order | {"medicationReference": {"reference": "Medication/m"}}
    body = a_hook_of("order-sign", about=outside)
    records = a_record()
    records.put(drug)
    ehr = FakeEhr(records)
    assert said(answer(body, ehr))["pa-needed"] == "auth-needed"
    assert ehr.asked == ["Medication/m"]
    body["prefetch"]["medications"] = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": drug}]}
    assert said(answer(body, FakeEhr(down=True)))["pa-needed"] == "auth-needed"


def test_what_an_order_names_by_the_full_url_of_an_entry_beside_it_needs_no_id():
    url = "urn:uuid:5d1f0c3e-7a35-4d59-8a55-2f3cb0f1c001"
    order = an_order_of("MedicationRequest", OXYGEN) | {"medicationReference": {"reference": url}}
    del order["medicationCodeableConcept"]
    body = a_hook_of("order-sign", about=order)
    drug = {"resourceType": "Medication", "code": {"coding": [OXYGEN.to_fhir()]}}
    body["context"]["draftOrders"]["entry"].append({"fullUrl": url, "resource": drug})
    assert said(answer(body, FakeEhr(down=True)))["pa-needed"] == "auth-needed"


@pytest.mark.requirement("crd-2.2.1@billopt-2", "crd-2.2.1@billopt-3")
def test_billing_options_are_considered_and_not_needed():
    option = {
        "url": "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-billing-options",
        "valueCodeableConcept": {"coding": [OXYGEN.to_fhir()]},
    }
    clinical = {"system": "http://snomed.info/sct", "code": "426854004"}
    order = an_order(codeCodeableConcept={"coding": [clinical], "extension": [option]})
    given = answer(a_hook_of("order-sign", about=order, version="2.2"))
    assert said(given)["billingCode"]["code"] == "E0424"


@pytest.mark.parametrize(
    ("hook", "changes", "element"),
    [
        ("order-select", {"selections": None}, "context.selections"),
        ("order-select", {"selections": [3]}, "context.selections[0]"),
        ("order-select", {"draftOrders": None}, "context.draftOrders"),
        ("order-select", {"userId": None}, "context.userId"),
        ("order-dispatch", {"dispatchedOrders": []}, "context.dispatchedOrders"),
        ("order-dispatch", {"dispatchedOrders": "DeviceRequest/1"}, "context.dispatchedOrders"),
        ("order-dispatch", {"dispatchedOrders": ["../x"]}, "context.dispatchedOrders[0]"),
        ("order-dispatch", {"dispatchedOrders": ["https://else.org/DeviceRequest/1"]}, "context.dispatchedOrders[0]"),
        ("order-dispatch", {"performer": None}, "context.performer"),
        ("appointment-book", {"appointments": {"resourceType": "List"}}, "context.appointments"),
        ("encounter-start", {"encounterId": None}, "context.encounterId"),
        ("encounter-discharge", {"encounterId": "a/b"}, "context.encounterId"),
        ("order-sign", {"encounterId": "a b"}, "context.encounterId"),
    ],
)
@pytest.mark.requirement("crd-2.0.1@158", "crd-2.0.1@168")
def test_each_fault_of_a_context_names_its_element(hook, changes, element):
    assert element in faults(a_hook_of(hook, **changes))
