"""What does the SMART app do for a clinician? Launch, open, save, complete; without a page in sight.

Source: DTR 2.0.1 and 2.2.0, SMART app; SMART App Launch 2.2.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from app.clients.outbound import Door
from app.dtr import smart
from app.dtr.client import DtrClient, Launch
from app.dtr.context import Choice, Found, WrongPatient, resolve
from app.dtr.credentials import Credentials
from app.dtr.desk import Desk
from app.dtr.evaluator import RanAway
from app.dtr.payer import NoForm
from app.dtr.payer_token import PayerTokens
from app.dtr.record import Record
from app.dtr.registered import Registered, RegisteredPayer
from app.dtr.rendering import choices
from app.dtr.result import answer_since
from app.dtr.sessions import Desks
from app.dtr.told import nobody
from fhir_r4.payer_answer import PayerAnswer
from fhir_r4.resource import dicts, identifiers, reference, text_of
from questionnaires.catalog import questions
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

    def open(self, found: Found) -> Desk:
        """Fetch the form, fill it, and return the desk with it; Stopped."""
        try:
            payer = self._payer_of(found.launch)
            opened = self._client(payer).open(found.launch, self.now(), found.resumed)
        except NoForm as none:
            raise Stopped(f"There is no form to fill: {none}.") from None
        except EhrUnavailable:
            raise Stopped("The EHR did not give what the form is about.") from None
        except RanAway:
            raise Stopped("The form's own logic does not come to an end; tell the payer.") from None
        return Desk.of(found.launch, payer.name, opened, resumed=found.resumed is not None)

    def save(self, desk: Desk, status: str) -> Desk:
        """Save the response to the EHR and return the desk as it is then; Stopped."""
        now = self.now()
        said = {"status": status, "authored": now.isoformat(timespec="seconds")}
        response = desk.response | said | {"author": {"reference": desk.launch.user}}
        try:
            kept = self._record(desk.launch).save(response)
        except EhrUnavailable:
            raise Stopped("The EHR did not take the form. What you entered is still here; try again.") from None
        done = now.isoformat() if status == "completed" else None
        return replace(desk, response=response | {"id": kept["id"]}, saved_at=now.isoformat(), completed_at=done)

    def answer(self, desk: Desk) -> PayerAnswer | None:
        """Return what the payer answered to the completed form, as far as the EHR has it."""
        if desk.completed_at is None:
            return None
        record = self._record(desk.launch)
        return answer_since(record.ehr(), desk.launch, datetime.fromisoformat(desk.completed_at))

    def codes(self, desk: Desk, canonical: str, text: str) -> list[dict]:
        """Return the codes of one of the form's value sets that ``text`` finds, as choices; Stopped."""
        named = {text_of(one.get("answerValueSet")) for one in questions(desk.form).values()}
        payer = self.registered.payer_named(desk.payer)
        if canonical not in named or payer is None:
            raise Stopped("The form has no such list.")
        try:
            return choices(self._client(payer).api.expand(canonical, text, CHOICES, self.now()))
        except NoForm:
            raise Stopped("The payer does not give its list of codes now. Try again.") from None

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
