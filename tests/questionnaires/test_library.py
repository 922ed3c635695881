"""The library's forms over the sandbox's patients: what the record fills in, and what follows once the rest is told."""

from dataclasses import replace
from decimal import Decimal

import pytest

from fhir_r4.resource import codings
from fhir_r4.systems import CPT, HCPCS, UCUM
from questionnaires.answers import answers_by_question
from questionnaires.catalog import questions
from questionnaires.logic import Clinical
from questionnaires.populate import information_origin, populate
from questionnaires.searches import searches
from rules.evidence import Asked, Evidence
from rules.ports import Standing
from rules.weigh import weigh
from tests.given import BOOK, CATALOG, NOW, TODAY, a_record

RECORDS = a_record()
ORDERS = {  # form: the draft orders for it, whose records are full and sparse
    "coronary-ct": ("ServiceRequest/priya-raman-coronary-ct", "ServiceRequest/thomas-becker-coronary-ct"),
    "infliximab": ("MedicationRequest/natalie-brooks-infliximab", "MedicationRequest/victor-almeida-infliximab"),
    "bariatric-surgery": (
        "ServiceRequest/monica-reyes-bariatric-surgery",
        "ServiceRequest/derek-olsen-bariatric-surgery",
    ),
    "eyelid-surgery": ("ServiceRequest/evelyn-carter-eyelid-surgery", "ServiceRequest/walter-hughes-eyelid-surgery"),
    "brca-testing": ("ServiceRequest/rachel-stein-brca-testing", "ServiceRequest/natalie-brooks-brca-testing"),
}


def quantity(value, unit):
    return {"value": value, "code": unit, "system": UCUM}


def coded(code):
    return {"code": code}


def form_of(name):
    return CATALOG.named(f"{name}|2026.1")


def from_record(name, order):
    """Return the answers that the record gives, by linkId."""
    form, patient = form_of(name), order["subject"]["reference"].partition("/")[2]
    logic = CATALOG.logic(form)
    context = {"patient": RECORDS.get(f"Patient/{patient}"), "requester": RECORDS.get(order["requester"]["reference"])}
    for number, query in enumerate(searches(logic.requirements(form), logic.terminology, patient)):
        matches = RECORDS.search(*query.split("?"))
        context[f"cql {number}"] = {"resourceType": "Bundle", "entry": [{"resource": one} for one in matches]}
    draft = {"resourceType": "QuestionnaireResponse", "status": "completed", "item": [*map(empty, form["item"])]}
    clinical = Clinical.over(logic, form, context, NOW)
    return answers_by_question(populate(form, draft, context, lambda: information_origin("auto"), clinical)[0])


def empty(item):
    return {"linkId": item["linkId"]} | ({"item": [*map(empty, item["item"])]} if "item" in item else {})


def bare(answers):
    """Return the answers as a test writes them, without the order's own four."""
    return {
        link: value.get("value", value.get("code")) if isinstance(value, dict) else value
        for link, (value,) in answers.items()
        if not link.startswith("0.")
    }


def decided(name, order, answers, **changes):
    """Weigh what the form says, and what the order and the payer know; no record beside it."""
    concepts = (order.get(element) for element in ("code", "medicationCodeableConcept"))
    code = next(one for concept in concepts for one in codings(concept) if one.system in {CPT, HCPCS})
    evidence = Evidence(
        authored=TODAY, received=TODAY, code=code, answers=answers, order=order, asked=Asked(Decimal(1)),
        patient=RECORDS.get(order["subject"]["reference"]), on_file=(), others=(),
    )  # fmt: skip
    return weigh(BOOK.version(name, "2026.1"), replace(evidence, **changes))


FILLED = {
    "coronary-ct": {
        "1.1": True, "2.1": True, "2.2": "2026-02-20", "3.1": 62, "3.4": Decimal("28.3"), "4.1": 88,
    },
    "infliximab": {"1.1": "M05", "2.1": Decimal("66.0"), "3.1": True, "3.2": True, "5.1": "2026-01-27"},
    "bariatric-surgery": {
        "1.1": Decimal("115.7"), "1.2": 164, "1.3": Decimal("43.0"), "2.1": True, "3.2": "2026-01-20",
        "3.4": Decimal("2.1"), "4.3": False,
    },
    "eyelid-surgery": {"3.1": "2026-02-01"},
    "brca-testing": {"1.1": True, "2.4": True, "2.5": 41, "2.6": True, "3.4": 2, "3.5": 1, "3.6": 1},
}  # fmt: skip
SPARSE = {
    "coronary-ct": {"1.3": True, "3.1": 94, "4.1": 26, "4.2": True},
    "infliximab": {"1.1": "K50", "2.1": Decimal("70.5"), "3.1": True, "5.1": "2024-06-19"},
    "bariatric-surgery": {"1.1": Decimal("118.9"), "1.2": 181, "1.3": Decimal("36.3"), "4.3": True},
    "eyelid-surgery": {},
    "brca-testing": {"3.4": 1, "3.5": 0, "3.6": 0},
}
TOLD = {  # what the clinician adds to the full record
    "coronary-ct": {"1.2": False, "1.3": False, "3.3": False, "4.2": False},
    "infliximab": {
        "1.2": False, "2.2": quantity(3, "mg/kg"), "2.3": 8, "3.5": True, "4.1": coded("11"), "5.2": False,
    },
    "bariatric-surgery": {"2.2": False, "3.1": True, "3.3": True, "4.1": False},
    "eyelid-surgery": {
        "1.1": False, "1.2": True, "1.3": False, "2.1": quantity(Decimal("1.0"), "mm"), "2.2": True, "2.3": True,
        "3.2": quantity(25, "deg"),
    },
    "brca-testing": {"1.2": False, "2.1": False, "2.2": False, "2.7": False, "3.1": False},
}  # fmt: skip
EACH = pytest.mark.parametrize("name", ORDERS)


def whole(name):
    """Return the order of the full record, and the form as record and clinician fill it."""
    order = RECORDS.get(ORDERS[name][0])
    return order, from_record(name, order) | {link: [value] for link, value in TOLD[name].items()}


@EACH
def test_the_record_fills_in_what_it_knows_and_leaves_the_rest_to_a_person(name):
    for reference, expected in zip(ORDERS[name], (FILLED[name], SPARSE[name]), strict=True):
        given = from_record(name, RECORDS.get(reference))
        assert {"0.1", "0.2", "0.3", "0.4"} <= given.keys()
        assert bare(given) == expected


@EACH
def test_a_full_record_and_a_clinician_s_word_are_certified(name):
    order, answers = whole(name)
    assert answers.keys() <= questions(form_of(name)).keys()
    expected = {
        "infliximab": "certify 100 for 26 weeks",  # 66 kg by 3 mg are two vials, five times
        "eyelid-surgery": "certify 2 for 6 months",
        "coronary-ct": "certify for 90 days",
    }
    outcome = decided(name, order, answers)
    assert (outcome.said, outcome.notes) == (expected.get(name, "certify for 6 months"), ())


@EACH
def test_a_sparse_record_alone_waits_for_a_person(name):
    order = RECORDS.get(ORDERS[name][1])
    outcome = decided(name, order, from_record(name, order))
    assert outcome.then == "pend"
    assert outcome.queue
    assert outcome.missing


@EACH
def test_no_required_answer_can_be_left_out(name):
    """Whatever of them is missing, software certifies nothing without it."""
    order, answers = whole(name)
    policy = BOOK.version(name, "2026.1")
    weighed = {fact.question for fact in policy.facts}
    for link, item in questions(form_of(name)).items():
        if item.get("required") and link in weighed & answers.keys() and link not in SPARE[name]:
            without = {other: value for other, value in answers.items() if other != link}
            assert decided(name, order, without).then == "pend", link


SPARE = {  # an answer that another one makes unnecessary
    "coronary-ct": {"1.2"},  # breathlessness beside pain
    "infliximab": {"3.1"},  # a drug for the bowel, which does not matter to joints
    "bariatric-surgery": {"1.1", "1.2"},  # weight and height beside the body mass index
    "eyelid-surgery": {"2.1", "2.2"},  # a low lid beside skin on the lashes
    "brca-testing": {"2.1", "2.2", "2.4", "2.5", "2.6", "2.7", "3.1", "3.4", "3.5", "3.6"},  # one reason is enough
}


def test_pounds_and_inches_are_weighed_as_kilograms_and_metres():
    order, answers = whole("bariatric-surgery")
    american = {"1.1": [quantity(255, "[lb_av]")], "1.2": [quantity(Decimal("64.5"), "[in_i]")]}
    facts = decided("bariatric-surgery", order, {**answers, **american, "1.3": []}).facts
    assert (round(facts["weight"], 1), round(facts["height"], 3)) == (Decimal("115.7"), Decimal("1.638"))


def test_what_was_authorized_before_is_no_new_start_and_asks_whether_it_helped():
    order, answers = whole("infliximab")
    code = next(one for one in codings(order["medicationCodeableConcept"]) if one.system == HCPCS)
    before = Standing("PA1", (code,), TODAY.replace(year=2025, month=9), TODAY.replace(month=2), Decimal(100))
    outcome = decided("infliximab", order, answers, on_file=(before,))
    assert outcome.said == "pend to pharmacists"
    assert "helped" in {one.fact for one in outcome.missing}
    answers["1.3"] = [True]
    assert decided("infliximab", order, answers, on_file=(before,)).said == "certify 140 for 12 months"


def test_a_second_brca_test_is_beyond_the_benefit_only_where_it_was_authorized_and_made():
    order, answers = whole("brca-testing")
    code = next(iter(codings(order["code"])))
    before = Standing("PA1", (code,), TODAY.replace(year=2019), TODAY.replace(year=2019, month=9))
    said = {
        made: decided("brca-testing", order, answers | {"1.2": [made]}, on_file=(before,)) for made in (True, False)
    }
    assert (said[True].said, said[True].because) == ("not-covered", "limit")
    assert said[False].said == "pend to genetic-counselors"


def test_surgery_of_the_lids_for_looks_is_the_plan_s_exclusion_by_the_surgeon_s_own_word():
    order, answers = whole("eyelid-surgery")
    outcome = decided("eyelid-surgery", order, answers | {"1.1": [True]})
    assert (outcome.said, outcome.because) == ("not-covered", "excluded")
