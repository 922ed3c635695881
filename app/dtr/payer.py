"""How does the app get a form from a payer? Through the payer's public API, with credentials of its own."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from app.clients.outbound import Door, OutboundFailed, OutboundRefused, Reply
from app.dtr.credentials import Credentials
from app.dtr.told import Teller, timed
from fhir_r4.coverage_information import assertion_ids
from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import as_dict, dicts, kind, text_of
from fhir_r4.wire import read_object, write_json

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPES = "system/Questionnaire.rs system/ValueSet.rs system/Library.rs"
_LOGIC = frozenset({"Library", "ValueSet", "CodeSystem"})


class NoForm(Exception):
    """The payer gave no form; the message is the payer's own word on it."""


@dataclass(frozen=True, slots=True)
class Packaged:
    """What the payer sent: the form, its draft, and the Libraries and ValueSets that they need."""

    form: dict
    draft: dict
    logic: list[dict]


@dataclass(frozen=True, slots=True)
class PayerApi:
    """One payer's base, ``…/fhir/2.0``."""

    door: Door
    base: str
    generation: Generation
    credentials: Credentials
    tell: Teller

    def packages(self, order: dict, coverage: dict, now: datetime) -> list[Packaged]:
        """Return the forms for an order, at least one; NoForm."""
        parameters: list[dict] = [{"name": "coverage", "resource": coverage}, {"name": "order", "resource": order}]
        parameters += [{"name": "context", "valueString": one} for one in assertion_ids(order)[:1]]
        headers = {
            "Content-Type": "application/fhir+json",
            "Accept": "application/fhir+json",
            "Authorization": f"Bearer {self._access_token(now)}",
        }
        url = f"{self.base}/Questionnaire/$questionnaire-package"
        body = write_json({"resourceType": "Parameters", "parameter": parameters})
        answer = self._send("POST", url, "the form for this order, coverage and promise", headers, body)
        bundles = [answer, *(as_dict(one.get("resource")) for one in dicts(answer.get("parameter")))]
        found = [_packaged(bundle) for bundle in bundles if kind(bundle) == "Bundle"]
        if not found:
            raise NoForm(_said(answer))
        return found

    def _access_token(self, now: datetime) -> str:
        url = f"{self.base}/.well-known/smart-configuration"
        endpoint = text_of(self._send("GET", url, "Where are tokens had?", {}, None).get("token_endpoint")) or ""
        form = {
            "grant_type": "client_credentials",
            "scope": SCOPES,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.credentials.assertion(endpoint, now),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        what = f"a token for {self.credentials.client_id}, by an assertion signed with its own key"
        token = text_of(self._send("POST", endpoint, what, headers, urlencode(form).encode()).get("access_token"))
        if token is None:
            raise NoForm("the payer gave no token")
        return token

    def _send(self, method: str, url: str, what: str, headers: dict[str, str], body: bytes | None) -> dict:
        def call() -> Reply:
            return self.door.send(method, url, allowed=[url], headers=headers, body=body)

        try:
            return read_object(timed(self.tell, "payer", method, url, what, call).body)
        except (OutboundFailed, OutboundRefused, InvalidRequest):
            raise NoForm("the payer does not answer as it should") from None


def _packaged(bundle: dict) -> Packaged:
    held = [as_dict(entry.get("resource")) for entry in dicts(bundle.get("entry"))]
    by_kind: dict[str, dict] = {}
    for one in held:
        by_kind.setdefault(kind(one), one)
    for wanted in ("Questionnaire", "QuestionnaireResponse"):
        if wanted not in by_kind:
            raise NoForm(f"the payer's package has no {wanted}")
    logic = [one for one in held if kind(one) in _LOGIC]
    return Packaged(by_kind["Questionnaire"], by_kind["QuestionnaireResponse"], logic)


def _said(answer: dict) -> str:
    outcomes = [answer, *(as_dict(one.get("resource")) for one in dicts(answer.get("parameter")))]
    words = [issue.get("diagnostics") for one in outcomes for issue in dicts(one.get("issue"))]
    return "; ".join(word for word in words if isinstance(word, str)) or "the payer sent no form"
