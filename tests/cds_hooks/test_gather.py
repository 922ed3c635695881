"""Whose coverage it is comes from the prefetch, the EHR and the directory, in that order."""

import pytest

from cds_hooks.gather import gather
from cds_hooks.request import read_request
from cds_hooks.services import SERVICES
from fhir_r4.generations import Generation
from fhir_r4.problems import PreconditionFailed
from tests.given import ACME, AMY, EHR, NOW, FakeDirectory, FakeEhr, a_coverage, a_hook, a_patient, hook_knowledge


def gathered(prefetch, ehr=None, **hook):
    request = read_request(a_hook(prefetch=prefetch, **hook), SERVICES["order-sign-crd"], Generation.V2_0)
    return gather(request, ehr or FakeEhr(), FakeDirectory(), hook_knowledge(), NOW)


def first(known):
    """Return the patient's one coverage with a payer of ours."""
    (insured,) = known.insured
    return insured


def bundle(*resources):
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


@pytest.mark.parametrize("coverage", [a_coverage(), bundle(a_coverage())])
def test_a_prefetched_coverage_needs_no_call(coverage):
    ehr = FakeEhr()
    known = first(gathered({"patient": a_patient(), "coverage": coverage}, ehr))
    assert (known.payer, known.member, ehr.asked) == (ACME, AMY, [])


def test_a_coverage_that_is_over_is_not_spoken_about_beside_one_that_is_not():
    """Not every server searches by status."""
    both = bundle(a_coverage(id="before", status="cancelled", order=1), a_coverage(order=2))
    known = first(gathered({"patient": a_patient(), "coverage": both}))
    assert known.coverage["id"] == a_coverage()["id"]


@pytest.mark.parametrize("prefetch", [{}, {"coverage": {"resourceType": "OperationOutcome", "issue": []}}])
def test_what_was_left_out_or_failed_is_read_from_the_ehr(prefetch):
    ehr = FakeEhr()
    assert first(gathered(prefetch, ehr)).member == AMY
    assert ehr.rounds == [["Coverage?patient=amy-baxter&status=active&_include=Coverage:payor", "Patient/amy-baxter"]]


def test_null_means_that_there_is_none_and_is_believed():
    ehr = FakeEhr()
    assert gathered({"coverage": None}, ehr).insured == ()
    assert ehr.asked == []


@pytest.mark.requirement("cds-hooks-2.0@54")
def test_no_coverage_and_no_ehr_is_412():
    with pytest.raises(PreconditionFailed) as refused:
        gathered({}, FakeEhr(down=True))
    assert refused.value.issues[0].expression == "prefetch.coverage"


def test_a_payer_that_only_the_ehr_could_name_is_unavailable_when_it_is_down():
    by_reference = a_coverage(payor=[{"reference": "Organization/acme"}])
    known = first(gathered({"coverage": by_reference}, FakeEhr(down=True)))
    assert known.coverage == by_reference
    assert known.unavailable


def test_a_contained_payer_is_read():
    contained = {"resourceType": "Organization", "id": "org", "identifier": [ACME.identifiers[0].to_fhir()]}
    known = first(gathered({"coverage": a_coverage(payor=[{"reference": "#org"}], contained=[contained])}))
    assert known.payer == ACME


URN, ELSEWHERE = "urn:uuid:5d1f0c3e-7a35-4d59-8a55-2f3cb0f1c001", "https://elsewhere.example.org/r4/Organization/acme"
PAYER = {"resourceType": "Organization", "id": "acme", "identifier": [ACME.identifiers[0].to_fhir()]}


@pytest.mark.parametrize("url", [URN, ELSEWHERE])
def test_a_reference_means_the_entry_with_that_full_url(url):
    ehr, sent = FakeEhr(), bundle(a_coverage(payor=[{"reference": url}]), PAYER)
    sent["entry"][1]["fullUrl"] = url
    assert first(gathered({"coverage": sent}, ehr)).payer == ACME
    assert ehr.asked == []


def test_a_name_within_what_was_sent_is_not_asked_of_the_ehr():
    ehr = FakeEhr()
    assert first(gathered({"coverage": a_coverage(payor=[{"reference": URN}])}, ehr)).unavailable
    assert ehr.asked == []


@pytest.mark.parametrize(
    "spelt", [f"{EHR}/Organization/acme", "http" + EHR[5:] + "/Organization/acme", "Organization/acme/_history/2"]
)
def test_a_reference_to_the_hook_s_server_may_be_absolute_by_http_or_https_or_have_a_version(spelt):
    by_reference = a_coverage(payor=[{"reference": spelt}])
    assert first(gathered({"coverage": by_reference, "payer": PAYER})).payer == ACME
    ehr = FakeEhr()
    assert first(gathered({"coverage": by_reference}, ehr, fhirServer=f"{EHR}/")).payer == ACME
    assert ehr.asked == ["Organization/acme"]


def test_the_coverage_of_a_payer_of_ours_is_chosen_among_several():
    foreign = a_coverage(id="foreign", payor=[{"identifier": {"system": "urn:x", "value": "1"}}])
    known = first(gathered({"coverage": bundle(foreign, a_coverage())}))
    assert known.coverage["id"] == "amy-baxter-acme"


def test_a_coverage_of_another_patient_is_not_this_one_s():
    """Whoever it names by an address elsewhere, or by number alone, may be this patient."""
    theirs = a_coverage(id="theirs", beneficiary={"reference": f"{EHR}/Patient/bernard-okoye"})
    assert gathered({"coverage": theirs}).insured == ()
    assert first(gathered({"coverage": bundle(theirs, a_coverage())})).coverage["id"] == "amy-baxter-acme"
    for named in ({"reference": "https://elsewhere.example.org/Patient/1"}, {"identifier": {"value": "1"}}):
        assert first(gathered({"coverage": a_coverage(beneficiary=named)})).payer == ACME


def test_a_foreign_payer_alone_is_no_coverage_of_ours():
    foreign = a_coverage(payor=[{"identifier": {"system": "urn:x", "value": "1"}}])
    assert gathered({"coverage": foreign}).insured == ()


def test_a_coverage_without_a_number_makes_the_patient_s_be_used():
    bare = a_coverage(identifier=[], subscriberId=None)
    assert first(gathered({"coverage": bare, "patient": a_patient()})).member == AMY
    ehr = FakeEhr()
    assert first(gathered({"coverage": bare}, ehr)).member == AMY
    assert ehr.asked == ["Patient/amy-baxter"]


def test_a_number_under_another_birth_date_is_not_that_member():
    known = gathered({"coverage": a_coverage(), "patient": a_patient(birthDate="1951-02-01")})
    assert first(known).member is None


def test_an_unknown_number_is_nobody():
    assert first(gathered({"coverage": a_coverage(identifier=[], subscriberId="X9")})).member is None
