"""A reference means the entry that FHIR says it means."""

import pytest

from fhir_r4.bundle import Entries, base_of, is_absolute

URN = "urn:uuid:5d1f0c3e-7a35-4d59-8a55-2f3cb0f1c001"


def bundle(*entries):
    return {"resourceType": "Bundle", "entry": [{"fullUrl": url, "resource": held} for url, held in entries]}


def test_an_exact_full_url_is_found():
    entries = Entries(bundle((URN, {"resourceType": "Patient"})))
    assert entries.resolve(URN, entries[0]) is entries[0]


def test_a_relative_reference_is_relative_to_the_base_of_its_holder():
    entries = Entries(
        bundle(
            ("https://a.example/fhir/Claim/1", {"resourceType": "Claim"}),
            ("https://a.example/fhir/Patient/1", {"resourceType": "Patient", "id": "a"}),
            ("https://b.example/fhir/Patient/1", {"resourceType": "Patient", "id": "b"}),
        )
    )
    assert entries.resolve("Patient/1", entries[0]) is entries[1]


def test_a_relative_reference_below_a_urn_means_nothing():
    entries = Entries(bundle((URN, {}), ("https://a.example/fhir/Patient/1", {"resourceType": "Patient"})))
    assert entries.resolve("Patient/1", entries[0]) is None


@pytest.mark.parametrize("target", [None, "", "Patient", "../Patient/1", "Patient/1/extra/x", "#p", 7])
def test_what_is_no_reference_means_nothing(target):
    entries = Entries(bundle(("https://a.example/fhir/Patient/1", {"resourceType": "Patient"})))
    assert entries.resolve(target if isinstance(target, str) else None, entries[0]) is None


def test_a_closure_reaches_each_entry_once_and_circles_end():
    patient = {"resourceType": "Patient", "managingOrganization": {"reference": "Organization/1"}}
    organization = {"resourceType": "Organization", "partOf": {"reference": "Organization/1"},
                    "contact": [{"x": {"reference": "Patient/1"}}]}  # fmt: skip
    entries = Entries(
        bundle(("https://a.example/fhir/Patient/1", patient), ("https://a.example/fhir/Organization/1", organization))
    )
    assert [one.index for one in entries.closure([entries[0]])] == [0, 1]


def test_a_closure_leaves_out_what_it_is_told_to():
    entries = Entries(bundle(("https://a.example/fhir/Claim/1", {"patient": {"reference": "Patient/1"}}),
                             ("https://a.example/fhir/Patient/1", {"x": {"reference": "Claim/1"}})))  # fmt: skip
    assert [one.index for one in entries.closure([entries[1]], leave=[entries[0].full_url])] == [1]


def test_a_reference_is_followed_whatever_is_escaped_in_it():
    url = 'https://a.example/fhir/Patient/1?name="é\\'
    entries = Entries(bundle((URN, {"resourceType": "Claim", "patient": {"reference": url}}), (url, {"id": "1"})))
    assert entries.reached == [entries[0], entries[1]]


def test_a_key_is_found_in_any_depth_and_not_in_words():
    deep, words = {"contained": [{"text": {"div": "<div/>"}}]}, {"note": [{"text": '"div":'}], "x": "div"}
    entries = Entries(bundle((URN, words), ("https://a.example/fhir/Patient/1", deep)))
    assert entries.having("div") == [entries[1]]


def test_only_a_lenient_reading_guesses_and_says_where():
    held = {"resourceType": "Claim", "patient": {"reference": "Patient/1"}, "insurer": {"reference": "urn:oid:1.2"}}
    given = bundle((URN, held), ("urn:oid:1.2", {"resourceType": "Patient", "id": "1"}))
    strict, lenient = Entries(given), Entries(given, lenient=True)
    assert (strict.dangles(strict[0]), strict.guessed()) == (True, [])
    assert not lenient.dangles(lenient[0])
    assert lenient.guessed() == ["Bundle.entry[0].resource.patient"]


@pytest.mark.parametrize("url", ["https://a.example/fhir/Patient/1", URN, "urn:oid:1.2.3"])
def test_a_full_url_is_absolute(url):
    assert is_absolute(url)


@pytest.mark.parametrize("url", ["Patient/1", "/fhir/Patient/1", "urn:uuid:1", "ftp://a.example/x", "", None, 5])
def test_anything_else_is_not(url):
    assert not is_absolute(url)


def test_the_base_of_a_full_url():
    assert base_of("https://a.example/fhir/Patient/1") == "https://a.example/fhir/"
    assert base_of(URN) is None


@pytest.mark.parametrize("target", ["Patient/1/_history/3", "https://a.example/fhir/Patient/1/_history/3"])
@pytest.mark.parametrize(("meta", "is_it"), [({"versionId": "3"}, True), ({"versionId": "4"}, False), ({}, True)])
def test_a_version_specific_reference_means_the_entry_of_that_version(target, meta, is_it):
    """FHIR R4, Bundle: the version is removed before fullUrl is compared, and is compared with meta.versionId.

    An entry that does not say its version, which many an EHR leaves out, is the only one that can be meant.
    """
    claim = {"resourceType": "Claim", "patient": {"reference": target}}
    patient = {"resourceType": "Patient", "id": "1", "meta": meta}
    entries = Entries(bundle(("https://a.example/fhir/Claim/1", claim), ("https://a.example/fhir/Patient/1", patient)))
    assert (entries.resolve(target, entries[0]) is entries[1]) == is_it
    assert entries.dangles(entries[0]) != is_it
