"""A faulty policy never half-loads: its author is told every fault, with the line."""

import pytest

from rules.load import load_book, load_policy
from rules.need import need_findings
from rules.policy import Status
from rules.yaml_lines import FaultyFile, read_yaml
from tests.given import ROOT

FILE = "home-oxygen/2026.1.yaml"
TEXT = (ROOT / "rules" / "policies" / FILE).read_text()
LAST = "  - then: pend\n    say:  A nurse reviews this request; the values"


def told(old, new, text=TEXT):
    assert old in text
    with pytest.raises(FaultyFile) as faulty:
        load_policy(text.replace(old, new, 1), FILE)
    return faulty.value.faults


def faults(old, new, text=TEXT):
    return [(fault.line, fault.message) for fault in told(old, new, text)]


def line(words):
    return next(number for number, text in enumerate(TEXT.splitlines(), 1) if words in text)


def test_a_code_without_quotes_is_a_number_and_is_said_so():
    (fault,) = told('"E0424"', "72148")
    assert fault.line == line("E0424")
    assert fault.suggestion == 'write it in quotes, "72148"'


def test_a_version_without_quotes_is_a_number_and_is_said_so():
    assert told('"2026.1"', "2026.1")[0].suggestion == 'write it in quotes, "2026.1"'


def test_a_criterion_asks_about_facts_that_exist():
    assert faults("%spo2 <= 88", "%spo <= 88") == [(line("group I:"), "no fact is called 'spo'")]


def test_a_question_that_makes_missing_a_no_is_refused():
    assert "missing" in faults("%spo2 <= 88", "%spo2.exists()")[0][1]


def test_an_expression_that_could_run_away_is_refused():
    assert "cannot be bounded" in faults("%spo2 <= 88", "%spo2.matches('(a+)+')")[0][1]


def test_a_row_names_criteria_that_exist():
    assert faults("- when: {group I: yes}", "- when: {group one: yes}")[0][1] == "no criterion is called 'group one'"


def test_the_last_row_always_holds():
    last = "  - then: pend\n    say:  A nurse reviews this request; the values"
    said = [said for _, said in faults(last, last.replace("- then:", "- when: {at rest: yes}\n    then:"))]
    assert said == ["the last row has no 'when', so that one row always holds"]


def test_rows_below_one_that_always_holds_are_never_reached():
    assert any("never reached" in said for _, said in faults("- when: {group I: yes}\n    then:", "- then:"))


def test_a_case_that_does_not_hold_stops_the_policy():
    (fault,) = faults("for:  3 months", "for:  4 months")[:1]
    assert "expects certify for 3 months" in fault[1]


def test_a_case_that_goes_otherwise_says_why_the_row_that_was_meant_did_not_hold():
    (fault,) = faults("{at_rest: true, spo2: 88, tested: 2026-02-20}", "{at_rest: true, spo2: 88}")
    assert fault == (
        line("88 percent at rest"),
        "case '88 percent at rest' expects certify for 12 months; row 2 says pend",
    )
    (fault,) = faults("{at_rest: true, spo2: 88, tested: 2026-02-20}", "{at_rest: true, spo2: 90, tested: 2026-02-20}")
    assert fault[1].endswith("row 6 says pend: of row 4, “group I” is missing, and the row asks for yes")


@pytest.mark.parametrize(("old", "new", "message", "suggestion"), [
    ("at_rest: true", "at_rest: yes", "at_rest is a boolean", "write true or false"),
    ("at_rest: true", "at_rest: 1", "at_rest is a boolean", "write true or false"),
    ("spo2: 88", 'spo2: "88"', "spo2 is a number", "write it without quotes: 88"),
    ("spo2: 88", "spo2: true", "spo2 is a number", "write it without quotes: 88"),
    ("tested: 2026-02-20", "tested: 2026-02-30", "tested is a date", "write it as 2026-01-31"),
    ("tested: 2026-02-20", "tested: 20", "tested is a date", "write it as 2026-01-31"),
    ("expect: certify for 12 months", "expect: approve", "no row says 'approve'", "did you mean 'certify'?"),
    ("expect: certify for 12 months", "expect: denied", "no row says 'denied'", "a clinician decides"),
    ("expect: pend", "expect: pending", "no row says 'pending'", "did you mean 'pend'?"),
    ("expect: pend", "expect: pend for nurses", "no row says 'pend for nurses'", "'pend to nurses'"),
])  # fmt: skip
def test_a_case_that_tries_nothing_is_told_what_to_write(old, new, message, suggestion):
    """A value of another kind would be missing, and the case would go on to prove something else."""
    found = told(old, new)
    assert [(message in one.message, suggestion in one.suggestion) for one in found] == [(True, True)], list(
        map(str, found)
    )


def test_a_case_may_try_a_number_that_cannot_be_and_a_fact_that_is_not_told():
    load_policy(TEXT.replace("spo2: 0.95", "spo2: 0.5, pao2: null"), FILE)


def test_a_row_that_no_case_reaches_does_not_ship():
    text = TEXT
    for name in ("89 percent with edema", "blood gas of 58 and thick blood"):
        text = "\n".join(one for one in text.splitlines() if name not in one)
    with pytest.raises(FaultyFile, match="no case reaches row 5"):
        load_policy(text, FILE)


def test_there_is_no_word_for_refusing_care():
    (fault,) = faults("then: pend", "then: deny")
    assert "'deny' is not one of ['certify', 'pend', 'not-covered', 'no-auth']" in fault[1]


A_NURSE = "then: pend\n    say:  A nurse reviews this request; the values"


@pytest.mark.parametrize("sentence", ["Not medically necessary.", "Medical necessity is not shown.", "Experimental."])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (A_NURSE, "then: not-covered\n    say:  {} The values"),
        (A_NURSE, "coverage-information: {{covered: not-covered, reason: '{}'}}\n    " + A_NURSE),
        ("covered:       covered", "covered: not-covered\n  reason: '{}'\n  pa-needed: no-auth\nx-rest:"),
    ],
    ids=["a row", "a row at order time", "the policy"],
)
def test_nothing_is_not_covered_for_not_being_needed(sentence, old, new):
    """42 CFR 422.566(d): that is a clinician's verdict, whatever word is used for it."""
    assert speaking_of_need(old, new.format(sentence)) == 1


def test_a_person_may_be_asked_whether_it_is_needed_and_a_plan_may_exclude():
    assert speaking_of_need(A_NURSE, "then: pend\n    say:  Is it medically necessary? The values") == 0
    assert speaking_of_need(A_NURSE, "then: not-covered\n    say:  The plan does not buy this; the values") == 0


def speaking_of_need(old, new):
    """Return how many sentences are refused for that; other faults are no matter here."""
    data = read_yaml(TEXT.replace(old, new, 1), FILE).data
    return len(list(need_findings(data)))


def test_a_day_that_does_not_exist_is_said():
    assert faults("effective: 2026-01-01", "effective: 2026-02-30") == [
        (line("effective:"), "effective: there is no such day")
    ]


def test_the_file_is_named_for_policy_and_version():
    assert "the file is to be" in faults("policy:    home-oxygen", "policy:    home-oxygen-2")[0][1]


@pytest.mark.parametrize("text", ["", "- a list", "{", "policy: [", "a: &x [*x]", "\t"])
def test_what_is_no_policy_at_all_is_told_without_a_crash(text):
    with pytest.raises(FaultyFile):
        load_policy(text, FILE)


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_file_is_called_empty(text):
    with pytest.raises(FaultyFile, match=r"the file is empty"):
        load_policy(text, FILE)


def test_one_approver_is_told_that_two_different_people_are_wanted():
    ((_, message),) = faults("  - {by: Bo Diaz RN, on: 2025-11-05}\n", "")
    assert message == "approved: two different people approve a policy"


@pytest.mark.parametrize("row", [
    "  - then: refuse\n    to: oxygen-nurses\n    say:  A nurse reviews this request; the values",
    "  - then: refuse\n    for: 3 months\n    say:  A nurse reviews this request; the values",
    "  - then: refuse\n    # say:  A nurse reviews this request; the values",
])  # fmt: skip
def test_a_row_whose_then_is_no_word_of_ours_is_one_fault(row):
    ((_, message),) = faults(LAST, row)
    assert "'refuse' is not one of" in message


def test_all_faults_of_all_files_are_told_at_once(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.yaml").write_text("policy: X\n")
    with pytest.raises(FaultyFile) as faulty:
        load_book(tmp_path)
    assert {fault.file for fault in faulty.value.faults} == {"a/1.yaml", "b/1.yaml"}


def test_a_misspelt_name_is_told_with_the_one_that_was_meant():
    (fault,) = told("%spo2 <= 88", "%spo <= 88")
    assert str(fault).endswith("no fact is called 'spo'; did you mean 'spo2'?")


@pytest.mark.parametrize(("old", "new", "message", "suggestion"), [
    ("  pa-needed: ", "\tpa-needed: ", "not YAML", "indent with blanks, not with tabs"),
    ("say:  Send an order", "say:  Send this: an order", "not YAML", "put a text that has a colon in it in quotes"),
    ('"%at_rest"', "%at_rest", "not YAML", "put a text that begins with %, @ or ` in quotes"),
    ("  - when: {group I: yes}", " - when: {group I: yes}", "not YAML", "in the same column"),
    ("at_rest: true, spo2: 88, tested", "at_rest: true, spo2: 88 tested", "not YAML", "part entries by commas"),
    ("title:", "titel:", "there is no 'title'", "add 'title': our own plain title"),
    ("    say:  Send an order", "    to: x #", "there is no 'say'", "add 'say': a sentence for the provider"),
    ("effective: 2026-01-01", "effective: 01/01/2026", "'01/01/2026' is no day", "write it as 2026-01-31"),
    ('HCPCS: ["E0424"]', 'HCPCS: "E0424"', "one value stands where a list is wanted", 'in brackets, ["E0424"]'),
    ("sources:", "sources:\n  - LCD L33797\n", "keys and values are wanted here", "write {cite: …, url: …}"),
    ("https://www.cms.gov", "http://www.cms.gov", "is no address to read on", "write it as https://…"),
    ("policy:    home-oxygen", "policy:    Home Oxygen", "'Home Oxygen' is no name", "such as home-oxygen"),
    ("for:  12 months", "for:  360", "unquoted, 360 is a number", "write it as '12 months'"),
    ("when: {group I: yes}", "when: {group I: true}", "'true' is no answer of a criterion", "write yes"),
    ("then: certify", "then: approve", "'approve' is not one of", "did you mean 'certify'?"),
    ("  spo2: ", "  SpO2: ", "'SpO2' is no name of a fact", "such as care_weeks"),
    ("from-to: [50, 100]", "from-to: 50", "a list is wanted here", "in brackets, [50, 100]"),
    ("from-to: [50, 100]", 'from-to: ["50", 100]', "a number is wanted here", "without quotes"),
    ('at rest:        "%at_rest"', "at rest: true", "a text is wanted here", "in quotes where it begins with %"),
    ("when: {group I: yes}", "when: [group I]", "keys and values are wanted here", "write {a criterion: yes}"),
    ("approved:", "approved: Ada Lin\nx:", "a list is wanted here", "write [{by: …, on: …}]"),
    ("    for:  3 months", "    for:  3 months\n    to: nurses", "'to' goes with 'then: pend'", "leave it out"),
    ('HCPCS: ["E0424"]', "HCPCS: []", "there are 0 here", "write at least 1"),
    ("title:     Home oxygen, stationary system", "title: O2", "that are 2 characters", "write at least 3"),
    ("  summary: ", '  summary: "' + 150 * "x" + '" #', "that are 150 characters", "write at most 139"),
    ("applies-to:", "scope: {states: [New York]}\napplies-to:", "'New York' is no state", "two letters"),
    ("then: pend", "then: deny", "'deny' is not one of", "write 'pend', and a clinician decides"),
], ids=str)  # fmt: skip
def test_a_slip_of_an_author_is_told_in_their_words(old, new, message, suggestion):
    found = told(old, new)
    assert any(message in one.message and suggestion in one.suggestion for one in found), list(map(str, found))


@pytest.mark.parametrize(("criterion", "message", "suggestion"), [
    ("%spo2 <= 88 AND %at_rest", "not FHIRPath", "'and', 'or' and 'in' in small letters"),
    ("%spo2 == 88", "not FHIRPath", "write one ="),
    ("%spo2 => 88", "not FHIRPath", "<=, >= or !="),
    ("%spo2 \u2264 88", "not FHIRPath", "<=, >= or !="),
    ("%spo2 <= 88 && %at_rest", "not FHIRPath", "write 'and' or 'or'"),
    ("%spo2 between 80 and 88", "not FHIRPath", "write both bounds"),
    ("%tested within 30 days", "not FHIRPath", "compare days"),
    ("not %at_rest", "not FHIRPath", "compare it with false"),
    ("%edema = \u2018yes\u2019", "not FHIRPath", "straight quotes"),
    ("spo2 <= 88", "'spo2' is no fact: facts begin with %", "write %spo2"),
    ("%at_rest and edemas", "'edemas' is no fact", "did you mean '%edema'?"),
    ("%spo2 is null", "'is' asks for a type", "let a row's 'when' ask for it"),
    ("%tested >= today() - 30 days", "today() is another one each time", "compare with %received"),
    ("%tested >= now() - 30 days", "now() is another one each time", "compare with %received"),
    ("%tested >= %service - 0.5 years", "no length of time", "write a whole number"),
])  # fmt: skip
def test_a_criterion_that_asks_otherwise_than_meant_is_told_what_to_write(criterion, message, suggestion):
    found = told('"%at_rest"', f'"{criterion}"')
    assert any(message in one.message and suggestion in one.suggestion for one in found), list(map(str, found))
    assert {one.line for one in found if message in one.message} == {line("at rest:  ")}


@pytest.mark.parametrize("criterion", [
    "%spo2 in (88 | 89)", "%tested > @2026-01-31 - 2 weeks", "(%spo2 <= 88 or %edema) xor %at_rest", "%spo2 mod 2 = 0",
    "%edema = true implies %spo2 < 89", "'today() is no fact' = 'x' or %at_rest", "%pao2.abs() > 1",
])  # fmt: skip
def test_words_of_fhirpath_and_texts_are_no_names_of_facts(criterion):
    load_policy(TEXT.replace('"%at_rest"', f'"{criterion}"', 1), FILE, cases=False)


@pytest.mark.parametrize(("old", "new"), [("owner: ", "department: "), ("  edema: ", "  EDEMA: ")])
def test_a_key_that_is_none_is_told_with_its_own_line(old, new):
    assert line(old) in {one.line for one in told(old, new)}


def test_a_key_that_stands_twice_is_not_quietly_the_last():
    ((where, said),) = faults("  recent test: ", "  recent order: 'true'\n  recent test: ")
    assert (where, said) == (line("recent test:"), "'recent order' stands here twice")


@pytest.mark.parametrize("text", ["[" * 100_000, "a:\n" + "\n".join(" " * i + "a:" for i in range(1, 3000))])
def test_a_file_nested_without_end_is_refused_and_not_followed(text):
    with pytest.raises(FaultyFile, match="more than 30 deep"):
        load_policy(text, FILE)


def test_one_person_does_not_approve_twice():
    assert faults("by: Bo Diaz RN", "by: Ada Lin MD")[0][1] == "one person approved it twice"


def test_a_policy_says_who_answers_for_it_and_where_it_is_read():
    identity = load_policy(TEXT.replace("effective:", "status: draft\neffective:", 1), FILE).identity
    assert [one.by for one in identity.approved] == ["Ada Lin MD", "Bo Diaz RN"]
    assert (identity.owner, identity.status) == ("Medical Policy, Equipment", Status.DRAFT)
    assert identity.published_at.section == "4"


@pytest.mark.parametrize(("written", "message", "suggestion"), [
    ('HCPCS: ["72148"]', "'72148' is a CPT code", "list it under CPT"),
    ('HCPCS: ["E1392-E1390"]', "is no range", "the first is smaller"),
    ('CPT: ["7214"]', "'7214' is no code of this system", 'such as "72148"'),
    ('value-sets: ["oxigen"]', "there is no value set 'oxigen'", "there is none"),
    ('HCPCS: [{code: "E0424", until: 2026-02-30}]', "'2026-02-30' is no day", "write it as"),
])  # fmt: skip
def test_a_code_that_is_none_is_told_with_what_would_be_one(written, message, suggestion):
    (fault,) = told('HCPCS: ["E0424"]', written)
    assert message in fault.message
    assert suggestion in str(fault)
    assert fault.line == line("E0424")
