"""What does a plan exclude, and what needs no authorization? The payer's lists, as people read them.

Open to everybody or to staff alone, as the policies are; nothing here is about a patient.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from flask import g, render_template, request

from app.current import the_service
from app.pages.door import pages
from app.pages.lookup import LONGEST
from rules.codes import keys_of
from rules.entry import Entry
from rules.lists import TITLES
from rules.lookup import codings_of, is_code
from rules.policy import Policy

SHOWN = 200
"""Lines of a list that are shown at once."""


@pages.get("/policies/lists")
def lists() -> str:
    """Show each list with its lines, the first ones or those of a code: days, for whom and why."""
    service, code = the_service(), request.args.get("code", "").strip()[:LONGEST]
    entries = [entry for entry in service.book.lists if not code or _has(entry, code)]
    return render_template(
        "lists.html",
        person=g.person,
        lists=[_Shown.of(name, title, entries) for name, title in TITLES.items()],
        code=code,
        today=service.today(),
        number=_number,
        whom=_whom,
    )


@dataclass(frozen=True, slots=True)
class _Shown:
    """A list with the lines that are shown, opened, and how many there are."""

    file: str
    title: str
    lines: list[Policy]
    total: int

    @classmethod
    def of(cls, name: str, title: str, entries: Iterable[Entry]) -> Self:
        mine = [entry for entry in entries if entry.id == name]
        return cls(f"{name}.csv", title, [entry.open() for entry in mine[:SHOWN]], len(mine))


def _has(entry: Entry, code: str) -> bool:
    keys = {key for coding in codings_of(code) for key in keys_of(coding)} if is_code(code) else set()
    return any(pattern.key in keys for pattern in entry.patterns)


def _number(line: Policy) -> str:
    return (line.line or "").rpartition(":")[2]


def _whom(line: Policy) -> list[str]:
    """Return for whom a line is; nothing where it is everybody."""
    scope = line.scope
    return [*scope.payers, *scope.lines_of_business, *scope.plans, *scope.products, *scope.states]
