"""A decision explains itself in words: facts with value and source, criteria, rows passed over, the row that won."""

from dataclasses import replace

import pytest

from rules.casework import casework, explain_case
from rules.difference import difference
from rules.evaluate import evaluate
from rules.evidence import Asked
from rules.explain import explain
from rules.load import load_policy
from rules.policy import Case
from rules.reading import reading
from rules.trace import Origin, Trace
from rules.wording import in_words
from tests.given import BOOK, ROOT
from tests.rules.given import DAY, FILE, POLICY, on
from tests.rules.given import TEXT as THERAPY
from tests.rules.test_decisions import with_table

OXYGEN = BOOK.version("home-oxygen", "2026.1")
TEXT = (ROOT / "rules" / "policies" / "home-oxygen" / "2026.1.yaml").read_text()


def changed(*changes):
    """Return home oxygen, version 2026.2, with pieces of its text replaced."""
    text = TEXT.replace('version:   "2026.1"', 'version:   "2026.2"')
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return load_policy(text, "home-oxygen/2026.2.yaml")


def case(**given):
    return Case("a case", given, "pend")


def sentences(before, after):
    return {one.section: list(one.sentences) for one in difference(before, after)}


def test_every_row_above_the_one_that_holds_says_why_it_was_passed_over():
    told = explain_case(OXYGEN, case(at_rest=True, spo2=89, tested="2026-02-20", edema=True))
    assert [row.state for row in told.rows] == ["passed"] * 4 + ["won", "below"]
    assert told.rows[0].because == "“recent order” is yes, and the row asks for no or missing"
    assert told.rows[3].because == "“group I” is missing, and the row asks for yes"
    assert told.follows == "Row 5 holds: certify for 3 months."


def test_each_fact_has_its_value_in_its_unit_and_its_source():
    trace = Trace(
        "home-oxygen", "2026.1", 4, facts={"spo2": 86, "at_rest": True}, origins={"spo2": Origin("question", "2.1")}
    )
    lines = {line.name: (line.value, line.source) for line in explain(OXYGEN, trace).facts}
    assert lines["spo2"] == ("86 %", "the form, question 2.1")
    assert lines["at_rest"] == ("yes", "not recorded")
    assert lines["pao2"] == (None, "")


def test_each_criterion_is_read_in_words_with_its_answer():
    told = explain_case(OXYGEN, case(at_rest=False, spo2=95))
    lines = {line.name: (line.words, line.answer) for line in told.criteria}
    assert lines["group I"] == ("spo2 is at most 88 % or pao2 is at most 55 mm Hg", "missing")
    assert lines["recent test"][1] == "missing"
    assert lines["at rest"] == ("at rest", "no")


def test_what_did_not_count_is_noted_without_its_value():
    told = explain_case(OXYGEN, case(spo2=0.95, tested="2026-02-20", at_rest=True))
    assert told.notes == ("spo2: not a number from 50 to 100, taken as missing",)


@pytest.mark.parametrize(
    "trace", [Trace("home-oxygen", "2025.9", 1), Trace("lumbar-mri", "2026.1", 1), Trace("home-oxygen", "2026.1", 99)]
)
def test_a_trace_of_another_version_is_not_explained_by_this_one(trace):
    with pytest.raises(ValueError, match="not home-oxygen"):
        explain(OXYGEN, trace)


@pytest.mark.parametrize("policy", list(BOOK), ids=str)
def test_every_case_of_every_policy_can_be_explained(policy):
    for one in policy.cases:
        told = explain_case(policy, one)
        assert [row.state for row in told.rows].count("won") == 1
        assert "%" not in "".join(line.words.replace(" %", "") for line in told.criteria)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("%care_weeks >= 6", "care weeks is at least 6"),
        ("%a and (%b or %c)", "a and (b or c)"),
        ("%spo2 = 89 or (%pao2 >= 56 and %pao2 <= 59)", "spo2 is 89 % or (pao2 is at least 56 and pao2 is at most 59)"),
        ("%place in ('11' | '22')", "place is one of (“11” or “22”)"),
        ("%tested > @2026-01-01", "tested is after 2026-01-01"),
        ("%authored <= %received + 1 day", "the day of the order is on or before the day of the request plus 1 day"),
        ("%dose * 2 < 10", "dose times 2 is below 10"),
        ("%drugs.where(code = 'x').count() > 1", "drugs.where(code is “x”).count() is above 1"),
        ("", ""),
        ("%% ?? \x00", "% % ? ? \x00"),
    ],
)
def test_a_question_is_read_aloud(question, words):
    assert in_words(question, {"spo2": "%"}, {"tested"}) == words


def test_the_cases_tell_which_rows_are_never_reached():
    policy = changed()
    done = casework(policy)
    assert done.passed
    without = [one for one in policy.cases if one.expect != "certify for 3 months"]
    done = casework(replace(policy, cases=tuple(without)))
    assert done.unreached == (5,)
    assert not done.passed


def test_a_case_that_goes_otherwise_says_what_was_decided():
    wrong = Case("hopeful", {"at_rest": True, "spo2": 92, "tested": "2026-02-20"}, "certify for 12 months")
    (result,) = casework(replace(OXYGEN, cases=(wrong,))).results
    assert (result.passed, result.said, result.outcome.row) == (False, "pend", 6)


def test_versions_that_say_the_same_do_not_differ():
    assert difference(OXYGEN, changed()) == ()


def test_a_changed_threshold_is_told_in_words():
    later = changed(("%spo2 <= 88 or", "%spo2 <= 87 or"), ("spo2: 88,", "spo2: 87,"))
    told = sentences(OXYGEN, later)
    assert told["Criteria"] == [
        (
            "Changed: group I was: spo2 is at most 88 % or pao2 is at most 55 mm Hg."
            " Now: spo2 is at most 87 % or pao2 is at most 55 mm Hg."
        )
    ]
    assert len(told["Cases"]) == 1


def test_a_row_that_is_new_gone_or_moved_is_told_with_its_place():
    first = (
        "  - when: {recent order: [no, missing]}\n    then: pend\n"
        "    say:  Send an order of the 90 days before the request.\n"
    )
    second = (
        "  - when: {recent test: [no, missing]}\n    then: pend\n"
        "    say:  Send a blood gas or oximetry result from the 30 days before the order.\n"
    )
    moved = sentences(OXYGEN, changed((first + second, second + first)))["Decisions"]
    assert len(moved) == 1
    assert "stood at" in moved[0]
    longer = sentences(
        OXYGEN, changed(("for:  3 months", "for:  6 months"), ("certify for 3 months", "certify for 6 months"))
    )
    assert longer["Decisions"] == [
        (
            "Row 5 was: If “group II range” is yes and “group II sign” is yes: certify for 3 months."
            " Now: If “group II range” is yes and “group II sign” is yes: certify for 6 months."
        )
    ]


def test_codes_and_dates_are_told():
    told = sentences(OXYGEN, changed(('["E0424"]', '["E0439"]'), ("effective: 2026-01-01", "effective: 2026-07-01")))
    assert told["Applies to"] == ["New: HCPCS E0439", "Gone: HCPCS E0424"]
    assert told["About"] == ["Changed: in force from was: 2026-01-01. Now: 2026-07-01."]


@pytest.mark.parametrize("policy", list(BOOK), ids=str)
def test_every_policy_can_be_read_as_words(policy):
    sections = {one.title: one.statements for one in reading(policy)}
    assert len(sections["Decisions"]) == len(policy.rows)
    assert sections["Decisions"][-1].words.startswith("Otherwise: ")
    assert sections["Applies to"]


# a policy that uses all of the language


def test_rows_that_count_say_how_many_here():
    told = explain(POLICY, on().trace())
    assert told.follows == (
        "Row 5 holds: certify up to 20 minus used for 6 months; for the rest, a person decides, in the queue"
        " “therapists” (here 12)."
    )
    spent = explain(POLICY, replace(on().trace(), facts={"used": 20}))
    assert spent.follows.endswith("(here nothing is left to certify: a person decides).")
    assert spent.then == "pend"


def test_each_place_that_a_fact_comes_from_is_said():
    lines = {line.name: line.source for line in explain(POLICY, on().trace()).facts}
    assert lines["weight"] == "the form, question 1"
    assert lines["since"] == "the patient's record, Condition/c1"
    assert lines["trusted"] == "the requester, gold card"
    assert lines["used"] == "what is on file, used"
    assert lines["with_wheelchair"] == "the other orders of the request"


def test_what_is_missing_is_asked_for():
    told = explain(POLICY, on(answers={}, records=(), asked=Asked(None, "11")).trace())
    assert told.asked == ("The patient's weight",)


def test_rows_of_a_table_are_read_as_words_and_say_why_they_were_passed_over(tmp_path):
    policy = with_table(tmp_path)
    words = [one.words for section in reading(policy) if section.title == "Decisions" for one in section.statements]
    assert "If “minor” is no or missing and weight is 56 to 59 or 61: certify up to 5 for 2 months" in words[5]
    told = explain(policy, evaluate(policy, {"place": "11", "used": 1, "age": 40, "weight": 60}, DAY, DAY).trace())
    assert told.rows[4].because == "“weight” is 60, and the row asks for > 350"


def test_all_of_the_language_can_be_read_as_words():
    told = {one.title: {part.name: part.words for part in one.statements} for one in reading(POLICY)}
    assert told["What is asked"]["weight"].startswith(
        "a number from 1 to 400 in kg: question 1 of the form; else the patient's record of the 90 days before"
    )
    assert told["What is asked"]["place"] == "a code: the order's place of service"
    assert told["When it is ordered"]["companion 97535"].startswith("If “in network” is yes")


@pytest.mark.parametrize(
    ("fact", "says"),
    [
        ("exercise", "yes or no: the order's code, one of 97110"),
        ("back", "yes or no: the order's diagnoses, one of M54*"),
        ("with_wheelchair", "request, one of K0001, K0002, K0003, K0004, K0005, K0006, K0007 or K0008"),
        ("tried", "of the 1 year before the service, MedicationRequest?status=active, one of 1657981"),
    ],
)
def test_the_codes_that_are_looked_for_are_told(fact, says):
    told = {one.title: {part.name: part.words for part in one.statements} for one in reading(POLICY)}
    assert says in told["What is asked"][fact]


def test_of_many_codes_the_first_are_told_and_how_many_more():
    text = THERAPY.replace('["K0001-K0008"]', '["K0001-K0009", "E1130"]')
    words = {part.name: part.words for one in reading(load_policy(text, FILE)) for part in one.statements}
    assert words["with_wheelchair"].endswith("K0006, K0007 and 2 more")


def test_another_code_that_is_looked_for_is_a_difference():
    after = load_policy(THERAPY.replace('{ICD-10-CM: ["M54.*"]}}\n  what', '{ICD-10-CM: ["M54.5*"]}}\n  what'), FILE)
    sentences = [sentence for changes in difference(POLICY, after) for sentence in changes.sentences]
    assert any("M54.5*" in one for one in sentences)
