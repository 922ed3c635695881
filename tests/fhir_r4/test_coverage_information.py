"""The extension is written exactly for each generation; what a guide forbids cannot be built."""

from datetime import date

import pytest

from fhir_r4.coverage_information import (
    CoverageInformation,
    Reason,
    assertion_ids,
    extension_2_0,
    extension_2_2,
    says_the_same,
    with_extension,
)
from fhir_r4.resource import extensions, value_of
from fhir_r4.systems import COVERAGE_INFORMATION


def said(**changes):
    return CoverageInformation(
        **{
            "coverage": "Coverage/c1",
            "covered": "covered",
            "pa_needed": "auth-needed",
            "date": date(2026, 3, 1),
            "coverage_assertion_id": "a-1",
        }
        | changes
    )


def values(written):
    found = {}
    for part in written["extension"]:
        found.setdefault(part["url"], []).append(value_of(part))
    return found


@pytest.mark.parametrize(
    "forbidden",
    [
        {"covered": "maybe"},
        {"pa_needed": "perhaps"},
        {"doc_needed": ("both",)},
        {"info_needed": ("weather",), "covered": "conditional"},
        {"questionnaires": ("https://x/Q|1",)},
        {"covered": "not-covered"},
        {"covered": "conditional"},
        {"info_needed": ("performer",)},
        {"pa_needed": "satisfied"},
        {"satisfied_pa_id": "PA1"},
        {"covered": "conditional", "info_needed": ("OTH",)},
        {"covered": "indeterminate"},
        {"doc_needed": ("clinical",), "doc_purposes": ("withpa",), "reasons": (Reason("Why."),)},
        {"doc_needed": ("clinical",), "doc_purposes": ("retain-doc",)},
        {"doc_purposes": ("retain-doc",), "reasons": (Reason("Why."),)},
    ],
)
def test_what_a_guide_forbids_cannot_be_built(forbidden):
    with pytest.raises(ValueError):
        said(**forbidden)


def test_2_0_says_no_auth_beside_not_covered():
    """As published, crd-ci-q2 fails without it."""
    written = extension_2_0(said(covered="not-covered", pa_needed=None))
    assert values(written)["pa-needed"] == ["no-auth"]


@pytest.mark.requirement("crd-2.2.1@resp-44")
def test_2_2_says_nothing_of_authorization_beside_not_covered_and_codes_the_reason():
    reason = Reason("No member was found.", "no-member-found")
    written = extension_2_2(said(covered="not-covered", pa_needed=None, reasons=(reason,)))
    assert "pa-needed" not in values(written)
    assert values(written)["reason"][0]["coding"][0]["code"] == "no-member-found"


def test_2_0_has_no_word_for_indeterminate():
    written = values(extension_2_0(said(covered="indeterminate", pa_needed=None, reasons=(Reason("Try again."),))))
    assert (written["covered"], written["pa-needed"]) == (["conditional"], ["conditional"])
    assert (written["info-needed"], written["reason"]) == (["OTH"], [{"text": "Try again."}])


@pytest.mark.requirement("crd-2.2.1@resp-43")
def test_2_2_says_indeterminate_with_the_technical_reason():
    reason = Reason("Try again.", "technical")
    written = values(extension_2_2(said(covered="indeterminate", pa_needed=None, reasons=(reason,))))
    assert written["covered"] == ["indeterminate"]
    assert written["reason"][0]["coding"][0]["code"] == "technical"


def test_the_purpose_withpa_is_said_in_2_0_only():
    """2.2.1's crd-ci-q4, as published, is an error beside auth-needed."""
    needed = said(doc_needed=("clinical",))
    assert values(extension_2_0(needed))["doc-purpose"] == ["withpa"]
    assert "doc-purpose" not in values(extension_2_2(needed))


def test_another_purpose_is_said_in_both():
    kept = said(doc_needed=("clinical",), doc_purposes=("retain-doc",), reasons=(Reason("Keep it."),))
    assert values(extension_2_0(kept))["doc-purpose"] == ["withpa", "retain-doc"]
    assert values(extension_2_2(kept))["doc-purpose"] == ["retain-doc"]


def test_clinical_and_admin_are_both_in_2_0_and_two_in_2_2():
    needed = said(doc_needed=("clinical", "admin"))
    assert values(extension_2_0(needed))["doc-needed"] == ["both"]
    assert values(extension_2_2(needed))["doc-needed"] == ["clinical", "admin"]


def test_the_contact_is_a_contact_point_in_2_0_and_a_contact_detail_in_2_2():
    with_phone = said(phone="+1-800-555-0100")
    assert values(extension_2_0(with_phone))["contact"] == [{"system": "phone", "value": "+1-800-555-0100"}]
    assert values(extension_2_2(with_phone))["contact"][0]["telecom"][0]["value"] == "+1-800-555-0100"


def test_only_2_2_says_until_when():
    expiring = said(expiry_date=date(2026, 5, 30))
    assert "expiry-date" not in values(extension_2_0(expiring))
    assert values(extension_2_2(expiring))["expiry-date"] == ["2026-05-30"]


@pytest.mark.requirement("crd-2.2.1@resp-37")
def test_the_order_comes_back_as_it_was_with_the_extension_added():
    order = {"resourceType": "DeviceRequest", "id": "1", "extension": [{"url": "x"}], "unheard-of": {"kept": True}}
    changed = with_extension(order, extension_2_0(said()))
    assert {k: v for k, v in changed.items() if k != "extension"} == {
        k: v for k, v in order.items() if k != "extension"
    }
    assert changed["extension"][0] == {"url": "x"}


def test_another_coverage_s_statement_stays_and_ours_is_replaced():
    theirs = extension_2_0(said(coverage="Coverage/other", coverage_assertion_id="theirs"))
    first = with_extension({"resourceType": "DeviceRequest", "extension": [theirs]}, extension_2_0(said()))
    second = with_extension(first, extension_2_0(said(coverage_assertion_id="a-2")))
    assert assertion_ids(second) == ("theirs", "a-2")
    assert len(extensions(second, COVERAGE_INFORMATION)) == 2


@pytest.mark.requirement("crd-2.2.1@resp-35")
def test_a_statement_that_says_nothing_new_is_known_as_such():
    order = with_extension({"resourceType": "DeviceRequest"}, extension_2_2(said()))
    later = extension_2_2(said(coverage_assertion_id="a-2", date=date(2026, 3, 2)))
    day = date(2026, 3, 1)
    assert says_the_same(order, later, since=day)
    assert not says_the_same(order, extension_2_2(said(pa_needed="no-auth")), since=day)
    assert not says_the_same(order, later, since=date(2026, 3, 2))


@pytest.mark.parametrize("junk", [{}, [], {"x": 1}, [["x"]], 5, None])
def test_what_somebody_wrote_into_an_order_before_may_be_anything(junk):
    part = {"url": junk, "valueReference": {"reference": "Coverage/c1"}}
    order = {"resourceType": "DeviceRequest", "extension": [{"url": COVERAGE_INFORMATION, "extension": [part]}]}
    assert not says_the_same(order, extension_2_2(said()), since=date(2026, 3, 1))
