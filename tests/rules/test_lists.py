"""The lists of what a plan excludes and of what needs no authorization: each line known, and before policies."""

import re
from datetime import date

import pytest

from fhir_r4.resource import Coding
from fhir_r4.systems import CPT, HCPCS
from rules.book import PolicyBook
from rules.decisions import Because, Then
from rules.evaluate import evaluate
from rules.explain import explain
from rules.lists import read_lists
from rules.published import unkept
from rules.scope import Enrolment
from rules.yaml_lines import FaultyFile
from tests.given import BOOK, ROOT

DAY = date(2026, 3, 1)
EXCLUDED, FREE = "plan-exclusions.csv", "no-authorization.csv"
HEAD = "system,code,from,to,reason,plans\n"
FACE = "CPT,15824-15829,2026-01-01,2026-12-31,Excluded: surgery of the face for looks.,ACME-* | OTHER\n"
OXYGEN = "HCPCS,E0424,2026-01-01,,No authorization is needed for home oxygen this year.,\n"
MEMBER = Enrolment(frozenset(), plan="ACME-1")


def faults(text, file=EXCLUDED, **others):
    with pytest.raises(FaultyFile) as faulty:
        read_lists({file: text} | others)
    return [str(fault) for fault in faulty.value.faults]


def book(excluded="", free=""):
    return PolicyBook(BOOK.entries, read_lists({EXCLUDED: HEAD + excluded, FREE: HEAD + free}))


def found(in_book, code="15826", system=CPT, on=DAY, under=MEMBER):
    answer = in_book.in_force([Coding(system, code)], on, under=under)
    return answer and answer[0]


def test_without_lists_there_is_nothing():
    assert read_lists({}) == []


def test_a_line_is_a_policy_of_one_row_that_knows_its_line():
    policy = found(book(FACE))
    outcome = evaluate(policy, {}, DAY, DAY)
    assert (outcome.then, outcome.because) == (Then.NOT_COVERED, Because.EXCLUDED)
    assert outcome.say == "Excluded: surgery of the face for looks."
    trace = outcome.trace()
    assert (trace.policy, trace.table, trace.to_json()["table"]) == (policy.id, f"{EXCLUDED}:2", f"{EXCLUDED}:2")
    assert explain(policy, trace).follows == f"Line 2 of {EXCLUDED} holds: not covered by the plan."


@pytest.mark.parametrize(("asked", "there"), [
    ({}, True),
    ({"code": "15830"}, False),
    ({"on": date(2025, 12, 31)}, False),
    ({"on": date(2026, 12, 31)}, True),
    ({"on": date(2027, 1, 1)}, False),
    ({"under": Enrolment(frozenset(), plan="OTHER")}, True),
    ({"under": Enrolment(frozenset(), plan="THEIRS")}, False),
    ({"under": Enrolment(frozenset())}, False),
], ids=str)  # fmt: skip
def test_a_line_holds_for_its_codes_days_and_plans(asked, there):
    assert (found(book(FACE), **asked) is not None) is there


def test_who_is_meant_may_be_said_as_a_policy_says_it():
    head = "system,code,from,reason,payers,lines-of-business,products,states,url\n"
    line = "HCPCS,E0240,2026-01-01,A bath chair is excluded.,urn:a|1 urn:b|2,medicaid | chip,HMO,NY,https://acmehealth.example/b\n"
    (entry,) = read_lists({EXCLUDED: head + line})
    scope = entry.scope
    assert (scope.payers, scope.lines_of_business, scope.products, scope.states) == (
        ("urn:a|1", "urn:b|2"), ("medicaid", "chip"), ("HMO",), ("NY",)
    )  # fmt: skip
    assert entry.open().sources[0].url == "https://acmehealth.example/b"


def test_a_list_goes_before_a_policy():
    assert found(book(), "E0424", HCPCS).id == "home-oxygen"
    policy = found(book(free=OXYGEN), "E0424", HCPCS)
    assert (policy.id, evaluate(policy, {}, DAY, DAY).then) == ("no-authorization", Then.NO_AUTH)


def test_lines_are_not_among_the_policies_that_people_read():
    with_lists = book(FACE, OXYGEN)
    assert with_lists.entries == BOOK.entries
    assert [entry.line for entry in with_lists.lists] == [f"{EXCLUDED}:2", f"{FREE}:2"]


def test_a_code_whose_line_has_ended_was_known_to_the_plan():
    """Then a person looks, rather than the plan's default."""
    assert book(FACE).knows([Coding(CPT, "15824")], MEMBER)


@pytest.mark.parametrize(("line", "says"), [
    ("CPD,15824,2026-01-01,,A reason.,", "the system is none; did you mean 'CPT'?"),
    ("CPT,1582,2026-01-01,,A reason.,", "'1582' is no code of this system"),
    ("CPT,,2026-01-01,,A reason.,", "'' is no code of this system"),
    ("HCPCS,15824,2026-01-01,,A reason.,", "list it under CPT"),
    ("CPT,15824,,,A reason.,", "'from' is no day; write it as 2026-01-31"),
    ("CPT,15824,2026-02-30,,A reason.,", "'from' is no day"),
    ("CPT,15824,2026-01-01,soon,A reason.,", "'to' is no day"),
    ("CPT,15824,2026-01-01,,,", "it gives no reason"),
    ("CPT,15824,2026-01-01,,A reason.,,,", "more cells than columns"),
    ("CPT", "'from' is no day"),
], ids=str)  # fmt: skip
def test_each_fault_is_told_with_its_line(line, says):
    (fault,) = faults(f"{HEAD}{FACE}{line}\n")
    assert fault.startswith(f"{EXCLUDED}:3: ")
    assert says in fault


@pytest.mark.parametrize(("column", "cell", "says"), [
    ("lines-of-business", "medicare advantage", "did you mean 'medicare-advantage'?"),
    ("lines-of-business", "medicaid | dental", "a line of business is none"),
    ("states", "New York", "write two letters, as in an address: NY"),
    ("states", "NY | ny", "a state is none"),
    ("url", "http://acmehealth.example", "write it as https://"),
], ids=str)  # fmt: skip
def test_for_whom_a_line_is_cannot_be_misspelt(column, cell, says):
    """Or it would be for nobody, and nobody would be told."""
    (fault,) = faults(f"system,code,from,reason,{column}\nCPT,15824,2026-01-01,A reason.,{cell}\n")
    assert says in fault


@pytest.mark.parametrize("reason", [
    "Not medically necessary.",
    "Medical necessity is not shown.",
    "This is experimental.",
    "Investigational and unproven treatment.",
    "It is not necessary after a stroke.",
    "Unnecessary surgery.",
])  # fmt: skip
@pytest.mark.parametrize("file", [EXCLUDED, FREE])
def test_a_list_never_judges_who_needs_what(reason, file):
    """That is a clinician's verdict (42 CFR 422.566(d)); a list says what the plan buys."""
    (fault,) = faults(f"{HEAD}CPT,15824,2026-01-01,,{reason},\n", file)
    assert "not who needs it; write a policy that pends to a person" in fault


def test_all_faults_of_both_files_are_told_at_once():
    told = faults(f"{HEAD}x,,,,,\ny,,,,,\n", **{FREE: f"{HEAD}z,,,,,\n"})
    assert [one.partition(": ")[0] for one in told] == [f"{EXCLUDED}:2", f"{EXCLUDED}:3", f"{FREE}:2"]


@pytest.mark.parametrize(("head", "says"), [
    ("system,code,to,reason\n", "no column from"),
    ("system,code,from,reason,plan\n", "'plan' is no column of a list; did you mean 'plans'?"),
    ("", "no column code"),
])  # fmt: skip
def test_a_column_that_is_not_there_or_not_known_is_named(head, says):
    assert says in faults(head)[0]


def test_the_same_line_twice_is_a_fault():
    (fault,) = faults(f"{HEAD}{FACE}{FACE}")
    assert "it says the same as line 2" in fault


def test_what_is_excluded_cannot_be_free_of_authorization_too():
    (fault,) = [*faults(HEAD + FACE, **{FREE: f"{HEAD}CPT,15826,2026-06-01,,Nothing is asked.,ACME-1\n"})][:1]
    assert fault.startswith(f"{EXCLUDED}:2: {FREE}:2 says otherwise")
    for apart in ("CPT,15826,2027-01-01,,Nothing is asked.,", "CPT,15826,2026-06-01,,Nothing is asked.,THEIRS"):
        assert len(read_lists({EXCLUDED: HEAD + FACE, FREE: f"{HEAD}{apart}\n"})) == 2


def test_a_file_as_spreadsheets_save_it_is_read():
    (entry,) = read_lists({EXCLUDED: "\ufeff" + (HEAD + FACE).replace("\n", "\r\n")})
    assert entry.line == f"{EXCLUDED}:2"


def test_a_line_may_be_ended_and_moved_and_stays_the_same():
    before = book(FACE)
    ended = FACE.replace("2026-12-31", "2026-03-31")
    after = book("CPT,15820,2026-01-01,,Excluded: bags under the eyes.,\n" + ended)
    assert unkept(before, after) == []
    version = before.lists[0].version
    assert after.version("plan-exclusions", version).expires == date(2026, 3, 31)
    assert after.version("plan-exclusions", version).line == f"{EXCLUDED}:3"


@pytest.mark.parametrize("now", ["", FACE.replace("looks", "beauty"), FACE.replace("15824", "15825")])
def test_a_line_that_was_at_work_never_changes_and_never_goes(now):
    """What was promised by it at order time is honoured."""
    (fault,) = unkept(book(FACE), book(now))
    assert str(fault).startswith(f"{EXCLUDED}:2: a line that was at work is gone or was changed")


def test_the_example_for_policy_staff_is_right():
    page = (ROOT / "docs" / "policies.md").read_text()
    example = next(text for text in re.findall(r"```csv\n(.*?)```", page, re.DOTALL) if text.startswith("system"))
    assert len(read_lists({EXCLUDED: example})) == 2
