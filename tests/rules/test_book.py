"""The policy in force: by code, people, day and priority; and two that contradict each other are refused."""

from dataclasses import replace
from datetime import date

import pytest

from fhir_r4.resource import Coding
from fhir_r4.systems import HCPCS
from rules.book import PolicyBook
from rules.entry import Entry
from rules.load import load_book, load_policy
from rules.overlaps import overlaps
from rules.policy import Status
from rules.scope import Enrolment, Scope
from rules.yaml_lines import FaultyFile
from tests.given import ACME, BOOK, OXYGEN, PLAN, TODAY

CHAIR = """\
policy: {id}
title: A policy of the tests
version: "1"
effective: 2026-01-01
sources: [{{cite: A document, url: "https://acmehealth.example/a"}}]
applies-to: {codes}
coverage-information: {{covered: not-covered}}
decisions: [{{then: not-covered, say: Excluded by the plan.}}]
cases: [{{name: always, given: {{}}, expect: not-covered}}]
{more}
"""


def a_policy(name, codes='{HCPCS: ["E0240"]}', more="", value_sets=None):
    return load_policy(CHAIR.format(id=name, codes=codes, more=more), f"{name}/1.yaml", value_sets)


def found(*policies, code="E0240", on=TODAY, **whose):
    answer = PolicyBook(policies).in_force([Coding(HCPCS, code)], on, **whose)
    return answer and answer[0].id


@pytest.mark.parametrize(("scope", "has"), [
    (Scope(), True),
    (Scope(payers=("urn:oid:2.16.840.1.113883.6.300|00099",)), True),
    (Scope(payers=("urn:oid:2.16.840.1.113883.6.300|1",)), False),
    (Scope(plans=("ACME-MA-*",), lines_of_business=("medicare-advantage",)), True),
    (Scope(plans=("ACME-EX-*",)), False),
    (Scope(products=("HMO",), states=("NY",)), True),
    (Scope(states=("NJ", "CT")), False),
], ids=str)  # fmt: skip
def test_a_policy_is_for_those_whom_its_scope_names(scope, has):
    payer = replace(ACME, plans=(replace(PLAN, product="HMO", state="NY"),))
    assert scope.has(payer.enrolment(PLAN.id)) is has


def test_what_is_not_known_of_somebody_is_not_what_a_policy_names():
    nobody = Enrolment(frozenset())
    assert not Scope(states=("NY",)).has(nobody)
    assert Scope().has(nobody)


def test_where_nobody_is_known_any_policy_with_the_code_is_found():
    """A form is found for an order before anybody says whose coverage it is."""
    policy = a_policy("a", more="scope: {states: [NY]}")
    assert found(policy) == "a"
    assert found(policy, under=Enrolment(frozenset(), state="NJ")) is None


def test_the_higher_priority_wins():
    general, special = a_policy("general"), a_policy("special", more="priority: 5")
    assert found(general, special) == found(special, general) == "special"


def test_of_the_versions_of_a_policy_the_newest_in_force_wins():
    old = a_policy("a")
    new = replace(old, version="2", effective=date(2026, 7, 1))
    book = PolicyBook([new, old])
    assert book.in_force([Coding(HCPCS, "E0240")], date(2026, 6, 30))[0].version == "1"
    assert book.in_force([Coding(HCPCS, "E0240")], date(2026, 7, 1))[0].version == "2"


@pytest.mark.parametrize("status", ["draft", "retired"])
def test_a_version_that_is_not_active_decides_nothing_and_stays_readable(status):
    policy = a_policy("a", more=f"status: {status}")
    assert found(policy) is None
    assert PolicyBook([policy]).version("a", "1").identity.status is Status(status)


def test_a_code_that_is_retired_is_no_longer_the_policy_s():
    policy = a_policy("a", '{HCPCS: [{code: "E0240", until: 2026-06-30}]}')
    assert found(policy, on=date(2026, 6, 30)) == "a"
    assert found(policy, on=date(2026, 7, 1)) is None


def test_a_policy_may_be_for_one_kind_of_order_only():
    policy = a_policy("a", '{orders: [DeviceRequest], HCPCS: ["E0240"]}')
    assert found(policy, order="DeviceRequest") == "a"
    assert found(policy, order="ServiceRequest") is None


def test_value_sets_ship_with_the_policies(tmp_path):
    (tmp_path / "value-sets").mkdir()
    (tmp_path / "a").mkdir()
    shared = 'value-set: chairs\ntitle: Bath chairs\ncodes: {HCPCS: ["E0240-E0249"]}\n'
    (tmp_path / "value-sets" / "chairs.yaml").write_text(shared)
    (tmp_path / "a" / "1.yaml").write_text(CHAIR.format(id="a", codes="{value-sets: [chairs]}", more=""))
    assert load_book(tmp_path).in_force([Coding(HCPCS, "E0245")], TODAY)[0].id == "a"
    (tmp_path / "value-sets" / "chairs.yaml").write_text(shared.replace("E0240-E0249", "E0240-E02"))
    with pytest.raises(FaultyFile, match=r"value-sets/chairs\.yaml:3:"):
        load_book(tmp_path)


@pytest.mark.parametrize(("codes", "more"), [
    ('{HCPCS: ["E0240"]}', ""),
    ('{HCPCS: ["E0230-E0249"]}', ""),
    ('{HCPCS: ["E02*"]}', ""),
    ('{HCPCS: ["E0240"]}', "scope: {states: [NY]}"),
    ('{orders: [DeviceRequest], HCPCS: ["E0240"]}', ""),
], ids=str)  # fmt: skip
def test_two_policies_for_the_same_order_need_a_priority(codes, more):
    both = [a_policy("a"), a_policy("b", codes, more)]
    (fault,) = overlaps(map(Entry.of, both))
    assert "are both for E02" in fault.message
    assert "priority" in fault.suggestion
    assert overlaps(map(Entry.of, both[::-1]))


@pytest.mark.parametrize(("codes", "more", "mine"), [
    ('{HCPCS: ["E0240"]}', "priority: 1", ""),
    ('{HCPCS: ["E0241"]}', "", ""),
    ('{HCPCS: ["E0240"]}', "scope: {states: [NY]}", "scope: {states: [NJ]}"),
    ('{HCPCS: ["E0240"]}', "scope: {plans: [ACME-MA-*]}", "scope: {plans: [ACME-EX-*]}"),
    ('{HCPCS: ["E0240"]}', "status: draft", ""),
    ('{HCPCS: [{code: "E0240", until: 2025-06-30}]}', "", ""),
    ('{orders: [DeviceRequest], HCPCS: ["E0240"]}', "", None),
], ids=str)  # fmt: skip
def test_two_that_never_meet_do_not(codes, more, mine):
    other = a_policy(
        "a", '{orders: [ServiceRequest], HCPCS: ["E0240"]}' if mine is None else '{HCPCS: ["E0240"]}', mine or ""
    )
    assert overlaps(map(Entry.of, [other, a_policy("b", codes, more)])) == []


def test_a_book_in_which_two_policies_contradict_is_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.yaml").write_text(CHAIR.format(id=name, codes='{HCPCS: ["E0240"]}', more=""))
    with pytest.raises(FaultyFile, match="a 1 and b 1 are both for E0240"):
        load_book(tmp_path)


def test_finding_a_policy_looks_at_the_few_that_have_the_code():
    """However many others there are: the look-ups are as many as the code has beginnings."""
    codes = (f'{{HCPCS: ["A{number:04}"]}}' for number in range(300))
    book = PolicyBook([*BOOK, *(a_policy(f"p{index}", code) for index, code in enumerate(codes))])
    assert book.in_force([OXYGEN], TODAY)[0].id == "home-oxygen"
    assert max(map(len, book._by_key.values())) == 1
