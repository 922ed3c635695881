"""What is this service, and, for staff, what waits? Open cases by queue and by when they are due, as a picture."""

from dataclasses import dataclass

from flask import g, render_template

from app.current import the_service
from app.pages.door import pages
from app.pages.queues import by_queue
from app.pages.worklist import ends_of_days
from app.storage import worklist as kept
from app.wiring import Service

DUE = (
    ("late", "overdue"),
    ("today", "today"),
    ("tomorrow", "tomorrow"),
    ("soon", "in 2 or 3 days"),
    ("later", "later"),
)
"""When a decision is due: name of the colour, and words; in the order of the picture."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a bar: where it begins and how wide it is, in percent of the longest bar."""

    kind: str
    words: str
    count: int
    begins: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    total: int
    pieces: tuple[Piece, ...]


@pages.get("/")
def home() -> str:
    service = the_service()
    return render_template(
        "home.html",
        person=g.person,
        payers=service.payers,
        reading=g.person or service.config.public_policies,
        bars=_bars(service) if g.person else (),
        DUE=DUE,
    )


def _bars(service: Service) -> list[Bar]:
    """Return a bar for each queue that has open cases."""
    moments = [service.now(), *ends_of_days(service, 0, 1, 3)]
    with service.database.reading() as connection:
        counts = by_queue(service, kept.open_due(connection, moments))
    longest = max(map(sum, counts.values()), default=0)
    return [Bar(queue, sum(due), tuple(_pieces(due, longest))) for queue, due in counts.items()]


def _pieces(counts: list[int], longest: int) -> list[Piece]:
    found, before = [], 0
    for (kind, words), count in zip(DUE, counts, strict=True):
        if count:
            found.append(Piece(kind, words, count, round(100 * before / longest, 2), round(100 * count / longest, 2)))
        before += count
    return found
