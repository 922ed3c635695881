"""How do people read the payer's policies? Browse, read a version as a page, compare two, try a case.

Open to everybody or to staff alone, as ``Config.public_policies`` says; nothing here is about a patient.
"""

from dataclasses import dataclass
from typing import Any

from flask import g, render_template, request, url_for
from flask import redirect as to
from werkzeug import Response

from app.current import the_service
from app.pages import paging
from app.pages.door import pages
from app.storage import policies as kept
from app.wiring import Service
from fhir_r4.problems import Unknown
from fhir_r4.resource import text_of
from questionnaires.catalog import questions
from rules.casework import casework, explain_case
from rules.contradictions import DAYS
from rules.difference import difference
from rules.explain import Explanation, value_in_words
from rules.facts import Fact, FactType, is_day
from rules.lookup import Search, Shelf, State, is_code, owners, shelf, shelves
from rules.policy import Case, Policy
from rules.reading import reading

LONGEST = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """A fact as the form asks for it."""

    fact: Fact
    question: str


@pages.get("/policies")
def policies() -> str:
    """Show the policies that fit what is looked for; to staff also why a changed folder was refused."""
    service, said = the_service(), request.args
    today = service.today()
    code = said.get("code", "").strip()[:LONGEST]
    state = next((one for one in State if one == said.get("state")), None)
    words = said.get("words", "").strip()[:LONGEST]
    wanted = Search(code if is_code(code) else "", said.get("owner", "")[:LONGEST], state, words)
    found = [] if code and not wanted.code else shelves(service.book, wanted, today)
    last = paging.last(len(found))
    number = paging.asked(last)
    return render_template(
        "policies.html",
        person=g.person,
        found=[(row, _opened(service, row)) for row in found[(number - 1) * paging.EACH : number * paging.EACH]],
        total=len(found),
        number=number,
        last=last,
        wanted=wanted,
        code=code,
        owners=owners(service.book),
        states=list(State),
        standing=_standing(service) if g.person else None,
        words=_words,
    )


@pages.get("/policies/<identity>")
def present_policy(identity: str) -> Response:
    """Lead to the version in force, or the nearest to it: an address to keep."""
    service = the_service()
    versions = [one for one in service.book.entries if one.id == identity and not one.line]
    if not versions:
        raise Unknown("there is no such policy")
    found = shelf(versions, service.today()).present.policy
    return to(url_for("pages.policy", identity=identity, version=found.version), 303)


@pages.get("/policies/<identity>/<version>")
def policy(identity: str, version: str) -> str:
    """Show one version: for whom, what is asked, how it is decided, on what it rests, and how its cases go."""
    service = the_service()
    one = _version(service, identity, version)
    row = _shelf(service, one)
    return render_template(
        "policy.html",
        person=g.person,
        policy=one,
        shelf=row,
        state=_state(row, one),
        sections={section.title: section.statements for section in reading(one)},
        asked=_asked(service, one),
        form=_form_title(service, one),
        casework=casework(one),
        value=value_in_words,
        words=_words,
    )


@pages.get("/policies/<identity>/differences")
def policy_differences(identity: str) -> str:
    """Show what is another between two versions."""
    service = the_service()
    old, new = (_version(service, identity, request.args.get(name, "")[:LONGEST]) for name in ("old", "new"))
    return render_template(
        "differences.html", person=g.person, old=old, new=new, told=difference(old, new), shelf=_shelf(service, new)
    )


@pages.route("/policies/<identity>/<version>/try", methods=["GET", "POST"])
def try_policy(identity: str, version: str) -> str:
    """Weigh facts that somebody makes up, and show why it is decided so. Nothing is kept."""
    service = the_service()
    one = _version(service, identity, version)
    told: Explanation | None = None
    if request.method == "POST":
        told = explain_case(one, Case("tried", _given(one), ""))
    return render_template(
        "try.html",
        person=g.person,
        policy=one,
        asked=_asked(service, one),
        said=request.form,
        told=told,
        today=service.today(),
        FactType=FactType,
    )


def _version(service: Service, identity: str, version: str) -> Policy:
    found = service.book.version(identity, version)
    if found is None or found.line:
        raise Unknown("there is no such policy, or not in this version")
    return found


def _shelf(service: Service, one: Policy) -> Shelf:
    today = service.today()
    return shelf((other for other in service.book.entries if other.id == one.id), today)


def _state(row: Shelf, one: Policy) -> State:
    return next(version.state for version in row.versions if version.policy.version == one.version)


def _opened(service: Service, row: Shelf) -> Policy:
    """Return the version of a shelf that is to be read."""
    return _version(service, row.present.policy.id, row.present.policy.version)


def _asked(service: Service, one: Policy) -> list[Asked]:
    name = one.at_order_time.questionnaire
    items = questions(service.catalog.named(name)) if name else {}
    texts = {link: text_of(item.get("text")) or "" for link, item in items.items()}
    return [Asked(fact, texts.get(fact.question or "", "") or fact.ask) for fact in one.facts]


def _form_title(service: Service, one: Policy) -> str | None:
    name = one.at_order_time.questionnaire
    return (text_of(service.catalog.named(name).get("title")) or name) if name else None


def _given(one: Policy) -> dict[str, Any]:
    """Read the made-up facts; what is not filled in is missing, what cannot be read stays for the notes."""
    form = request.form
    given = {fact.name: _value(fact, text) for fact in one.facts if (text := form.get(f"fact-{fact.name}", "").strip())}
    days = {name: form.get(name, "") for name in DAYS}
    return given | {name: day for name, day in days.items() if is_day(day)}


def _value(fact: Fact, text: str) -> Any:
    text = text[:LONGEST]
    if fact.type is FactType.BOOLEAN:
        return {"yes": True, "no": False}.get(text, text)
    if fact.type is FactType.NUMBER:
        try:
            return float(text) if "." in text else int(text)
        except ValueError:
            return text
    return text


@dataclass(frozen=True, slots=True)
class Standing:
    """The book that is at work, since when, and why the folder as it stands is not."""

    digest: str
    since: Any
    faults: tuple[Any, ...]
    refused_at: Any


def _standing(service: Service) -> Standing:
    zone, refusal = service.zone, service.policies.refusal
    with service.database.reading() as connection:
        active = kept.active(connection)
    return Standing(
        service.edition.digest[:12],
        active.at.astimezone(zone) if active else None,
        refusal.faults if refusal else (),
        refusal.at.astimezone(zone) if refusal else None,
    )


def _words(one: Policy, section: str) -> list[str]:
    """Return a section's statements as short words, for lists."""
    statements = next(part.statements for part in reading(one) if part.title == section)
    return [statement.words or statement.name for statement in statements]
