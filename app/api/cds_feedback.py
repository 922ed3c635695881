"""CRD's other door: what users made of our cards (CDS Hooks 2.0, "Feedback")."""

from flask import Blueprint, Response, g, request
from sqlalchemy.exc import IntegrityError

from app.api import cors
from app.api.cds_hooks import called_service, url_of
from app.api.door import plain, read_body
from app.current import the_service
from app.security import cds_client
from app.storage import clients, hook_records
from cds_hooks.feedback import read_feedback
from fhir_r4.problems import NotAuthenticated

door = Blueprint("cds_feedback", __name__, url_prefix="/cds-services")
cors.opened_to_browsers(door)


@door.post("/<service_id>/feedback")
def feedback(service_id: str) -> Response:
    """Keep feedback; on cards that we do not know as well: they may be of a call that was purged."""
    house = the_service()
    called = called_service(service_id)
    url = url_of(house, f"{service_id}/feedback")
    caller = cds_client.authenticate(house, request.headers.get("Authorization"), url)
    g.client_id, g.hook_caller = caller.client.id, caller
    told = read_feedback(read_body(house.config.hook_limit_bytes))
    token, now = caller.token, house.now()
    try:
        with house.database.writing() as connection:
            clients.spend(connection, token.issuer, token.jti, token.remember_until)
            hook_records.keep_feedback(connection, caller.client.id, called.id, told, now)
    except IntegrityError:
        raise NotAuthenticated("a JWT that was not used before", headers={"WWW-Authenticate": "Bearer"}) from None
    return plain({})
