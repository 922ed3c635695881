"""The library's forms over the sandbox's patients: what the record fills in, and what follows once the rest is told."""

from dataclasses import replace
from decimal import Decimal

import pytest

from fhir_r4.resource import Coding, codings
from fhir_r4.systems import CPT, HCPCS, SNOMED, UCUM
from questionnaires.answers import answers_by_question
from questionnaires.catalog import questions
from questionnaires.logic import Clinical
from questionnaires.populate import information_origin, populate
from questionnaires.scopes import fill_query, queries
from questionnaires.searches import searches
from rules.evidence import Asked, Evidence
from rules.periods import Span
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
    "cpap": ("DeviceRequest/carmen-delgado-cpap", "DeviceRequest/walter-hughes-cpap"),
    "power-wheelchair": (
        "DeviceRequest/dorothy-jenkins-power-wheelchair",
        "DeviceRequest/samuel-ortiz-power-wheelchair",
    ),
    "home-health": ("ServiceRequest/helen-park-home-health", "ServiceRequest/frank-moretti-home-health"),
    "physical-therapy": (
        "ServiceRequest/grace-thompson-physical-therapy",
        "ServiceRequest/louis-bennett-physical-therapy",
    ),
    "skilled-nursing": (
        "ServiceRequest/irene-kowalski-skilled-nursing",
        "ServiceRequest/raymond-fields-skilled-nursing",
    ),
}


def quantity(value, unit):
    return {"value": value, "code": unit, "system": UCUM}


def coded(code):
    return {"code": code}


def form_of(name):
    return CATALOG.named(f"{name}|2026.1")


def from_record(name, order, records=RECORDS):
    """Return the answers that the record gives, by linkId."""
    form, patient = form_of(name), order["subject"]["reference"].partition("/")[2]
    logic = CATALOG.logic(form)
    context = {"patient": records.get(f"Patient/{patient}"), "requester": records.get(order["requester"]["reference"])}
    for number, query in enumerate(searches(logic.requirements(), logic.package.terminology, patient)):
        context[f"cql {number}"] = searched(records, query)
    for one in queries(form):
        if query := fill_query(one.template, context):
            context[one.name] = searched(records, query)
    draft = {"resourceType": "QuestionnaireResponse", "status": "completed", "item": [*map(empty, form["item"])]}
    clinical = Clinical.over(logic, context, NOW)
    return answers_by_question(populate(form, draft, context, lambda: information_origin("auto"), clinical)[0])


def searched(records, query):
    entry = [{"resource": one} for one in records.search(*query.split("?"))]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entry}


def empty(item):
    return {"linkId": item["linkId"]} | ({"item": [*map(empty, item["item"])]} if "item" in item else {})


def of_the_order(name):
    """Return the four questions that every form begins with: the diagnosis, who orders, their NPI, the age."""
    return {item["linkId"] for item in form_of(name)["item"][0]["item"][:4]}


def bare(name, answers):
    """Return the answers as a test writes them, without the order's own four."""
    return {
        link: value.get("value", value.get("code")) if isinstance(value, dict) else value
        for link, (value,) in answers.items()
        if link not in of_the_order(name)
    }


def decided(name, order, answers, **changes):
    """Weigh what the form says, and what the order and the payer know; no record beside it."""
    concepts = (order.get(element) for element in ("code", "codeCodeableConcept", "medicationCodeableConcept"))
    code = next(one for concept in concepts for one in codings(concept) if one.system in {CPT, HCPCS})
    evidence = Evidence(
        authored=TODAY, received=TODAY, code=code, answers=answers, order=order, asked=Asked(Decimal(1)),
        patient=RECORDS.get(order["subject"]["reference"]), on_file=(), others=(),
    )  # fmt: skip
    return weigh(BOOK.version(name, "2026.1"), replace(evidence, **changes))


FILLED = {
    "coronary-ct": {
        "1.1": True, "2.1": True, "2.2": "2026-02-20", "3.1": 62, "3.4": Decimal("28.3"), "4.1": 88, "4.2": False,
    },
    "infliximab": {
        "1.1": "M05", "2.1": Decimal("66.0"), "3.1": True, "3.2": True, "3.4": True,
        "5.1": "2026-01-27",
    },
    "bariatric-surgery": {
        "1.1": Decimal("115.7"), "1.2": 164, "1.3": Decimal("43.0"), "2.1": True, "3.1": True, "3.2": "2026-01-20",
        "3.5": Decimal("2.1"), "4.3": False,
    },
    "eyelid-surgery": {"3.1": "2026-02-01"},
    "brca-testing": {"1.1": True, "2.4": True, "2.5": 41, "2.6": True, "3.4": 2, "3.5": 1, "3.6": 1},
    "cpap": {
        "1.5": "first", "2.1": "2026-01-15", "2.2": "facility", "2.3": "2026-02-08", "2.4": Decimal("31.4"),
        "3.1": True, "3.3": True,
    },
    "power-wheelchair": {"1.5": "2026-02-05", "3.1": Decimal("71.0"), "3.5": False},
    "home-health": {
        "2.1": True, "2.3": True, "2.4": True,
        "2.5": "Homebound: leaving home takes a walker, another person and a taxing effort",
        "3.1": "nursing", "4.1": "2026-02-23", "4.3": 1, "4.4": 9,
    },
    "physical-therapy": {
        "2.1": "2026-02-11", "2.4": 2, "2.5": 6, "3.1": 6, "3.2": True, "3.3": "Pain, 0 to 10: from 6 to 3",
    },
    "skilled-nursing": {"2.2": "2026-02-22", "2.3": "2026-02-28", "2.4": True, "3.4": True, "4.3": 21},
}  # fmt: skip
SPARSE = {
    "coronary-ct": {"1.3": True, "3.1": 94, "4.1": 26, "4.2": True},
    "infliximab": {"1.1": "K50", "2.1": Decimal("70.5"), "3.1": True, "5.1": "2024-06-19"},
    "bariatric-surgery": {"1.1": Decimal("118.9"), "1.2": 181, "1.3": Decimal("36.3"), "4.3": True},
    "eyelid-surgery": {},
    "brca-testing": {"3.4": 1, "3.5": 0, "3.6": 0},
    "cpap": {"1.5": "first", "2.2": "home-iii", "2.3": "2025-12-29", "2.4": Decimal("8.3")},
    "power-wheelchair": {"1.5": "2025-12-21", "3.1": Decimal("142.0"), "3.5": False},
    "home-health": {"3.1": "nursing", "4.3": 1, "4.4": 9},
    "physical-therapy": {},
    "skilled-nursing": {"2.2": "2026-01-13", "2.3": "2026-01-15", "2.4": False},
}
TOLD = {  # what the clinician adds to the full record
    "coronary-ct": {"1.2": False, "1.3": False, "3.3": False},
    "infliximab": {
        "1.2": False, "2.2": quantity(3, "mg/kg"), "2.3": 8, "3.5": True, "4.1": coded("11"), "5.2": False,
    },
    "bariatric-surgery": {"2.2": False, "3.3": True, "3.4": True, "4.1": False},
    "eyelid-surgery": {
        "1.1": False, "1.2": True, "1.3": False, "2.1": quantity(Decimal("1.0"), "mm"), "2.2": True, "2.3": True,
        "3.2": quantity(25, "deg"),
    },
    "brca-testing": {"1.2": False, "2.1": False, "2.2": False, "2.7": False, "3.1": False},
    "cpap": {"2.5": 195},
    "power-wheelchair": {
        "2.1": True, "2.3": False, "2.4": False, "2.5": False, "2.6": True, "3.2": coded("patient"), "3.3": True,
        "3.4": True,
    },
    "home-health": {"3.3": quantity(1, "h"), "3.4": quantity(180, "min"), "4.2": True},
    "physical-therapy": {"2.2": True, "2.3": coded("restore"), "3.4": 2},
    "skilled-nursing": {"3.1": coded("both"), "3.2": 5, "3.5": True, "4.1": True, "4.2": 0},
}  # fmt: skip
EACH = pytest.mark.parametrize("name", ORDERS)
LACK_OF_EFFECT = {"coding": [{"system": SNOMED, "code": "58848006"}]}


def whole(name):
    """Return the order of the full record, and the form as record and clinician fill it."""
    order = RECORDS.get(ORDERS[name][0])
    return order, from_record(name, order) | {link: [value] for link, value in TOLD[name].items()}


@EACH
def test_the_record_fills_in_what_it_knows_and_leaves_the_rest_to_a_person(name):
    for reference, expected in zip(ORDERS[name], (FILLED[name], SPARSE[name]), strict=True):
        given = from_record(name, RECORDS.get(reference))
        assert of_the_order(name) <= given.keys()
        assert bare(name, given) == expected


@EACH
def test_a_full_record_and_a_clinician_s_word_are_certified(name):
    order, answers = whole(name)
    assert answers.keys() <= questions(form_of(name)).keys()
    expected = {
        "infliximab": "certify 100 for 26 weeks",  # 66 kg by 3 mg are two vials, five times
        "eyelid-surgery": "certify 2 for 6 months",
        "coronary-ct": "certify for 90 days",
        "cpap": "certify for 3 months",
        "home-health": "certify 24 for 60 days",
        "physical-therapy": "certify 30 for 90 days",
        "skilled-nursing": "certify 14 for 14 days",
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
    "cpap": set(),
    "power-wheelchair": set(),
    "home-health": {"4.4"},  # the weeks to come, of a first period
    "physical-therapy": {"2.1"},  # the evaluation, once therapy shows progress
    "skilled-nursing": set(),
    "coronary-ct": {"1.2"},  # breathlessness beside pain
    "infliximab": {"3.1", "3.4"},  # drugs for the bowel and for the skin, which do not matter to joints
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


@pytest.mark.parametrize(
    ("earlier", "changes", "lately", "failed"),
    [
        ("J1745", {}, True, None),
        ("Q5103", {}, None, None),  # given, and nobody has said that it failed
        ("Q5103", {"status": "stopped", "statusReason": LACK_OF_EFFECT}, None, True),
        ("J1745", {"status": "stopped", "statusReason": LACK_OF_EFFECT}, None, None),
        ("Q5103", {"status": "stopped"}, None, None),
    ],
)
def test_infusions_of_another_product_are_no_going_on_and_a_biosimilar_has_failed_where_the_order_says_so(
    earlier, changes, lately, failed
):
    records = a_record()
    order = records.get(ORDERS["infliximab"][0])
    concept = {"coding": [{"system": HCPCS, "code": earlier}]}
    done = {"id": "earlier", "status": "completed", "authoredOn": "2025-10-01", "medicationCodeableConcept": concept}
    records.put({name: value for name, value in order.items() if name != "reasonReference"} | done | changes)
    given = bare("infliximab", from_record("infliximab", order, records))
    assert (given.get("1.2"), given.get("3.5")) == (lately, failed)


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


@pytest.mark.parametrize(
    ("code", "said"),
    [("K0823", "certify for 6 months"), ("K0825", "pend to equipment-nurses"), ("K0829", "pend to equipment-nurses")],
)
def test_a_wheelchair_of_another_class_than_the_weight_s_waits(code, said):
    """71 kg are 157 pounds; the chair is the code by which the policy was found."""
    order, answers = whole("power-wheelchair")
    assert decided("power-wheelchair", order, answers, code=Coding(HCPCS, code)).said == said


@pytest.mark.parametrize(("others", "said"), [((), "pend to home-care-nurses"), (("G0299",), "certify 24 for 60 days")])
def test_an_aide_goes_with_skilled_care_of_the_same_request(others, said):
    order, answers = whole("home-health")
    beside = tuple(Coding(HCPCS, code) for code in others)
    assert decided("home-health", order, answers, code=Coding(HCPCS, "G0156"), others=beside).said == said


@pytest.mark.parametrize(
    ("visits", "months_ago", "said"),
    [(20, 2, "certify 10 for 90 days"), (30, 2, "pend to therapists"), (30, 14, "certify 30 for 90 days")],
)
def test_visits_of_the_last_twelve_months_count(visits, months_ago, said):
    order, answers = whole("physical-therapy")
    began = Span(months_ago, "month").before(TODAY)
    before = Standing("PA1", (Coding(CPT, "97140"),), began, Span(1, "month").after(began), Decimal(visits))
    outcome = decided("physical-therapy", order, answers, on_file=(before,))
    assert outcome.said == said
    assert outcome.then == "pend" or outcome.rest.queue == "therapists"


def test_a_stay_is_ordered_in_snomed_ct_and_billed_in_cpt():
    ordered = Coding(SNOMED, "449411000124106")
    found, code = BOOK.in_force([ordered], TODAY, order="ServiceRequest")
    assert (found.id, code) == ("skilled-nursing", ordered)
    assert [one.code for one in found.applies_to.billing_codes(ordered)] == ["99304", "99305", "99306"]
    order, answers = whole("skilled-nursing")
    assert decided("skilled-nursing", order, answers, code=ordered).said == "certify 14 for 14 days"


def test_the_last_days_of_a_benefit_period_are_certified_and_the_rest_waits():
    order, answers = whole("skilled-nursing")
    outcome = decided("skilled-nursing", order, answers | {"4.2": [95]}, asked=Asked(Decimal(14), "31"))
    assert (outcome.said, outcome.rest.queue) == ("certify 5 for 14 days", "benefit-clerks")
    assert decided("skilled-nursing", order, answers | {"4.2": [100]}).because == "limit"
