"""CDex's door: documents and forms that were asked for, or come by themselves."""

from flask import Blueprint, Response

from app import admission, arrivals
from app.api.client import the_client
from app.api.door import fhir, read_bytes
from app.current import the_service
from fhir_r4.generations import Generation
from fhir_r4.problems import Issue, operation_outcome
from fhir_r4.wire import read_object
from prior_auth.attachments import read_arrival

door = Blueprint("attachments", __name__, url_prefix="/fhir/<generation:generation>")
SUBMIT = (("Claim", "c"), ("Claim", "u"))
_KEPT = "Kept. No request of ours has this tracking number yet; it is matched when there is one, or by a person."


@door.post("/$submit-attachment")
def submit_attachment(generation: Generation) -> Response:
    """Take attachments; the answer says whether they are with their request or wait for it."""
    service = the_service()
    client = the_client(*SUBMIT)
    body = read_bytes(service.config.attachment_limit_bytes)
    read = read_object(body)
    arrival = read_arrival(read, strict=client.strict)
    admission.admit_attachments(read, generation, strict=client.strict)
    kept = arrivals.take(service, client, arrival, body)
    said = "Received for its request; the request is weighed again." if kept.authorization_id else _KEPT
    return fhir(operation_outcome([Issue("informational", said, None, "information")]))
