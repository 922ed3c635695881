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
        providers: who orders and performs, by reference, as far as the payer's directory has them.
        known: every resource that came with the request or from the EHR.
        records: those of the patient that facts may be read from, and that are not only now being ordered.
        unlisted: where the EHR has no coverage with us, the payers that know the patient by number and birth date.
    """

    orders: tuple[Order, ...]
    insured: tuple[Insured, ...]
    providers: dict[str, Provider]
    known: Known
    records: tuple[dict, ...] = ()
    unlisted: tuple[tuple[Payer, Member], ...] = ()
