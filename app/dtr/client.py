"""What does the DTR client do between launch and completion?

Launch context in; order, coverage and patient read from the EHR; the package fetched from the payer; the form
filled from the record, each answer with its origin; the clinician's answers added; the completed response saved to
the EHR. Nothing of the record goes to the payer.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from app.clients.ehr import HttpEhr
from app.clients.outbound import Door, Reply
from app.dtr.credentials import Credentials
from app.dtr.evaluator import fill, queries_of
from fhir_r4.coverage_information import assertion_ids
from fhir_r4.generations import Generation
from fhir_r4.resource import as_dict, dicts, kind
from fhir_r4.wire import read_object, write_json
from questionnaires.populate import information_origin
from rules.ports import EhrUnavailable

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPES = "system/Questionnaire.rs system/ValueSet.rs system/Library.rs"
READ_SECONDS = 10.0
_AUTO = {Generation.V2_0: "auto", Generation.V2_2: "auto-client"}


class NoForm(Exception):
    """The payer gave no form; the message is the payer's own word on it."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What a SMART launch leaves us with.

    Attributes:
        iss: the EHR's FHIR base.
        patient: bare id.
        user: reference to who launched.
        order, coverage: references from fhirContext.
    """

    iss: str
    access_token: str = field(repr=False)
    patient: str
    user: str
    order: str
    coverage: str


@dataclass(frozen=True, slots=True)
class OpenForm:
    """A form on the clinician's desk: the Questionnaire, what is answered, and why the rest is not."""

    form: dict
    response: dict
    empty: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Packaged:
    """What the payer sent: the form, its draft, and the Libraries and ValueSets that they need."""

    form: dict
    draft: dict
    logic: list[dict]


@dataclass(frozen=True, slots=True)
class Told:
    """One call to the payer or the EHR, for whoever tells the story."""

    whom: str
    method: str
    url: str
    what: str
    status: int
    milliseconds: float
    answer: Any


@dataclass(frozen=True, slots=True)
class DtrClient:
    """A client of one payer's base.

    Attributes:
        payer: the payer's FHIR base, ``…/fhir/2.0``.
        tell: is told of every call.
    """

    door: Door
    payer: str
    generation: Generation
    credentials: Credentials
    tell: Callable[[Told], None]

    def open(self, launch: Launch, now: datetime) -> OpenForm:
        """Fetch the form that the order needs and fill it from the record; NoForm, EhrUnavailable."""
        ehr = self._ehr(launch)
        order, coverage = ehr.read(launch.order), ehr.read(launch.coverage)
        variables: dict[str, Any] = {"patient": ehr.read(f"Patient/{launch.patient}"), "user": ehr.read(launch.user)}
        variables |= {"order": order, "coverage": coverage}
        held = self._package(order, coverage, now)
        wanted = queries_of(held.form, variables | {"resource": held.draft}, held.logic)
        found = {name: self._searched(ehr, query) for name, query in wanted.items()}
        origin = information_origin(_AUTO[self.generation])
        filled = fill(held.form, held.draft, variables | found, origin, now=now, logic=held.logic)
        return OpenForm(held.form, filled.response, filled.empty)

    def complete(self, launch: Launch, opened: OpenForm, answers: Mapping[str, dict], now: datetime) -> dict:
        """Add the clinician's answers, mark the form completed and save it to the EHR; return it as saved.

        Args:
            answers: ``{"valueBoolean": true}`` by linkId.
        """
        origin = information_origin("manual", author=launch.user)

        def answered(item: dict) -> dict:
            below = {"item": [answered(one) for one in dicts(item.get("item"))]} if item.get("item") else {}
            given = answers.get(item["linkId"])
            return item | below | ({"answer": [{"extension": [origin], **given}]} if given else {})

        response = opened.response | {
            "item": [answered(item) for item in dicts(opened.response.get("item"))],
            "status": "completed",
            "authored": now.isoformat(timespec="seconds"),
            "author": {"reference": launch.user},
        }
        headers = {"Content-Type": "application/fhir+json", "Authorization": f"Bearer {launch.access_token}"}
        url = f"{launch.iss}/QuestionnaireResponse"
        reply = self._send("EHR", "POST", url, "save the completed form", launch.iss, headers, write_json(response))
        if reply.status != 201:
            raise EhrUnavailable(f"status {reply.status}")
        return read_object(reply.body)

    def _package(self, order: dict, coverage: dict, now: datetime) -> Packaged:
        parameters: list[dict] = [{"name": "coverage", "resource": coverage}, {"name": "order", "resource": order}]
        parameters += [{"name": "context", "valueString": one} for one in assertion_ids(order)[:1]]
        headers = {
            "Content-Type": "application/fhir+json",
            "Accept": "application/fhir+json",
            "Authorization": f"Bearer {self._access_token(now)}",
        }
        url = f"{self.payer}/Questionnaire/$questionnaire-package"
        body = write_json({"resourceType": "Parameters", "parameter": parameters})
        reply = self._send("payer", "POST", url, "the form for this order, coverage and promise", url, headers, body)
        answer = read_object(reply.body)
        bundles = [as_dict(one.get("resource")) for one in dicts(answer.get("parameter"))]
        for bundle in (one for one in bundles if kind(one) == "Bundle"):
            held = [as_dict(entry.get("resource")) for entry in dicts(bundle.get("entry"))]
            form, draft = (_first(held, wanted) for wanted in ("Questionnaire", "QuestionnaireResponse"))
            return Packaged(form, draft, [one for one in held if kind(one) in {"Library", "ValueSet", "CodeSystem"}])
        raise NoForm(_said(answer))

    def _access_token(self, now: datetime) -> str:
        url = f"{self.payer}/.well-known/smart-configuration"
        found = read_object(self._send("payer", "GET", url, "Where are tokens had?", url, {}, None).body)
        endpoint = found["token_endpoint"]
        form = {
            "grant_type": "client_credentials",
            "scope": SCOPES,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.credentials.assertion(endpoint, now),
        }
        body = urlencode(form).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        what = f"a token for {self.credentials.client_id}, by an assertion signed with its own key"
        reply = self._send("payer", "POST", endpoint, what, endpoint, headers, body)
        token = read_object(reply.body).get("access_token")
        if not isinstance(token, str):
            raise NoForm("the payer gave no token")
        return token

    def _searched(self, ehr: HttpEhr, query: str) -> dict:
        """Return a search's matches as a Bundle; a search that is refused brings nothing, and the form says so."""
        started = time.perf_counter()
        try:
            matches, status = ehr.search(query), 200
        except EhrUnavailable:
            matches, status = [], 0
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        what = f"search {query.partition('?')[0]} for the form"
        self.tell(Told("EHR", "GET", query.partition("?")[0], what, status, milliseconds, {"found": len(matches)}))
        return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in matches]}

    def _ehr(self, launch: Launch) -> HttpEhr:
        deadline = time.monotonic() + READ_SECONDS
        return HttpEhr(self.door, launch.iss, launch.access_token, allowed=[launch.iss], deadline=deadline)

    def _send(
        self, whom: str, method: str, url: str, what: str, allowed: str, headers: dict[str, str], body: bytes | None
    ) -> Reply:
        started = time.perf_counter()
        reply = self.door.send(method, url, allowed=[allowed], headers=headers, body=body)
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        self.tell(Told(whom, method, url, what, reply.status, milliseconds, read_object(reply.body)))
        return reply


def _first(resources: list[dict], wanted: str) -> dict:
    found = next((one for one in resources if kind(one) == wanted), None)
    if found is None:
        raise NoForm(f"the payer's package has no {wanted}")
    return found


def _said(answer: dict) -> str:
    outcomes = [answer, *(as_dict(one.get("resource")) for one in dicts(answer.get("parameter")))]
    words = [issue.get("diagnostics") for one in outcomes for issue in dicts(one.get("issue"))]
    return "; ".join(word for word in words if isinstance(word, str)) or "the payer sent no form"
