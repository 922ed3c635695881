"""Which forms are there, and what do clients say is wrong with them? For those who write forms."""

from dataclasses import dataclass

from flask import render_template

from app.current import the_service
from app.pages.door import pages, the_person
from app.storage import form_errors
from fhir_r4.resource import as_dict
from questionnaires.adaptive import is_adaptive
from questionnaires.catalog import Catalog, canonical_of, in_force, questions
from rules.book import PolicyBook
from rules.entry import Entry


@dataclass(frozen=True, slots=True)
class Shown:
    """One form as the page tells it."""

    title: str
    canonical: str
    version: str
    period: str
    is_in_force: bool
    questions: int
    filled: int
    logic: tuple[str, ...]
    id: str
    policies: tuple[Entry, ...]


@pages.get("/forms")
def form_list() -> str:
    service = the_service()
    edition = service.edition
    today = service.today()
    forms = [_shown(form, edition.catalog, edition.book, in_force(form, today)) for form in edition.catalog]
    with service.database.reading() as connection:
        said = form_errors.grievances(connection)
    ours = {canonical_of(form) for form in edition.catalog} | {form["url"] for form in edition.catalog}
    kept = [one for one in forms if one]
    return render_template("forms.html", person=the_person(), forms=kept, said=said, ours=ours)


def _shown(form: dict, catalog: Catalog, book: PolicyBook, is_in_force: bool) -> Shown | None:
    """Return a form; its adaptive twin has the same questions and is not told apart."""
    if is_adaptive(form):
        return None
    asked = [one for one in questions(form).values() if one.get("type") not in {"group", "display"}]
    libraries, _, _ = catalog.dependencies(form)
    period = as_dict(form.get("effectivePeriod"))
    name = f"{form['id']}|{form['version']}"
    return Shown(
        form["title"],
        canonical_of(form),
        form["version"],
        f"{period.get('start', '…')} to {period.get('end', '…')}",
        is_in_force,
        len(asked),
        sum(bool(_expressions(one)) for one in asked),
        tuple(one["name"] for one in libraries),
        form["id"],
        tuple(entry for entry in book.entries if entry.questionnaire == name),
    )


def _expressions(question: dict) -> list[dict]:
    endings = ("initialExpression", "calculatedExpression")
    return [one for one in question.get("extension", ()) if one["url"].endswith(endings)]
