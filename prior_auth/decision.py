"""What was decided about one item, by whom and why?

Software never refuses or reduces care on medical necessity: such a ``Decision`` cannot be built without a clinician's
name, licence and reason (decisions.md §5), and the database refuses its row as well.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from fhir_r4.resource import Coding


class ReviewAction(StrEnum):
    """What the payer says about one item: X12 code set 306, in PAS's extension-reviewActionCode."""

    CERTIFIED = "A1"
    PARTLY_CERTIFIED = "A2"
    NOT_CERTIFIED = "A3"
    PENDED = "A4"
    MODIFIED = "A6"
    CANCELLED = "C"
    NOT_REQUIRED = "NA"


class Basis(StrEnum):
    """On whose word a decision stands."""

    POLICY = "policy"
    PLAN = "plan"
    CLINICIAN = "clinician"
    PROVIDER = "provider"


_A = ReviewAction
ADVERSE = frozenset({_A.PARTLY_CERTIFIED, _A.NOT_CERTIFIED, _A.MODIFIED})
GRANTED = frozenset({_A.CERTIFIED, _A.PARTLY_CERTIFIED, _A.MODIFIED})
SETTLED = GRANTED | {_A.NOT_CERTIFIED, _A.NOT_REQUIRED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What is granted where it is not what was asked for; None means as asked."""

    codes: tuple[Coding, ...] = ()
    quantity: Decimal | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided about one item, by whom and why.

    Attributes:
        reason: a sentence for the provider; needed where the action is adverse or pends.
        reason_codes: X12 886, as the payer's own table has them.
        decided_by: the policy and row, the plan, or the clinician's name.
        licence: the clinician's, ``STATE/NUMBER``.
        reviewer_npi, reviewer_specialty: the clinician's; told in 2.2's claimResponseReviewer.
        starts, ends: the days for which the item is certified, both included, in the plan's time zone.
        number: the authorization number; exactly where something is certified.
        granted: what is granted where it is not what was asked for: of a modified item, of one certified in part; and
            of a pended one what is certified of it already, while a person looks at the rest.
        trace: policy, version, row, each criterion's answer and each fact, as weighed.

    Raises:
        ValueError: adverse without a clinician, reason and licence, but for a plan's own exclusion (A3).
    """

    action: ReviewAction
    basis: Basis
    decided_by: str
    decided_at: datetime
    reason: str | None = None
    reason_codes: tuple[Coding, ...] = ()
    licence: str | None = None
    reviewer_npi: str | None = None
    reviewer_specialty: str | None = None
    starts: date | None = None
    ends: date | None = None
    number: str | None = None
    granted: Service | None = None
    trace: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.action in ADVERSE and not self.reason:
            raise ValueError("an adverse decision has a reason")
        excluded = self.basis is Basis.PLAN and self.action is ReviewAction.NOT_CERTIFIED
        if self.action in ADVERSE and not excluded and not (self.basis is Basis.CLINICIAN and self.licence):
            raise ValueError("care is refused or reduced by a licensed clinician only")
        if self.grants and not (self.number and self.starts and self.ends):
            raise ValueError("what is certified has a number and a period")

    @property
    def grants(self) -> bool:
        """Tell whether something is certified by it: all, less than was asked for, or a part while the rest waits."""
        return self.action in GRANTED or self.part is not None

    @property
    def part(self) -> Service | None:
        """What is certified already of an item that is pended for the rest."""
        return self.granted if self.action is ReviewAction.PENDED else None

    def says_more_than(self, before: "Decision") -> bool:
        """Tell whether it is news to who knows the one before it."""
        now, then = ((one.action, one.reason, one.granted, one.trace) for one in (self, before))
        return now != then

    def keeping(self, before: "Decision") -> "Decision":
        """Return this pend with the part that was certified before: what is certified is not taken back by asking."""
        if before.granted is None or not before.grants:
            return self
        return replace(self, granted=before.granted, starts=before.starts, ends=before.ends, number=before.number)
