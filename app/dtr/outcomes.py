"""What becomes of a response? Saved to the EHR, signed and sent, made ready to go further, and answered by the payer.

The EHR asks for authorization; the app reads what it keeps of the payer's answer.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from app.clients.outbound import Door
from app.dtr.desk import Desk
from app.dtr.launch import Launch
from app.dtr.record import Record
from app.dtr.result import answer_since, asked_since
from app.dtr.saving import ChangedMeanwhile, NoLongerAllowed, NotTaken, as_saved
from app.dtr.sending import named_by_answers, qr_bundle
from app.dtr.sheet import titled
from app.dtr.signing import signed
from app.dtr.stopped import Stopped
from app.dtr.tasks import Asked, done
from app.dtr.told import nobody
from fhir_r4.bundle import local_part
from fhir_r4.payer_answer import PayerAnswer
from fhir_r4.resource import instant_of, reference, text_of
from questionnaires.asked import without
from rules.ports import EhrUnavailable

MOST_TRIED = 20
NOT_ALLOWED = (
    "Your EHR no longer lets this app in: the time that it gave has run out. What you entered since the form was last "
    "saved is only on this page. Leave it open, launch the app again from the EHR, and enter it there."
)

CHANGED_MEANWHILE = (
    "The form was saved in the EHR from elsewhere since it was opened here: by a colleague, or in another window. So "
    "that nothing of theirs is lost, yours is not saved over it. What you entered is still on this page: leave it "
    "open, launch the app again from the EHR, and add it there."
)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """A way to the EHR, and a clock."""

    door: Door
    now: Callable[[], datetime]

    def trying(self, desk: Desk) -> Desk:
        """Return the desk as it is about to be saved; it remembers when, should the EHR's answer be lost."""
        return replace(desk, tried=(*desk.tried, self.now().isoformat(timespec="seconds"))[-MOST_TRIED:])

    def save(self, desk: Desk, status: str) -> Desk:
        """Save the response of a desk that is ``trying`` to the EHR and return the desk as it is then; Stopped."""
        now = self.now()
        said = {"status": status, "authored": desk.tried[-1]}
        held = desk.as_asked() if status == "completed" else without(desk.form, desk.response, ())
        response = held | said | {"author": {"reference": desk.launch.user}} | titled(desk.form)
        if status == "completed":
            response = signed(desk.form, response, desk.launch.user, now)
        try:
            kept = self._saved(desk, response, f"save the {status} form")
        except NoLongerAllowed:
            raise Stopped(NOT_ALLOWED) from None
        except ChangedMeanwhile:
            raise Stopped(CHANGED_MEANWHILE) from None
        except NotTaken as refused:
            raise Stopped(_not_taken(str(refused))) from None
        except EhrUnavailable:
            raise Stopped("The EHR did not take the form. What you entered is still here; try again.") from None
        completed = now.isoformat() if status == "completed" else None
        identity = text_of(kept.get("id"))
        if completed and desk.launch.task and identity:
            self._finish_task(desk.launch, f"QuestionnaireResponse/{identity}")
        saved = as_saved(response, kept)
        at = now.isoformat()
        return replace(desk, response=saved, saved_at=at, completed_at=completed, is_unsaved=False, tried=())

    def _saved(self, desk: Desk, response: dict, what: str) -> dict:
        """Save the response, also over what an earlier try left there whose answer was lost; EhrUnavailable."""
        record, before = self._record(desk.launch), desk.tried[:-1]
        try:
            return record.save(response, what, again=bool(before))
        except ChangedMeanwhile as changed:
            if not _is_of(changed.held, desk.launch.user, before):
                raise
            return record.save(as_saved(response, changed.held), what)

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

    def asked(self, desk: Desk) -> tuple[Asked, ...]:
        """Return what the payer asks for since the form was completed."""
        if desk.completed_at is None:
            return ()
        return asked_since(self._record(desk.launch).ehr(), desk.launch, datetime.fromisoformat(desk.completed_at))

    def wanted(self, desk: Desk, task: str) -> Asked:
        """Return the Task by which the payer asks for a form; Stopped."""
        wanted = next((one for one in self.asked(desk) if one.reference == task and one.wants_form), None)
        if wanted is None:
            raise Stopped("The payer no longer asks for this.")
        return wanted

    def _finish_task(self, launch: Launch, response: str) -> None:
        """Mark the Task from which the app was launched as done; an EHR that keeps that to itself does so."""
        record = self._record(launch)
        with suppress(EhrUnavailable):
            record.save(done(record.ehr().read(launch.task), response), "mark the payer's task as done")

    def _record(self, launch: Launch) -> Record:
        return Record(self.door, launch.iss, launch.access_token, nobody)


def _is_of(held: dict, user: str, times: Iterable[str]) -> bool:
    """Tell whether what the EHR has is this user's, and of one of these times."""
    at, author = instant_of(held.get("authored")), reference(held.get("author")) or ""
    return at in map(instant_of, times) and local_part(author) == local_part(user)


def _not_taken(words: str) -> str:
    said = f'. It says: "{words}"' if words else ""
    return f"The EHR refuses the form{said}. What you entered is still here; ask the EHR's operator if it goes on so."
