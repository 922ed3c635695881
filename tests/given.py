"""Given … : builders in which a test says only what matters to it."""

import copy
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

from app.sandbox.claim import inquiry_bundle, request_bundle
from app.sandbox.records import Records
from app.wiring import new_id, new_number
from cds_hooks.knowledge import Knowledge as HookKnowledge
from fhir_r4.resource import Coding, Identifier
from fhir_r4.systems import CERTIFICATION_TYPE, HCPCS, INFO_CANCELLED, INFO_CHANGED, PAS, X12_CERTIFICATION_TYPE
from prior_auth.authorization import Authorization, Item
from prior_auth.decision import Basis, Decision, ReviewAction
from prior_auth.weigh import Knowledge
from questionnaires.catalog import load_catalog
from rules.assertion import CoverageAssertion
from rules.directory import Member, Payer, Plan, Provider
from rules.load import load_book

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 3, 1, 15, 0, tzinfo=UTC)
TODAY = date(2026, 3, 1)
EHR = "https://ehr.example.org/fhir"
NEW_YORK = ZoneInfo("America/New_York")
OXYGEN = Coding(HCPCS, "E0424")
FORM = "https://forms.priorauth.example.org/Questionnaire/home-oxygen"

BOOK = load_book(ROOT / "rules" / "policies")
CATALOG = load_catalog(ROOT / "questionnaires" / "forms")
PLAN = Plan("ACME-MA-HMO-2026", "Acme Medicare Advantage HMO", "medicare-advantage")
ACME = Payer(
    "acme",
    "Acme Health",
    (Identifier("urn:oid:2.16.840.1.113883.6.300", "00099"),),
    NEW_YORK,
    (PLAN,),
    url="https://www.acmehealth.example",
    phone="+1-800-555-0100",
)
AMY = Member("acme", "ACME0001234", PLAN.id, date(1950, 2, 1), date(2026, 1, 1))
CLINIC = Provider("1234567893", "Riverside Pulmonary Clinic", "in")


class FakeDirectory:
    """The directory port over what a test gives it."""

    def __init__(self, members=(AMY,), providers=(CLINIC,), payers=(ACME,)):
        self.members, self.providers, self.payers = members, providers, payers

    def payer(self, identifiers):
        known = {one: payer for payer in self.payers for one in payer.identifiers}
        return next((known[one] for one in identifiers if one in known), None)

    def payer_called(self, payer_id):
        return next((payer for payer in self.payers if payer.id == payer_id), None)

    def member(self, payer, member_id):
        found = (one for one in self.members if (one.payer, one.member_id) == (payer.id, member_id))
        return next(found, None)

    def provider(self, npi):
        return next((one for one in self.providers if one.npi == npi), None)


class FakeEhr:
    """The Ehr port over records; notes what it was asked for."""

    def __init__(self, records=None, *, down=False):
        self.records, self.down, self.asked, self.rounds = records or a_record(), down, [], []

    def fetch(self, asked):
        self.rounds.append(list(asked))
        self.asked += self.rounds[-1]
        return {one: None if self.down else self._one(one) for one in self.rounds[-1]}

    def _one(self, asked):
        if "?" in asked:
            return tuple(self.records.search(*asked.split("?")))
        found = self.records.get(asked)
        return (found,) if found else None


def a_record(today=TODAY):
    """Return the sandbox's synthetic record as of a day."""
    return Records.load(ROOT / "fixtures" / "ehr", today)


def an_order(**changes):
    return copy.deepcopy(a_record().get("DeviceRequest/home-oxygen")) | changes


def a_coverage(**changes):
    inline = {"payor": [{"identifier": ACME.identifiers[0].to_fhir()}]}
    return copy.deepcopy(a_record().get("Coverage/amy-baxter-acme")) | inline | changes


def a_patient(**changes):
    return copy.deepcopy(a_record().get("Patient/amy-baxter")) | changes


def a_hook(*, order=None, prefetch=None, version="2.0", **changes):
    """Return an order-sign call, with all prefetch unless a test says otherwise."""
    order = order or an_order()
    full = {"patient": a_patient(), "coverage": a_coverage()}
    return {
        "hook": "order-sign",
        "hookInstance": str(uuid4()),
        "fhirServer": EHR,
        "fhirAuthorization": {
            "access_token": "ehr-secret",
            "token_type": "Bearer",
            "expires_in": 30,
            "scope": "patient/Coverage.rs",
            "subject": "acme-payer",
        },
        "context": {
            "userId": "Practitioner/lindqvist",
            "patientId": "amy-baxter",
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]},
        },
        "prefetch": full if prefetch is None else prefetch,
        "extension": {"davinci-crd.requestedVersion": version},
    } | changes


HOOKS = (
    "appointment-book", "encounter-start", "encounter-discharge", "order-dispatch", "order-select", "order-sign",
)  # fmt: skip
PRIMARY = frozenset({"appointment-book", "order-dispatch", "order-sign"})


def an_appointment(**changes):
    """Return a proposed appointment for Amy's oxygen to be set up; its code is a billing code."""
    return {
        "resourceType": "Appointment",
        "id": "set-up",
        "status": "proposed",
        "serviceType": [{"coding": [OXYGEN.to_fhir()], "text": "Oxygen set-up"}],
        "start": "2026-03-10T09:00:00-05:00",
        "end": "2026-03-10T10:00:00-05:00",
        "requestedPeriod": [{"start": "2026-03-10", "end": "2026-03-11"}],
        "participant": [
            {"actor": {"reference": "Patient/amy-baxter"}, "status": "accepted"},
            {
                "type": [
                    {
                        "coding": [
                            {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "PPRF"}
                        ]
                    }
                ],
                "actor": {"reference": "Practitioner/lindqvist"},
                "status": "accepted",
            },
        ],
    } | changes


def an_encounter(**changes):
    return {
        "resourceType": "Encounter",
        "id": "stay",
        "identifier": [{"system": "https://riverside.example.org/encounters", "value": "E-1"}],
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "type": [{"coding": [OXYGEN.to_fhir()], "text": "Oxygen stay"}],
        "subject": {"reference": "Patient/amy-baxter"},
        "period": {"start": "2026-03-01"},
    } | changes


def a_hook_of(hook, *, about=None, version="2.0", prefetch=None, configuration=None, **context):
    """Return a call of any of the six hooks about ``about``, all prefetch given unless a test says otherwise."""
    kinds = {"appointment-book": an_appointment, "encounter-start": an_encounter, "encounter-discharge": an_encounter}
    about = about or kinds.get(hook, an_order)()
    reference = f"{about['resourceType']}/{about['id']}"
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": about}]}
    fields = {
        "appointment-book": {"appointments": bundle},
        "encounter-start": {"encounterId": about["id"]},
        "encounter-discharge": {"encounterId": about["id"]},
        "order-dispatch": {"dispatchedOrders": [reference], "performer": "Organization/riverside"},
        "order-select": {"selections": [reference], "draftOrders": bundle},
        "order-sign": {"draftOrders": bundle},
    }[hook]
    full = {"patient": a_patient(), "coverage": a_coverage()}
    if hook.startswith("encounter"):
        full["encounter"] = about
    if hook == "order-dispatch":
        full |= {"order": about, "performer": a_record().get("Organization/riverside")}
    body = a_hook(version=version, hook=hook, prefetch=full if prefetch is None else prefetch)
    user = {} if hook == "order-dispatch" else {"userId": "Practitioner/lindqvist"}
    body["context"] = {"patientId": "amy-baxter"} | user | fields | context
    body["extension"]["davinci-crd.configuration"] = configuration or {}
    return body


def percent(value, **changes):
    quantity = {"value": value, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    return {"valueQuantity": quantity | changes}


def a_form_response(answers=None, **changes):
    """Return a completed home oxygen form about Amy: 88 % ten days before the order, at rest, unless told."""
    given = {
        "2.1": percent(88),
        "2.3": {"valueDate": "2026-02-19"},
        "2.4": {"valueBoolean": True},
        "3.2": {"valueBoolean": False},
    } | (answers or {})
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "form",
        "extension": [
            {
                "url": "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/qr-context",
                "valueReference": {"reference": "DeviceRequest/home-oxygen"},
            }
        ],
        "questionnaire": f"{FORM}|2026.1",
        "status": "completed",
        "subject": {"reference": "Patient/amy-baxter"},
        "authored": "2026-03-01T09:00:00-05:00",
        "item": [{"linkId": link, "answer": [value]} for link, value in given.items() if value],
    } | changes


def a_submission_bundle(*, form=None, order=None, now=NOW, base=EHR):
    """Return a PAS request Bundle for Amy's oxygen with a completed form."""
    records = a_record()
    records.put(form or a_form_response())
    if order:
        records.put(order)
    wanted = order or records.get("DeviceRequest/home-oxygen")
    return request_bundle(records, base, wanted, "Organization/riverside", now)


def an_update_bundle(first, *, version="2.0", now=NOW, **claim):
    """Return an update of a request: all of it again as it was, unless a test changes it.

    2.2 names the prior Claim and sends it along; 2.0.1 may leave both out and say it by flags and identifiers.
    """
    bundle = copy.deepcopy(first)
    bundle["identifier"]["value"] = str(uuid4())
    bundle["timestamp"] = now.isoformat()
    prior = bundle["entry"][0]
    url = f"{EHR}/Claim/{uuid4()}"
    asked = copy.deepcopy(prior["resource"]) | {"id": url.rpartition("/")[2]}
    asked["meta"] = {"profile": [f"{PAS}/StructureDefinition/profile-claim-update"]}
    asked["identifier"] = [{"system": "https://riverside.example.org/claims", "value": asked["id"]}]
    relationship = {"system": "http://terminology.hl7.org/CodeSystem/ex-relatedclaimrelationship", "code": "prior"}
    asked["related"] = [{"relationship": {"coding": [relationship]}, "claim": {"reference": prior["fullUrl"]}}]
    bundle["entry"].insert(0, {"fullUrl": url, "resource": asked | claim})
    if version == "2.0":
        del bundle["entry"][1]
        asked_now = bundle["entry"][0]["resource"]
        asked_now["related"] = [{"claim": {"identifier": prior["resource"]["identifier"][0]}}]
    return bundle


def infos(item, changed=None, *, cancelled=False, certification=None):
    """Return an item, or supportingInfo, flagged as an update flags what differs from the version before."""
    kept = [one for one in item.get("extension", []) if one["url"] not in {INFO_CHANGED, CERTIFICATION_TYPE}]
    code = {"coding": [{"system": X12_CERTIFICATION_TYPE, "code": certification or ("3" if cancelled else "I")}]}
    kept.append({"url": CERTIFICATION_TYPE, "valueCodeableConcept": code})
    flags = [{"url": INFO_CHANGED, "valueCode": changed}] if changed else []
    flagged = item | {"extension": [*kept, *flags]}
    return flagged | ({"modifierExtension": [{"url": INFO_CANCELLED, "valueBoolean": True}]} if cancelled else {})


def an_inquiry_bundle(*, now=NOW, base=EHR):
    records = a_record()
    return inquiry_bundle(records, base, records.get("DeviceRequest/home-oxygen"), "Organization/riverside", now)


def entry(bundle, resource_type):
    """Return the first resource of a type in a Bundle."""
    return next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == resource_type)


def knowledge():
    return Knowledge(BOOK, CATALOG, new_id, new_number)


def hook_knowledge():
    return HookKnowledge(BOOK, CATALOG, new_id, (ACME,))


def a_promise(**changes):
    return CoverageAssertion(
        **{
            "id": "promise-1",
            "payer": "acme",
            "plan": PLAN.id,
            "member_id": AMY.member_id,
            "coverage": "Coverage/amy-baxter-acme",
            "order": "DeviceRequest/home-oxygen",
            "code": OXYGEN,
            "policy": "home-oxygen",
            "version": "2026.1",
            "performers": frozenset(),
            "expires_on": date(2026, 5, 30),
        }
        | changes
    )


def a_pend(**changes):
    return Decision(
        **{
            "action": ReviewAction.PENDED,
            "basis": Basis.POLICY,
            "decided_by": "policy home-oxygen 2026.1, row 1",
            "decided_at": NOW,
            "reason": "Send a test result.",
        }
        | changes
    )


def a_certification(**changes):
    return Decision(
        **{
            "action": ReviewAction.CERTIFIED,
            "basis": Basis.POLICY,
            "decided_by": "policy home-oxygen 2026.1, row 3",
            "decided_at": NOW,
            "number": "PA0000000001",
            "starts": date(2026, 3, 1),
            "ends": date(2027, 2, 28),
        }
        | changes
    )


def an_authorization(decision=None, **changes):
    item = Item(1, (OXYGEN,), None, None, decision or a_pend())
    return Authorization(
        **{
            "id": new_id(),
            "reference": new_number(),
            "client": "riverside-ehr",
            "payer": "acme",
            "plan": PLAN.id,
            "member_id": AMY.member_id,
            "claim_identifiers": (Identifier("https://riverside.example.org/claims", "c-1"),),
            "npis": frozenset({"1234567893"}),
            "requestors": frozenset({"http://hl7.org/fhir/sid/us-npi|1234567893"}),
            "received_at": NOW,
            "due_at": datetime(2026, 3, 8, 15, 0, tzinfo=UTC),
            "urgent": False,
            "items": (item,),
        }
        | changes
    )
