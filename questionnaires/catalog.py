"""Which forms do we have, by canonical, and what goes with each?"""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

from fhir_r4.problems import Issue
from fhir_r4.resource import as_dict, dicts, extensions, kind, text_of
from fhir_r4.systems import CQF_LIBRARY, UNIT_VALUE_SET
from fhir_r4.wire import read_object
from questionnaires.adaptive import canonical_said, is_adaptive, twin
from questionnaires.asked import Outline, outline
from questionnaires.libraries import library_resource, needed_by
from questionnaires.logic import FormLogic, logic_of
from questionnaires.value_sets import ValueSets


class Catalog:
    """All versions of all forms, as the Questionnaires they are, with the Libraries and ValueSets of this payer."""

    def __init__(self, forms: Iterable[dict], libraries: Iterable[dict] = (), value_sets: Iterable[dict] = ()) -> None:
        self._by_url: dict[str, list[dict]] = {}
        self._by_name: dict[str, dict] = {}
        self._libraries = {f"{one['url']}|{one['version']}": one for one in libraries}
        self.value_sets = ValueSets(value_sets)
        self._logic: dict[str, FormLogic] = {}
        self._outlines: dict[str, Outline] = {}
        for form in sorted(_with_twins(forms), key=lambda form: form["version"], reverse=True):
            self._by_url.setdefault(form["url"], []).append(form)
            self._by_name[f"{form['id']}|{form['version']}"] = form

    def __iter__(self) -> Iterator[dict]:
        return iter(self._by_name.values())

    def named(self, name: str) -> dict:
        """Return the form that a policy names, ``home-oxygen|2026.1``; KeyError where there is none."""
        return self._by_name[name]

    def canonical(self, name: str) -> str:
        """Return the versioned canonical of the form that a policy names."""
        return canonical_of(self.named(name))

    def find(self, canonical: str, on: date) -> dict | None:
        """Return the form of an explicit canonical: that version, else the newest that is in force on the day."""
        url, _, version = canonical.partition("|")
        versions = self._by_url.get(url, [])
        if version:
            return next((form for form in versions if form["version"] == version), None)
        return next((form for form in versions if in_force(form, on)), None)

    def form_of(self, response: dict) -> dict | None:
        """Return the form that a response answers: the version that it names, or the adaptive one that it contains."""
        canonical = canonical_said(response)
        form = self.find(canonical, date.max) if "|" in canonical else None
        is_named = response.get("questionnaire") == canonical
        return form if form and (is_named or is_adaptive(form)) else None

    def knows(self, canonical: str) -> bool:
        """Tell whether any version of ours has this url."""
        return canonical.partition("|")[0] in self._by_url

    def dependencies(self, form: dict) -> tuple[list[dict], list[dict], list[Issue]]:
        """Return the form's Libraries and ValueSets, all the way down and each once, and what is not to be had.

        Source: DTR 2.0.1 @309, @310, @311, @315; DTR 2.2.0 oper-12, oper-14.
        """
        libraries: dict[str, dict] = {}
        value_sets: dict[str, dict] = {}
        missing: list[str] = []
        waiting = [*_named_libraries(form), *_named_value_sets(form)]
        while waiting:
            wanted = waiting.pop(0)
            if wanted in libraries or wanted in value_sets or wanted in missing:
                continue
            if library := self._libraries.get(wanted):
                libraries[wanted] = library
                waiting += needed_by(library)
            elif value_set := self.value_sets.find(wanted):
                value_sets[wanted] = value_set
                waiting += _included(value_set)
            else:
                missing.append(wanted)
        issues = [
            Issue("not-found", f"{form['title']}: something that the form depends on is not here", one, "warning")
            for one in missing
        ]
        return list(libraries.values()), list(value_sets.values()), issues

    def outline(self, form: dict) -> Outline:
        """Return which of the form's items stand below which, worked out when it is first asked for and kept."""
        name = canonical_of(form)
        if name not in self._outlines:
            self._outlines[name] = outline(form)
        return self._outlines[name]

    def logic(self, form: dict) -> FormLogic:
        """Return the form's CQL, compiled when it is first asked for and kept."""
        name = canonical_of(form)
        if name not in self._logic:
            libraries, value_sets, _ = self.dependencies(form)
            self._logic[name] = logic_of([*libraries, *value_sets]).of(form)
        return self._logic[name]


def _with_twins(forms: Iterable[dict]) -> Iterator[dict]:
    for form in forms:
        yield form
        yield twin(form)


def canonical_of(form: dict) -> str:
    return f"{form['url']}|{form['version']}"


_OPEN = (("start", "0001-01-01"), ("end", "9999-12-31"))


def in_force(form: dict, on: date) -> bool:
    """Tell whether the form's effectivePeriod has the day (DTR: an expired form is not selected implicitly)."""
    period = as_dict(form.get("effectivePeriod"))
    start, end = ((text_of(period.get(name)) or open_)[:10] for name, open_ in _OPEN)
    return start <= on.isoformat() <= end


def questions(form: dict) -> dict[str, dict]:
    """Return the form's items by linkId, groups included, in document order."""
    found: dict[str, dict] = {}
    waiting = dicts(form.get("item"))[::-1]
    while waiting:
        item = waiting.pop()
        if link := text_of(item.get("linkId")):
            found[link] = item
        waiting += reversed(dicts(item.get("item")))
    return found


def _named_libraries(form: dict) -> list[str]:
    return [one["valueCanonical"] for one in extensions(form, CQF_LIBRARY)]


def _named_value_sets(form: dict) -> list[str]:
    named = []
    for item in questions(form).values():
        named += [found] if (found := text_of(item.get("answerValueSet"))) else []
        named += [one["valueCanonical"] for one in extensions(item, UNIT_VALUE_SET)]
    return named


def _included(value_set: dict) -> list[str]:
    compose = as_dict(value_set.get("compose"))
    parts = dicts(compose.get("include")) + dicts(compose.get("exclude"))
    return [one for part in parts for one in part.get("valueSet", ())]


def load_catalog(folder: Path, completed: Callable[[dict], dict] = lambda form: form) -> Catalog:
    """Return the catalog of a folder of forms.

    ``<form>/<version>.json`` is a Questionnaire, ``<version>.cql`` and ``<version>.elm.json`` beside it are its logic,
    ``value-sets/*.json`` are ValueSets.

    Args:
        completed: adds to a form what does not stand in its file.
    """
    held: dict[str, list[dict]] = {"Questionnaire": [], "ValueSet": []}
    for file in sorted(folder.glob("*/*.json")):
        if not file.name.endswith(ELM):
            resource = read_object(file.read_bytes())
            held["ValueSet" if kind(resource) == "ValueSet" else "Questionnaire"].append(resource)
    libraries = [_library(file) for file in sorted(folder.glob("*/*.cql"))]
    return Catalog(map(completed, held["Questionnaire"]), libraries, held["ValueSet"])


ELM = ".elm.json"


def _library(file: Path) -> dict:
    form = read_object(file.with_suffix(".json").read_bytes())
    elm = json.loads(file.with_suffix(ELM).read_text(encoding="utf-8"), parse_float=Decimal)
    return library_resource(file.read_text(encoding="utf-8"), elm, form["date"])
