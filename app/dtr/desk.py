"""What lies on the clinician's desk, and what does the page show of it?

A desk is one launch: the form, what population filled in, what stands now, and where it is kept in the EHR.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

from app.dtr.client import Launch, OpenForm
from app.dtr.progress import Progress, disabled, progress
from app.dtr.rendering import rendered
from app.dtr.resuming import PEOPLE, author_of, origin_of
from app.dtr.revising import revised
from app.dtr.validity import faults
from app.dtr.wording import label_of
from fhir_r4.resource import dicts, text_of
from questionnaires.answers import every_item
from questionnaires.catalog import questions

_WORDS = {
    "Observation": "result",
    "Condition": "problem",
    "MedicationRequest": "medication",
    "Practitioner": "practitioner's entry",
    "Patient": "patient's entry",
    "DeviceRequest": "order",
    "ServiceRequest": "order",
    "DiagnosticReport": "report",
    "Procedure": "procedure",
    "Encounter": "encounter",
    "Coverage": "coverage",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """What is said beside one question.

    Attributes:
        kind: ``record``, ``payer``, ``changed``, ``entered`` or ``empty``.
        words: for the clinician.
    """

    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Desk:
    """One launch's work, as it is kept between requests.

    Attributes:
        payer: its name.
        form: as the page renders it.
        filled: the response as population left it; ``response`` as it stands.
        saved_at: when it was last saved to the EHR, ISO; ``completed_at`` when it was sent.
        plain: whether it is drawn with plain controls; None where nobody chose.
    """

    launch: Launch
    payer: str
    form: dict
    filled: dict
    response: dict
    empty: Mapping[str, str]
    sources: Mapping[str, list[dict]]
    refused: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    resumed: bool = False
    saved_at: str | None = None
    completed_at: str | None = None
    plain: bool | None = None

    @classmethod
    def of(cls, launch: Launch, payer: str, opened: OpenForm, *, resumed: bool) -> "Desk":
        return cls(
            launch,
            payer,
            rendered(opened.form, opened.logic),
            opened.response,
            opened.response,
            opened.empty,
            opened.sources,
            opened.refused,
            opened.others,
            resumed,
        )

    def to_json(self) -> dict:
        launch = self.launch
        held = {name: getattr(launch, name) for name in launch.__slots__}
        return {name: getattr(self, name) for name in self.__slots__} | {"launch": held}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Desk":
        lists = {name: tuple(data[name]) for name in ("refused", "others")}
        return cls(**{**data, **lists, "launch": Launch(**data["launch"])})

    def answered(self, sent: dict) -> "Desk":
        """Return the desk with the answers that the page sent."""
        return replace(self, response=revised(self.form, self.filled, self.response, sent, self.launch.user))

    def off(self) -> frozenset[str]:
        """Return the linkIds of what is not asked as things stand."""
        return disabled(self.form, self.response)

    def progress(self) -> Progress:
        return progress(self.form, self.response, self.off())

    def faults(self) -> dict[str, str]:
        return faults(self.form, self.response, self.off())

    @property
    def is_ready(self) -> bool:
        """Tell whether the clinician may say that it is complete."""
        return not self.progress().missing and not self.faults()

    def shown(self) -> dict:
        """Return what the page shows beside the form."""
        now = self.progress()
        return {
            "asked": now.asked,
            "answered": now.answered,
            "missing": [asdict(one) for one in now.missing],
            "marks": {link: asdict(mark) for link, mark in self.marks().items()},
            "faults": self.faults(),
            "labels": {link: label_of(item) for link, item in questions(self.form).items()},
            "hidden": sorted(self.off()),
            "calculated": {},
            "saved": self.saved_at,
        }

    def marks(self) -> dict[str, Mark]:
        """Return a mark for each question that has an answer, or that the record could not answer."""
        marks = {link: Mark("empty", f"{why[0].upper()}{why[1:]}") for link, why in self.empty.items()}
        for item in every_item(self.response):
            for answer in dicts(item.get("answer"))[:1]:
                link = text_of(item.get("linkId")) or ""
                marks[link] = self._mark(link, answer)
        return marks

    def _mark(self, link: str, answer: dict) -> Mark:
        origin = origin_of(answer)
        if origin in PEOPLE:
            who = "by you" if author_of(answer) == self.launch.user else "by a colleague"
            return Mark("entered", who) if origin == "manual" else Mark("changed", f"{who}; the record says otherwise")
        if origin == "auto-server":
            return Mark("payer", f"From {self.payer}")
        sources = [_source_words(one) for one in self.sources.get(link, [])]
        words = "; ".join(sources) or "the patient's record"
        return Mark("record", f"{words[0].upper()}{words[1:]}")


def _source_words(source: Mapping[str, str]) -> str:
    kind, _, _ = source["reference"].partition("/")
    words = _WORDS.get(kind, kind)
    return f"{words} of {_day(source['date'])}" if source.get("date") else words


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).strftime("%-d %b %Y")
    except ValueError:
        return text
