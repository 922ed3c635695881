"""What arrived and is for no case that we know? Staff look at it and give it to a case; and open what came for one."""

from io import BytesIO

from flask import Response as FlaskResponse
from flask import redirect as to
from flask import render_template, request, send_file, url_for
from sqlalchemy.exc import NoResultFound
from werkzeug.wrappers import Response

from app import arrivals
from app.current import the_service
from app.pages.door import READERS, pages, the_person
from app.security import staff
from app.storage import attachments, authorizations, events
from app.storage import worklist as kept
from fhir_r4.problems import Conflict, Issue, Unknown, Unprocessable
from prior_auth.attachments import read_arrival

MOST = 200


@pages.get("/inbox")
def inbox() -> str:
    """Show what waits for a case, the oldest first."""
    service, _ = the_service(), staff.require(the_person(), *READERS)
    with service.database.reading() as connection:
        waiting = attachments.inbox(connection, MOST)
    return render_template("inbox.html", person=the_person(), waiting=waiting, zone=service.zone)


@pages.post("/inbox/<identity>")
def give_to_case(identity: str) -> Response:
    """Give what waits to the case with this reference or authorization number, of the same member."""
    service, person = the_service(), staff.require(the_person(), "reviewer")
    reference = request.form.get("reference", "").strip().upper()[:32]
    with service.database.writing() as connection:
        found = kept.called(connection, reference)
        case = authorizations.find(connection, found) if found else None
        if case is None:
            raise Unknown("no case has this reference or authorization number")
        one = next((one for one in attachments.inbox(connection, MOST) if one.id == identity), None)
        if one is None:
            raise Conflict(Issue("conflict", "somebody else has given it to a case meanwhile"))
        if one.member_id != case.member_id:
            raise Unprocessable("this case is another member's than the attachment's; look at the number again")
        jobs = arrivals.give(connection, one, case.id, person.name, service.now())
    service.runner.wake(jobs)
    return to(url_for("pages.case", identity=case.id), 303)


@pages.get("/authorizations/<identity>/attachments/<attachment>/<int:number>")
def attached_file(identity: str, attachment: str, number: int) -> FlaskResponse:
    """Give a file that came for the case, to be saved: it is never shown by the browser under our address.

    Who took it is recorded, or it is not given.
    """
    person, service = staff.require(the_person(), *READERS), the_service()
    with service.database.reading() as connection:
        mine = any(one.id == attachment for one in attachments.of_case(connection, identity))
        try:
            arrival = read_arrival(attachments.request_of(connection, attachment)) if mine else None
        except NoResultFound:
            arrival = None
    if arrival is None or number >= len(arrival.documents) or not arrival.documents[number].content:
        raise Unknown("there is no such file")
    document = arrival.documents[number]
    with service.database.writing() as connection:
        events.record(
            connection,
            "attachment.read",
            actor=person.name,
            at=service.now(),
            authorization_id=identity,
            attachment=attachment,
            number=number,
        )
    return send_file(
        BytesIO(document.content),
        mimetype=document.media_type,
        as_attachment=True,
        download_name=f"attachment-{number}",
    )
