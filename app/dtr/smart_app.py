"""How does a clinician come into the SMART app? The launch, and for what a form is wanted; without a page in sight.

Source: DTR 2.0.1 and 2.2.0, SMART app; SMART App Launch 2.2.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from app.clients.outbound import Door
from app.dtr import smart
from app.dtr.context import Choice, Found, WrongPatient, resolve
from app.dtr.credentials import Credentials
from app.dtr.desk import Desk
from app.dtr.evaluator import warm_meanwhile
from app.dtr.forms import Forms
from app.dtr.launch import Launch
from app.dtr.lhc_takes import lhc_takes
from app.dtr.outcomes import Outcomes
from app.dtr.payer_token import PayerTokens
from app.dtr.record import Record
from app.dtr.registered import Registered
from app.dtr.sessions import Desks
from app.dtr.stopped import Stopped
from app.dtr.told import nobody
from rules.ports import EhrUnavailable

LHC_FORMS = ("zone.min.js", "lhc-forms.js", "lformsFHIR.min.js")


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

    def may_choose(self, desk: Desk) -> bool:
        """Tell whether a form can be drawn in both ways.

        LHC-Forms sees neither the record nor CQL, on which a form's live logic may depend.
        """
        return self.has_lhc_forms and not (desk.is_live or desk.said) and lhc_takes(desk.form)

    def is_plain(self, desk: Desk) -> bool:
        """Tell whether a form is drawn with plain controls: by choice, by the operator's, or for want of others."""
        chosen = self.registered.plain if desk.plain is None else desk.plain
        return chosen or not self.may_choose(desk)

    def looked(self, desk: Desk, *, plain: bool) -> Desk:
        return replace(desk, plain=plain)

    @property
    def forms(self) -> Forms:
        return Forms(self.registered, self.door, self.credentials, self.tokens, self.now)

    @property
    def outcomes(self) -> Outcomes:
        return Outcomes(self.door, self.now)

    def begin(self, iss: str, launch: str | None) -> tuple[smart.Started, str]:
        """Return what to remember, and where the browser goes; Stopped for an EHR that is not registered."""
        ehr = self.registered.ehr(iss)
        if ehr is None:
            raise Stopped("This EHR is not registered here. Ask the payer's operator to register it.")
        warm_meanwhile()
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

    def current(self, desk: Desk) -> Desk:
        """Return the desk with a token that has not ended, where the EHR gives another; else as it is."""
        launch = desk.launch
        ehr = self.registered.ehr(launch.iss)
        if not (ehr and launch.refresh_token and launch.until) or self.now() < datetime.fromisoformat(launch.until):
            return desk
        try:
            return replace(desk, launch=smart.renewed(self.door, ehr, launch, self.now()))
        except smart.LaunchFailed:
            return desk

    def resolve(self, launched: smart.Launched, order: str = "", coverage: str = "") -> Found | Choice:
        """Return for what a form is wanted, or between what to choose; Stopped.

        Args:
            order, coverage: what was chosen.
        """
        try:
            return resolve(launched, self._record(launched).ehr(), order, coverage)
        except EhrUnavailable:
            raise Stopped("The EHR did not give what the launch names.") from None
        except WrongPatient:
            raise Stopped("What the launch names belongs to another patient's record.") from None

    def chosen(self, launched: smart.Launched, order: str, coverage: str) -> Found | Choice:
        """Return what a clinician chose, with what was written down for that order before.

        Where the coverage of an order that was chosen is not known either, that is chosen next; Stopped.
        """
        every = self.resolve(launched)
        if not isinstance(every, Choice) or order not in {one.reference for one in every.orders}:
            raise Stopped("Choose an order.")
        found: Found | Choice = self.resolve(launched, order) if every.is_named else every
        if isinstance(found, Choice) and (coverage or not every.is_named):
            if coverage not in {one.reference for one in found.coverages}:
                raise Stopped("Choose a coverage.")
            found = self.resolve(launched, order, coverage)
        if isinstance(found, Choice):
            return found
        return replace(found, launch=replace(found.launch, is_chosen=len(every.orders) > 1))

    def _record(self, launch: Launch | smart.Launched) -> Record:
        return Record(self.door, launch.iss, launch.access_token, nobody)
