"""SANDBOX. What does the EHR do when its clinician signs an order, and when its staff ask for authorization?

The payer is known by one URL; all else (services, prefetch, where tokens are had) is found as a stranger finds it.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from app.sandbox import claim
from app.sandbox.grants import grant_of
from app.sandbox.keys import Keys
from app.sandbox.records import Records
from app.sandbox.smart import APP_SCOPES, Authorization, Context
from app.sandbox.tokens import Tokens
from app.sandbox.web import Caller
from fhir_r4.resource import as_dict, dicts, extensions, kind, local_reference, reference
from fhir_r4.systems import BACKPORT, PAS, QR_CONTEXT, QR_COVERAGE

_TOKEN = re.compile(r"\{\{context\.(\w+)\}\}")
_HOOK_TOKEN_LIFE = timedelta(seconds=60)
_OF_PATIENT = {"ClaimResponse": "patient", "Task": "for"}
"""What of a payer's answer goes into the chart, and the element that names the patient."""
_LAUNCH_LIFE = timedelta(minutes=30)
CLIENT_ID = "riverside-ehr"
HOOK_SCOPES = "patient/*.rs"
SCOPES = "system/Claim.crus system/ClaimResponse.rs system/Subscription.cruds"
TOPIC = f"{PAS}/SubscriptionTopic/PASSubscriptionTopic"
CONTENT = {"2.0": "id-only", "2.2": "full-resource"}


@dataclass
class Ehr:
    """One EHR: its address, its records and its keys.

    Attributes:
        url: where others reach it; FHIR is below ``/fhir``.
        payer: the service's public address.
        provider: the organization in whose name it asks.
        awaited: orders for which authorization is asked as soon as their form is completed.
    """

    url: str
    payer: str
    records: Records
    keys: Keys
    tokens: Tokens
    authorization: Authorization
    provider: str = "Organization/riverside"
    received: list[dict] = field(default_factory=list)
    awaited: set[str] = field(default_factory=set)
    slow_seconds: float = 0.0

    @property
    def base(self) -> str:
        return f"{self.url}/fhir"

    def fire(self, hook: str, order_reference: str, version: str, leave_out: list[str], now: datetime) -> Caller:
        """Fire order-select, order-sign or order-dispatch for one order; what comes back goes into the record."""
        caller, order = Caller("EHR"), self._order(order_reference)
        found = caller.get(f"{self.payer}/cds-services", "Which services do you have?")
        service = next(one for one in found["services"] if one["hook"] == hook)
        url = f"{self.payer}/cds-services/{service['id']}"
        body = self._hook_body(service, order, version, leave_out, now)
        token = self.keys.hook_token(self.url, url, now)
        left_out = f", without prefetch of {', '.join(leave_out)}" if leave_out else ""
        answer = caller.post(
            url, f"{hook} for {order_reference} (CRD {version}{left_out})", body, token, "application/json"
        )
        for action in dicts(as_dict(answer).get("systemActions")):
            if action.get("type") == "update":
                self.records.put(action["resource"], now)
        return caller

    def submit(self, order_reference: str, version: str, now: datetime) -> Caller:
        """Ask the payer for authorization of an order, with the completed forms on file, and keep what it answers."""
        caller, base = Caller("EHR"), f"{self.payer}/fhir/{version}"
        bundle = self.request_bundle(order_reference, now)
        self.records.put(bundle["entry"][0]["resource"], now)
        token = self._access_token(caller, base, now)
        caller.post(f"{base}/Claim/$submit", f"Claim bundle for {order_reference} (PAS {version})", bundle, token)
        self._keep(as_dict(caller.exchanges[-1].answer), self._order(order_reference)["subject"], now)
        return caller

    def request_bundle(self, order_reference: str, now: datetime) -> dict:
        return claim.request_bundle(self.records, self.base, self._order(order_reference), self.provider, now)

    def inquire(self, order_reference: str, version: str, now: datetime) -> Caller:
        """Ask what is known of such a service for this patient."""
        caller, order = Caller("EHR"), self._order(order_reference)
        base = f"{self.payer}/fhir/{version}"
        bundle = claim.inquiry_bundle(self.records, self.base, order, self.provider, now)
        token = self._access_token(caller, base, now)
        caller.post(f"{base}/Claim/$inquire", f"inquiry about {order_reference} (PAS {version})", bundle, token)
        return caller

    def subscribe(self, version: str, now: datetime) -> Caller:
        """Ask to be told when an authorization of this organization changes; ``/notifications`` takes the calls."""
        caller, base = Caller("EHR"), f"{self.payer}/fhir/{version}"
        npi = next(one["value"] for one in dicts((self.records.get(self.provider) or {}).get("identifier")))
        body = {
            "resourceType": "Subscription",
            "status": "requested",
            "reason": "to know decisions",
            "criteria": TOPIC,
            "_criteria": {"extension": [
                {"url": f"{BACKPORT}/backport-filter-criteria", "valueString": f"org-identifier={npi}"}
            ]},
            "channel": {
                "type": "rest-hook",
                "endpoint": f"{self.url}/notifications/{version}",
                "header": ["Authorization: Bearer riverside-hook-secret"],
                "payload": "application/fhir+json",
                "_payload": {"extension": [
                    {"url": f"{BACKPORT}/backport-payload-content", "valueCode": CONTENT[version]}
                ]},
            },
        }  # fmt: skip
        token = self._access_token(caller, base, now)
        caller.post(f"{base}/Subscription", f"tell us of our authorizations ({CONTENT[version]})", body, token)
        return caller

    def launch(self, order_reference: str, now: datetime) -> dict:
        """Return what a SMART launch from this order ends in: the app's token and context.

        Without a browser, for a story told at a terminal; with one, an app begins with ``launch_handle``.
        """
        order = self._order(order_reference)
        coverage = reference(dicts(order.get("insurance"))[0])
        patient = (reference(order["subject"]) or "").partition("/")[2]
        return {
            "iss": self.base,
            "access_token": self.tokens.issue(now, _LAUNCH_LIFE, grant_of(patient, APP_SCOPES)),
            "patient": patient,
            "fhirUser": reference(order["requester"]),
            "fhirContext": [{"reference": coverage}, {"reference": order_reference}],
        }

    def context(self, about: str) -> Context | None:
        """Return the context of a launch from an order, or from a form that was begun; None where there is neither."""
        held = self.records.get(about) or {}
        patient = (reference(held.get("subject")) or "").partition("/")[2]
        user = reference(held.get("requester")) or reference(held.get("author"))
        if not patient or not user:
            return None
        coverages = [reference(one) for one in dicts(held.get("insurance"))]
        return Context(patient, user, (*(one for one in coverages if one), about))

    def launch_handle(self, about: str) -> str | None:
        """Return the ``launch`` of an EHR launch; authorization of the order is asked for once its form is there."""
        context = self.context(about)
        if context is None:
            return None
        self.awaited.update(_orders_of(self.records.get(about) or {}) or {about})
        return self.authorization.launch(context)

    def completed(self, form: dict, now: datetime) -> None:
        """Ask for authorization of the order that a completed form documents."""
        for order in _orders_of(form) & self.awaited:
            self.awaited.discard(order)
            self.submit(order, _version_of(form), now)

    def _keep(self, answer: dict, patient: dict, now: datetime) -> None:
        """Put what the payer answered into the patient's chart."""
        for entry in dicts(answer.get("entry")):
            element = _OF_PATIENT.get(kind(entry.get("resource")))
            if element:
                self.records.put(entry["resource"] | {element: patient}, now)

    def _order(self, order_reference: str) -> dict:
        found = self.records.get(order_reference)
        if found is None:
            raise KeyError(order_reference)
        return found

    def _access_token(self, caller: Caller, base: str, now: datetime) -> str:
        where = caller.get(f"{base}/.well-known/smart-configuration", "Where are tokens had?")
        endpoint = where["token_endpoint"]
        answer = caller.post_form(
            endpoint,
            f"a token for {CLIENT_ID}, by an assertion signed with its own key",
            {
                "grant_type": "client_credentials",
                "scope": SCOPES,
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": self.keys.client_assertion(CLIENT_ID, endpoint, now),
            },
        )
        return str(as_dict(answer).get("access_token", ""))

    def _hook_body(self, service: dict, order: dict, version: str, leave_out: list[str], now: datetime) -> dict:
        context = self._context(service["hook"], order)
        return {
            "hook": service["hook"],
            "hookInstance": str(uuid4()),
            "fhirServer": self.base,
            "fhirAuthorization": {
                "access_token": self.tokens.issue(now, _HOOK_TOKEN_LIFE, grant_of(context["patientId"], HOOK_SCOPES)),
                "token_type": "Bearer",
                "expires_in": int(_HOOK_TOKEN_LIFE.total_seconds()),
                "scope": HOOK_SCOPES,
                "subject": CLIENT_ID,
            },
            "context": context,
            "prefetch": {
                key: self._prefetched(template, context)
                for key, template in service.get("prefetch", {}).items()
                if key not in leave_out
            },
            "extension": {"davinci-crd.requestedVersion": version},
        }

    def _context(self, hook: str, order: dict) -> dict[str, Any]:
        """Return the hook's context, as the CDS Hooks library has it."""
        patient = {"patientId": (reference(order["subject"]) or "").partition("/")[2]}
        if hook == "order-dispatch":
            return patient | {"dispatchedOrders": [local_reference(order)], "performer": self.provider}
        entry = {"fullUrl": f"{self.base}/{local_reference(order)}", "resource": order}
        drafts = {"resourceType": "Bundle", "type": "collection", "entry": [entry]}
        selected = {"selections": [local_reference(order)]} if hook == "order-select" else {}
        return {"userId": reference(order["requester"])} | patient | selected | {"draftOrders": drafts}

    def _prefetched(self, template: str, context: dict[str, Any]) -> dict | None:
        filled = _TOKEN.sub(lambda found: str(context.get(found[1], "")), template)
        if "?" not in filled:
            return self.records.get(filled)
        resource_type, _, query = filled.partition("?")
        return self.records.found(resource_type, query).bundle(self.base)


def _orders_of(form: dict) -> set[str]:
    """Return the orders in a form's context; a Coverage beside them is none (DTR 2.0.1 keeps both in one place)."""
    found = {reference(one.get("valueReference")) for one in extensions(form, QR_CONTEXT)}
    return {one for one in found if one and not one.startswith("Coverage/")}


def _version_of(form: dict) -> str:
    return "2.2" if extensions(form, QR_COVERAGE) else "2.0"
