"""What is sent? The sandbox's own patient and order, under the numbers of as many members as are wanted."""

import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from app.demo.parties import HOUSE
from app.sandbox.claim import inquiry_bundle, request_bundle
from app.sandbox.records import Records
from fhir_r4.resource import kind
from fhir_r4.systems import PAS_TEMP, QR_CONTEXT
from fhir_r4.wire import write_json

EHR = "https://ehr.example.org/fhir"
ORDER = "DeviceRequest/home-oxygen"
RIVERSIDE = "Organization/riverside"
SUBMISSION_BYTES = 24_000
_AMY = b"ACME0001234"
_SATURATION = b'"value":88,'
_TRANSACTION = b"00000000-0000-4000-8000-000000000000"


def member_number(number: int) -> str:
    return f"ACME1{number:06}"


@dataclass(frozen=True, slots=True)
class Bodies:
    """One body for each operation; a member's number is put into it by exchanging bytes of the same length.

    Attributes:
        pended: a submission that a person decides.
    """

    hook: bytes
    parameters: bytes
    submission: bytes
    pended: bytes
    inquiry: bytes

    def for_member(self, operation: str, number: int) -> bytes:
        """Return the operation's body, about this member, as a transaction of its own."""
        body: bytes = getattr(self, operation)
        body = body.replace(_SATURATION, b'"value":%d,' % (88 - number % 15))  # what is weighed differs as well
        return body.replace(_AMY, member_number(number).encode()).replace(_TRANSACTION, str(uuid4()).encode())


def bodies(now: datetime) -> Bodies:
    """Return the bodies as of yesterday, which lies ahead in nobody's time zone."""
    now -= timedelta(days=1)
    records = Records.load(HOUSE / "fixtures" / "ehr", now.date())
    hook, parameters = _hook(records), _parameters(records)
    inquiry = inquiry_bundle(records, EHR, _held(records, ORDER), RIVERSIDE, now)
    return Bodies(
        hook=write_json(hook),
        parameters=write_json(parameters),
        submission=_submission(records, _form(now), now),
        pended=_submission(records, _form(now, leave="2.1"), now),
        inquiry=write_json(_one_transaction(inquiry)),
    )


def _submission(records: Records, form: dict, now: datetime) -> bytes:
    records.put(form)
    bundle = request_bundle(records, EHR, _held(records, ORDER), RIVERSIDE, now)
    return write_json(_one_transaction(_grown(bundle, records)))


def _hook(records: Records) -> dict:
    """Return an order-sign call with full prefetch: nothing is left to read from the EHR."""
    orders = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": _held(records, ORDER)}]}
    return {
        "hook": "order-sign",
        "hookInstance": _TRANSACTION.decode(),
        "fhirServer": EHR,
        "context": {"userId": "Practitioner/lindqvist", "patientId": "amy-baxter", "draftOrders": orders},
        "prefetch": {"patient": _held(records, "Patient/amy-baxter"), "coverage": _coverage(records)},
    }


def _parameters(records: Records) -> dict:
    given = {"coverage": _coverage(records), "order": _held(records, ORDER)}
    return {"resourceType": "Parameters", "parameter": [{"name": k, "resource": v} for k, v in given.items()]}


def _coverage(records: Records) -> dict:
    payor = _held(records, "Organization/acme")["identifier"][0]
    return _held(records, "Coverage/amy-baxter-acme") | {"payor": [{"identifier": payor}]}


def _form(now: datetime, leave: str | None = None) -> dict:
    """Return the completed form by which the policy certifies; with the answer ``leave`` left out it pends."""
    answers = {
        "2.1": {"valueQuantity": {"value": 88, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}},
        "2.3": {"valueDate": now.date().isoformat()},
        "2.4": {"valueBoolean": True},
        "3.2": {"valueBoolean": False},
    }
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "form",
        "extension": [{"url": QR_CONTEXT, "valueReference": {"reference": ORDER}}],
        "questionnaire": "https://forms.priorauth.example.org/Questionnaire/home-oxygen|2026.1",
        "status": "completed",
        "subject": {"reference": "Patient/amy-baxter"},
        "authored": now.isoformat(timespec="seconds"),
        "item": [{"linkId": link, "answer": [value]} for link, value in answers.items() if link != leave],
    }


def _grown(bundle: dict, records: Records) -> dict:
    """Add saturations, each in an entry that the Claim points to, until the bundle has its size."""
    claim = bundle["entry"][0]["resource"]
    saturation = _held(records, "Observation/amy-baxter-spo2")
    while len(write_json(bundle)) < SUBMISSION_BYTES:
        number = len(claim["supportingInfo"]) + 1
        one = saturation | {"id": f"spo2-{number}"}
        reference = f"{kind(one)}/{one['id']}"
        bundle["entry"].append({"fullUrl": f"{EHR}/{reference}", "resource": one})
        category = {"coding": [{"system": PAS_TEMP, "code": "additionalInformation"}]}
        info = {"sequence": number, "category": category, "valueReference": {"reference": reference}}
        claim["supportingInfo"].append(info)
    return bundle


def _one_transaction(bundle: dict) -> dict:
    return bundle | {"identifier": bundle["identifier"] | {"value": _TRANSACTION.decode()}}


def _held(records: Records, reference: str) -> dict:
    held = records.get(reference)
    if held is None:
        raise LookupError(f"fixtures/ehr has no {reference}")
    return copy.deepcopy(held)
