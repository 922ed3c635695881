"""DTR's door: the forms that a policy asks for. The payer never reads the EHR here."""

from datetime import date

from flask import Blueprint, Response, g, request

from app.api.door import fhir, read_body
from app.current import the_service
from app.security import bearer
from app.storage import hooks
from app.wiring import Service
from fhir_r4.generations import Generation
from fhir_r4.problems import Issue, Unprocessable
from fhir_r4.resource import dicts, identifier
from prior_auth.submission import member_ids
from questionnaires.package import Package, PackageRequest, draft_response, read_parameters, to_parameters
from questionnaires.select import select
from rules.assertion import CoverageAssertion
from rules.directory import Payer

door = Blueprint("questionnaires", __name__, url_prefix="/fhir/<generation:generation>/Questionnaire")


@door.post("/$questionnaire-package")
def questionnaire_package(generation: Generation) -> Response:
    service = the_service()
    client = bearer.require(
        service, request.headers.get("Authorization"), ("Questionnaire", "r"), ("Questionnaire", "s")
    )
    g.client_id = client.id
    asked = read_parameters(read_body(service.config.fhir_limit_bytes))
    payer, member_id = _insured(service, asked)
    promises = _promises(service, asked, member_id)
    now = service.now()
    edition = service.edition
    forms, issues = select(asked, promises, edition.book, edition.catalog, _today(payer, service))
    packages = [Package(form, draft_response(form, asked, now, generation)) for form in forms]
    return fhir(to_parameters(packages, issues, now, generation))


def _insured(service: Service, asked: PackageRequest) -> tuple[Payer, str]:
    """Return payer and member of the coverage (DTR 2.2 spec-130: coverage not found is a 4xx)."""
    named = [found for one in dicts(asked.coverage.get("payor")) if (found := identifier(one.get("identifier")))]
    payer = service.directory.payer(named)
    candidates = [payer] if payer else list(service.payers)  # a payor by reference alone is on the EHR's server
    for candidate in candidates:
        for number in member_ids({}, asked.coverage):
            if service.directory.member(candidate, number):
                return candidate, number
    where = "Parameters.parameter.where(name = 'coverage').resource"
    raise Unprocessable(Issue("not-found", "no member of ours has this coverage", where))


def _promises(service: Service, asked: PackageRequest, member_id: str) -> tuple[CoverageAssertion, ...]:
    """Return the promise that ``context`` names (DTR 2.2 spec-130: an unknown or unrelated one is a 4xx)."""
    if asked.context is None:
        return ()
    with service.database.reading() as connection:
        found = hooks.assertions_called(connection, [asked.context])
    if not any(one.member_id == member_id for one in found):
        where = "Parameters.parameter.where(name = 'context').value"
        raise Unprocessable(Issue("not-found", "no coverage assertion of ours for this coverage has this id", where))
    return found


def _today(payer: Payer, service: Service) -> date:
    return payer.today(service.now())
