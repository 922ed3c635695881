"""What does all that was sent for one case say together? Requests, one after another, and what arrived beside them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from prior_auth.parties import dated
from prior_auth.requested_item import Form, RequestedItem
from prior_auth.submission import Submission, stored_submission
from rules.ports import Directory


@dataclass(frozen=True, slots=True)
class CaseFile:
    """The requests of a case in the order of their arrival, and forms that came as attachments.

    Sequences stay through updates (PAS, "Prior Authorization Updates"), so that what was sent last under one stands;
    a differential update leaves the rest as it was.
    """

    submissions: tuple[Submission, ...]
    arrived: tuple[Form, ...] = ()

    @classmethod
    def of(cls, bundles: Iterable[dict], directory: Directory) -> Self:
        return cls(tuple(dated(stored_submission(one), directory) for one in bundles))

    @property
    def newest(self) -> Submission:
        return self.submissions[-1]

    @property
    def forms(self) -> tuple[Form, ...]:
        """Return the forms that count: of each supportingInfo what was sent last, unless it was withdrawn."""
        held: dict[int, list[Form]] = {}
        for submission in self.submissions:
            told = {form.sequence for form in submission.forms} | submission.withdrawn
            held = {sequence: forms for sequence, forms in held.items() if sequence not in told}
            for form in submission.forms:
                if form.sequence not in submission.withdrawn:
                    held.setdefault(form.sequence, []).append(form)
        return (*(form for forms in held.values() for form in forms), *self.arrived)

    def lacks_a_form_of(self, submission: Submission) -> bool:
        """Tell whether a request brings a form that was not sent before; one that is sent again is no news."""
        return any(form not in self.forms for form in submission.forms)

    @property
    def repeated(self) -> list[int]:
        """Return the places of requests on which nothing depends any more: later ones say again all that they say."""
        said: set[tuple[str, int]] = set(self.newest.says)
        places = []
        for place in reversed(range(len(self.submissions) - 1)):
            says = self.submissions[place].says
            if says <= said:
                places.append(place)
            said |= says
        return places

    def item(self, sequence: int) -> RequestedItem | None:
        """Return the item as it was last asked for."""
        asked = (item for submission in reversed(self.submissions) for item in submission.items)
        return next((item for item in asked if item.sequence == sequence), None)
