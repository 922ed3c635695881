"""Which forms does an order want, by whom, and which of them is next?

Source: DTR 2.0.1 @167: where Coverages have payers of different endpoints, each of these is asked.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """One form of an order.

    Attributes:
        canonical: with its version.
        coverage: reference to the Coverage for whose payer it is.
    """

    title: str
    canonical: str
    coverage: str


def place_of(pile: Sequence[Stage], canonical: str) -> int:
    """Return the how-manyth of the forms one is."""
    return next((n for n, one in enumerate(pile, start=1) if one.canonical == canonical), 1)


def following(pile: Sequence[Stage], done: Collection[str]) -> Stage | None:
    """Return the next form that was not sent yet."""
    return next((one for one in pile if one.canonical not in done), None)
