"""What does a client read by its id? The ClaimResponses of its organizations as they are now, as notifications tell of
them, and their Claims; the answers that it got itself; and the topic that it can subscribe to.

What is others' is answered as one that does not exist. A ClaimResponse and its Claim have the authorization's id.
"""

from flask import Blueprint, Response
from sqlalchemy import Connection

from app.api.client import the_client
from app.api.door import fhir
from app.current import the_service
from app.storage import authorizations
from app.storage.clients import Client
from fhir_r4.generations import Generation
from fhir_r4.problems import Unknown
from prior_auth import subscription_topic
from prior_auth.answer import Writer
from prior_auth.authorization import Authorization
from prior_auth.case import Case
from prior_auth.submission import stored_submission

door = Blueprint("reads", __name__, url_prefix="/fhir/<generation:generation>")


@door.get("/ClaimResponse/<id:identity>")
def claim_response(generation: Generation, identity: str) -> Response:
    """Return the authorization as it is now; what a notification by id leads to."""
    service, client = the_service(), the_client(("ClaimResponse", "r"))
    with service.database.reading() as connection:
        found = _own(connection, client, identity, "ClaimResponse")
        submission = stored_submission(authorizations.request_of(connection, identity))
    writer = Writer(generation, service.fhir_base(generation), service.now())
    return fhir(writer.claim_response(Case(found, submission, service.payer_of(found).time_zone)))


@door.get("/Claim/<id:identity>")
def claim(generation: Generation, identity: str) -> Response:  # noqa: ARG001 as it was sent, whatever the generation
    """Return the Claim as it was last sent for the authorization of this id."""
    service, client = the_service(), the_client(("Claim", "r"))
    with service.database.reading() as connection:
        _own(connection, client, identity, "Claim")
        sent = stored_submission(authorizations.request_of(connection, identity)).claim.resource
    return fhir(sent | {"id": identity})


@door.get("/Bundle/<id:identity>")
def bundle(generation: Generation, identity: str) -> Response:  # noqa: ARG001 as it was answered
    """Return the answer to a submission, byte for byte."""
    service, client = the_service(), the_client(("Bundle", "r"), ("ClaimResponse", "r"))
    with service.database.reading() as connection:
        answered = authorizations.response_called(connection, client.id, identity)
    if answered is None:
        raise Unknown("no such Bundle")
    return fhir(answered)


@door.get("/Basic/<id:identity>")
def basic(generation: Generation, identity: str) -> Response:
    """Return the topic that can be subscribed to, to whoever may subscribe; there is no other Basic."""
    the_client(("Basic", "r"), ("Subscription", "r"), ("Subscription", "c"))
    if identity != subscription_topic.ID:
        raise Unknown("no such Basic")
    return fhir(subscription_topic.topic(generation))


def _own(connection: Connection, client: Client, identity: str, kind: str) -> Authorization:
    found = authorizations.find(connection, identity)
    if found is None or not found.is_of(client.id, client.organizations):
        raise Unknown(f"no such {kind}")
    return found
