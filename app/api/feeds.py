"""What was decided since? A feed of a client's own decided cases, one JSON object a line, from wherever it was left.
The payer's own back end reads everybody's: its claims are paid by them.

The cursor is opaque. A case that changes after it was told comes again further on, so that whoever reads on knows the
present state of all. What changed within the last seconds waits: on a database with many writers a change may show
a moment later than its time says.
"""

import base64
import binascii
from datetime import datetime, timedelta

from flask import Blueprint, Response, request

from app.api.client import the_client
from app.current import the_service
from app.storage import authorizations
from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest, Issue
from fhir_r4.resource import instant_of, whole_number_of
from fhir_r4.wire import write_json
from prior_auth.answer import Writer
from prior_auth.case import Case
from prior_auth.submission import stored_submission

door = Blueprint("feeds", __name__, url_prefix="/feeds")
NDJSON = "application/x-ndjson"
MOST, USUAL = 1_000, 200
SETTLED = timedelta(seconds=5)
"""How old a change is before it is told."""
Cursor = tuple[datetime, str]


@door.get("/<generation:generation>/decided")
def decided(generation: Generation) -> Response:
    """Return the next decided cases of the client, or of all to the back end.

    ``X-Next-Cursor`` is where to go on, also where nothing came.
    ``after``: a cursor of before; without one from the beginning. ``limit``: at most so many lines.
    """
    service = the_service()
    client = the_client(("ClaimResponse", "s"))
    after, limit = _cursor(request.args.get("after")), _limit(request.args.get("limit"))
    whose = None if client.id == service.config.back_end_client else client.id
    with service.database.reading() as connection:
        found = authorizations.decided(connection, whose, after, service.now() - SETTLED, limit)
        cases = [(at, one, stored_submission(authorizations.request_of(connection, one.id))) for at, one in found]
    writer = Writer(generation, service.fhir_base(generation), service.now())
    lines = b"".join(_line(writer, at, Case(one, sent, service.payer_of(one).time_zone)) for at, one, sent in cases)
    last = (cases[-1][0], cases[-1][1].id) if cases else after
    headers = {"Cache-Control": "no-store"} | ({"X-Next-Cursor": _written(last)} if last else {})
    return Response(lines, content_type=NDJSON, headers=headers)


def _line(writer: Writer, at: datetime, case: Case) -> bytes:
    one = case.authorization
    told = {
        "cursor": _written((at, one.id)),
        "changedAt": at.isoformat(),
        "case": one.id,
        "version": one.version,
        "claimResponse": writer.claim_response(case),
    }
    return write_json(told) + b"\n"


def _written(cursor: Cursor) -> str:
    at, identity = cursor
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{identity}".encode()).decode().rstrip("=")


def _cursor(given: str | None) -> Cursor | None:
    if not given:
        return None
    try:
        at, _, identity = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode().partition("|")
        moment = instant_of(at)
    except (binascii.Error, ValueError):
        moment = None
    if moment is None or "\0" in identity:  # which PostgreSQL takes in no text
        raise InvalidRequest(Issue("value", "this is not a cursor of ours", "after"))
    return moment, identity


def _limit(given: str | None) -> int:
    if given is None:
        return USUAL
    limit = whole_number_of(given)
    if not limit or limit > MOST:
        raise InvalidRequest(Issue("value", f"the limit must be 1 to {MOST}", "limit"))
    return limit
