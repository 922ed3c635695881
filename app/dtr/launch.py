"""What does a launch say, and what was chosen where it did not?"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Launch:
    """One launch of the app, for one order.

    Attributes:
        iss: the EHR's FHIR base.
        patient: bare id.
        user: reference to who launched.
        order, coverage: references from fhirContext; a Task alone may leave the order open, "".
        context: trace number of a request for more information.
        canonicals: forms that were asked for by name.
        task: reference to the Task from which the app was launched.
        others: further Coverages, of which another payer may ask for forms of its own.
        about: references from the EHR's fhirContext.
        is_chosen: the clinician chose this order among several, and may go on with another.
        may_save: the EHR lets the app write responses.
        refresh_token: brings another token; "" where the EHR gave none. ``until`` when this one ends, ISO, where known.
    """

    iss: str
    access_token: str = field(repr=False)
    patient: str
    user: str
    order: str
    coverage: str
    context: str = ""
    canonicals: tuple[str, ...] = ()
    task: str = ""
    others: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    is_chosen: bool = False
    may_save: bool = True
    refresh_token: str = field(default="", repr=False)
    until: str = ""

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Launch":
        several = {name: tuple(data.get(name, ())) for name in ("canonicals", "others", "about")}
        return cls(**{**data, **several})
