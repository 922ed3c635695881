"""Which forms do we have, by canonical?"""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from fhir_r4.resource import as_dict, dicts, text_of
from fhir_r4.wire import read_object


class Catalog:
    """All versions of all forms, as the Questionnaires they are."""

    def __init__(self, forms: Iterable[dict]) -> None:
        self._by_url: dict[str, list[dict]] = {}
        self._by_name: dict[str, dict] = {}
        for form in sorted(forms, key=lambda form: form["version"], reverse=True):
            self._by_url.setdefault(form["url"], []).append(form)
            self._by_name[f"{form['id']}|{form['version']}"] = form

    def named(self, name: str) -> dict:
        """Return the form that a policy names, ``home-oxygen|2026.1``; KeyError where there is none."""
        return self._by_name[name]

    def canonical(self, name: str) -> str:
        """Return the versioned canonical of the form that a policy names."""
        form = self.named(name)
        return f"{form['url']}|{form['version']}"

    def find(self, canonical: str, on: date) -> dict | None:
        """Return the form of an explicit canonical: that version, else the newest that is in force on the day."""
        url, _, version = canonical.partition("|")
        versions = self._by_url.get(url, [])
        if version:
            return next((form for form in versions if form["version"] == version), None)
        return next((form for form in versions if in_force(form, on)), None)


def in_force(form: dict, on: date) -> bool:
    """Tell whether the form's effectivePeriod has the day (DTR: an expired form is not selected implicitly)."""
    period = as_dict(form.get("effectivePeriod"))
    start, end = text_of(period.get("start")) or "0001-01-01", text_of(period.get("end")) or "9999-12-31"
    return start <= on.isoformat() <= end


def questions(form: dict) -> dict[str, dict]:
    """Return the form's items by linkId, groups included, in document order."""
    found: dict[str, dict] = {}
    waiting = list(dicts(form.get("item")))
    while waiting:
        item = waiting.pop(0)
        if link := text_of(item.get("linkId")):
            found[link] = item
        waiting = dicts(item.get("item")) + waiting
    return found


def load_catalog(folder: Path) -> Catalog:
    """Return the catalog of all ``<id>/<version>.json`` below ``folder``."""
    return Catalog(read_object(file.read_bytes()) for file in sorted(folder.glob("*/*.json")))
