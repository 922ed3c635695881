"""DTR's door: forms, the next questions, value sets, and what went wrong. The payer never reads the EHR here."""

from datetime import date, datetime, time
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy import Connection

from app import admission
from app.api.client import the_client
from app.api.door import fhir, read_body
from app.current import the_service
from app.storage import authorizations, form_errors, hooks, information
from app.storage.clients import Client
from app.wiring import Service
from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest, Issue, Unprocessable
from fhir_r4.resource import dicts, identifier, kind, text_of, whole_number_of
from prior_auth.named import member_ids
from questionnaires.draft import draft
from questionnaires.next_question import next_questions, read_response
from questionnaires.package import Package, content, to_parameters
from questionnaires.package_request import PackageRequest, read_parameters
from questionnaires.reported import acknowledged, read_report
from questionnaires.select import Chosen, Insured, select
from rules.assertion import CoverageAssertion
from rules.trace import Trace

door = Blueprint("questionnaires", __name__, url_prefix="/fhir/<generation:generation>")


@door.post("/Questionnaire/$questionnaire-package")
def questionnaire_package(generation: Generation) -> Response:
    service, client = _for_client("Questionnaire")
    body = read_body(service.config.fhir_limit_bytes)
    asked = read_parameters(body, generation)
    admission.admit(body, admission.PACKAGE, generation, strict=client.strict)
    edition, base = service.edition, service.fhir_base(generation)
    insured, strangers = _insured(service, asked)
    promises = _promises(service, asked, insured)
    now = service.now().astimezone(insured[0].payer.time_zone)  # a form's logic, too, has the payer's day
    forms, issues = select(asked, insured, promises, edition.book, edition.catalog, now.date())
    midnight = datetime.combine(now.date(), time(), now.tzinfo)

    def packaged(chosen: Chosen) -> Package:
        name = f"{chosen.form['id']}|{chosen.form['version']}"
        held = content(edition.catalog, name, generation, base, midnight)
        logic = edition.catalog.logic(chosen.form)
        return Package(held, draft(chosen, asked, insured, logic, now, generation, base))

    packages = [packaged(chosen) for chosen in forms]
    changed = [one for one in packages if _has_changed(one, asked)]
    told = [*strangers, *issues]
    if packages and not changed and not told:
        told.append(Issue("informational", "nothing has changed since then", None, "information"))
    return fhir(to_parameters(changed, told, now, generation))


@door.post("/Questionnaire/$next-question")
@door.post("/$next-question")
def next_question(generation: Generation) -> Response:
    """Answer with the bare response: that is what FHIR makes of a single parameter ``return``.

    The operation is Questionnaire's; 2.0.1 (@38, @39) also says ``[base]/$next-question``, and some clients ask there.
    """
    service, client = _for_client("Questionnaire")
    body = read_body(service.config.fhir_limit_bytes)
    response = read_response(body)
    admission.admit(body, admission.NEXT_QUESTION, generation, strict=client.strict)
    edition, base = service.edition, service.fhir_base(generation)
    today = service.today()
    return fhir(next_questions(response, edition.catalog, edition.book, today, generation, base))


@door.post("/Questionnaire/$log-questionnaire-errors")
def log_questionnaire_errors(generation: Generation) -> Response:
    service, client = _for_client("Questionnaire")
    body = read_body(service.config.fhir_limit_bytes)
    reported = read_report(body)
    admission.admit(body, admission.LOG_ERRORS, generation, strict=client.strict)
    with service.database.writing() as connection:
        kept = form_errors.keep(connection, client.id, reported, service.now())
    return fhir(acknowledged(kept))


@door.route("/ValueSet/$expand", methods=["GET", "POST"])
def expand(generation: Generation) -> Response:  # noqa: ARG001 the same on each base
    service, _ = _for_client("Questionnaire", "ValueSet")
    given = _from_query() if request.method == "GET" else _from_body(read_body(service.config.fhir_limit_bytes))
    url, version = given.get("url"), given.get("valueSetVersion")
    if not url:
        raise InvalidRequest(Issue("required", "the parameter 'url' is missing", "Parameters.parameter"))
    canonical = f"{url}|{version}" if version and "|" not in url else url
    offset, count = _whole(given, "offset"), _whole(given, "count")
    value_sets = service.edition.catalog.value_sets
    return fhir(
        value_sets.expand(canonical, service.now(), text=given.get("filter", ""), offset=offset or 0, count=count)
    )


def _for_client(*kinds: str) -> tuple[Service, Client]:
    """Return the service and the client that asks, who may read or search one of these; or raise."""
    return the_service(), the_client(*((one, letter) for one in kinds for letter in "rs"))


def _insured(service: Service, asked: PackageRequest) -> tuple[tuple[Insured, ...], list[Issue]]:
    """Return whose coverages are ours, and a warning for each other one (DTR 2.2 spec-130: none at all is a 4xx)."""
    found, strangers = [], []
    for place, coverage in enumerate(asked.coverages):
        where = f"Parameters.parameter.where(name = 'coverage')[{place}].resource"
        if insured := _member(service, coverage):
            found.append(insured)
        else:
            strangers.append(Issue("not-found", "no member of ours has this coverage", where, "warning"))
    if not found:
        where = "Parameters.parameter.where(name = 'coverage').resource"
        raise Unprocessable(Issue("not-found", "no member of ours has this coverage", where))
    return tuple(found), strangers


def _member(service: Service, coverage: dict) -> Insured | None:
    named = [one for payor in dicts(coverage.get("payor")) if (one := identifier(payor.get("identifier")))]
    payer = service.directory.payer(named)
    for candidate in [payer] if payer else service.payers:  # a payor by reference alone is on the EHR's server
        for number in member_ids({}, coverage):
            if member := service.directory.member(candidate, number):
                return Insured(coverage, candidate, number, candidate.enrolment(member.plan), member.birth_date)
    return None


def _promises(service: Service, asked: PackageRequest, insured: tuple[Insured, ...]) -> tuple[CoverageAssertion, ...]:
    """Return the promise that ``context`` names (DTR 2.2 spec-130: an unknown or unrelated one is a 4xx)."""
    if asked.context is None:
        return ()
    with service.database.reading() as connection:
        found = hooks.assertions_called(connection, [asked.context]) or _asked_for(connection, asked.context)
    if not {one.member_id for one in found} & {one.member_id for one in insured}:
        where = "Parameters.parameter.where(name = 'context').value"
        raise Unprocessable(Issue("not-found", "no coverage assertion of ours for this coverage has this id", where))
    return found


def _has_changed(package: Package, asked: PackageRequest) -> bool:
    """Tell whether anything of the package is of the day asked about, or later."""
    since = asked.changed_since
    return since is None or package.content.changed >= since.date().isoformat()


def _from_query() -> dict[str, str]:
    return {name: value for name, value in request.args.items() if value}


def _from_body(body: dict) -> dict[str, str]:
    """Return the Parameters' values by name; a ValueSet that comes along whole is not expanded here."""
    if kind(body) != "Parameters":
        raise InvalidRequest(Issue("structure", "the body must be a Parameters resource", "Parameters"))
    found: dict[str, str] = {}
    for one in dicts(body.get("parameter")):
        value: Any = next((held for key, held in one.items() if key.startswith("value")), None)
        if (name := text_of(one.get("name"))) and isinstance(value, str | int) and not isinstance(value, bool):
            found[name] = str(value)
    return found


def _whole(given: dict[str, str], name: str) -> int | None:
    """Return a parameter that counts; InvalidRequest where it does not."""
    if name not in given:
        return None
    number = whole_number_of(given[name])
    if number is None:
        raise InvalidRequest(
            Issue("value", f"the parameter '{name}' must be a whole number from 0", "Parameters.parameter")
        )
    return number


def _asked_for(connection: Connection, context: str) -> tuple[CoverageAssertion, ...]:
    """Return as a promise what PAS asks a form for under this context: the policy version that asks."""
    tracked = information.tracked(connection, context)
    case = authorizations.find(connection, tracked[0]) if tracked else None
    item = case.item(tracked[1].sequence) if tracked and case else None
    trace = Trace.from_json(item.decision.trace) if item else None
    if case is None or item is None or trace is None:
        return ()
    return (
        CoverageAssertion(
            id=context,
            payer=case.payer,
            plan=case.plan,
            member_id=case.member_id,
            coverage="",
            order="",
            code=item.codes[0],
            policy=trace.policy,
            version=trace.version,
            performers=frozenset(),
            expires_on=date.max,
        ),
    )
