"""What is known of a member before a request is weighed? Promises, authorizations here, certified elsewhere."""

from sqlalchemy import Connection

from app.storage import authorizations, hooks
from app.wiring import Service
from prior_auth.parties import Parties
from prior_auth.submission import Submission
from prior_auth.weigh import OnFile


def held(service: Service, connection: Connection, submission: Submission, known: Parties) -> OnFile:
    """Return what is on file; raise BackEndAway where the payer's own systems do not say."""
    ids = {one for item in submission.items for one in item.assertion_ids}
    return OnFile(
        hooks.assertions_called(connection, ids),
        tuple(authorizations.of_member(connection, known.payer.id, [known.member.member_id])),
        service.back_end.standing(known.payer, known.member.member_id),
    )
