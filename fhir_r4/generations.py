"""Which generation of the guides is spoken here? Two that cannot live together, one core behind both.

The difference lives in readers and writers at the border (decisions.md §1): a module that has one writer a
generation keeps them in a table by ``Generation``; nothing else asks for it.
"""

from enum import StrEnum


class Generation(StrEnum):
    """Named as the FHIR bases are: ``/fhir/2.0`` and ``/fhir/2.2``."""

    V2_0 = "2.0"
    """CRD 2.0.1, DTR 2.0.1, PAS 2.0.1."""

    V2_2 = "2.2"
    """CRD 2.2.1, DTR 2.2.0, PAS 2.2.1."""
