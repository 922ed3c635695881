"""Each fact comes from the most trusted place that has a usable answer, and says which it was."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_r4.resource import Coding
from fhir_r4.systems import CPT, HCPCS, ICD_10_CM
from rules.codes import CodeSet, patterns
from rules.decisions import Then
from rules.directory import Provider
from rules.evidence import Asked, Evidence
from rules.facts import Fact, FactType
from rules.load import load_policy
from rules.plain import plain
from rules.ports import Standing
from rules.search import Search
from rules.trace import Origin
from rules.weigh import weigh
from tests.rules.given import (
    CLINIC,
    DAY,
    FILE,
    POLICY,
    TEXT,
    THERAPY,
    WHOLE,
    a_condition,
    a_prescription,
    an_observation,
    kilograms,
    on,
)

KG = Fact("weight", (), FactType.NUMBER, "kg")


@pytest.mark.parametrize(
    ("type_", "values", "others"),
    [
        (FactType.BOOLEAN, [True, False], [1, 0, "true", None]),
        (FactType.NUMBER, [1, 1.5, Decimal("1.5")], [True, "1", float("inf"), Decimal("NaN"), 0, 201, [1], None]),
        (FactType.DATE, ["2026-02-28"], ["2026-02-30", "2026-02", "20260228", "2026-02-28T10:00:00Z", DAY, 20260228]),
        (FactType.CODE, ["E0424", ""], [424, True, ["E0424"], None]),
    ],
)
def test_a_value_of_another_type_or_beyond_what_can_be_is_no_answer(type_, values, others):
    fact = Fact("it", (), type_, least=Decimal(1), most=Decimal(200))
    assert [fact.holds(value) for value in values] == [True] * len(values)
    assert [fact.holds(value) for value in others] == [False] * len(others)


def test_what_is_expected_is_told_in_words_and_its_bounds_where_there_are_two():
    assert Fact("weight", (), FactType.NUMBER, least=Decimal(1), most=Decimal(400)).kind == "a number from 1 to 400"
    assert Fact("weight", (), FactType.NUMBER, least=Decimal(1)).kind == "a number"
    assert Fact("weight", (), FactType.NUMBER, most=Decimal(400)).kind == "a number"


def test_all_places_are_read():
    facts = on(records=(*WHOLE.records, an_observation(kilograms(1), code="1-8"))).facts
    assert facts == {
        "weight": 80,
        "since": "2025-12-24",
        "tried": True,
        "back": True,
        "what": "97110",
        "exercise": True,
        "asked": 12,
        "place": "11",
        "urgent": True,
        "sequela": "GP",
        "group": "G1",
        "age": 75,
        "sex": "female",
        "network": "in",
        "trusted": False,
        "used": 8,
        "twice": False,
        "with_wheelchair": False,
    }


def test_each_value_says_where_it_comes_from():
    origins = on().origins
    assert origins["weight"] == Origin("question", "1")
    assert origins["since"] == Origin("record", "Condition/c1")
    assert origins["group"].place == "coverage"
    assert str(origins["used"]) == "on-file used"


@pytest.mark.parametrize(("code", "is_exercise"), [("97110", True), ("97140", False)])
def test_a_policy_for_several_codes_knows_by_which_it_was_found(code, is_exercise):
    """However many codings the order itself has."""
    order = WHOLE.order | {"code": {"coding": [{"code": "97110"}, {"code": "97140"}]}}
    facts = on(code=Coding(THERAPY.system, code), order=order).facts
    assert (facts["what"], facts["exercise"]) == (code, is_exercise)


def test_where_the_form_says_nothing_the_record_does():
    outcome = on(answers={})
    assert (outcome.facts["weight"], outcome.origins["weight"]) == (95, Origin("record", "Observation/o1"))


def test_where_nobody_looked_nothing_is_known():
    outcome = weigh(POLICY, Evidence(authored=DAY, received=DAY))
    assert outcome.facts == {}
    assert outcome.notes == ()


@pytest.mark.parametrize(("sent", "weighed"), [
    (kilograms(80), 80),
    (kilograms(Decimal(80000), "g"), 80),
    (kilograms(Decimal(176), "[lb_av]"), Decimal("79.83225712")),
    (kilograms(80, "mm[Hg]"), None),
    (kilograms(80, "stones"), None),
    (kilograms(80) | {"comparator": ">"}, None),
    (kilograms(80) | {"system": "http://acme.example"}, None),
    ({"value": 80, "unit": "kg"}, None),
    (80, None),
    (kilograms(True), None),
    (kilograms(Decimal("1E+999999"), "g"), None),
    (kilograms(Decimal("NaN"), "g"), None),
    (kilograms("80"), None),
], ids=str)  # fmt: skip
def test_a_quantity_is_weighed_in_the_fact_s_own_unit(sent, weighed):
    assert plain(sent, KG) == weighed


def test_kilopascal_becomes_millimetres_of_mercury():
    pressure = Fact("pao2", (), FactType.NUMBER, "mm[Hg]")
    assert round(plain(kilograms(Decimal("7.3"), "kPa"), pressure), 2) == Decimal("54.75")


@pytest.mark.parametrize("bad", [[kilograms(80), kilograms(90)], [kilograms(80), kilograms(90), "?"]])
def test_several_answers_are_none_and_no_less_trusted_place_fills_in(bad):
    outcome = on(answers={"1": bad})
    assert "weight" not in outcome.facts
    assert "The patient's weight: question has several answers, taken as missing" in outcome.notes


def test_the_same_answer_twice_is_one():
    assert on(answers={"1": [kilograms(80), kilograms(Decimal(80000), "g")]}).facts["weight"] == 80


@pytest.mark.parametrize("wrong", [kilograms(80, "cm"), kilograms(800), "80", None, [], {}])
def test_an_answer_that_does_not_count_is_noted_in_the_words_of_its_question_and_the_next_place_is_asked(wrong):
    outcome = on(answers={"1": [wrong]})
    assert outcome.facts["weight"] == 95
    assert "The patient's weight: question 1 is not a number from 1 to 400 in kg" in outcome.notes


@pytest.mark.parametrize("records", [
    (an_observation(kilograms(95), on="2025-11-01"),),
    (an_observation(kilograms(95), on="2026-03-09"),),
    (an_observation(kilograms(95), code="3141-9"),),
    (an_observation(kilograms(95), status="entered-in-error"),),
    (an_observation(kilograms(95), effectiveDateTime="last week"),),
    ({"resourceType": "Observation", "code": "29463-7"}, {"resourceType": ["Observation"]}, {}),
], ids=["too old", "after the service", "another code", "an error", "no day", "no resources"])  # fmt: skip
def test_a_record_outside_what_is_asked_says_nothing(records):
    assert "weight" not in on(answers={}, records=records).facts


def test_the_newest_record_is_read():
    older, newer = an_observation(kilograms(95), "2026-01-20"), an_observation(kilograms(90), "2026-02-25", "o2")
    outcome = on(answers={}, records=(older, newer))
    assert (outcome.facts["weight"], outcome.origins["weight"].at) == (90, "Observation/o2")


def a_procedure(code, day):
    coding = {"system": "http://www.ama-assn.org/go/cpt", "code": code}
    return {"resourceType": "Procedure", "id": f"p{code}", "status": "completed", "performedDateTime": day,
            "code": {"coding": [coding]}}  # fmt: skip


@pytest.mark.parametrize("codes", ['{CPT: ["92081-92083"]}', '{CPT: ["92081-92179"]}'])
def test_the_newest_of_certain_codes_is_not_hidden_by_something_newer(codes):
    written = "{type: date, record: 'Procedure?status=completed&_sort=-date&_count=1', path: performed, among: %s}"
    policy = load_policy(TEXT.replace("since:   ", f"field:   {written % codes}\n  since:   "), FILE)
    records = (
        a_procedure("92081", "2026-02-01"),
        a_procedure("92082", "2026-02-10"),
        a_procedure("99213", "2026-02-20"),
    )
    assert weigh(policy, replace(WHOLE, records=records)).facts["field"] == "2026-02-10"


@pytest.mark.parametrize(
    ("codes", "asked"),
    [
        ('{CPT: ["92081-92083"]}', "Procedure?status=completed&_count=1&code=92081,92082,92083"),
        ('{CPT: ["92081-92179"]}', "Procedure?status=completed"),
        ('{ICD-10-CM: ["I10", "J44.9"]}', "Procedure?status=completed&_count=1&code=I10,J44.9"),
        ('{ICD-10-CM: ["J44.*"]}', "Procedure?status=completed"),
        ('{NDC: ["57894-030-01"]}', "Procedure?status=completed"),
    ],
)
def test_the_ehr_is_asked_for_the_codes_alone_where_they_can_be_named(codes, asked):
    written = "{type: boolean, record: 'Procedure?status=completed&_count=1', among: %s}"
    policy = load_policy(TEXT.replace("since:   ", f"field:   {written % codes}\n  since:   "), FILE)
    (field,) = [fact for fact in policy.facts if fact.name == "field"]
    assert field.searches[0].written == asked


def test_a_search_that_names_its_codes_keeps_them():
    search = Search.parse("Procedure?code=97110&_count=1")
    assert search.among(policy_codes("97110", "97112")) == search


def policy_codes(*codes):
    return CodeSet(pattern for code in codes for pattern in patterns(CPT, code))


def test_a_record_that_is_not_there_is_missing_and_never_no():
    outcome = on(records=())
    assert "tried" not in outcome.facts
    assert "since" not in outcome.facts


@pytest.mark.parametrize("record", [
    a_prescription(status="cancelled"),
    a_prescription(doNotPerform=True),
    a_prescription(authoredOn="2024-12-31"),
    a_condition(code="M54.16", verificationStatus={"coding": [{"system": "x", "code": "refuted"}]}),
    a_condition(code="J44.9"),
], ids=str)  # fmt: skip
def test_what_was_not_done_or_refuted_is_no_record(record):
    facts = on(records=(record,)).facts
    assert not {"tried", "since"} & facts.keys()


def test_a_record_without_a_path_may_be_counted():
    done = {"resourceType": "Procedure", "status": "completed", "performedDateTime": "2026-01-05",
            "code": {"coding": [{"system": THERAPY.system, "code": "97110"}]}}  # fmt: skip
    assert on(records=tuple(done | {"id": f"p{number}"} for number in range(3))).facts["visits"] == 3


def test_the_order_s_diagnoses_are_all_that_it_gives():
    assert on(asked=Asked(diagnoses=(Coding(ICD_10_CM, "J44.9"),))).facts["back"] is False
    assert "back" not in on(asked=Asked()).facts


def test_age_is_that_of_the_day_of_service():
    ages = [on(service=day).facts["age"] for day in (date(2026, 3, 1), date(2026, 3, 2))]
    assert ages == [75, 76]


@pytest.mark.parametrize(("day", "trusted"), [(DAY, True), (date(2026, 6, 30), True), (date(2026, 7, 1), False)])
def test_a_gold_card_is_for_its_services_until_its_day(day, trusted):
    assert on(requester=CLINIC, service=day).facts["trusted"] is trusted
    assert "trusted" not in on(requester=None).facts


def test_what_was_used_is_counted_in_the_window_before_the_service():
    def standing(starts, ends, quantity, code=THERAPY):
        return Standing("PA", (code,), starts, ends, Decimal(quantity))

    spans = (date(2024, 1, 1), date(2025, 2, 28)), (date(2025, 2, 1), date(2025, 3, 31)), (DAY, date(2026, 6, 1))
    other = standing(DAY, DAY, 99, Coding(HCPCS, "E0424"))
    facts = on(on_file=(*(standing(*span, 4) for span in spans), other)).facts
    assert (facts["used"], facts["twice"]) == (8, True)
    assert on(on_file=()).facts["used"] == 0
    assert "used" not in on(on_file=None).facts


def test_orders_of_one_request_know_of_each_other():
    assert on(others=(Coding(HCPCS, "K0003"),)).facts["with_wheelchair"] is True


def test_searches_name_no_patient():
    assert [one.type for one in POLICY.searches] == ["Observation", "Condition", "MedicationRequest", "Procedure"]
    asked = "Observation?patient=p1&code=http://loinc.org|29463-7&_sort=-date&_count=1"
    assert POLICY.searches[0].for_patient("p1") == asked


@pytest.mark.parametrize(
    "wrong",
    ["Patient?name=Ada", "Observation?value-quantity=gt5", "Observation?_sort=date", "Observation?_count=²"],
)
def test_a_search_that_cannot_be_matched_here_is_no_search(wrong):
    with pytest.raises(ValueError, match="there is: "):
        Search.parse(wrong)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "code", "system", "coding", "status", "id", "class"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
RESOURCES = st.builds(
    lambda kind, more: more | {"resourceType": kind},
    st.sampled_from(["Observation", "Condition", "MedicationRequest", "Procedure", "Coverage"]),
    st.dictionaries(
        st.sampled_from(["id", "status", "code", "valueQuantity", "effectiveDateTime", "onsetDateTime", "gender",
                         "medicationCodeableConcept", "class", "birthDate", "clinicalStatus", "priority"]),
        JSON, max_size=6),
)  # fmt: skip


@given(
    answers=st.dictionaries(st.just("1"), st.lists(JSON, max_size=3)),
    records=st.lists(RESOURCES, max_size=4).map(tuple),
    order=st.none() | RESOURCES,
    coverage=st.none() | RESOURCES,
    patient=st.none() | RESOURCES,
    day=st.dates(),
    quantity=st.none() | st.decimals(),
)
def test_weighing_never_raises_whatever_the_evidence(answers, records, order, coverage, patient, day, quantity):
    evidence = replace(
        WHOLE,
        answers=answers,
        records=records,
        order=order,
        coverage=coverage,
        patient=patient,
        authored=day,
        asked=Asked(quantity),
        performers=(Provider("", "", ""),),
    )
    assert weigh(POLICY, evidence).then in Then
