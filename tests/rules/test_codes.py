"""Codes as they are written, and as they come: ranges, beginnings, other spellings, days."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_r4.resource import Coding
from fhir_r4.systems import CPT, HCPCS, ICD_10_CM, ICD_10_PCS, LOINC, NDC, RXNORM, SNOMED
from rules.codes import CodeSet, patterns
from rules.read_codes import billed_as, code_set
from tests.given import TODAY


def among(system, written, coding, on=TODAY):
    return CodeSet(patterns(system, written)).has(coding, on)


@pytest.mark.parametrize(("system", "written", "sent"), [
    (HCPCS, "E1390-E1392", Coding("urn:oid:2.16.840.1.113883.6.285", "e1391")),
    (CPT, "72148", Coding(HCPCS, "72148")),
    (CPT, "0075T", Coding("urn:oid:2.16.840.1.113883.6.12", "0075t")),
    (ICD_10_CM, "J44.*", Coding("urn:oid:2.16.840.1.113883.6.90", "J44.9")),
    (ICD_10_CM, "J44.9", Coding(ICD_10_CM, "J449")),
    (ICD_10_CM, "J40-J47", Coding(ICD_10_CM, "J45.909")),
    (ICD_10_PCS, "0D16*", Coding("http://terminology.hl7.org/CodeSystem/icd10PCS", "0D160ZA")),
    (NDC, "00002-1433-80", Coding("urn:oid:2.16.840.1.113883.6.69", "0002-1433-80")),
    (NDC, "00002143380", Coding(NDC, "00002-1433-80")),
    (RXNORM, "1657981", Coding("urn:oid:2.16.840.1.113883.6.88", "1657981")),
    (SNOMED, "426854004", Coding("http://snomed.info/sct|20250901", "426854004")),
    (LOINC, "59408-5", Coding("urn:oid:2.16.840.1.113883.6.1", "59408-5")),
], ids=lambda one: getattr(one, "code", str(one)))  # fmt: skip
def test_a_code_is_found_in_each_spelling(system, written, sent):
    assert among(system, written, sent)


@pytest.mark.parametrize(("system", "written", "sent"), [
    (HCPCS, "E1390-E1392", Coding(HCPCS, "E1393")),
    (HCPCS, "E0424", Coding(CPT, "E0424")),
    (CPT, "72148", Coding(HCPCS, "721480")),
    (ICD_10_CM, "J44.9", Coding(ICD_10_CM, "J44")),
    (ICD_10_CM, "J44.*", Coding(ICD_10_CM, "J45.0")),
    (RXNORM, "1657981", Coding(SNOMED, "1657981")),
    (SNOMED, "426854004", Coding("", "")),
], ids=lambda one: getattr(one, "code", str(one)))  # fmt: skip
def test_another_code_is_not(system, written, sent):
    assert not among(system, written, sent)


@given(st.integers(0, 99_999), st.integers(0, 99_999), st.integers(0, 99_999))
def test_a_range_has_exactly_what_lies_between_its_ends(one, other, code):
    low, high = sorted((one, other))
    assert among(CPT, f"{low:05}-{high:05}", Coding(CPT, f"{code:05}")) == (low <= code <= high)


@given(st.integers(0, 9_999), st.integers(0, 9_999), st.integers(0, 9_999), st.sampled_from("TFU"))
def test_a_range_of_codes_that_end_in_a_letter_has_no_others(one, other, code, letter):
    low, high = sorted((one, min(other, one + 200)))
    said = CodeSet(patterns(CPT, f"{low:04}T-{high:04}T"))
    for asked in (code, low, high):
        assert said.has(Coding(CPT, f"{asked:04}{letter}"), TODAY) == (low <= asked <= high and letter == "T")


@pytest.mark.parametrize(("system", "written"), [
    (CPT, "72149-72148"), (CPT, "0070T-0079F"), (CPT, "0070T-72148"), (CPT, "7214-7215"), (CPT, "072148-072149"),
    (HCPCS, "E04-E05"), (HCPCS, "E0424-K0008"), (HCPCS, "E0424-E04245"), (ICD_10_CM, "C4A-C5A"), (ICD_10_CM, "J4-J5"),
    (ICD_10_CM, "J47-J40"),
])  # fmt: skip
def test_what_is_no_range_is_refused(system, written):
    with pytest.raises(ValueError, match="is no range"):
        CodeSet(patterns(system, written))


def test_a_retired_code_is_one_until_its_last_day():
    codes = code_set({"HCPCS": [{"code": "E0441", "from": "2026-01-01", "until": "2026-06-30"}]}, {})
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 6, 30), date(2026, 7, 1)]
    assert [codes.has(Coding(HCPCS, "E0441"), day) for day in days] == [False, True, True, False]


def test_an_order_code_knows_what_it_may_be_billed_as():
    written = {"SNOMED": [{"code": "426854004", "billed-as": {"HCPCS": ["E0424", "E1390"]}}]}
    assert billed_as(written) == {(SNOMED, "426854004"): (Coding(HCPCS, "E0424"), Coding(HCPCS, "E1390"))}
