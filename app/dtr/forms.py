"""What is done with a form that is open, or to be opened? Fetched, filled, followed, asked for its next questions.

Source: DTR 2.0.1 and 2.2.0, SMART app.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime

from app.clients.outbound import Door
from app.dtr.adaptive import is_adaptive, whole
from app.dtr.choosing import Earlier, canonical
from app.dtr.client import DtrClient
from app.dtr.context import Found, responses_of
from app.dtr.credentials import Credentials
from app.dtr.desk import Desk
from app.dtr.evaluator import RanAway, evaluating
from app.dtr.kit import Kit
from app.dtr.launch import Launch
from app.dtr.live import without_answers
from app.dtr.opened import OpenForm
from app.dtr.payer import NoForm, NoneNeeded
from app.dtr.payer_token import PayerTokens
from app.dtr.pile import Stage
from app.dtr.record import Record
from app.dtr.registered import Registered, RegisteredPayer
from app.dtr.rendering import choices
from app.dtr.reporting import report
from app.dtr.revising import overridden
from app.dtr.stopped import NothingNeeded, Stopped
from app.dtr.tasks import Asked
from app.dtr.told import nobody
from app.dtr.unsupported import unsupported
from fhir_r4.resource import dicts, identifiers, reference, text_of
from questionnaires.catalog import in_force, questions
from questionnaires.dialects import CLIENT_ORIGIN
from questionnaires.populate import information_origin
from rules.ports import EhrUnavailable

NOT_IN_FORCE = "the form was sent for an order, and its effectivePeriod does not have this day"
"""Told to the payer of a form that nobody asked for by name (DTR 2.0.1 @172, DTR 2.2.0 spec-124)."""
CHOICES = 40
"""Codes that are asked for at once; who wants another one types more of it."""


@dataclass(frozen=True, slots=True)
class Forms:
    """Everything that a form needs: a way out, credentials, and who the payers are."""

    registered: Registered
    door: Door
    credentials: Credentials
    tokens: PayerTokens
    now: Callable[[], datetime]

    def open(self, found: Found) -> tuple[Desk, Kit]:
        """Fetch the form, fill it, and return the desk with it, and what came with it; Stopped."""
        with self._told():
            payer = self._payer_of(found.launch)
            opened = self._client(payer).open(found.launch, self.now(), found.earlier)
        self._report(payer, found.launch, opened)
        desk = Desk.of(found.launch, payer.name, opened)
        pile = (*desk.pile, *self._of_other_payers(found.launch, payer))
        return replace(desk, done=tuple(sorted(found.earlier.completed)), pile=pile), opened.kit

    def open_another(self, desk: Desk, canonical: str) -> tuple[Desk, Kit]:
        """Open another form of the same order, or a newer version of this one; Stopped."""
        stage = next((one for one in desk.pile if one.canonical == canonical), None)
        if stage is None and canonical != desk.newer:
            raise Stopped("The payer asks for no such form.")
        launch = replace(desk.launch, coverage=stage.coverage, others=()) if stage else desk.launch
        named = None if stage else desk.response
        earlier = Earlier(named, responses_of(launch, self._record(launch).ehr(), launch.order), canonical)
        opened, kit = self.open(Found(launch, earlier))
        sent = {*opened.done, *desk.done, *([desk.canonical] if desk.completed_at else [])}
        pile = desk.pile if stage else opened.pile
        return replace(opened, done=tuple(sorted(sent)), pile=pile, plain=desk.plain), kit

    def _of_other_payers(self, launch: Launch, payer: RegisteredPayer) -> Iterator[Stage]:
        """Yield the forms that payers of the order's other Coverages want; one that is silent has none."""
        asked = {payer.base}
        for coverage in launch.others:
            mine = replace(launch, coverage=coverage, others=())
            with suppress(Stopped, NoForm, EhrUnavailable):
                other = self._payer_of(mine)
                if other.base not in asked:
                    asked.add(other.base)
                    yield from self._client(other).forms(mine, self.now())

    def next(self, desk: Desk, kit: Kit) -> tuple[Desk, Kit]:
        """Send the answers so far to the payer and return the form with its next questions; Stopped."""
        payer = self._payer_named(desk)
        with self._told():
            opened = self._client(payer).next(desk.launch, kit, desk.as_asked(), self.now())
        self._report(payer, desk.launch, opened)
        return desk.grown(opened), opened.kit

    def followed(self, desk: Desk, kit: Kit) -> Desk:
        """Return the desk with what follows from its answers, as the form's logic has it."""
        payer = self._payer_named(desk)
        origin = information_origin(CLIENT_ORIGIN[payer.generation])
        form = whole(kit.form, desk.response) if is_adaptive(kit.form) else kit.form
        asked = without_answers(desk.response, set(desk.calculated))
        try:
            with evaluating(form, kit.logic) as evaluator:
                settled = evaluator.follow(asked, kit.variables, origin, self.now())
        except RanAway:
            return desk
        return replace(desk, response=overridden(settled.response, desk.response, desk.calculated), said=settled.said)

    def open_asked(self, desk: Desk, wanted: Asked) -> tuple[Desk, Kit]:
        """Open the form that a Task of the payer asks for; Stopped."""
        launch = replace(desk.launch, context=wanted.context, canonicals=wanted.canonicals, task=wanted.reference)
        opened, kit = self.open(Found(launch, Earlier()))
        return replace(opened, plain=desk.plain), kit

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
        except NoneNeeded as none:
            raise NothingNeeded(str(none)) from None
        except NoForm as none:
            raise Stopped(f"The payer gave no form: {str(none).rstrip('.')}.") from None
        except EhrUnavailable:
            raise Stopped("The EHR did not give what the form is about.") from None
        except RanAway:
            raise Stopped("The form's own logic does not come to an end; tell the payer.") from None

    def _report(self, payer: RegisteredPayer, launch: Launch, opened: OpenForm) -> None:
        """Tell the payer of a form whose logic fails, or that it should not have sent; nobody waits for that."""
        failed = dict(opened.filled.failed)
        if not launch.canonicals and not in_force(opened.kit.form, self.now().date()):
            failed[""] = NOT_IN_FORCE
        if undone := [*unsupported(opened.kit.form), *([failed[""]] if "" in failed else [])]:
            failed[""] = "; ".join(undone)
        if failed:
            said = report(canonical(opened.kit.form), failed, launch.iss, self.now())
            api = self._client(payer).api
            threading.Thread(target=api.report, args=(said, self.now()), daemon=True).start()

    def _payer_named(self, desk: Desk) -> RegisteredPayer:
        if payer := self.registered.payer_named(desk.payer):
            return payer
        raise Stopped("The payer of this form is no longer registered here.")

    def _client(self, payer: RegisteredPayer) -> DtrClient:
        return DtrClient(self.door, payer.base, payer.generation, self.credentials, nobody, self.tokens)

    def _record(self, launch: Launch) -> Record:
        return Record(self.door, launch.iss, launch.access_token, nobody)

    def _payer_of(self, launch: Launch) -> RegisteredPayer:
        ehr = self._record(launch).ehr()
        payors = dicts(ehr.read(launch.coverage).get("payor"))
        held = {found for payor in payors for found in identifiers(payor)}
        held |= {found for payor in payors if (target := reference(payor)) for found in identifiers(ehr.read(target))}
        if payer := self.registered.payer(frozenset(held)):
            return payer
        raise Stopped("This app does not know how to ask the payer of this coverage for forms.")
