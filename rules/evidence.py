"""What is known of one order or item, from everywhere? Gathered by a door, read by the facts of a policy.

Whoever gathers answers for it that all of this is about the patient: resources of others are left out before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from fhir_r4.resource import Coding
from rules.directory import Provider
from rules.ports import Standing

Answers = Mapping[str, list[Any]]
"""The answers of completed forms by linkId, as FHIR has their values."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the order or item itself says.

    Attributes:
        quantity: how many units; None where it does not say.
        place_of_service: CMS's code of two digits.
        diagnoses: the reasons that it gives, all of them.
    """

    quantity: Decimal | None = None
    place_of_service: str | None = None
    diagnoses: tuple[Coding, ...] = ()
    modifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that facts may come from; None is what nobody has looked for.

    Attributes:
        authored: the day of the order; the submitter's word.
        received: the day on which the request reached us, in the plan's zone.
        service: the day of service; the order's day where it does not say.
        code: the code of the order or item that the policy answers for.
        records: resources of the EHR, from prefetch, its server or the request.
        performers: who may do it, all that are named; empty where the directory does not have each of them.
        others: the codes of the other orders of the same request.
        on_file: the member's certified items.
    """

    authored: date
    received: date
    service: date | None = None
    code: Coding | None = None
    answers: Answers = field(default_factory=dict)
    records: tuple[dict, ...] = ()
    order: dict | None = None
    asked: Asked = Asked()
    coverage: dict | None = None
    patient: dict | None = None
    requester: Provider | None = None
    performers: tuple[Provider, ...] = ()
    on_file: tuple[Standing, ...] | None = None
    others: tuple[Coding, ...] | None = None

    @property
    def day(self) -> date:
        return self.service or self.authored
