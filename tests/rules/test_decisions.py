"""Rows are read down: what they may say, what is missing, and tables beside a policy."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_r4.coverage_information import CoverageInformation, Reason
from rules.decisions import Answer, Because, Cell, Row, Then
from rules.directory import Provider
from rules.evaluate import evaluate
from rules.evidence import Asked
from rules.load import load_policy
from rules.order_time import at_order_time, hangs_on
from rules.trace import Need
from rules.weigh import weigh
from rules.yaml_lines import FaultyFile
from tests.given import BOOK, OXYGEN, TODAY
from tests.rules.given import CLINIC, DAY, FILE, POLICY, TEXT, WHOLE, on


def of(**facts):
    return evaluate(POLICY, {"place": "11"} | facts, DAY, DAY)


def test_a_quantity_is_certified_as_far_as_the_limit_and_the_rest_waits_for_a_person():
    outcome = on()
    assert (outcome.said, outcome.quantity) == ("certify 12 for 6 months", Decimal(12))
    assert (outcome.rest.queue, outcome.rest.say[:4]) == ("therapists", "More")


@pytest.mark.parametrize("facts", [{"used": 19.5}, {"used": Decimal("19.5")}])
def test_a_quantity_may_be_any_number(facts):
    assert of(weight=80, **facts).quantity == Decimal("0.5")


def test_an_amount_that_cannot_be_counted_is_a_person_s():
    outcome = of(weight=80)
    assert (outcome.then, outcome.queue, outcome.quantity, outcome.period) == (Then.PEND, "therapists", None, None)
    assert "quantity 20 - %used: not a number" in outcome.notes


def test_a_benefit_that_is_used_up_is_not_covered_and_says_so():
    outcome = of(used=20)
    assert (outcome.then, outcome.because) == (Then.NOT_COVERED, Because.LIMIT)


def test_an_exclusion_is_the_reason_unless_a_row_says_another():
    chair = BOOK.version("bath-chair", "2026.1")
    assert evaluate(chair, {}, DAY, DAY).because is Because.EXCLUDED


def test_a_trusted_provider_needs_no_authorization():
    assert on(requester=CLINIC).then is Then.NO_AUTH


def test_what_is_pended_goes_to_a_queue():
    assert of(used=1, age=40, weight=130).said == "pend to nurses"


def test_a_card_is_shown_where_it_holds():
    assert [card.code.code for card in on().suggestions] == ["97535"]
    assert on(performers=(Provider("1", "x", "out"),)).suggestions == ()


@pytest.mark.parametrize(("networks", "holds"), [(["in", "in"], True), (["in", "out"], False), ([], False)])
def test_of_several_performers_only_what_is_the_same_of_each_holds(networks, holds):
    outcome = on(performers=tuple(Provider(str(n), "x", one) for n, one in enumerate(networks)))
    assert bool(outcome.suggestions) is holds
    assert any("has several answers" in note for note in outcome.notes) is (len(set(networks)) > 1)


def test_only_what_a_decision_depends_on_is_missing():
    asked = {one.fact: one for one in on(asked=Asked()).missing}
    assert set(asked) == {"place"}
    assert asked["place"].need is Need.LOCATION


def test_missing_facts_are_told_with_their_kind_their_words_and_their_question():
    asked = {one.fact: one for one in evaluate(POLICY, {}, DAY, DAY).missing}
    assert set(asked) == {"trusted", "place", "used", "age", "weight"}
    assert (asked["weight"].ask, asked["weight"].question) == ("The patient's weight", "1")
    assert [asked[name].need for name in ("trusted", "weight", "used")] == [Need.ADMIN, Need.CLINICAL, Need.ADMIN]


def test_what_no_row_can_depend_on_any_more_is_not_asked_for():
    """Above 91 percent no edema would help: nobody is asked about it."""
    oxygen, _ = BOOK.in_force([OXYGEN], TODAY)
    facts = {"spo2": 92, "pao2": 70, "tested": "2026-02-20", "at_rest": True}
    assert evaluate(oxygen, facts, TODAY, TODAY).missing == ()
    assert {one.fact for one in evaluate(oxygen, facts | {"spo2": 89}, TODAY, TODAY).missing} == {"edema", "hematocrit"}
    assert len(evaluate(oxygen, {}, TODAY, TODAY).missing) == 6


def test_what_is_certified_misses_nothing():
    assert on().missing == ()


def said(outcome, policy=POLICY):
    return at_order_time(policy, outcome)


def test_at_order_time_a_missing_place_is_information_that_the_order_lacks():
    says = said(on(asked=Asked()))
    assert (says.pa_needed, says.info_needed, says.doc_needed) == ("conditional", ("location",), ("clinical",))
    assert says.reason.endswith(". To say more of this order, the plan needs the place of service, as CMS's code.")


def test_at_order_time_what_the_order_lacks_is_named_whoever_gives_the_reason():
    row = "say: Tell where it is to be."
    text = TEXT.replace(row, f"{row}, coverage-information: {{reason: Look.}}")
    policy = load_policy(text, FILE, cases=False)
    says = said(weigh(policy, replace(WHOLE, asked=Asked())), policy)
    assert says.reason == "Look. To say more of this order, the plan needs the place of service, as CMS's code."


def test_at_order_time_a_missing_value_is_a_document():
    says = said(of(used=1, age=40))
    assert (says.pa_needed, says.doc_needed, says.info_needed) == ("auth-needed", ("clinical",), ())
    assert says.questionnaire == "therapy|1"


@pytest.mark.parametrize(("outcome", "covered", "needed", "form"), [
    (on(requester=CLINIC), "covered", "no-auth", None),
    (of(used=20), "not-covered", None, None),
    (of(used=1, age=9), "covered", "no-auth", None),
    (of(used=1, age=40, weight=80), "covered", "auth-needed", "therapy|1"),
], ids=["gold card", "used up", "the row says so", "certified"])  # fmt: skip
def test_at_order_time_the_row_speaks(outcome, covered, needed, form):
    says = said(outcome)
    assert (says.covered, says.pa_needed, says.questionnaire) == (covered, needed, form)


def test_at_order_time_a_row_may_ask_for_documents_to_another_end_than_authorization():
    kept = "then: no-auth, coverage-information: {doc-needed: clinical, doc-purpose: [retain-doc, withclaim]}"
    policy = load_policy(TEXT.replace("then: no-auth", kept, 1), FILE, cases=False)
    says = said(evaluate(policy, {"place": "11", "trusted": True}, DAY, DAY), policy)
    assert (says.pa_needed, says.doc_needed) == ("no-auth", ("clinical",))
    assert says.doc_purposes == ("retain-doc", "withclaim")


def test_at_order_time_a_policy_that_says_conditional_gives_a_reason_though_nothing_is_missing():
    policy = load_policy(TEXT.replace("pa-needed: auth-needed", "pa-needed: conditional", 1), FILE, cases=False)
    says = said(evaluate(policy, {"place": "11", "used": 1, "age": 40, "weight": 80}, DAY, DAY), policy)
    assert (says.pa_needed, says.info_needed) == ("conditional", ("OTH",))
    assert says.reason == "See the plan's policy: Therapeutic exercise visits."


def test_at_order_time_what_a_row_says_is_not_covered_asks_for_nothing():
    row = (
        "{when: {minor: yes}, then: certify, for: 6 months, say: A child., coverage-information: {pa-needed: no-auth}}"
    )
    policy = load_policy(
        TEXT.replace(row, row.replace("pa-needed: no-auth", "covered: not-covered")), FILE, cases=False
    )
    says = said(evaluate(policy, {"place": "11", "used": 1, "age": 9}, DAY, DAY), policy)
    assert (says.covered, says.pa_needed, says.doc_needed, says.questionnaire) == ("not-covered", None, (), None)


def test_at_order_time_documents_are_for_an_end_of_their_own_only_where_none_is_authorized():
    row = "  - {then: pend, to: nurses, say: A nurse reviews this request.}"
    more = row.replace("}", ", coverage-information: {doc-needed: clinical, doc-purpose: withclaim}}")
    policy = load_policy(TEXT.replace(row, more), FILE, cases=False)
    says = said(evaluate(policy, {"place": "11", "used": 1, "age": 40}, DAY, DAY), policy)
    assert (says.pa_needed, says.doc_needed) == ("auth-needed", ("clinical",))
    assert (says.doc_purposes, says.questionnaire) == (("withclaim",), "therapy|1")


@pytest.mark.parametrize(
    ("facts", "asked"),
    [
        ({}, {"weight", "age", "site"}),
        ({"age": 40}, {"weight", "site"}),
        ({"weight": 90}, None),  # the cell is not so, whatever is missing
        ({"age": 40, "weight": 80, "site": "L"}, set()),
        ({"age": 40, "weight": 80, "site": "R"}, None),
        ({"age": 40, "weight": "heavy", "site": "L"}, {"weight"}),  # it cannot be compared
    ],
)
def test_a_row_asks_for_the_missing_facts_that_it_depends_on(facts, asked):
    cells = (Cell("weight", "<= 88", (("<=", 88),)), Cell("site", "L", (("=", "L"),)))
    row = Row({"grown": frozenset({Answer.YES})}, Then.PEND, cells=cells)
    grown = Answer.YES if "age" in facts else Answer.MISSING
    assert row.asks_for({"grown": grown}, facts, {"grown": ("age",)}) == asked


def test_a_criterion_that_no_fact_would_answer_asks_for_nothing():
    row = Row({"grown": frozenset({Answer.YES})}, Then.PEND)
    assert row.asks_for({"grown": Answer.MISSING}, {"age": "forty"}, {"grown": ("age",)}) is None


@pytest.mark.parametrize(
    ("facts", "lost", "hangs"),
    [
        ({"trusted": False, "used": 1, "age": 40}, {"weight"}, False),  # certified or a person's: needed either way
        ({"trusted": False, "used": 1}, {"age"}, True),  # a child needs none
        ({"trusted": False, "age": 40}, {"used"}, True),  # the benefit may be used up
        ({"used": 1, "age": 40}, {"trusted"}, True),
        ({"trusted": True}, {"used", "age", "weight"}, False),  # a gold card goes before all of them
        ({"trusted": False, "used": 20}, {"age", "weight"}, False),
        ({"trusted": False, "used": 1, "age": 40, "weight": 80}, {"since"}, False),
    ],
)
def test_what_is_said_hangs_on_a_fact_only_where_a_row_with_its_own_say_may_hold(facts, lost, hangs):
    assert hangs_on(POLICY, of(**facts), lost) is hangs


def test_a_row_below_one_that_a_fact_decides_hangs_on_it_too():
    """Were the weight known, the row that needs no authorization might not be reached."""
    above = "  - {when: {heavy: yes}, then: pend, say: A person looks.}\n  - {when: {minor: yes}, then: certify"
    text = TEXT.replace("  - {when: {minor: yes}, then: certify", above, 1)
    policy = load_policy(text, FILE, cases=False)
    outcome = evaluate(policy, {"place": "11", "trusted": False, "used": 1, "age": 9}, DAY, DAY)
    assert hangs_on(policy, outcome, {"weight"})


FACTS = st.fixed_dictionaries({}, optional={
    "trusted": st.booleans(), "place": st.sampled_from(["11", "12"]), "used": st.integers(0, 30),
    "age": st.integers(0, 100), "weight": st.integers(2, 399), "network": st.sampled_from(["in", "out"])})  # fmt: skip


@given(FACTS)
def test_what_is_said_at_order_time_is_never_what_the_guide_forbids(facts):
    says = said(evaluate(POLICY, facts, DAY, DAY))
    CoverageInformation(
        coverage="Coverage/1",
        covered=says.covered,
        date=DAY,
        coverage_assertion_id="1",
        pa_needed=says.pa_needed,
        doc_needed=says.doc_needed,
        info_needed=says.info_needed,
        questionnaires=(says.questionnaire,) if says.questionnaire else (),
        doc_purposes=says.doc_purposes,
        reasons=(Reason(says.reason),) if says.reason else (),
    )


TABLE = """\
%weight,%age,minor,then,for,quantity,rest,to,say
> 350,,,pend,,,,nurses,Too heavy to be decided here.
56..59 | 61,,no|missing,certify,2 months,5,Five at first.,,
,> 99,,certify,1 month,,,,
"""


def with_table(tmp_path, table=TABLE, row="{table: 1.weights.csv}"):
    (tmp_path / "1.weights.csv").write_text(table)
    text = TEXT.replace("  - when: {heavy: no}", f"  - {row}\n  - when: {{heavy: no}}")
    text += "  - {name: by table, given: {place: '11', weight: 61, used: 1, age: 40}, expect: certify 5 for 2 months}\n"
    return load_policy(text, FILE, tables=tmp_path)


@pytest.mark.parametrize(("weight", "expected"), [
    (351, "pend to nurses"), (61, "certify 5 for 2 months"), (59, "certify 5 for 2 months"),
    (60, "certify 19 for 6 months"), (None, "pend to nurses"),
])  # fmt: skip
def test_a_table_beside_the_policy_is_read_as_decision_rows(tmp_path, weight, expected):
    facts = {"place": "11", "used": 1, "age": 40, "weight": weight}
    assert evaluate(with_table(tmp_path), facts, DAY, DAY).said == expected


def test_a_row_of_a_table_knows_where_it_stands(tmp_path):
    policy = with_table(tmp_path)
    assert (
        policy.rows[evaluate(policy, {"place": "11", "weight": 61}, DAY, DAY).row - 1].table
        == "therapy/1.weights.csv:3"
    )
    missing = evaluate(policy, {"place": "11", "used": 1, "age": 40}, DAY, DAY).missing
    assert [one.fact for one in missing] == ["weight", "trusted"]


def test_what_a_table_certifies_in_part_names_who_looks_at_the_rest(tmp_path):
    policy = with_table(tmp_path, TABLE.replace("Five at first.,,", "Five at first.,therapists,"))
    rest = evaluate(policy, {"place": "11", "weight": 61, "used": 1, "age": 40}, DAY, DAY).rest
    assert (rest.say, rest.queue) == ("Five at first.", "therapists")


@pytest.mark.parametrize(("old", "new", "where", "told"), [
    ("%weight", "%wait", 1, "is called '%wait'"),
    ("then,", "dann,", 1, "is called 'dann'"),
    ("> 350", "> heavy", 2, "'heavy' is nothing to compare weight with"),
    ("2 months,5,", "2 moons,5,", 3, "not a length of time"),
    ("certify,1 month", "deny,1 month", 4, "'deny' is not one of"),
    ("certify,1 month", "certify,", 4, "there is no 'for'"),
    ("no|missing", "perhaps", 3, "'perhaps' is not one of"),
    ("decided here.", "decided here.,,,", 2, "more cells than columns"),
])  # fmt: skip
def test_what_is_wrong_in_a_table_is_told_with_its_line(tmp_path, old, new, where, told):
    with pytest.raises(FaultyFile) as faulty:
        with_table(tmp_path, TABLE.replace(old, new, 1))
    assert any(f"1.weights.csv:{where}:" in str(one) and told in str(one) for one in faulty.value.faults)


@pytest.mark.parametrize(
    "row", ["{table: 2.weights.csv}", "{table: ../1.weights.csv}", "{table: 1.weights.csv, then: pend}"]
)
def test_a_table_stands_beside_the_policy_under_its_own_name(tmp_path, row):
    with pytest.raises(FaultyFile):
        with_table(tmp_path, row=row)


def faults(old, new):
    assert old in TEXT
    with pytest.raises(FaultyFile) as faulty:
        load_policy(TEXT.replace(old, new, 1), FILE)
    return faulty.value.faults


VISITS = "    rest: {to: therapists, say: More than twenty visits a year are looked at.}\n"


@pytest.mark.parametrize(("old", "new", "told", "suggestion"), [
    ("code=http://loinc.org|29463-7", "name=Ada", "'name=Ada' is not searched by", "there is: code"),
    ("path: value", "path: value(", "not FHIRPath", ""),
    ("path: value", "path: \"value.matches('(a+)+')\"", "matches() cannot be bounded", ""),
    ("unit: kg", "unit: kilo", "'kilo' is not a UCUM unit", "write it in UCUM"),
    ("from-to: [1, 400]", "from-to: [400, 1]", "the first bound is above the second", "exchange them"),
    ("within: 90 days", "within: a while", "not a length of time", "write it as '30 days'"),
    ("patient: sex", "patient: gander(", "not FHIRPath", ""),
    ("path: onset", "path: onst", "Condition has no element 'onst'", "did you mean 'onset'?"),
    ("path: onset", "path: Condition.onst.start", "Condition has no element 'onst'", ""),
    ("order: place-of-service", "order: place-of-sevice", "order has no element 'place'", "mean 'place-of-service'?"),
    ("patient: sex", "patient: birthdate", "patient has no element 'birthdate'", "did you mean 'birthDate'?"),
    ('coverage: "class.where', 'coverage: "klass.where', "coverage has no element 'klass'", ""),
    (", path: onset", "", "a record without a path is no date", "the element that is meant: onset"),
    ("priority = 'urgent'", "authoredOn = today()", "today() is another one each time", "compare with %received"),
    ("path: onset", "path: onset.where($this < now())", "now() is another one each time", "compare with %received"),
    ("type: number, patient: age", "type: date, patient: age", "this place gives a number", "write 'type: number'"),
    (', among: {HCPCS: ["K0001-K0008"]}', "", "'has' needs codes", "add 'among'"),
    ('["K0001-K0008"]', '["K0001-K1"]', "is no range", ""),
    ("performer: network", "performer: tier", "'tier' is not one of", "there is: "),
    ("type: boolean, on-file: authorized", "on-file: authorized", "a fact has a unit or a type", "add 'unit'"),
    ('question: "1"', 'question: "1"\n        order: quantity', "one key says where", "write one of question"),
    ("type: date, record", "type: date, recrod", "where a fact comes from", "write one of"),
    ("  age: ", "  service: {type: number, patient: age}\n  age: ", "%service is known", "call it"),
    ("  age: ", "  weeks: {type: number, patient: age}\n  age: ", "'weeks' is a word of FHIRPath", "call it"),
    ('"%age < 18"', '"%age"', "it answers neither yes nor no", "compare it with something"),
    ('"%age < 18"', '"%age < %since"', "%age is a number, and %since is a date", "compare it with a number"),
    ('"%age < 18"', '"%age.startsWith(2)"', "cannot be answered with facts of these types", "compare a number with"),
    ('"20 - %used"', '"20 - %usd"', "no fact is called 'usd'", "did you mean 'used'?"),
    ('code: {CPT: "97535"}', 'code: {CPT: "97535-97540"}', "one code is ordered", "name one"),
    ("when: {in network: yes}", "when: {in net: yes}", "no criterion is called 'in net'", "did you mean 'in network'?"),
    ("then: pend, to: nurses", "then: pend, too: nurses", "there is no key 'too' here", "did you mean 'to'?"),
    ("then: no-auth, say", "then: no-auth, for: 1 month, say", "'for' has no place here", "go with 'then: certify'"),
    (VISITS, "", "there is no 'rest'", "add 'rest': what is asked beyond"),
])  # fmt: skip
def test_each_fault_is_told_with_its_line_and_a_suggestion(old, new, told, suggestion):
    found = [one for one in faults(old, new) if told in one.message]
    assert found
    assert suggestion in found[0].suggestion
    line = next(n for n, text in enumerate(TEXT.splitlines(), 1) if old.splitlines()[0] in text)
    assert abs(found[0].line - line) <= 6


def test_a_row_that_is_never_reached_is_told():
    """Behind rows for minors, for others and for who may be one there is nobody left."""
    rows = "  - {when: {minor: [no, missing]}, then: pend, say: No child.}\n"
    again = "  - {when: {minor: no, heavy: yes}, then: pend, say: Never read.}\n"
    found = faults("  - when: {heavy: no}\n", rows + again + "  - when: {heavy: no}\n")
    assert [one.message[:5] for one in found if "never reached" in one.message] == ["row 6", "row 7", "row 8"]


def test_rows_that_only_together_leave_nothing_are_seen_through():
    rows = "".join(
        f"  - {{when: {{heavy: {one}}}, then: pend, say: One of three.}}\n" for one in ("yes", "no", "missing")
    )
    found = faults("  - when: {heavy: no}\n", rows + "  - when: {used up: no}\n")
    assert any("row 8 is never reached" in one.message for one in found)


def test_a_policy_says_the_same_after_it_was_weighed_often():
    assert on() == on()
    assert replace(on(), row=1) != on()
    assert WHOLE.day == DAY
