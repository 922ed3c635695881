"""What did the payer answer? Read from the EHR's own record, where the EHR keeps it.

The app hands the completed form to the EHR; the EHR asks for authorization (PAS) and keeps the ClaimResponse. The app
asks the payer nothing about the case.
"""

from datetime import datetime

from app.clients.ehr import HttpEhr
from app.dtr.launch import Launch
from app.dtr.tasks import Asked, read_task
from fhir_r4.payer_answer import PayerAnswer, payer_answer
from fhir_r4.resource import kind, text_of
from rules.ports import EhrUnavailable


def answer_since(ehr: HttpEhr, launch: Launch, completed_at: datetime) -> PayerAnswer | None:
    """Return the newest answer that came after the form was completed; None while there is none."""
    try:
        found = ehr.search(f"ClaimResponse?patient={launch.patient}&_sort=-created")
    except EhrUnavailable:
        return None
    after = completed_at.replace(microsecond=0)  # an instant of FHIR may have no fractions
    dated = [(at, one) for one in found if kind(one) == "ClaimResponse" and (at := _at(one)) and at >= after]
    return payer_answer(max(dated, key=lambda pair: pair[0])[1]) if dated else None


def asked_since(ehr: HttpEhr, launch: Launch, completed_at: datetime) -> tuple[Asked, ...]:
    """Return what the payer asks for by Tasks that came after the form was completed and are open."""
    try:
        found = ehr.search(f"Task?patient={launch.patient}&status=requested,received,accepted,in-progress")
    except EhrUnavailable:
        return ()
    after = completed_at.replace(microsecond=0)
    mine = [one for one in found if kind(one) == "Task" and (at := _at(one, "authoredOn")) and at >= after]
    return tuple(map(read_task, mine))


def _at(resource: dict, element: str = "created") -> datetime | None:
    try:
        at = datetime.fromisoformat(text_of(resource.get(element)) or "")
    except ValueError:
        return None
    return at if at.tzinfo else None
