"""What is told about an authorization: itself, the request that it answers, and in whose days."""

from dataclasses import dataclass
from datetime import tzinfo
from functools import cached_property

from prior_auth.authorization import Authorization
from prior_auth.information import InformationRequest
from prior_auth.submission import Submission


@dataclass(frozen=True)
class Case:
    """An authorization with the request that it answers, and the zone in which its payer's days begin.

    ``listed`` are the items that an update named, where it is an update that is answered.
    """

    authorization: Authorization
    submission: Submission
    zone: tzinfo
    listed: frozenset[int] | None = None

    @cached_property
    def asks(self) -> tuple[InformationRequest, ...]:
        """Return what is still asked for about items that are pended."""
        pended = {item.sequence for item in self.authorization.items if item.waits}
        return tuple(one for one in self.authorization.asks if one.open and one.sequence in pended)
