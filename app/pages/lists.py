"""What does a plan exclude, and what needs no authorization? The payer's lists, as people read them.

Open to everybody or to staff alone, as the policies are; nothing here is about a patient.
"""

from flask import g, render_template

from app.current import the_service
from app.pages.door import pages
from rules.lists import TITLES
from rules.policy import Policy


@pages.get("/policies/lists")
def lists() -> str:
    """Show each list with its lines: codes, days, for whom and why."""
    service = the_service()
    lines = [entry.open() for entry in service.book.lists]
    return render_template(
        "lists.html",
        person=g.person,
        lists=[(f"{name}.csv", title, [one for one in lines if one.id == name]) for name, title in TITLES.items()],
        today=service.payers[0].today(service.now()),
        number=_number,
        whom=_whom,
    )


def _number(line: Policy) -> str:
    return (line.line or "").rpartition(":")[2]


def _whom(line: Policy) -> list[str]:
    """Return for whom a line is; nothing where it is everybody."""
    scope = line.scope
    return [*scope.payers, *scope.lines_of_business, *scope.plans, *scope.products, *scope.states]
