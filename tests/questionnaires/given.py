"""What do the tests of DTR start from? A request, what is answered, and what a client would read of it."""

from datetime import datetime
from zoneinfo import ZoneInfo

from fhir_r4.generations import Generation
from fhir_r4.resource import as_dict, dicts, kind, reference
from fhir_r4.wire import read_object, write_json
from questionnaires.draft import draft
from questionnaires.package import Package, content, to_parameters
from questionnaires.package_request import read_parameters
from questionnaires.select import Insured, select
from rules.scope import Enrolment
from tests.given import BOOK, CATALOG, NOW, TODAY, a_coverage, a_record, an_order

BASE = "https://pas.example.org/fhir"
UNDER = Enrolment(frozenset(), plan="ACME-MA-HMO-2026")


def parameters(*more, order=True, coverage=True):
    given = [{"name": "coverage", "resource": a_coverage()}] if coverage else []
    given += [{"name": "order", "resource": an_order()}] if order else []
    return {"resourceType": "Parameters", "parameter": [*given, *more]}


class _Payer:
    """A payer as ``select`` sees one."""

    name, phone, time_zone = "Acme Health", "+1-518-555-0100", ZoneInfo("America/New_York")


def insured_by(asked, birth_date=None):
    """Every coverage of the request as of a member of ours."""
    return tuple(Insured(one, _Payer, "ACME0001234", UNDER, birth_date) for one in asked.coverages)


def answered(generation, *more, promises=(), catalog=CATALOG, book=BOOK, today=TODAY, birth_date=None, **what):
    """Return the operation's answer as a client reads it."""
    asked = read_parameters(parameters(*more, **what), generation)
    insured = insured_by(asked, birth_date)
    forms, issues = select(asked, insured, promises, book, catalog, today)
    midnight = datetime.combine(today, datetime.min.time(), NOW.tzinfo)
    packages = [
        Package(
            content(catalog, f"{one.form['id']}|{one.form['version']}", generation, f"{BASE}/{generation}", midnight),
            draft(one, asked, insured, catalog.logic(one.form), NOW, generation, f"{BASE}/{generation}"),
        )
        for one in forms
    ]
    return read_object(write_json(to_parameters(packages, issues, NOW, generation)))


def bundles(answer):
    """Return the package Bundles of an answer."""
    found = (as_dict(one.get("resource")) for one in answer["parameter"])
    return [one for one in found if kind(one) == "Bundle"]


def held(answer, *kinds):
    """Return the resources of these kinds in an answer's first package."""
    return [entry["resource"] for entry in bundles(answer)[0]["entry"] if kind(entry["resource"]) in kinds]


def outcome(answer):
    """Return the issues that the answer tells."""
    found = (as_dict(one.get("resource")) for one in answer["parameter"])
    return [issue for one in found if kind(one) == "OperationOutcome" for issue in one["issue"]]


def the_draft(generation=Generation.V2_0, *more, **what):
    return held(answered(generation, *more, **what), "QuestionnaireResponse")[0]


def given_answers(response):
    """Return the answers by linkId."""
    found, waiting = {}, dicts(response.get("item"))
    while waiting:
        item = waiting.pop(0)
        waiting += dicts(item.get("item"))
        found |= {item["linkId"]: item["answer"]} if "answer" in item else {}
    return found


def targets(extensions):
    return [reference(one["valueReference"]) for one in extensions]


def requester():
    return {"name": "referenced", "resource": a_record().get("Practitioner/lindqvist")}
