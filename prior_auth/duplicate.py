"""Is this a request that we have already? The same Claim sent once more, in a Bundle of another name.

A Claim is the same where its submitter gives it the identifier of one that is on file, and asks for nothing else. What
asks for the same services under a new Claim is another request: it is weighed, and a person looks at it
(``prior_auth/weigh.py``). Source: pas.md §3.5 and §4.6; X12 901 code 91.
"""

from collections.abc import Iterable

from fhir_r4.systems import code_key
from prior_auth.authorization import Authorization
from prior_auth.decision import ReviewAction
from prior_auth.parties import BusinessError, requestors_of
from prior_auth.submission import Submission

DUPLICATE = "91"
_OVER = frozenset({ReviewAction.NOT_CERTIFIED, ReviewAction.CANCELLED})


def duplicate(submission: Submission, on_file: Iterable[Authorization]) -> BusinessError | None:
    """Return the error that says so, with the number of the case that stands; None where it is a request of its own."""
    asking, named = requestors_of(submission), set(submission.claim_identifiers)
    for one in on_file:
        mine = not one.requestors.isdisjoint(asking)
        if (
            mine
            and named.intersection(one.claim_identifiers)
            and one.header not in _OVER
            and _asks_alike(submission, one)
        ):
            say = f"This Claim is on file already, under {one.number or one.reference}; change it by an update."
            return BusinessError(DUPLICATE, "N", "2000E-TRN02", f"{submission.claim.path}.identifier", say)
    return None


def _asks_alike(submission: Submission, one: Authorization) -> bool:
    """Tell whether each item is one of the case, by sequence, service and days."""
    for item in submission.items:
        before = one.item(item.sequence)
        asked = {code_key(code.system, code.code) for code in item.codes}
        if before is None or not asked.intersection(code_key(code.system, code.code) for code in before.codes):
            return False
        if (item.starts, item.ends) != (before.starts, before.ends):
            return False
    return True
