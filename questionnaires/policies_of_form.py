"""Which policies ask a form, and how does a form take what they add to its questions?"""

from collections.abc import Iterator, Mapping

from fhir_r4.resource import link_of
from questionnaires.adaptive import SUFFIX
from rules.book import PolicyBook
from rules.entry import Entry
from rules.policy import Status


def naming(form: dict, book: PolicyBook) -> Iterator[Entry]:
    """Yield the active policies, unopened, that name this version of the form or its adaptive twin."""
    name = f"{form['id']}|{form['version']}"
    for entry in book.entries:
        if entry.status is Status.ACTIVE and (entry.questionnaire or "").replace(f"{SUFFIX}|", "|") == name:
            yield entry


def extended(form: dict, added: Mapping[str, list[dict]]) -> dict:
    """Return the form with further extensions of its items, by linkId."""

    def item_of(item: dict) -> dict:
        held = item | ({"item": [item_of(one) for one in item["item"]]} if item.get("item") else {})
        more = added.get(link_of(item))
        return held | {"extension": [*item.get("extension", []), *more]} if more else held

    return form | {"item": [item_of(one) for one in form["item"]]}
