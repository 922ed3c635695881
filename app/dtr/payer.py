"""What does the app ask of a payer? DTR's operations, through the payer's public API, with credentials of its own.

Source: DTR 2.0.1 and 2.2.0, OperationDefinitions questionnaire-package and log-questionnaire-errors; SDC 4.0.0,
Questionnaire-next-question; FHIR R4, ValueSet-expand.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from app.clients.outbound import Door, OutboundFailed, OutboundRefused, Reply, below
from app.dtr.credentials import Credentials
from app.dtr.payer_token import PayerTokens
from app.dtr.told import Teller, timed
from fhir_r4.coverage_information import assertion_ids
from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import as_dict, dicts, kind
from fhir_r4.wire import read_object, write_json

_LOGIC = frozenset({"Library", "ValueSet", "CodeSystem"})
_JSON = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}


class NoForm(Exception):
    """The payer gave no form, or no more of it; the message is the payer's own word on it."""


class NoneNeeded(NoForm):
    """The payer gave no form and names no fault: its issues are information alone (DTR 2.2.0 oper-8)."""


@dataclass(frozen=True, slots=True)
class Packaged:
    """What the payer sent: the form, its draft, empty where it sent none, and the Libraries and ValueSets of both."""

    form: dict
    draft: dict
    logic: list[dict]


@dataclass(frozen=True, slots=True)
class Wanted:
    """For what a form is wanted.

    Attributes:
        canonicals: forms by name, ``url|version``.
        context: a trace number that came with a request for more information; else the order's own promise counts.
        referred: who ordered and who is to do it, devices and medications that the order refers to.
    """

    order: dict | None
    coverage: dict
    canonicals: tuple[str, ...] = ()
    context: str | None = None
    referred: tuple[dict, ...] = ()

    def parameters(self, changed_since: str | None = None) -> dict:
        """Return the input of $questionnaire-package."""
        said = self.context or next(iter(assertion_ids(self.order)[:1] if self.order else ()), None)
        made: list[dict] = [{"name": "coverage", "resource": self.coverage}]
        made += [{"name": "order", "resource": self.order}] if self.order else []
        made += [{"name": "referenced", "resource": one} for one in self.referred]
        made += [{"name": "questionnaire", "valueCanonical": one} for one in self.canonicals]
        made += [{"name": "context", "valueString": said}] if said else []
        made += [{"name": "changedsince", "valueInstant": changed_since}] if changed_since else []
        return {"resourceType": "Parameters", "parameter": made}


@dataclass(frozen=True, slots=True)
class PayerApi:
    """One payer's base, ``…/fhir/2.0``."""

    door: Door
    base: str
    generation: Generation
    credentials: Credentials
    tell: Teller
    tokens: PayerTokens = field(default_factory=PayerTokens)

    def packages(self, wanted: Wanted, now: datetime) -> list[Packaged]:
        """Return the forms that are wanted, at least one; NoForm."""
        answer = self._packages(wanted.parameters(), "the form for this order, coverage and promise", now)
        found = [_packaged(bundle) for bundle in _bundles(answer)]
        if not found:
            raise (NoneNeeded if _is_calm(answer) else NoForm)(_said(answer))
        return found

    def has_changed(self, wanted: Wanted, since: str, now: datetime) -> bool:
        """Tell whether the payer has changed one of these forms since then; what it does not answer has not."""
        try:
            answer = self._packages(wanted.parameters(since), "has the form changed since it was saved?", now)
        except NoForm:
            return False
        return any(True for _ in _bundles(answer))

    def next_question(self, response: dict, address: str, now: datetime) -> dict:
        """Return the response with its next questions, or completed; NoForm.

        Args:
            address: where the form says that its questions come from; below the payer's base, or nobody is asked.
        """
        if not below(address, self.base):
            raise NoForm("the form's next questions are not at the payer's own address")
        answer = self._post(address, response, "the next questions of this form", now)
        if kind(answer) == "Parameters":
            answer = next(
                (one for each in dicts(answer.get("parameter")) if (one := as_dict(each.get("resource")))), {}
            )
        if kind(answer) != "QuestionnaireResponse":
            raise NoForm(_said(answer))
        return answer

    def expand(self, canonical: str, text: str, count: int, now: datetime) -> dict:
        """Return a value set with those of its codes that ``text`` finds, at most ``count``; NoForm."""
        asked = {"url": canonical, "count": str(count)} | ({"filter": text} if text else {})
        url = f"{self.base}/ValueSet/$expand?{urlencode(asked)}"
        headers = _JSON | {"Authorization": f"Bearer {self._token(now)}"}
        answer = self._send("GET", url, "the codes of a value set", headers, None)
        if kind(answer) != "ValueSet":
            raise NoForm(_said(answer))
        return answer

    def report(self, parameters: dict, now: datetime) -> None:
        """Tell the payer what is wrong with a form; that it does not listen is no matter to the clinician."""
        try:
            self._post(f"{self.base}/Questionnaire/$log-questionnaire-errors", parameters, "what is wrong", now)
        except NoForm:
            return

    def _packages(self, parameters: dict, what: str, now: datetime) -> dict:
        return self._post(f"{self.base}/Questionnaire/$questionnaire-package", parameters, what, now)

    def _post(self, url: str, body: dict, what: str, now: datetime) -> dict:
        headers = _JSON | {"Authorization": f"Bearer {self._token(now)}"}
        return self._send("POST", url, what, headers, write_json(body))

    def _token(self, now: datetime) -> str:
        token = self.tokens.token(self.base, self.credentials, now, self._send)
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


def _bundles(answer: dict) -> Iterable[dict]:
    every = [answer, *(as_dict(one.get("resource")) for one in dicts(answer.get("parameter")))]
    return (one for one in every if kind(one) == "Bundle")


def _packaged(bundle: dict) -> Packaged:
    held = [as_dict(entry.get("resource")) for entry in dicts(bundle.get("entry"))]
    by_kind: dict[str, dict] = {}
    for one in held:
        by_kind.setdefault(kind(one), one)
    if "Questionnaire" not in by_kind:
        raise NoForm("the payer's package has no Questionnaire")
    logic = [one for one in held if kind(one) in _LOGIC]
    return Packaged(by_kind["Questionnaire"], by_kind.get("QuestionnaireResponse", {}), logic)


def _issues(answer: dict) -> list[dict]:
    outcomes = [answer, *(as_dict(one.get("resource")) for one in dicts(answer.get("parameter")))]
    return [issue for one in outcomes for issue in dicts(one.get("issue"))]


def _is_calm(answer: dict) -> bool:
    return {issue.get("severity") for issue in _issues(answer)} == {"information"}


def _said(answer: dict) -> str:
    words = [issue.get("diagnostics") for issue in _issues(answer)]
    return "; ".join(word for word in words if isinstance(word, str)) or "the payer sent no form"
