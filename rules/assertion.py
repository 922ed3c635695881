"""What did we promise when the order was written?

A coverage assertion pins policy version, code, coverage, member and performer for a number of days. DTR finds
the form by it; PAS weighs the request by that version. A changed code, member, coverage or performer voids it
(decisions.md §4; CRD 2.2.1 found-11: coverage guidance is retained and honoured).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from fhir_r4.resource import Coding
from fhir_r4.systems import code_key


@dataclass(frozen=True, slots=True)
class CoverageAssertion:
    """One statement about one order under one coverage.

    Attributes:
        id: the coverage-assertion-id, unguessable.
        payer, plan, member_id: whose coverage it is; empty where nobody was found.
        coverage, order: ``Type/id`` on the client's server.
        code: the code of the order that the policy answered for.
        policy, version: the policy version in force; None where no policy has the code.
        performers: references to the performers named in the order; none where it names nobody.
        expires_on: the last day on which the promise is kept, in the plan's time zone.
    """

    id: str
    payer: str
    plan: str
    member_id: str
    coverage: str
    order: str
    code: Coding
    policy: str | None
    version: str | None
    performers: frozenset[str]
    expires_on: date

    def honoured(
        self,
        *,
        member_id: str,
        codes: Iterable[Coding],
        on: date,
        coverage: str | None = None,
        performers: frozenset[str] = frozenset(),
    ) -> bool:
        """Tell whether the promise holds for what is asked on that day.

        Args:
            coverage, performers: ``Type/id`` as the request names them; None and nobody where it does not. A promise
                that was made before anybody was to perform holds for whoever does, else for any of whom it knew.
        """
        mine = code_key(self.code.system, self.code.code)
        same_code = any(code_key(code.system, code.code) == mine for code in codes)
        same_coverage = coverage in {None, self.coverage}
        same_performers = not self.performers or performers <= self.performers
        return self.member_id == member_id and same_code and same_coverage and same_performers and on <= self.expires_on
