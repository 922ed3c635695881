"""What lies on the clinician's desk, and what does the page show of it?

A desk is one launch: the form, what population filled in, what stands now, and where it is kept in the EHR.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

from app.dtr.adaptive import is_adaptive
from app.dtr.carrying import all_of_them, carried, initial_of
from app.dtr.choosing import canonical
from app.dtr.determined import Determined, determined
from app.dtr.drawing import held_json, shown
from app.dtr.evidence import THE_FORM
from app.dtr.launch import Launch
from app.dtr.live import is_live
from app.dtr.notes import notes_of
from app.dtr.opened import OpenForm
from app.dtr.pile import Stage, following, place_of
from app.dtr.progress import progress
from app.dtr.rendering import rendered
from app.dtr.resuming import PEOPLE, author_of, origin_of
from app.dtr.revising import revised
from app.dtr.sheet import named
from app.dtr.validity import faults
from app.dtr.wording import label_of
from fhir_r4.resource import as_dict, dicts, extension, link_of, value_of
from fhir_r4.systems import CALCULATED_EXPRESSION
from questionnaires.answers import answers_by_question, every_item
from questionnaires.asked import Place, disabled, without
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
    "FamilyMemberHistory": "family history",
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
        payer: its name; ``patient`` whom the form is about, in words.
        form: as the page renders it; ``canonical`` its name and version.
        filled: the response as population left it; ``response`` as it stands.
        notes: what the clinician should know of how the form was opened.
        pile: the forms of the order; ``done`` the canonicals of those that were sent.
        newer: canonical of a newer version of the form, which is offered.
        more: of an adaptive form ``next`` or, once the payer has no more questions, ``done``; else "".
        is_live: the form has logic that follows the answers; ``said`` is what its conditions say in each place,
            ``calculated`` the linkIds of what it calculates, ``begins`` of what it says at the start.
        saved_at: when it was last saved to the EHR, ISO; ``completed_at`` when it was sent.
        is_unsaved: a person has answered since then, which the EHR does not have.
        tried: when it was sent to the EHR since then, ISO.
        plain: whether it is drawn with plain controls; None where nobody chose.
    """

    launch: Launch
    payer: str
    form: dict
    canonical: str
    filled: dict
    response: dict
    empty: Mapping[str, str]
    sources: Mapping[str, list[dict]]
    notes: tuple[str, ...] = ()
    pile: tuple[Stage, ...] = ()
    done: tuple[str, ...] = ()
    newer: str | None = None
    more: str = ""
    is_live: bool = False
    said: Mapping[str, bool] = field(default_factory=dict)
    calculated: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()
    saved_at: str | None = None
    completed_at: str | None = None
    is_unsaved: bool = False
    tried: tuple[str, ...] = ()
    plain: bool | None = None
    patient: str = ""

    @classmethod
    def of(cls, launch: Launch, payer: str, opened: OpenForm) -> "Desk":
        return cls(
            launch,
            payer,
            canonical=canonical(opened.kit.form),
            filled=opened.response,
            pile=opened.pile,
            newer=opened.newer,
            patient=named(as_dict(opened.kit.variables.get("patient"))),
            **_parts(opened),
        )

    def grown(self, opened: OpenForm) -> "Desk":
        """Return the desk with the next questions of an adaptive form, and with what its payer still wants."""
        filled = carried(opened.form, opened.response, self.filled, all_of_them).response
        parts = _parts(opened)
        parts["sources"] = {**self.sources, **opened.sources}
        known = {one.canonical for one in self.pile}
        wanted = dict.fromkeys(one for each in determined(opened.response) for one in each.questionnaires)
        more = tuple(Stage(title_of(one), one, self.launch.coverage) for one in wanted if one not in known)
        return replace(self, filled=filled, pile=(*self.pile, *more), **parts)

    def to_json(self) -> dict:
        kept = {name: getattr(self, name) for name in self.__slots__}
        return kept | {"launch": self.launch.to_json(), "pile": [asdict(one) for one in self.pile]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Desk":
        several = ("notes", "done", "calculated", "begins", "tried")
        lists: dict[str, Any] = {name: tuple(data.get(name, ())) for name in several}
        pile = tuple(Stage(**one) for one in data["pile"])
        return cls(**{**data, **lists, "pile": pile, "launch": Launch.from_json(data["launch"])})

    def answered(self, sent: dict) -> "Desk":
        """Return the desk with the answers that the page sent; a changed one may ask for other questions."""
        response = revised(self.form, self.filled, self.response, sent, self.launch.user)
        changed = answers_by_question(response) != answers_by_question(self.response)
        more = "next" if self.more and changed else self.more
        return replace(self, response=response, more=more, is_unsaved=self.is_unsaved or changed)

    def off(self) -> frozenset[Place]:
        """Return the places of what is not asked as things stand."""
        return disabled(self.form, self.response, self.said)

    def as_asked(self) -> dict:
        """Return the response without what is not asked as things stand."""
        return without(self.form, self.response, self.off())

    @property
    def is_ready(self) -> bool:
        """Tell whether what is asked is answered as the form takes it."""
        off = self.off()
        return not progress(self.form, self.response, off).missing and not faults(self.form, self.response, off)

    @property
    def is_whole(self) -> bool:
        """Tell whether the clinician may say that it is complete: the payer has no more questions either."""
        return self.is_ready and self.more != "next"

    @property
    def determined(self) -> tuple[Determined, ...]:
        """Return what the payer decided with these answers, where it did."""
        return determined(self.response)

    @property
    def place(self) -> int:
        """Return the how-manyth of the order's forms this is."""
        return place_of(self.pile, self.canonical)

    @property
    def following(self) -> Stage | None:
        """Return the next form of the order, once this one is sent."""
        return following(self.pile, {self.canonical, *self.done})

    def shown(self) -> dict:
        """Return what the page shows beside the form."""
        off = self.off()
        now = progress(self.form, self.response, off)
        return {
            "asked": now.asked,
            "answered": now.answered,
            "missing": [asdict(one) for one in now.missing],
            "marks": {link: asdict(mark) for link, mark in self.marks().items()},
            "faults": faults(self.form, self.response, off),
            "labels": {link: label_of(item) for link, item in questions(self.form).items()},
            "hidden": sorted(off),
            "calculated": self._calculated(),
            "more": self.more,
            "saved": self.saved_at,
            "unsaved": self.is_unsaved,
        }

    def _calculated(self) -> dict[str, dict[str, str]]:
        """Return what the form calculates, for controls that nobody has typed into."""
        first = {one.get("linkId"): next(iter(dicts(one.get("answer"))), {}) for one in every_item(self.response)}
        return {
            link: {"shown": shown(value_of(first.get(link, {}))), "held": held_json(first.get(link, {}))}
            for link in self.calculated
            if origin_of(first.get(link, {})) not in PEOPLE
        }

    def marks(self) -> dict[str, Mark]:
        """Return a mark for each question that has an answer, or that the record could not answer."""
        marks = {link: Mark("empty", f"{why[0].upper()}{why[1:]}") for link, why in self.empty.items()}
        for item in every_item(self.response):
            for answer in dicts(item.get("answer"))[:1]:
                link = link_of(item)
                marks[link] = self._mark(link, answer)
        return marks

    def _mark(self, link: str, answer: dict) -> Mark:
        origin = origin_of(answer)
        if origin in PEOPLE:
            who = "by you" if author_of(answer) == self.launch.user else "by a colleague"
            return Mark("entered", who) if origin == "manual" else Mark("changed", f"{who}; the record says otherwise")
        if origin == "auto-server" or link in self.begins:
            return Mark("payer", f"From {self.payer}")
        sources = self.sources.get(link, [])
        if sources == [THE_FORM]:
            return Mark("payer", "Worked out by the payer's form")
        words = "; ".join(map(_source_words, sources)) or "the patient's record"
        return Mark("record", f"{words[0].upper()}{words[1:]}")


def title_of(canonical_: str) -> str:
    """Return words for a form of which only the canonical is known.

    >>> title_of("https://payer.example.org/Questionnaire/home-oxygen|2026.1")
    'home oxygen'
    """
    return canonical_.partition("|")[0].rpartition("/")[2].replace("-", " ")


def _parts(opened: OpenForm) -> dict[str, Any]:
    """Return what a form brings each time that it is fetched."""
    items = questions(opened.form)
    return {
        "form": rendered(opened.form, opened.kit.logic, opened.filled.offered, opened.filled.beside),
        "response": opened.response,
        "empty": opened.empty,
        "sources": opened.sources,
        "notes": (*opened.notes, *notes_of(opened)),
        "more": ("next" if opened.has_more else "done") if is_adaptive(opened.kit.form) else "",
        "is_live": is_live(opened.form),
        "said": opened.filled.said,
        "calculated": tuple(link for link, item in items.items() if extension(item, CALCULATED_EXPRESSION)),
        "begins": _begins(opened, items),
    }


def _begins(opened: OpenForm, items: Mapping[str, dict]) -> tuple[str, ...]:
    """Return the linkIds of what the form itself answers: the record gave no such answer."""
    given = answers_by_question(opened.response)
    begins = {link: [value_of(one) for one in initial_of(item)] for link, item in items.items()}
    mine = (link for link, values in begins.items() if values and given.get(link) == values)
    return tuple(link for link in mine if not opened.sources.get(link))


def _source_words(source: Mapping[str, str]) -> str:
    kind, _, _ = source["reference"].partition("/")
    words = _WORDS.get(kind, kind)
    return f"{words} of {_day(source['date'])}" if source.get("date") else words


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).strftime("%-d %b %Y")
    except ValueError:
        return text
