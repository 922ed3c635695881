"""Does this code need authorization under this plan, on what conditions, with which form? As a page and as JSON.

No patient data goes in or comes out. The JSON's keys are described in docs/lookup.md; they may be added to and never
change their meaning.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask import Response, g, render_template, request, url_for

from app.current import the_service
from app.pages.door import pages
from app.wiring import Service
from fhir_r4.resource import Coding, text_of
from fhir_r4.wire import write_json
from questionnaires.catalog import Catalog
from rules.directory import Payer, Plan
from rules.evaluate import evaluate
from rules.explain import asked_in_words, criterion_in_words, outcome_in_words
from rules.lookup import answering, is_code
from rules.order_time import at_order_time
from rules.policy import Policy

LONGEST = 64
NEEDED = {
    "auth-needed": "Prior authorization is needed",
    "performpa": "Prior authorization is needed",
    "no-auth": "No prior authorization is needed",
    "satisfied": "Prior authorization is on file",
    "conditional": "Whether prior authorization is needed depends on more information",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked; ``faults`` says by parameter what cannot be answered so."""

    code: str
    plan_id: str
    on: date
    payer: Payer | None = None
    plan: Plan | None = None
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def answerable(self) -> bool:
        return bool(self.code) and self.plan is not None and not self.faults


@pages.get("/lookup")
def lookup() -> str | tuple[str, int]:
    service = the_service()
    asked = _asked(service)
    found = _answer(service, asked) if asked.answerable else None
    page = render_template(
        "lookup.html",
        person=g.person,
        asked=asked,
        plans=[(plan, payer) for payer in service.payers for plan in payer.plans],
        several=len(service.payers) > 1,
        found=found,
    )
    return page, 400 if asked.faults else 200


@pages.get("/lookup.json")
def lookup_json() -> Response:
    service = the_service()
    asked = _asked(service)
    faults = asked.faults | ({} if asked.code else {"code": "name a code"})
    faults |= {} if asked.plan or "plan" in faults else {"plan": "name a plan"}
    body: dict[str, Any] = {"faults": faults} if faults else _answer(service, asked)
    return Response(write_json(body), 400 if faults else 200, content_type="application/json")


def _asked(service: Service) -> Asked:
    """Read the question; a fault never repeats what was sent."""
    said, faults = request.args, {}
    code, plan_id = said.get("code", "").strip()[:LONGEST], said.get("plan", "").strip()[:LONGEST]
    if code and not is_code(code):
        faults["code"] = "a code is made of letters, digits, dots and dashes"
    on = service.today()
    try:
        on = date.fromisoformat(said["on"]) if said.get("on") else on
    except ValueError:
        faults["on"] = "the day of service is written as 2026-03-01"
    plans = [(plan, payer) for payer in service.payers for plan in payer.plans]
    chosen = next((one for one in plans if one[0].id == plan_id), None)
    if plan_id and chosen is None:
        faults["plan"] = "there is no such plan here"
    if not plan_id and len(plans) == 1:
        chosen = plans[0]
    plan, payer = chosen or (None, None)
    return Asked(code.upper(), plan_id, on, payer, plan, faults)


def _answer(service: Service, asked: Asked) -> dict[str, Any]:
    edition = service.edition
    assert asked.payer  # noqa: S101 answerable
    assert asked.plan  # noqa: S101
    found = answering(edition.book, asked.code, asked.payer, asked.plan, asked.on)
    question = {"code": asked.code, "plan": asked.plan.id, "payer": asked.payer.id, "on": asked.on.isoformat()}
    if found is None:
        return question | {"policy": None, "pa-needed": asked.plan.otherwise, "says": _says(asked.plan.otherwise)}
    return question | _by_policy(*found, edition.catalog, asked.on)


def _by_policy(policy: Policy, coding: Coding, catalog: Catalog, on: date) -> dict[str, Any]:
    said = at_order_time(policy, evaluate(policy, {}, on, on))  # as of an order of which nothing else is known
    needed = said.pa_needed or ("no-auth" if said.covered == "covered" else None)
    answer: dict[str, Any] = {
        "system": coding.system,
        **_named(policy),
        "covered": said.covered,
        "pa-needed": needed,
        "says": _says(needed) if said.covered != "not-covered" else "The plan does not cover this",
        "reason": said.reason,
        "doc-needed": list(said.doc_needed),
        "info-needed": list(said.info_needed),
        "form": _form(said.questionnaire, catalog),
        "conditions": [
            {
                "when": asked_in_words(row),
                "then": outcome_in_words(row),
                "says": row.say,
            }
            for row in policy.rows
        ],
        "criteria": {one.name: criterion_in_words(one, policy) for one in policy.criteria},
        "sources": [{"cite": source.cite, "url": source.url} for source in policy.sources],
    }
    return answer


def _named(policy: Policy) -> dict[str, Any]:
    """Return what answers: a policy, or a line of one of the payer's lists."""
    ends = policy.expires.isoformat() if policy.expires else None
    days = {"effective": policy.effective.isoformat(), "expires": ends}
    if policy.line:
        file, _, line = policy.line.rpartition(":")
        page = url_for("pages.lists", _anchor=f"{policy.id}-{line}")
        return {"policy": None, "list": {"file": file, "line": int(line), "title": policy.title, "url": page} | days}
    page = url_for("pages.policy", identity=policy.id, version=policy.version)
    return {"policy": {"id": policy.id, "version": policy.version, "title": policy.title, "url": page} | days}


def _form(name: str | None, catalog: Catalog) -> dict[str, str] | None:
    if name is None:
        return None
    form = catalog.named(name)
    return {"canonical": f"{form['url']}|{form['version']}", "title": text_of(form.get("title")) or name}


def _says(needed: str | None) -> str:
    return NEEDED.get(needed or "", needed or "The policy does not say whether authorization is needed")
