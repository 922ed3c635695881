"""What does the payer bring to every answer? Its policies, its forms, and how it names a new promise."""

from collections.abc import Callable
from dataclasses import dataclass

from questionnaires.catalog import Catalog
from rules.book import PolicyBook
from rules.directory import Payer


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What outlives a request.

    Attributes:
        payers: the insurers of this installation.
    """

    book: PolicyBook
    catalog: Catalog
    new_id: Callable[[], str]
    payers: tuple[Payer, ...] = ()
