"""What is known when orders are weighed? What ``gather`` has found out."""

from dataclasses import dataclass

from cds_hooks.insured import Insured
from cds_hooks.known import Known
from cds_hooks.order import Order
from rules.directory import Member, Payer, Provider


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known when orders are weighed.

    Attributes:
        orders: what is spoken about, in the order received.
        insured: the patient's coverages with payers of this installation, the primary first; where none is known to
            be, one whose payer could not be found out.
        performers: who is to do it, by reference, as far as the payer's directory has them.
        requesters: who orders, in the same way, with the gold cards of whom the client speaks for.
        known: every resource that came with the request or from the EHR.
        records: those of the patient that facts may be read from, and that are not only now being ordered.
        unlisted: where the EHR has no coverage with us, the payers that know the patient by number and birth date.
    """

    orders: tuple[Order, ...]
    insured: tuple[Insured, ...]
    performers: dict[str, Provider]
    requesters: dict[str, Provider]
    known: Known
    records: tuple[dict, ...] = ()
    unlisted: tuple[tuple[Payer, Member], ...] = ()
