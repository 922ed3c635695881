"""Where an answer came from: the resource that gives it, or those that give it together, and no other."""

import pytest

from app.dtr.evidence import evidence
from app.dtr.expressions import Expressions
from fhir_r4.generations import Generation
from fhir_r4.resource import as_dict, dicts
from questionnaires.catalog import canonical_of
from questionnaires.populate import information_origin
from tests.given import NOW, a_coverage
from tests.questionnaires.given import answered, held
from tests.questionnaires.test_library import EACH, ORDERS, RECORDS, form_of, searched

ORDER = {"resourceType": "DeviceRequest", "id": "o", "authoredOn": "2026-03-01", "reasonCode": "G35"}
RONA = {"resourceType": "Practitioner", "id": "rona", "name": "Rona"}


def result(number, value, date="2026-02-01"):
    return {"resourceType": "Observation", "id": str(number), "effectiveDateTime": f"{date}T08:00:00Z", "value": value}


def bundle(*resources):
    return {"resourceType": "Bundle", "entry": [{"resource": one} for one in resources]}


def sources(read, *found):
    """Return the references of what led to an answer, which ``read`` works out from order, orderer and results."""

    def ask(variables):
        results = [one["resource"] for one in dicts(as_dict(variables.get("results")).get("entry"))]
        answer = read(
            as_dict(variables.get("order")), as_dict(variables.get("user")), [one["value"] for one in results]
        )
        return {} if answer is None else {"1": [{"valueString": answer}]}

    variables = {"order": ORDER, "user": RONA, "results": bundle(*found)}
    return [one["reference"] for one in evidence(ask(variables), variables, ask).get("1", [])]


def test_what_alone_leads_to_the_answer_is_where_it_came_from():
    found = result(1, 5), result(2, 7)
    assert sources(lambda _order, _user, values: 7 if 7 in values else None, *found) == ["Observation/2"]


def test_of_several_that_say_the_same_the_newest_come_first():
    found = [result(number, 164, f"202{number}-01-01") for number in range(1, 6)]
    newest = ["Observation/5", "Observation/4", "Observation/3"]
    assert sources(lambda _order, _user, values: 164 if values else None, *found) == newest


def test_what_two_results_say_together_came_from_both_and_from_no_third():
    found = result(1, 6), result(2, 3), result(3, 9)
    compared = sources(lambda _order, _user, values: "less" if {3, 9} <= set(values) else None, *found)
    counted = sources(lambda _order, _user, values: len(values) or None, *found)
    assert set(compared) == {"Observation/2", "Observation/3"}
    assert set(counted) == {"Observation/1", "Observation/2", "Observation/3"}


@pytest.mark.parametrize(
    ("read", "whence"),
    [
        (lambda order, _user, _values: order.get("reasonCode"), ["DeviceRequest/o"]),
        (lambda _order, user, _values: user.get("name"), ["Practitioner/rona"]),
        (lambda order, user, _values: order and user.get("name"), ["Practitioner/rona"]),
        (lambda _order, _user, _values: "in seven days", ["Questionnaire"]),
    ],
)
def test_what_the_launch_gives_came_from_who_ordered_or_from_the_order_and_the_rest_from_the_form(read, whence):
    assert sources(read, result(1, 5)) == whence


@EACH
def test_every_answer_of_the_library_s_forms_says_where_it_came_from(name):
    order = RECORDS.get(ORDERS[name][0])
    named = {"name": "questionnaire", "valueCanonical": canonical_of(form_of(name))}
    given = [
        {"name": "coverage", "resource": a_coverage(beneficiary=order["subject"])},
        {"name": "order", "resource": order},
    ]
    package = answered(Generation.V2_2, named, *given, order=False, coverage=False)
    (form,), (draft,) = held(package, "Questionnaire"), held(package, "QuestionnaireResponse")
    expressions = Expressions(form, [*held(package, "Library"), *held(package, "ValueSet")])
    patient, requester = (RECORDS.get(order[element]["reference"]) for element in ("subject", "requester"))
    variables = {"patient": patient, "order": order, "user": requester, "requester": bundle(requester)}
    for _ in range(2):
        asked = expressions.queries({"variables": variables})
        variables |= {one: searched(RECORDS, query) for one, query in asked.items() if one not in variables}
    work = {"variables": variables, "response": draft, "origin": information_origin("auto"), "now": NOW.isoformat()}
    told = expressions.populate(work)["sources"]
    assert len(told) > 3
    assert [link for link, whence in told.items() if not whence] == []
