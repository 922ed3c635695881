"""What is asked about is told as it is now; what is read by its id is one's own; what is withheld is said."""

import pytest

from app.registration import Registration, register
from app.storage import tables
from fhir_r4.wire import read_json
from prior_auth.decision import ReviewAction
from tests.app.subscribers import a_pended_case, decide
from tests.given import a_form_response, a_submission_bundle, an_inquiry_bundle, entry
from tests.second_opinion import assert_profiled

BOTH = pytest.mark.parametrize("version", ["2.0", "2.2"])
READ = "system/Claim.rs system/ClaimResponse.rs"


def bundles(answer, version):
    body = read_json(answer.data)
    assert answer.status_code == 200, answer.data
    return [body] if version == "2.0" else [one["resource"] for one in body.get("parameter", [])]


def responses(answer, version):
    held = [one["resource"] for bundle in bundles(answer, version) for one in bundle["entry"]]
    return [one for one in held if one["resourceType"] == "ClaimResponse"]


def outcomes(answer, version):
    held = [one["resource"] for bundle in bundles(answer, version) for one in bundle["entry"]]
    return [issue for one in held if one["resourceType"] == "OperationOutcome" for issue in one["issue"]]


def read(house, path, client="riverside-ehr", scope=READ):
    return house.web.get(f"/fhir/{path}", headers={"Authorization": f"Bearer {house.token(scope, client)}"})


def a_clinic_of_its_own(house, npi="1999999984"):
    """Register a provider that has nothing to do with Amy's case, and return its inquiry about her."""
    keys = str(house.config.data / "keys.json")
    scopes = tuple(READ.split())
    register(house.config, Registration(name="elsewhere", organizations=(npi,), scopes=scopes, jwks=keys))
    bundle = an_inquiry_bundle()
    entry(bundle, "Organization")  # there is one
    for one in bundle["entry"]:
        if one["resource"].get("id") == "riverside":
            one["resource"]["identifier"] = [{"system": "http://hl7.org/fhir/sid/us-npi", "value": npi}]
    return bundle


@BOTH
@pytest.mark.requirement("pas-2.0.1@131", "pas-2.2.1@spec-46", "pas-2.0.1@182")
def test_every_item_is_told_as_it_is_now(house, version):
    decide(house, a_pended_case(house), ReviewAction.CERTIFIED)
    (told,) = responses(house.inquire(an_inquiry_bundle(), version), version)
    assert [one["itemSequence"] for one in told["item"]] == [1]
    (review,) = told["item"][0]["adjudication"][0]["extension"]
    (code,) = [one for one in review["extension"] if one["url"].endswith("reviewActionCode")]
    assert code["valueCodeableConcept"]["coding"][0]["code"] == "A1"


@BOTH
@pytest.mark.requirement("pas-2.0.1@7", "pas-2.2.1@spec-44")
def test_each_answer_keeps_to_its_profiles_and_names_its_claim(house, version):
    house.submit(a_submission_bundle(), version)
    answer = house.inquire(an_inquiry_bundle(), version)
    for bundle in bundles(answer, version):
        assert_profiled(bundle, version, references="open")
        assert bundle["entry"][0]["resource"]["request"]["reference"].partition("/Claim/")[2]


@BOTH
def test_an_answer_that_finds_nothing_keeps_to_its_profile_too(house, version):
    for bundle in bundles(house.inquire(an_inquiry_bundle(), version), version):
        assert_profiled(bundle, version, references="open")


@pytest.mark.requirement("pas-2.0.1@155")
def test_somebody_may_ask_as_often_as_they_like(house):
    house.submit(a_submission_bundle())
    token = house.token()
    bundle = an_inquiry_bundle()
    assert {house.inquire(bundle, token=token).status_code for _ in range(60)} == {200}


@BOTH
def test_several_cases_are_told_in_the_generation_s_way(house, version):
    house.submit(a_submission_bundle(), version)
    house.submit(a_submission_bundle(form=a_form_response({"2.1": None})), version)
    answer = house.inquire(an_inquiry_bundle(), version)
    assert len(responses(answer, version)) == 2
    assert len(bundles(answer, version)) == {"2.0": 1, "2.2": 2}[version]


@BOTH
@pytest.mark.requirement("pas-2.2.1@spec-50", "pas-2.2.1@spec-49")
def test_what_is_withheld_is_said_with_a_number_to_call_and_nothing_of_what_it_is(house, version):
    house.submit(a_submission_bundle(), version)
    asking = a_clinic_of_its_own(house)
    token = house.token(READ, "elsewhere")
    answer = house.inquire(asking, version, token=token)
    assert responses(answer, version) == []
    (issue,) = outcomes(answer, version)
    assert (issue["severity"], issue["code"]) == ("warning", "suppressed")
    assert "Please call" in issue["diagnostics"]
    for bundle in bundles(answer, version):
        assert_profiled(bundle, version, references="open")
    number = house.rows(tables.authorizations)[0]["number"]
    assert number not in answer.text


@BOTH
def test_who_knows_nothing_of_the_person_is_not_told_that_there_is_something(house, version):
    house.submit(a_submission_bundle(), version)
    asking = a_clinic_of_its_own(house)
    entry(asking, "Patient")["birthDate"] = "1951-02-01"
    answer = house.inquire(asking, version, token=house.token(READ, "elsewhere"))
    entry(asking, "Patient")["identifier"][0]["value"] = "nobody-s"
    entry(asking, "Coverage").pop("identifier", None)
    entry(asking, "Coverage")["subscriberId"] = "nobody-s"
    of_nobody = house.inquire(asking, version, token=house.token(READ, "elsewhere"))
    (told,), (as_told,) = responses(answer, version), responses(of_nobody, version)
    assert outcomes(answer, version) == []
    assert told["error"] == as_told["error"]


@BOTH
@pytest.mark.parametrize(
    ("kind", "identifiers", "code"),
    [
        ("Patient", [{"system": "https://clinic.example.org/members", "value": "nobody-s"}], "75"),
        ("Organization", [{"system": "https://other.example.org/insurers", "value": "1"}], "79"),
    ],
)
def test_an_inquiry_about_nobody_known_is_a_business_error_with_no_claim_behind_it(
    house, version, kind, identifiers, code
):
    asking = an_inquiry_bundle()
    claim = entry(asking, "Claim")
    wanted = {"Patient": "patient", "Organization": "insurer"}[kind]
    for one in asking["entry"]:
        if one["fullUrl"].endswith(claim[wanted]["reference"]):
            one["resource"]["identifier"] = identifiers
    entry(asking, "Coverage").pop("identifier", None)
    entry(asking, "Coverage")["subscriberId"] = "nobody-s"
    answer = house.inquire(asking, version)
    (bundle,), (told,) = bundles(answer, version), responses(answer, version)
    assert_profiled(bundle, version)
    assert (told["outcome"], told["error"][0]["code"]["coding"][0]["code"]) == ("error", code)
    assert told["request"]["extension"][0]["valueCode"] == "not-applicable"
    assert bundle["entry"][0]["resource"] == told


@BOTH
def test_a_number_that_the_case_had_before_finds_it(house, version):
    house.submit(a_submission_bundle(), version)
    with house.service.database.writing() as connection:
        connection.execute(tables.authorizations.update().values(number="PANEWER"))
    (decided,) = house.rows(tables.decisions)
    asking = an_inquiry_bundle()
    url = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-authorizationNumber"
    entry(asking, "Claim")["item"][0]["extension"] = [{"url": url, "valueString": decided["number"]}]
    assert len(responses(house.inquire(asking, version), version)) == 1


# By id


@BOTH
def test_a_claim_response_is_read_as_it_is_now(house, version):
    identity = a_pended_case(house)
    before = read(house, f"{version}/ClaimResponse/{identity}")
    decide(house, identity, ReviewAction.CERTIFIED)
    after = read(house, f"{version}/ClaimResponse/{identity}")
    assert (before.json["id"], before.json["meta"]["versionId"]) == (identity, "1")
    assert (after.json["preAuthRef"], after.json["meta"]["versionId"]) == ("PA9", "2")
    assert_profiled(after.json, version, references="open")


def test_a_claim_is_read_as_it_was_sent(house):
    bundle = a_submission_bundle()
    house.submit(bundle)
    identity = house.rows(tables.authorizations)[0]["id"]
    assert read(house, f"2.0/Claim/{identity}").json == entry(bundle, "Claim") | {"id": identity}


@BOTH
@pytest.mark.requirement("pas-2.0.1@3")
def test_an_answer_is_read_again_byte_for_byte(house, version):
    answer = house.submit(a_submission_bundle(), version)
    again = read(house, f"{version}/Bundle/{read_json(answer.data)['id']}")
    assert (again.status_code, again.data) == (200, answer.data)


def test_so_is_an_answer_that_was_a_business_error(house):
    bundle = a_submission_bundle()
    entry(bundle, "Patient")["birthDate"] = "1951-02-01"
    answer = house.submit(bundle)
    assert read(house, f"2.0/Bundle/{read_json(answer.data)['id']}").data == answer.data


def test_another_client_of_the_organization_reads_what_it_is_told_of(house):
    answer = house.submit(a_submission_bundle())
    identity = house.rows(tables.authorizations)[0]["id"]
    for path in (f"ClaimResponse/{identity}", f"Claim/{identity}"):
        assert read(house, f"2.0/{path}", "other-ehr").data == read(house, f"2.0/{path}").data
    assert read(house, f"2.0/Bundle/{read_json(answer.data)['id']}", "other-ehr").status_code == 404


def test_what_is_another_organization_s_or_nobody_s_is_404(house):
    a_clinic_of_its_own(house)
    answer = house.submit(a_submission_bundle())
    identity = house.rows(tables.authorizations)[0]["id"]
    paths = [f"ClaimResponse/{identity}", f"Claim/{identity}", f"Bundle/{read_json(answer.data)['id']}"]
    for path in paths:
        assert read(house, f"2.0/{path}").status_code == 200
        assert read(house, f"2.0/{path}", "elsewhere").status_code == 404
        assert read(house, f"2.0/{path.partition('/')[0]}/nobody").status_code == 404
        assert read(house, f"2.0/{path}", scope="system/Questionnaire.rs").status_code == 403
        assert house.web.get(f"/fhir/2.0/{path}").status_code == 401
