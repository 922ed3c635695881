"""What does the SMART app do for a clinician? Launch, open, save, complete; without a page in sight.

Source: DTR 2.0.1 and 2.2.0, SMART app; SMART App Launch 2.2.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from app.clients.outbound import Door
from app.dtr import smart
from app.dtr.adaptive import is_adaptive, whole
from app.dtr.choosing import Earlier, canonical
from app.dtr.client import DtrClient
from app.dtr.context import Choice, Found, WrongPatient, as_launch, resolve, responses_of
from app.dtr.credentials import Credentials
from app.dtr.desk import Desk
from app.dtr.evaluator import RanAway, follow
from app.dtr.kit import Kit
from app.dtr.launch import Launch
from app.dtr.live import without, without_answers
from app.dtr.opened import OpenForm
from app.dtr.payer import NoForm
from app.dtr.payer_token import PayerTokens
from app.dtr.record import Record
from app.dtr.registered import Registered, RegisteredPayer
from app.dtr.rendering import choices
from app.dtr.reporting import report
from app.dtr.result import answer_since
from app.dtr.revising import overridden
from app.dtr.sending import named_by_answers, qr_bundle
from app.dtr.sessions import Desks
from app.dtr.signing import signed
from app.dtr.told import nobody
from fhir_r4.payer_answer import PayerAnswer
from fhir_r4.resource import dicts, identifiers, reference, text_of
from questionnaires.catalog import questions
from questionnaires.dialects import CLIENT_ORIGIN
from questionnaires.populate import information_origin
from rules.ports import EhrUnavailable

CHOICES = 40
"""Codes that are asked for at once; who wants another one types more of it."""
LHC_FORMS = ("zone.min.js", "lhc-forms.js", "lformsFHIR.min.js")


class Stopped(Exception):
    """The app cannot go on; the message is for the clinician and quotes nothing of the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmartApp:
    """The app and what it works with.

    Attributes:
        base_url: where the browser finds us; the redirect of a launch is below it.
        renderer: folder of the LHC-Forms files; forms are drawn with plain controls where they are not there.
    """

    registered: Registered
    door: Door
    credentials: Credentials
    desks: Desks
    base_url: str
    renderer: Path
    now: Callable[[], datetime]
    tokens: PayerTokens = field(default_factory=PayerTokens)

    @property
    def has_lhc_forms(self) -> bool:
        return all((self.renderer / name).exists() for name in LHC_FORMS)

    def is_plain(self, desk: Desk) -> bool:
        """Tell whether a form is drawn with plain controls: by choice, by the operator's, or for want of others."""
        chosen = self.registered.plain if desk.plain is None else desk.plain
        return chosen or not self.has_lhc_forms

    def looked(self, desk: Desk, *, plain: bool) -> Desk:
        return replace(desk, plain=plain)

    def begin(self, iss: str, launch: str | None) -> tuple[smart.Started, str]:
        """Return what to remember, and where the browser goes; Stopped for an EHR that is not registered."""
        ehr = self.registered.ehr(iss)
        if ehr is None:
            raise Stopped("This EHR is not registered here. Ask the payer's operator to register it.")
        try:
            return smart.begin(self.door, ehr, launch, f"{self.base_url}/dtr/callback")
        except smart.LaunchFailed as failed:
            raise Stopped(f"The launch failed: {failed}.") from None

    def finish(self, started: smart.Started, code: str) -> smart.Launched:
        """Return the launch's context; Stopped."""
        ehr = self.registered.ehr(started.iss)
        if ehr is None:
            raise Stopped("This EHR is no longer registered here.")
        try:
            return smart.finish(self.door, ehr, started, code, self.now())
        except smart.LaunchFailed as failed:
            raise Stopped(f"The launch failed: {failed}.") from None

    def resolve(self, launched: smart.Launched) -> Found | Choice:
        """Return for what a form is wanted, or between what to choose; Stopped."""
        try:
            return resolve(launched, self._record(launched).ehr())
        except EhrUnavailable:
            raise Stopped("The EHR did not give what the launch names.") from None
        except WrongPatient:
            raise Stopped("What the launch names belongs to another patient's record.") from None

    def chosen(self, launched: smart.Launched, order: str, coverage: str) -> Found:
        """Return what a clinician chose, with what was written down for that order before."""
        responses = responses_of(launched, self._record(launched).ehr(), order)
        return Found(as_launch(launched, order, coverage), Earlier(None, responses))

    def open(self, found: Found) -> tuple[Desk, Kit]:
        """Fetch the form, fill it, and return the desk with it, and what came with it; Stopped."""
        payer = self._payer_of(found.launch)
        with self._told():
            opened = self._client(payer).open(found.launch, self.now(), found.earlier)
        self._report(payer, found.launch, opened)
        desk = Desk.of(found.launch, payer.name, opened)
        return replace(desk, done=tuple(sorted(found.earlier.completed))), opened.kit

    def open_another(self, desk: Desk, canonical: str) -> tuple[Desk, Kit]:
        """Open another form of the same order, or a newer version of this one; Stopped."""
        if canonical not in {desk.newer, *(named for _, named in desk.pile)}:
            raise Stopped("The payer asks for no such form.")
        launch = desk.launch
        named = desk.response if canonical == desk.newer else None
        earlier = Earlier(named, responses_of(launch, self._record(launch).ehr(), launch.order), canonical)
        opened, kit = self.open(Found(launch, earlier))
        sent = {*opened.done, *desk.done, *([desk.canonical] if desk.completed_at else [])}
        return replace(opened, done=tuple(sorted(sent)), pile=desk.pile, plain=desk.plain), kit

    def next(self, desk: Desk, kit: Kit) -> tuple[Desk, Kit]:
        """Send the answers so far to the payer and return the form with its next questions; Stopped."""
        payer = self._payer_named(desk)
        sent = without(desk.response, desk.off())
        with self._told():
            opened = self._client(payer).next(desk.launch, kit, sent, self.now())
        self._report(payer, desk.launch, opened)
        return desk.grown(opened), opened.kit

    def followed(self, desk: Desk, kit: Kit) -> Desk:
        """Return the desk with what follows from its answers, as the form's logic has it."""
        payer = self._payer_named(desk)
        origin = information_origin(CLIENT_ORIGIN[payer.generation])
        form = whole(kit.form, desk.response) if is_adaptive(kit.form) else kit.form
        asked = without_answers(desk.response, set(desk.calculated))
        try:
            settled = follow(form, asked, kit.variables, origin, now=self.now(), logic=kit.logic)
        except RanAway:
            return desk
        return replace(desk, response=overridden(settled.response, desk.response, desk.calculated), said=settled.said)

    def save(self, desk: Desk, status: str) -> Desk:
        """Save the response to the EHR and return the desk as it is then; Stopped."""
        now = self.now()
        said = {"status": status, "authored": now.isoformat(timespec="seconds")}
        held = without(desk.response, desk.off() if status == "completed" else frozenset())
        response = held | said | {"author": {"reference": desk.launch.user}}
        if status == "completed":
            response = signed(desk.form, response, desk.launch.user, now)
        try:
            kept = self._record(desk.launch).save(response)
        except EhrUnavailable:
            raise Stopped("The EHR did not take the form. What you entered is still here; try again.") from None
        done = now.isoformat() if status == "completed" else None
        return replace(desk, response=response | {"id": kept["id"]}, saved_at=now.isoformat(), completed_at=done)

    def bundle(self, desk: Desk) -> dict:
        """Return the completed response with all that its answers refer to, to be sent on; Stopped."""
        if desk.completed_at is None:
            raise Stopped("The form is not sent yet.")
        targets = named_by_answers(desk.response)
        try:
            found = self._record(desk.launch).read({one: one for one in targets})
        except EhrUnavailable:
            raise Stopped("The EHR did not give what the answers refer to.") from None
        return qr_bundle(desk.response, desk.launch.iss, found)

    def answer(self, desk: Desk) -> PayerAnswer | None:
        """Return what the payer answered to the completed form, as far as the EHR has it."""
        if desk.completed_at is None:
            return None
        record = self._record(desk.launch)
        return answer_since(record.ehr(), desk.launch, datetime.fromisoformat(desk.completed_at))

    def codes(self, desk: Desk, canonical: str, text: str) -> list[dict]:
        """Return the codes of one of the form's value sets that ``text`` finds, as choices; Stopped."""
        named = {text_of(one.get("answerValueSet")) for one in questions(desk.form).values()}
        if canonical not in named:
            raise Stopped("The form has no such list.")
        try:
            return choices(self._client(self._payer_named(desk)).api.expand(canonical, text, CHOICES, self.now()))
        except NoForm:
            raise Stopped("The payer does not give its list of codes now. Try again.") from None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell a clinician in words what stops the app."""
        try:
            yield
        except NoForm as none:
            raise Stopped(f"The payer gave no form: {none}.") from None
        except EhrUnavailable:
            raise Stopped("The EHR did not give what the form is about.") from None
        except RanAway:
            raise Stopped("The form's own logic does not come to an end; tell the payer.") from None

    def _report(self, payer: RegisteredPayer, launch: Launch, opened: OpenForm) -> None:
        """Tell the payer of a form whose logic fails; nobody waits for that."""
        if failed := opened.filled.failed:
            said = report(canonical(opened.kit.form), failed, launch.iss, self.now())
            api = self._client(payer).api
            threading.Thread(target=api.report, args=(said, self.now()), daemon=True).start()

    def _payer_named(self, desk: Desk) -> RegisteredPayer:
        if payer := self.registered.payer_named(desk.payer):
            return payer
        raise Stopped("The payer of this form is no longer registered here.")

    def _client(self, payer: RegisteredPayer) -> DtrClient:
        return DtrClient(self.door, payer.base, payer.generation, self.credentials, nobody, self.tokens)

    def _record(self, launch: Launch | smart.Launched) -> Record:
        return Record(self.door, launch.iss, launch.access_token, nobody)

    def _payer_of(self, launch: Launch) -> RegisteredPayer:
        ehr = self._record(launch).ehr()
        payors = dicts(ehr.read(launch.coverage).get("payor"))
        held = {found for payor in payors for found in identifiers(payor)}
        held |= {found for payor in payors if (target := reference(payor)) for found in identifiers(ehr.read(target))}
        if payer := self.registered.payer(frozenset(held)):
            return payer
        raise Stopped("This app does not know how to ask the payer of this coverage for forms.")
