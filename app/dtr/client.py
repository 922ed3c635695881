"""What does the DTR client do between launch and completion?

Launch context in; order, coverage and patient read from the EHR; the package fetched from the payer; the form
filled from the record, each answer with its origin and its evidence; the clinician's answers added; the response saved
to the EHR. Nothing of the record goes to the payer, but for the answers of an adaptive form, which a person sends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from app.clients.outbound import Door
from app.dtr.adaptive import address_of, holding, is_adaptive, whole
from app.dtr.carrying import Carried, all_of_them, begun, by_people, carried
from app.dtr.choosing import Earlier, HasExpired, Opening, canonical, choose
from app.dtr.credentials import Credentials
from app.dtr.filling import Filling, filling
from app.dtr.kit import Kit
from app.dtr.launch import Launch
from app.dtr.opened import OpenForm
from app.dtr.payer import Packaged, PayerApi, Wanted
from app.dtr.payer_token import PayerTokens
from app.dtr.pile import Stage
from app.dtr.record import Record
from app.dtr.referred import referred_to
from app.dtr.resuming import overriding
from app.dtr.told import Teller
from fhir_r4.generations import Generation
from fhir_r4.resource import as_dict, dicts, reference, text_of
from fhir_r4.systems import ORIGINAL_URN
from questionnaires.adaptive import canonical_said
from questionnaires.beginning import blank
from questionnaires.catalog import in_force, questions
from questionnaires.dialects import CLIENT_ORIGIN, PAYER_ORIGIN
from questionnaires.populate import information_origin

CHANGED = "The payer has changed this form since it was saved; the answers that fit were kept."


@dataclass(frozen=True, slots=True)
class _Started:
    """A form before it is filled: the payer's draft, and the response with what was carried into it."""

    form: dict
    draft: dict
    response: dict
    lost: tuple[str, ...]
    has_more: bool


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

    def open(self, launch: Launch, now: datetime, earlier: Earlier | None = None) -> OpenForm:
        """Fetch the form that the order needs and fill it from the record; NoForm, EhrUnavailable, RanAway.

        Args:
            earlier: what was written down before: what a person answered stands, the rest is filled anew.
        """
        record, earlier = self._record(launch), earlier or Earlier()
        context, referred = self._context(record, launch)
        wanted = _wanted(context, referred, launch, earlier)
        packages = [self._with_draft(one, wanted, launch, now) for one in self.api.packages(wanted, now)]
        opening = self._opening(packages, earlier, record, now.date())
        notes = [*opening.notes, *self._changes(wanted, opening, now)]
        started = self._begin(opening, now)
        notes += [f"Could not be carried over: {words}." for words in started.lost]
        logic = opening.held.logic
        done = self._fill(record, started.form, started.response, context, logic, now)
        response = done.filled.response
        if opening.earlier:
            again = self._fill(record, started.form, started.draft, done.variables, logic, now)
            response = overriding(response, again.filled.response)
        return OpenForm(
            started.form,
            Kit(opening.held.form, logic, done.variables),
            response,
            done.filled,
            has_more=started.has_more,
            is_resumed=opening.earlier is not None,
            refused=done.refused,
            notes=tuple(notes),
            pile=_pile(packages, opening.held, launch, now.date()),
            newer=opening.newer,
        )

    def forms(self, launch: Launch, now: datetime) -> tuple[Stage, ...]:
        """Return which forms this payer wants for the order, without opening one; NoForm, EhrUnavailable."""
        context, referred = self._context(self._record(launch), launch)
        packages = self.api.packages(_wanted(context, referred, launch, Earlier()), now)
        return _pile(packages, packages[0], launch, now.date())

    def next(self, launch: Launch, kit: Kit, response: dict, now: datetime) -> OpenForm:
        """Send the answers so far, which a person has checked, and return the form with what is asked then.

        Raises:
            NoForm: the payer refuses them, in its own words.
        """
        address = address_of(kit.form, self.payer) or ""
        grown = self.api.next_question(response | {"status": "in-progress"}, address, now)
        form = whole(kit.form, grown)
        asked = questions(whole(kit.form, response))
        started = begun(form, grown, self._payer_s(), asked)
        kept = carried(form, started, response, all_of_them).response | _said_by_payer(grown)
        done = self._fill(self._record(launch), form, kept, kit.variables, kit.logic, now)
        made = done.filled.response | {"status": "in-progress"}
        has_more = grown.get("status") != "completed"
        grown_kit = Kit(kit.form, kit.logic, done.variables)
        return OpenForm(form, grown_kit, made, done.filled, has_more=has_more, refused=done.refused)

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
        return self._record(launch).save(response | said, f"save the {status} form")

    def _payer_s(self) -> dict:
        """Return the origin of what the form itself answers."""
        return information_origin(PAYER_ORIGIN[self.generation])

    def _record(self, launch: Launch) -> Record:
        return Record(self.door, launch.iss, launch.access_token, self.tell)

    def _context(self, record: Record, launch: Launch) -> tuple[dict[str, Any], tuple[dict, ...]]:
        """Read what the launch is about, and what its order refers to."""
        named = {"coverage": launch.coverage, "patient": f"Patient/{launch.patient}", "user": launch.user}
        context: dict[str, Any] = dict(record.read(named | ({"order": launch.order} if launch.order else {})))
        order = as_dict(context.get("order"))
        referred = referred_to(record, order)
        requester = referred.get(reference(order.get("requester")) or "")
        return context | (_searchset("requester", requester) if requester else {}), tuple(referred.values())

    def _with_draft(self, held: Packaged, wanted: Wanted, launch: Launch, now: datetime) -> Packaged:
        """Return the package with a response to begin with, which some payers leave to the client."""
        if held.draft:
            return held
        orders = [wanted.order] if wanted.order else []
        subject = f"Patient/{launch.patient}"
        made = blank(canonical(held.form), [wanted.coverage], orders, subject, now, self.generation)
        if is_adaptive(held.form):  # without questions it keeps to no profile of 2.0.1 yet
            made = {name: value for name, value in made.items() if name != "meta"} | holding(held.form)
        return replace(held, draft=made)

    @staticmethod
    def _opening(packages: list[Packaged], earlier: Earlier, record: Record, today: date) -> Opening:
        """Choose what is opened; a response to a form that has expired is stopped (DTR 2.0.1 @170)."""
        try:
            opening = choose(packages, earlier, today)
        except HasExpired as over:
            record.save(over.response | {"status": "stopped"}, "stop what was begun")
            raise
        if opening.expired:
            record.save(opening.expired | {"status": "stopped"}, "stop what was begun")
        return opening

    def _begin(self, opening: Opening, now: datetime) -> "_Started":
        """Put the form on its way.

        An adaptive form that was begun goes on with the questions that it had; else it is asked for the first ones,
        when nothing of the record is in it yet.
        """
        form, draft, earlier = opening.held.form, opening.held.draft, opening.earlier
        address = address_of(form, self.payer)
        if address and earlier and canonical_said(earlier) == canonical_said(draft):
            draft = draft | {name: earlier[name] for name in ("contained", "questionnaire") if name in earlier}
        elif address:
            draft = self.api.next_question(draft, address, now)
        has_more = address is not None and draft.get("status") != "completed"
        form = whole(form, draft) if address else form
        draft = begun(form, draft, self._payer_s()) | {"status": "in-progress", "identifier": _an_identifier()}
        kept = carried(form, draft, earlier, by_people) if earlier else Carried(draft, ())
        return _Started(form, draft, kept.response, kept.lost, has_more)

    def _changes(self, wanted: Wanted, opening: Opening, now: datetime) -> list[str]:
        """Tell whether the payer has changed the form that is gone on with since it was saved (DTR 2.2 oper-20)."""
        if opening.earlier is None:
            return []
        saved = text_of(as_dict(opening.earlier.get("meta")).get("lastUpdated"))
        since = saved or text_of(opening.earlier.get("authored"))
        return [CHANGED] if since and self.api.has_changed(wanted, since, now) else []

    def _fill(
        self, record: Record, form: dict, response: dict, variables: Mapping[str, Any], logic: list[dict], now: datetime
    ) -> Filling:
        origin = information_origin(CLIENT_ORIGIN[self.generation])
        return filling(record, form, response, variables, origin, logic=logic, now=now)


def _an_identifier() -> dict:
    """Return what a response is known by before an EHR has given it an id, so that it is created there once."""
    return {"system": ORIGINAL_URN, "value": uuid4().urn}


def _said_by_payer(response: dict) -> dict:
    """Return what a payer may have written beside the questions: coverage-information, once it is decided."""
    return {"extension": response["extension"]} if dicts(response.get("extension")) else {}


def _wanted(context: Mapping[str, Any], referred: tuple[dict, ...], launch: Launch, earlier: Earlier) -> Wanted:
    begun_ = [canonical_said(earlier.begun)] if earlier.begun else []
    named = [*launch.canonicals, *begun_, *([earlier.wanted] if earlier.wanted else [])]
    canonicals = tuple(dict.fromkeys(one for one in named if one))
    return Wanted(context.get("order"), context["coverage"], canonicals, launch.context or None, referred)


def _pile(packages: list[Packaged], held: Packaged, launch: Launch, today: date) -> tuple[Stage, ...]:
    """Return the order's forms; the one that is open stands for all versions of it."""
    forms = [one.form for one in packages if in_force(one.form, today) and one.form.get("url") != held.form.get("url")]
    place = next((n for n, one in enumerate(packages) if one is held), 0)
    forms.insert(min(place, len(forms)), held.form)
    return tuple(Stage(text_of(one.get("title")) or "Form", canonical(one), launch.coverage) for one in forms)


def _searchset(name: str, found: dict) -> dict[str, dict]:
    """Return what was read as a searchset: then an answer's evidence names it."""
    return {name: {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": found}]}}
