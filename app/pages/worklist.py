"""What waits for a person, and what was decided? A list with filters, page by page.

Filters are our own words and plans; numbers of cases stay out of addresses, and out of what browsers remember.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any

from flask import redirect as to
from flask import render_template, request, url_for
from werkzeug.wrappers import Response

from app.current import the_service
from app.pages import paging
from app.pages.door import pages, the_person
from app.pages.queues import by_queue, places_of, queue_of
from app.storage import worklist as kept
from app.storage.worklist import Filter, Page, Shown
from app.wiring import Service
from fhir_r4.problems import Unknown
from prior_auth.authorization import Authorization, Item
from prior_auth.decision import ReviewAction

MOST_PAGES = 10_000
DUE = {"late": "overdue", "today": "due today or overdue", "soon": "due within 3 days"}
ACTIONS = {
    ReviewAction.CERTIFIED: "certified",
    ReviewAction.PARTLY_CERTIFIED: "certified in part",
    ReviewAction.NOT_CERTIFIED: "not certified",
    ReviewAction.PENDED: "pended",
    ReviewAction.MODIFIED: "modified",
    ReviewAction.CANCELLED: "cancelled",
    ReviewAction.NOT_REQUIRED: "not required",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One case in the list; moments are in its payer's time zone.

    Attributes:
        item: the one that waits; in a decided case the last that was decided.
        decided: how many of the case's items were decided in which way.
    """

    case: Authorization
    item: Item
    service: str
    due_at: datetime
    decided_at: datetime
    decided: Mapping[ReviewAction, int]
    late: bool
    queue: str


@pages.get("/worklist")
def worklist() -> str:
    """Show what waits for a person, the most pressing first; or what is decided, the latest first."""
    service, said = the_service(), request.args
    number = paging.asked(MOST_PAGES)
    wanted = _filter(service)
    with service.database.reading() as connection:
        places = kept.open_due(connection, ()) if wanted.shown is Shown.OPEN else {}
        if queue := said.get("queue", "")[:64] if places else "":
            wanted = replace(wanted, places=places_of(service, queue, places))
        found = kept.listed(connection, wanted, first=(number - 1) * paging.EACH, most=paging.EACH)
    return render_template(
        "worklist.html",
        person=the_person(),
        lines=[_line(service, one) for one in found.cases],
        found=found,
        wanted=wanted,
        due=said.get("due") if said.get("due") in DUE else "",
        paging=_paging(found, number),
        plans=sorted({plan.id: plan.title for payer in service.payers for plan in payer.plans}.items()),
        queue=queue,
        queues=list(by_queue(service, places)),
        DUE=DUE,
        ACTIONS=ACTIONS,
    )


@pages.post("/worklist/find")
def find_case() -> Response:
    """Go to the case with this reference or authorization number; it travels in the form, not in the address."""
    the_person()
    with the_service().database.reading() as connection:
        identity = kept.called(connection, request.form.get("reference", "").strip().upper()[:32])
    if identity is None:
        raise Unknown("no case has this reference or authorization number")
    return to(url_for("pages.case", identity=identity), 303)


def ends_of_days(service: Service, *days: int) -> list[datetime]:
    """Return the ends of today (0) and of days after it, in the first payer's time zone."""
    today = service.today()
    return [datetime.combine(today + timedelta(days=day + 1), time(), service.zone) for day in days]


def called(service: Service, item: Item, received: datetime) -> str:
    """Return a service in words: the clinic's own, else the title of the policy for its code; empty without either."""
    if named := next((one.display for one in item.codes if one.display), None):
        return named
    found = service.book.in_force(item.codes, item.days(received)[0])
    return found[0].title if found and found[0].line is None else ""


def _filter(service: Service) -> Filter:
    """Read the filter; what is none of our words is no filter."""
    said = request.args
    today, soon = ends_of_days(service, 0, 3)
    moments = {"late": service.now(), "today": today, "soon": soon}
    shown = Shown.DECIDED if said.get("show") == Shown.DECIDED else Shown.OPEN
    due = moments.get(said.get("due", "")) if shown is Shown.OPEN else None
    plans = {plan.id for payer in service.payers for plan in payer.plans}
    plan = said.get("plan") if said.get("plan") in plans else None
    return Filter(shown, urgent=said.get("urgent") == "1", due_before=due, plan=plan)


def _paging(found: Page, number: int) -> dict[str, Any]:
    last = paging.last(found.total)
    kept_words = {
        name: value for name in ("show", "due", "urgent", "plan", "queue") if (value := request.args.get(name))
    }
    address: dict[str, Any] = {name: value[:64] for name, value in kept_words.items()}
    return {
        "number": number,
        "last": last,
        "before": url_for("pages.worklist", **address, page=min(number, last + 1) - 1) if number > 1 else None,
        "after": url_for("pages.worklist", **address, page=number + 1) if number < last else None,
    }


def _line(service: Service, case: Authorization) -> Line:
    zone = service.payer_of(case).time_zone
    pended = (one for one in case.items if one.decision.action is ReviewAction.PENDED)
    item = next(pended, max(case.items, key=lambda one: one.decision.decided_at))
    return Line(
        case,
        item,
        called(service, item, case.received_at),
        case.due_at.astimezone(zone),
        item.decision.decided_at.astimezone(zone),
        Counter(one.decision.action for one in case.items),
        case.pended and case.due_at < service.now(),
        queue_of(service, item),
    )
