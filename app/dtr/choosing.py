"""Which of the payer's forms is opened, and with what of an earlier response?

::

    begun, same version, in force       it goes on; a newer version, if there is one, is offered
    begun, same version, expired        what was begun is stopped; the version in force is opened without it
    begun, the payer has a newer only   that is opened, with the answers that fit
    nothing begun                       the first form of the order that is not completed yet

Source: DTR 2.0.1 @170, @171, @327; DTR 2.2.0 oper-20, spec-123, spec-125.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from app.dtr.payer import NoForm, Packaged
from fhir_r4.resource import as_dict, text_of
from questionnaires.adaptive import canonical_said
from questionnaires.answers import finished
from questionnaires.catalog import in_force


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was written down for this order before.

    Attributes:
        named: the response that the launch named.
        others: all responses of the order, newest first.
        wanted: the form to be opened by its canonical, where a person chose one.
    """

    named: dict | None = None
    others: tuple[dict, ...] = ()
    wanted: str | None = None

    @property
    def begun(self) -> dict | None:
        """Return the response to go on with: as named, else the newest one in progress of the form that is wanted."""
        open_ = [one for one in (*([self.named] if self.named else []), *self.others) if _is_open(one)]
        mine = [one for one in open_ if self.wanted is None or _url(canonical_said(one)) == _url(self.wanted)]
        return next(iter(mine), None)

    @property
    def completed(self) -> frozenset[str]:
        return frozenset(canonical_said(one) for one in self.others if finished(one))


@dataclass(frozen=True, slots=True)
class Opening:
    """What is to be opened.

    Attributes:
        earlier: the response whose answers are carried; ``expired`` the one that is to be stopped.
        newer: canonical of a newer version that is offered.
    """

    held: Packaged
    earlier: dict | None = None
    expired: dict | None = None
    newer: str | None = None
    notes: tuple[str, ...] = field(default=())


class HasExpired(NoForm):
    """What was begun has expired, and the payer has no other form for this order."""

    def __init__(self, response: dict) -> None:
        super().__init__("the form that was begun earlier has expired, and there is no other for this order")
        self.response = response


GOES_ON = (
    "You go on with what was begun earlier. What you or a colleague entered stands; the rest was filled anew from the "
    "record."
)
EXPIRED = (
    "The form that was begun earlier has expired. What was recorded in it has expired with it and was set to stopped; "
    "please fill the form that is in force now."
)
NEWER_ONLY = "The payer has a newer version of the form that was begun; the answers that fit were carried over."
ANOTHER = "The payer no longer asks for the form that was begun earlier; this is the form that it asks for now."


def canonical(form: dict) -> str:
    """Return a form's canonical, with its version where it has one."""
    version = text_of(form.get("version"))
    return f"{form.get('url')}|{version}" if version else str(form.get("url"))


def choose(packages: Sequence[Packaged], earlier: Earlier, today: date) -> Opening:
    """Return what is opened; HasExpired where there is nothing to open in place of what was begun."""
    begun = earlier.begun
    if begun is None:
        return Opening(_first(packages, earlier, today))
    said = canonical_said(begun)
    alike = [one for one in packages if one.form.get("url") == _url(said)]
    same = next((one for one in alike if _is_version(one.form, said)), None)
    newer = max((one for one in alike if one is not same and in_force(one.form, today)), key=_rank, default=None)
    if same and not in_force(same.form, today):
        others = [one for one in packages if in_force(one.form, today)]
        if not others:
            raise HasExpired(begun)
        return Opening(newer or others[0], expired=begun, notes=(EXPIRED,))
    if same and earlier.wanted in {None, canonical(same.form)}:
        is_newer = newer is not None and _rank(newer) > _rank(same)
        return Opening(same, begun, newer=canonical(newer.form) if newer and is_newer else None, notes=(GOES_ON,))
    if newer:
        return Opening(newer, begun, notes=(NEWER_ONLY,))
    return Opening(_first(packages, earlier, today), notes=(ANOTHER,))


def _first(packages: Sequence[Packaged], earlier: Earlier, today: date) -> Packaged:
    usable = [one for one in packages if in_force(one.form, today)] or list(packages)
    wanted = [one for one in usable if _is_version(one.form, earlier.wanted or "")]
    waiting = [one for one in usable if canonical(one.form) not in earlier.completed]
    return (wanted or waiting or usable)[0]


def _is_open(response: dict) -> bool:
    return response.get("status") == "in-progress"


def _is_version(form: dict, said: str) -> bool:
    url, _, version = said.partition("|")
    return bool(url) and form.get("url") == url and version in {"", text_of(form.get("version")) or ""}


def _url(said: str) -> str:
    return said.partition("|")[0]


def _rank(package: Packaged) -> tuple[str, str, str]:
    """Return by what versions are compared: the day they come into force, their date, their number."""
    form = package.form
    begins = text_of(as_dict(form.get("effectivePeriod")).get("start"))
    return (begins or "", text_of(form.get("date")) or "", text_of(form.get("version")) or "")
