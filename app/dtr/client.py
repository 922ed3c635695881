"""What does the DTR client do between launch and completion?

Launch context in; order, coverage and patient read from the EHR; the package fetched from the payer; the form
filled from the record, each answer with its origin and its evidence; the clinician's answers added; the response saved
to the EHR. Nothing of the record goes to the payer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.clients.outbound import Door
from app.dtr.credentials import Credentials
from app.dtr.evaluator import Filled, fill, queries_of
from app.dtr.payer import Packaged, PayerApi, Wanted
from app.dtr.payer_token import PayerTokens
from app.dtr.record import Record
from app.dtr.resuming import overriding, touched
from app.dtr.told import Teller
from fhir_r4.generations import Generation
from fhir_r4.resource import dicts, reference
from questionnaires.dialects import CLIENT_ORIGIN
from questionnaires.populate import information_origin
from rules.ports import EhrUnavailable

ROUNDS = 4
"""How often searches are looked for that what was found makes possible."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What a launch says, and what was chosen where it did not.

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
    """A form on the clinician's desk.

    Attributes:
        form: the Questionnaire; ``logic`` what came with it.
        response: the QuestionnaireResponse as filled.
        empty: why a question stayed empty, by linkId.
        sources: the resources from which an answer came, by linkId.
        refused: types of resources that the EHR did not let us search.
        others: titles of further forms that the payer wants for this order.
    """

    form: dict
    response: dict
    empty: Mapping[str, str]
    sources: Mapping[str, list[dict]] = field(default_factory=dict)
    logic: Iterable[dict] = ()
    refused: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


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
    tell: Teller
    tokens: PayerTokens = field(default_factory=PayerTokens)

    @property
    def api(self) -> PayerApi:
        return PayerApi(self.door, self.payer, self.generation, self.credentials, self.tell, self.tokens)

    def open(self, launch: Launch, now: datetime, resumed: dict | None = None) -> OpenForm:
        """Fetch the form that the order needs and fill it from the record; NoForm, EhrUnavailable, RanAway.

        Args:
            resumed: a response that was begun earlier: what a person answered stands, the rest is filled anew.
        """
        record = self._record(launch)
        wanted = {"order": launch.order, "coverage": launch.coverage, "patient": f"Patient/{launch.patient}"}
        context: dict[str, Any] = dict(record.read(wanted | {"user": launch.user}))
        context |= _requester(record, context["order"])
        packages = self.api.packages(Wanted(context["order"], context["coverage"]), now)
        held = next((one for one in packages if _same_form(one.form, resumed)), packages[0])
        draft = touched(held.draft, resumed) if resumed and _same_form(held.form, resumed) else held.draft
        found, refused = self._search(record, held, context | {"resource": draft})
        filled = self._fill(held, draft, context | found, now)
        response = filled.response
        if draft is not held.draft:
            response = overriding(response, self._fill(held, held.draft, context | found, now).response)
        others = tuple(str(one.form.get("title", "")) for one in packages if one is not held)
        return OpenForm(held.form, response, filled.empty, filled.sources, held.logic, refused, others)

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

        items = [answered(item) for item in dicts(opened.response.get("item"))]
        return self.save(launch, opened.response | {"item": items}, "completed", now)

    def save(self, launch: Launch, response: dict, status: str, now: datetime) -> dict:
        """Save a response to the EHR, new or in place of what it was, and return it as kept; EhrUnavailable."""
        said = {
            "status": status,
            "authored": now.isoformat(timespec="seconds"),
            "author": {"reference": launch.user},
        }
        return self._record(launch).save(response | said)

    def _record(self, launch: Launch) -> Record:
        return Record(self.door, launch.iss, launch.access_token, self.tell)

    def _search(
        self, record: Record, held: Packaged, context: Mapping[str, Any]
    ) -> tuple[dict[str, dict], tuple[str, ...]]:
        """Ask the EHR for what the form needs, until nothing more can be asked; say which searches were refused."""
        found: dict[str, dict] = {}
        refused: dict[str, str] = {}
        for _ in range(ROUNDS):
            every = queries_of(held.form, {**context, **found}, held.logic)
            new = {name: query for name, query in every.items() if name not in found}
            if not new:
                break
            more, failed = record.search(new)
            found |= more
            refused |= failed
        return found, tuple(sorted(set(refused.values())))

    def _fill(self, held: Packaged, draft: dict, variables: Mapping[str, Any], now: datetime) -> Filled:
        origin = information_origin(CLIENT_ORIGIN[self.generation])
        return fill(held.form, draft, variables, origin, now=now, logic=held.logic)


def _same_form(form: dict, response: dict | None) -> bool:
    said = str((response or {}).get("questionnaire", ""))
    return bool(said) and said.partition("|")[0] == form.get("url")


def _requester(record: Record, order: dict) -> dict[str, dict]:
    """Read who wrote the order, as a searchset: then an answer's evidence names it. Else the form asks."""
    target = reference(order.get("requester"))
    try:
        found = record.read({"requester": target}) if target else {}
    except EhrUnavailable:
        found = {}
    entries = [{"resource": one} for one in found.values()]
    return {"requester": {"resourceType": "Bundle", "type": "searchset", "entry": entries}} if entries else {}
