"""Which forms does a client get? Those it names, those its orders need, those that a promise spoke of; each once.

Source: DTR 2.0.1 and 2.2.0, operation questionnaire-package.
"""

from collections.abc import Iterable
from datetime import date

from fhir_r4.problems import Issue
from fhir_r4.resource import Coding, codings
from questionnaires.catalog import Catalog
from questionnaires.package import PackageRequest
from rules.assertion import CoverageAssertion
from rules.book import PolicyBook


def select(
    request: PackageRequest, promises: Iterable[CoverageAssertion], book: PolicyBook, catalog: Catalog, today: date
) -> tuple[list[dict], list[Issue]]:
    """Return the forms in that order, and warnings about what was asked for and is not here."""
    found: dict[str, dict] = {}
    issues: list[Issue] = []

    def take(form: dict | None) -> None:
        if form is not None:
            found.setdefault(f"{form['url']}|{form['version']}", form)

    for index, canonical in enumerate(request.questionnaires):
        form = catalog.find(canonical, today)
        if form is None:
            where = f"Parameters.parameter.where(name = 'questionnaire')[{index}].value"
            issues.append(Issue("not-found", "no form of ours has this canonical", where, "warning"))
        take(form)
    for promise in promises:
        pinned = book.version(promise.policy or "", promise.version or "")
        take(_form(pinned.at_order_time.questionnaire, catalog) if pinned else None)
    for order in request.orders:
        policy = book.in_force(_codes(order), today)
        take(_form(policy[0].at_order_time.questionnaire, catalog) if policy else None)
    if not found and not issues:
        say = "No form is needed for this order under this coverage; nothing is to be documented now."
        issues.append(Issue("informational", say, None, "information"))
    return list(found.values()), issues


def _form(name: str | None, catalog: Catalog) -> dict | None:
    return catalog.named(name) if name else None


def _codes(order: dict) -> tuple[Coding, ...]:
    elements = ("codeCodeableConcept", "code", "medicationCodeableConcept")
    return next((found for element in elements if (found := codings(order.get(element)))), ())
