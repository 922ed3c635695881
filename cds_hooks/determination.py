"""When does a hook issue an authorization by itself? Where the policy's row says so, on an order that is being signed.

CRD calls it an unsolicited determination: nobody has asked for authorization, and what is known when the order is
written is enough to certify it. A client that only asks what would be sends ``unsolicited-determ: false``, and gets no
number (CRD 2.2.1 found-35). At secondary hooks, where an order is only looked at, none is issued either.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cds_hooks.insured import Insured
from cds_hooks.order import Order
from cds_hooks.request import HookRequest
from fhir_r4.resource import Coding
from rules.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Wanted:
    """An authorization that a policy's row wants issued.

    Attributes:
        code: the code by which the policy was found.
        evidence: what the policy was weighed on.
    """

    order: Order
    insured: Insured
    code: Coding
    evidence: Evidence


Issue = Callable[[Wanted], str | None]
"""Issues an authorization and returns its number; None where that cannot be done, and it has to be asked for."""


def nothing(_wanted: Wanted) -> str | None:
    """Issue nothing: for whoever only weighs."""
    return None


def may_issue(request: HookRequest) -> bool:
    """Tell whether this call may end in an authorization; one that nobody would see is not issued."""
    return request.service.primary and request.wants("unsolicited-determ") and request.wants("coverage-info")
