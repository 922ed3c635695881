"""What does the house ask of the world? Protocols; ``app`` brings what fulfils them, tests bring fakes.

What two sisters need lives here, below both.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from fhir_r4.problems import Unavailable
from fhir_r4.resource import Coding, Identifier
from fhir_r4.systems import code_key
from rules.directory import Member, Payer, Provider


class EhrUnavailable(Exception):
    """The EHR did not give what was asked, for whatever reason; the reason holds no patient data."""


class Part(tuple[dict, ...]):
    """What was read of a search whose further pages were not given: not all that there is."""

    __slots__ = ()


class Ehr(Protocol):
    """The FHIR server of whoever fired the hook, read with the hook's own token."""

    def fetch(self, asked: Iterable[str]) -> dict[str, tuple[dict, ...] | None]:
        """Return what each of ``asked`` gives, all asked for at once.

        Args:
            asked: ``Type/id`` for one resource, ``Type?parameters`` for a search with what it includes, or the URL of
                a further page of one.

        Returns:
            A Part where it gave a search's first pages and not its last ones, None where it gave nothing, for whatever
            reason: refused, too slow, away, not FHIR.
        """


class BackEndAway(Unavailable):
    """A payer's own system did not answer, or not as agreed; whoever asks tries again, nobody is refused for it."""


class Directory(Protocol):
    """Members, plans and providers. A table loaded from CSV is the default; each question may raise BackEndAway."""

    def payer(self, identifiers: Iterable[Identifier]) -> Payer | None:
        """Return the payer of this installation that has one of ``identifiers``."""

    def payer_called(self, payer_id: str) -> Payer | None:
        """Return the payer by our own short name."""

    def member(self, payer: Payer, member_id: str) -> Member | None:
        """Return the member by the number on the card."""

    def provider(self, npi: str) -> Provider | None:
        """Return the provider by NPI."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A certified item on file: its number, what it is for, until when and how many units of it.

    ``whole`` tells whether all that was asked for is certified; a part satisfies no order, and counts as used.
    """

    number: str
    codes: tuple[Coding, ...]
    starts: date
    ends: date
    quantity: Decimal = Decimal(1)
    whole: bool = True

    def satisfies(self, code: Coding, on: date) -> bool:
        wanted = code_key(code.system, code.code)
        mine = any(code_key(own.system, own.code) == wanted for own in self.codes)
        return self.whole and mine and self.starts <= on <= self.ends


class BackEnd(Protocol):
    """A payer's own systems, beside the directory: what was authorized elsewhere, and who else works on cases.

    Without one nothing is on file elsewhere, and cases wait in the worklist alone. docs/back-end.md has the HTTP form.
    """

    @property
    def takes_cases(self) -> bool:
        """Tell whether pended cases are handed over."""

    def standing(self, payer: Payer, member_id: str) -> tuple[Standing, ...]:
        """Return what is certified elsewhere for this member; raise BackEndAway."""

    def hand_over(self, case: dict) -> None:
        """Give a case to whoever works on it; the same case and version may come twice. Raise BackEndAway."""
