"""An inquiry finds what it is about, for whoever may know."""

from dataclasses import replace
from datetime import date

import pytest

from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import Identifier
from fhir_r4.systems import NPI
from prior_auth.inquire import answers, read_inquiry
from tests.given import a_certification, an_authorization, an_inquiry_bundle, entry

OWN = [Identifier(NPI, "1234567893")]
AUTHORIZATION = replace(an_authorization(a_certification()), reference="PAREFERENCE01")
INQUIRY = read_inquiry(an_inquiry_bundle())


def asked(**changes):
    return answers(AUTHORIZATION, replace(INQUIRY, **changes), "riverside-ehr", OWN)


def with_item(**changes):
    bundle = an_inquiry_bundle()
    entry(bundle, "Claim")["item"][0] |= changes
    return read_inquiry(bundle)


def test_the_submitter_finds_its_case():
    assert asked()


@pytest.mark.requirement("pas-2.0.1@138", "pas-2.2.1@spec-52")
def test_another_system_finds_it_by_member_number_and_npi():
    assert answers(AUTHORIZATION, replace(INQUIRY, npis=frozenset({"1234567893"})), "somebody-else", OWN)


@pytest.mark.requirement("pas-2.0.1@139", "pas-2.2.1@spec-53")
def test_another_system_without_both_does_not():
    assert not answers(AUTHORIZATION, replace(INQUIRY, npis=frozenset({"9999999999"})), "somebody-else", OWN)
    assert not answers(AUTHORIZATION, replace(INQUIRY, member_ids=("X",)), "somebody-else", OWN)


def test_an_npi_that_is_not_the_client_s_own_opens_nothing():
    """NPIs are public: who asks has to be registered for the one that it asks by."""
    assert not answers(AUTHORIZATION, INQUIRY, "somebody-else", [Identifier(NPI, "1999999984")])
    assert not answers(AUTHORIZATION, INQUIRY, "somebody-else", [])
    assert not answers(AUTHORIZATION, replace(INQUIRY, birth_date=None), "somebody-else", OWN)


def test_the_trace_of_the_inquiry_is_no_search_key():
    bundle = an_inquiry_bundle()
    entry(bundle, "Claim")["identifier"] = [{"system": "urn:x", "value": "never-seen"}]
    assert answers(AUTHORIZATION, read_inquiry(bundle), "riverside-ehr", OWN)


@pytest.mark.parametrize(("number", "found"), [("PA0000000001", True), (AUTHORIZATION.reference, True), ("PA9", False)])
def test_a_number_narrows(number, found):
    extension = {
        "url": "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-authorizationNumber",
        "valueString": number,
    }
    assert answers(AUTHORIZATION, with_item(extension=[extension]), "riverside-ehr", OWN) is found


def test_another_service_is_not_found():
    other = {"coding": [{"system": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "code": "E0431"}]}
    assert not answers(AUTHORIZATION, with_item(productOrService=other), "riverside-ehr", OWN)


@pytest.mark.requirement("pas-2.2.1@spec-43")
def test_not_applicable_asks_for_every_service():
    absent = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "not-applicable"}]
    }
    assert with_item(productOrService=absent).codes == frozenset()
    assert answers(AUTHORIZATION, with_item(productOrService=absent), "riverside-ehr", OWN)


@pytest.mark.parametrize(
    ("starts", "ends", "found"),
    [
        (date(2026, 5, 1), date(2026, 5, 31), True),
        (date(2025, 1, 1), date(2026, 3, 1), True),
        (date(2025, 1, 1), date(2026, 2, 28), False),
        (date(2027, 3, 1), None, False),
        (None, date(2026, 2, 1), False),
    ],
)
@pytest.mark.requirement("pas-2.0.1@124")
def test_days_that_do_not_overlap_are_not_found(starts, ends, found):
    assert asked(starts=starts, ends=ends) is found


def test_a_patient_has_to_be_there():
    bundle = an_inquiry_bundle()
    entry(bundle, "Claim")["patient"] = {"display": "somebody"}
    with pytest.raises(InvalidRequest):
        read_inquiry(bundle)
