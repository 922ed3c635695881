"""What becomes of a new request, as far as the policies can say at once?

Gathered first: whose coverage and whose request it is, what was promised at order time, what is on file. Then each
item is weighed by itself.
"""

from datetime import datetime

from prior_auth.ask import with_forms_asked
from prior_auth.authorization import Authorization
from prior_auth.deadlines import decision_due
from prior_auth.parties import Parties, requestors_of
from prior_auth.submission import Submission
from prior_auth.weigh import Knowledge, OnFile, Weighing, weigh


def submit(
    submission: Submission,
    known: Parties,
    on_file: OnFile,
    knowledge: Knowledge,
    client: str,
    now: datetime,
) -> Authorization:
    """Return the authorization with every item decided or pended.

    Args:
        on_file: what was promised and authorized before; a promise that still holds pins the version of the policy
            by which the item is weighed.
        client: who submits.
        now: when the request reached us, aware.
    """
    requestors = requestors_of(submission)
    weighing = Weighing(
        forms=submission.forms,
        known=known,
        on_file=on_file,
        knowledge=knowledge,
        number=knowledge.new_number(),  # one for the whole request, kept through its life
        now=now,
        requestors=requestors,
        emergency=submission.emergency,
    )
    authorization = Authorization(
        id=knowledge.new_id(),
        reference=knowledge.new_number(),
        client=client,
        payer=known.payer.id,
        plan=known.member.plan,
        member_id=known.member.member_id,
        claim_identifiers=submission.claim_identifiers,
        npis=submission.npis,
        requestors=requestors,
        received_at=now,
        due_at=decision_due(now, urgent=submission.urgent),
        urgent=submission.urgent,
        items=tuple(weigh(item, weighing) for item in submission.items),
        retrospective=any(item.starts and item.starts < weighing.today for item in submission.items),
        emergency=submission.emergency,
    )
    return with_forms_asked(authorization, knowledge, now)
