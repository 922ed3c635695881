"""A provider changes, renews and cancels what it asked for; the number lives on, and everybody sees one history."""

import copy
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app import intake
from app.registration import Registration, register
from app.storage import authorizations, tables
from fhir_r4.generations import Generation
from fhir_r4.resource import extension
from fhir_r4.systems import ADMINISTRATION_REFERENCE_NUMBER, AUTHORIZATION_NUMBER, INFO_CHANGED, NPI, REVIEW_ACTION
from fhir_r4.wire import read_json, write_json
from prior_auth.decision import Basis, Decision, ReviewAction
from prior_auth.review import Reviewer, Verdict, record
from prior_auth.submission import read_submission
from tests.given import (
    NOW,
    a_form_response,
    a_submission_bundle,
    an_inquiry_bundle,
    an_update_bundle,
    entry,
    infos,
    percent,
)
from tests.second_opinion import assert_profiled

BOTH = pytest.mark.parametrize("version", ["2.0", "2.2"])
REFUSED = {"action": ReviewAction.NOT_CERTIFIED, "reason": "Saturation is above what the policy asks for."}
LEFT = {"2.1": percent(92)}  # a person decides


def answered(answer, version):
    assert answer.status_code == 200, answer.data
    bundle = read_json(answer.data)
    assert_profiled(bundle, Generation(version))
    return bundle["entry"][0]["resource"]


def found(answer, version):
    """Return the ClaimResponses of an answer to an inquiry."""
    body = read_json(answer.data)
    bundles = [body] if version == "2.0" else [one["resource"] for one in body["parameter"]]
    held = [one["resource"] for bundle in bundles for one in bundle["entry"]]
    return [one for one in held if one["resourceType"] == "ClaimResponse"]


def actions(response):
    return {item["itemSequence"]: code_of(item) for item in response.get("item", [])}


def code_of(item):
    parts = extension(item["adjudication"][0], REVIEW_ACTION)["extension"]
    return next(one["valueCodeableConcept"]["coding"][0]["code"] for one in parts if one["url"].endswith("ActionCode"))


def item_of(bundle, index=0):
    return entry(bundle, "Claim")["item"][index]


def with_another_item(bundle, **changes):
    """Return an update with a second item of the same service on other days."""
    second = item_of(bundle) | {"sequence": 2, "servicedDate": "2028-01-10"} | changes
    second["extension"] = [one for one in second["extension"] if "TraceNumber" not in one["url"]]
    entry(bundle, "Claim")["item"].append(infos(second, "added"))
    return bundle


def cancelling(first, version):
    """Return an update that cancels the whole by its header, whatever its items say."""
    return an_update_bundle(first, version=version, extension=infos({}, certification="3")["extension"])


SILVA = Reviewer("dr-silva", "NY/123456")


def reviewed(house, verdict):
    """Let a reviewer decide item 1 of the only case."""
    with house.service.database.writing() as connection:
        (row,) = connection.execute(tables.authorizations.select()).all()
        before = authorizations.find(connection, row.id)
        said = Verdict(**{"sequence": 1, "seen": before.version, "reason": None} | verdict)
        after = record(before, said, SILVA, "PA00000000R1", house.clock.now)
        authorizations.save(connection, before, after, house.clock.now)


@BOTH
@pytest.mark.requirement("pas-2.2.1@spec-71", "pas-2.0.1@176", "pas-2.2.1@spec-34")
def test_an_added_item_is_weighed_and_the_number_lives_on(house, version):
    first = a_submission_bundle()
    number = answered(house.submit(first, version), version)["preAuthRef"]
    response = answered(house.submit(with_another_item(an_update_bundle(first, version=version)), version), version)
    assert response["preAuthRef"] == number
    assert actions(response) == {1: "A1", 2: "A1"}
    assert len(house.rows(tables.authorizations)) == 1
    assert house.happened() == ["authorization.submitted", "authorization.updated"]


@BOTH
@pytest.mark.requirement("pas-2.2.1@spec-69", "pas-2.2.1@spec-70")
def test_one_item_is_cancelled_and_the_other_stands(house, version):
    first = with_another_item(a_submission_bundle())
    first["entry"][0]["resource"]["item"][1] = infos(item_of(first, 1))
    first["entry"][0]["resource"]["item"][1]["extension"] = item_of(first)["extension"]
    answered(house.submit(first, version), version)
    update = an_update_bundle(first, version=version)
    entry(update, "Claim")["item"][0] = infos(item_of(update), "changed", cancelled=True)
    response = answered(house.submit(update, version), version)
    assert actions(response) == {1: "C", 2: "A1"}
    assert response["outcome"] == "complete"


@BOTH
def test_the_whole_is_cancelled_by_the_header_whatever_the_items_still_say(house, version):
    first = a_submission_bundle()
    number = answered(house.submit(first, version), version)["preAuthRef"]
    response = answered(house.submit(cancelling(first, version), version), version)
    assert actions(response) == {1: "C"}
    assert (response["preAuthRef"], response["disposition"]) == (number, "Cancelled")
    assert house.happened()[-1] == "authorization.cancelled"
    assert actions(answered(house.submit(cancelling(first, version), version), version)) == {1: "C"}
    (row,) = house.rows(tables.authorizations)
    assert row["version"] == 2


@BOTH
def test_what_cancels_the_whole_needs_no_items_and_is_answered_with_all_of_them(house, version):
    """2.2.1, "Updating Authorization Requests"; the public PAS conformance kit sends it so."""
    first = with_another_item(a_submission_bundle())
    item_of(first, 1)["extension"] = item_of(first)["extension"]
    answered(house.submit(first, version), version)
    update = cancelling(first, version)
    del entry(update, "Claim")["item"]
    response = answered(house.submit(update, version), version)
    assert actions(response) == {1: "C", 2: "C"}
    assert "security" not in response["meta"]
    (told,) = found(house.inquire(an_inquiry_bundle(), version), version)
    assert actions(told) == {1: "C", 2: "C"}


@BOTH
def test_the_whole_is_cancelled_again_without_effect_where_an_item_was_not_certified(house, version):
    first = with_another_item(a_submission_bundle(form=a_form_response(LEFT)))
    item_of(first, 1)["extension"] = item_of(first)["extension"]
    answered(house.submit(first, version), version)
    reviewed(house, REFUSED)
    for _ in range(2):
        response = answered(house.submit(cancelling(first, version), version), version)
        assert actions(response) == {1: "A3", 2: "C"}
    (row,) = house.rows(tables.authorizations)
    assert row["version"] == 3


@BOTH
def test_an_authorization_that_was_cancelled_takes_no_further_item(house, version):
    first = a_submission_bundle()
    answered(house.submit(first, version), version)
    answered(house.submit(cancelling(first, version), version), version)
    response = answered(house.submit(with_another_item(an_update_bundle(first, version=version)), version), version)
    assert response["error"][0]["code"]["coding"][0]["code"] == "33"
    (row,) = house.rows(tables.authorizations)
    assert row["version"] == 2


@BOTH
def test_an_update_that_cancels_nothing_needs_items(house, version):
    first = a_submission_bundle()
    house.submit(first, version)
    update = an_update_bundle(first, version=version)
    del entry(update, "Claim")["item"]
    answer = house.submit(update, version)
    assert answer.status_code == 400
    assert read_json(answer.data)["issue"][0]["expression"] == ["Bundle.entry[0].resource.item"]


@BOTH
def test_a_changed_item_is_weighed_anew_and_what_was_certified_waits_where_the_policy_says_so(house, version):
    first = a_submission_bundle()
    number = answered(house.submit(first, version), version)["preAuthRef"]
    update = an_update_bundle(first, version=version)
    entry(update, "QuestionnaireResponse").update(a_form_response(LEFT))
    entry(update, "Claim")["item"][0] = infos(item_of(update), "changed")
    response = answered(house.submit(update, version), version)
    assert actions(response) == {1: "A4"}
    (row,) = house.rows(tables.authorizations)
    assert row["number"] == number


@pytest.mark.requirement("dtr-2.0.1@56", "dtr-2.2.0@spec-45")
@BOTH
def test_a_questionnaire_response_by_update_decides_what_was_pended(house, version):
    """The form came without the test result; the update brings it, and no item says that it changed."""
    first = a_submission_bundle(form=a_form_response({"2.1": None, "2.3": None}))
    assert actions(answered(house.submit(first, version), version)) == {1: "A4"}
    update = an_update_bundle(first, version=version)
    entry(update, "QuestionnaireResponse").update(a_form_response())
    assert actions(answered(house.submit(update, version), version)) == {1: "A1"}
    assert house.happened() == ["authorization.submitted", "authorization.updated"]


@pytest.mark.requirement("pas-2.0.1@177", "pas-2.0.1@180", "pas-2.0.1@181")
def test_a_differential_update_of_2_0_is_answered_in_part_and_says_so(house):
    """Only what changed is sent; the rest stays, and an inquiry shows all."""
    first = a_submission_bundle()
    answered(house.submit(first), "2.0")
    update = with_another_item(an_update_bundle(first))
    claim = entry(update, "Claim")
    claim["item"] = claim["item"][1:]
    response = answered(house.submit(update), "2.0")
    assert actions(response) == {2: "A1"}
    assert response["meta"]["security"][0]["code"] == "SUBSETTED"
    assert {row["sequence"] for row in house.rows(tables.items)} == {1, 2}


@pytest.mark.requirement("pas-2.0.1@182", "pas-2.0.1@131")
def test_an_inquiry_shows_all_items_after_a_differential_update(house):
    first = with_another_item(a_submission_bundle(), extension=item_of(a_submission_bundle())["extension"])
    first["entry"][0]["resource"]["item"][1] = infos(item_of(first, 1))
    answered(house.submit(first), "2.0")
    update = an_update_bundle(first)
    claim = entry(update, "Claim")
    claim["item"] = [infos(item_of(update, 1), "changed", cancelled=True)]
    assert actions(answered(house.submit(update), "2.0")) == {2: "C"}
    found = house.inquire(an_inquiry_bundle())
    response = read_json(found.data)["entry"][0]["resource"]
    assert actions(response) == {1: "A1", 2: "C"}
    assert "security" not in response["meta"]


def test_all_items_are_answered_in_2_2_whatever_the_update_leaves_out(house):
    first = a_submission_bundle()
    house.submit(first, "2.2")
    update = with_another_item(an_update_bundle(first, version="2.2"))
    claim = entry(update, "Claim")
    claim["item"] = claim["item"][1:]
    assert actions(answered(house.submit(update, "2.2"), "2.2")) == {1: "A1", 2: "A1"}


@BOTH
def test_a_renewal_gets_new_days_under_the_old_number(house, version):
    first = a_submission_bundle()
    number = answered(house.submit(first, version), version)["preAuthRef"]
    update = an_update_bundle(first, version=version)
    renewed = infos(item_of(update), "changed", certification="R") | {"servicedDate": "2026-12-01"}
    entry(update, "Claim")["item"][0] = renewed
    response = answered(house.submit(update, version), version)
    assert response["preAuthRef"] == number
    assert response["preAuthPeriod"]["start"] == "2026-12-01"


@BOTH
def test_a_denied_case_takes_no_update(house, version):
    first = a_submission_bundle(form=a_form_response(LEFT))
    answered(house.submit(first, version), version)
    reviewed(house, REFUSED)
    response = answered(house.submit(an_update_bundle(first, version=version), version), version)
    assert response["outcome"] == "error"
    assert response["error"][0]["code"]["coding"][0]["code"] == "33"
    (row,) = house.rows(tables.authorizations)
    assert row["version"] == 2


@BOTH
def test_what_was_cancelled_takes_no_change(house, version):
    first = with_another_item(a_submission_bundle(), extension=item_of(a_submission_bundle())["extension"])
    first["entry"][0]["resource"]["item"][1] = infos(item_of(first, 1))
    answered(house.submit(first, version), version)
    update = an_update_bundle(first, version=version)
    entry(update, "Claim")["item"][0] = infos(item_of(update), "changed", cancelled=True)
    answered(house.submit(update, version), version)
    later = an_update_bundle(first, version=version)
    entry(later, "Claim")["item"][0] = infos(item_of(later), "changed")
    response = answered(house.submit(later, version), version)
    assert response["outcome"] == "error"
    assert extension(
        response["error"][0], "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-errorPath"
    )["valueString"].endswith("item[0]")


@BOTH
def test_an_update_of_what_is_not_on_file_is_a_business_error(house, version):
    response = answered(house.submit(an_update_bundle(a_submission_bundle(), version=version), version), version)
    assert response["error"][0]["code"]["coding"][0]["code"] == "AA"
    assert house.rows(tables.authorizations) == []


def named_by(url, value):
    return {"extension": [{"url": url, "valueString": value}], "related": []}


@pytest.mark.parametrize("how", ["number", "reference", "our own ClaimResponse", "the same Claim identifier"])
def test_the_prior_is_found_by_any_name_that_it_has(house, how):
    first = a_submission_bundle()
    response = answered(house.submit(first), "2.0")
    (row,) = house.rows(tables.authorizations)
    named = {
        "number": named_by(AUTHORIZATION_NUMBER, row["number"]),
        "reference": named_by(ADMINISTRATION_REFERENCE_NUMBER, row["reference"]),
        "our own ClaimResponse": {"related": [{"claim": {"reference": f"Claim/{response['id']}"}}]},
        "the same Claim identifier": {"related": [], "identifier": entry(first, "Claim")["identifier"]},
    }[how]
    update = an_update_bundle(first, **named)
    for item in entry(update, "Claim")["item"]:
        item["extension"] = [one for one in item["extension"] if "TraceNumber" not in one["url"]]
    assert answered(house.submit(with_another_item(update)), "2.0")["id"] == response["id"]


def test_the_case_of_another_organization_is_not_found(house):
    first = a_submission_bundle()
    house.submit(first)
    with house.service.database.writing() as connection:
        connection.execute(tables.authorizations.update().values(requestors=["urn:x|another"]))
    response = answered(house.submit(an_update_bundle(first)), "2.0")
    assert response["error"][0]["code"]["coding"][0]["code"] == "AA"


@BOTH
def test_an_update_is_replayed_as_any_request_is(house, version):
    first = a_submission_bundle()
    house.submit(first, version)
    update = with_another_item(an_update_bundle(first, version=version))
    assert house.submit(update, version).data == house.submit(update, version).data
    (row,) = house.rows(tables.authorizations)
    assert row["version"] == 2


def test_the_first_answer_is_replayed_while_the_case_runs_on(house):
    first = a_submission_bundle()
    before = house.submit(first)
    house.submit(with_another_item(an_update_bundle(first)))
    assert house.submit(first).data == before.data


def test_who_was_first_counts_and_the_update_is_weighed_against_it(house, monkeypatch):
    """A reviewer refuses while the update is being read: the update sees a denied case."""
    first = a_submission_bundle(form=a_form_response(LEFT))
    house.submit(first)
    once, decide = [], intake._decide

    def slow(request, connection):
        outcome = decide(request, connection)
        if not once:
            once.append(True)
            reviewed(house, REFUSED)
        return outcome

    monkeypatch.setattr(intake, "_decide", slow)
    response = answered(house.submit(an_update_bundle(first)), "2.0")
    assert response["outcome"] == "error"
    assert [row["action"] for row in house.rows(tables.decisions)] == ["A4", "A3"]


def test_updates_at_once_are_all_taken_one_after_the_other(house):
    """Eight updates add an item each; none is lost and each gets its own answer."""
    first = a_submission_bundle()
    house.submit(first)
    updates = []
    for sequence in range(2, 6):
        update = with_another_item(an_update_bundle(first), sequence=sequence, servicedDate=f"20{25 + sequence}-01-10")
        updates.append(update)
    tokens = [house.token() for _ in updates]

    def post(told):
        body, token = told
        return house.web.application.test_client().post(
            "/fhir/2.0/Claim/$submit",
            data=write_json(body),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"},
        )

    with ThreadPoolExecutor(len(updates)) as pool:
        answers = list(pool.map(post, zip(updates, tokens, strict=True)))
    statuses = sorted(one.status_code for one in answers)
    taken = statuses.count(200)
    assert set(statuses) <= {200, 409}
    (row,) = house.rows(tables.authorizations)
    assert row["version"] == 1 + taken
    assert len(house.rows(tables.items)) == 1 + taken


def test_a_form_that_is_withdrawn_no_longer_counts(house):
    first = a_submission_bundle()
    answered(house.submit(first), "2.0")
    update = an_update_bundle(first)
    claim = entry(update, "Claim")
    flagged = copy.deepcopy(claim["supportingInfo"][0])
    flagged["modifierExtension"] = infos({}, cancelled=True)["modifierExtension"]
    claim["supportingInfo"] = [flagged]
    claim["item"][0] = infos(item_of(update), "changed")
    assert actions(answered(house.submit(update), "2.0")) == {1: "A4"}


def test_an_event_s_detail_holds_no_patient_data(house):
    house.submit(a_submission_bundle())
    (row,) = [one for one in house.rows(tables.events) if one["kind"] == "authorization.submitted"]
    assert set(row["detail"]) == {"submission", "version"}


def test_what_is_kept_is_read_again_as_it_was(house):
    house.submit(a_submission_bundle())
    with house.service.database.reading() as connection:
        (row,) = connection.execute(tables.authorizations.select()).all()
        found = authorizations.find(connection, row.id)
    assert isinstance(found.items[0].decision, Decision)
    assert found.items[0].decision.basis is Basis.POLICY
    assert found.items[0].asked["sequence"] == 1
    assert INFO_CHANGED not in str(found.items[0].asked)
    assert found.received_at.date() == NOW.date()


OTHER = "1144221847"


@pytest.fixture
def intruder(house):
    """Another provider, on file and registered for itself alone, who has learnt of a request of the clinic's.

    Returns how it sends a request: the requestor has its number and the clinic's. Two numbers keep to no profile, so
    that the answers, which repeat them, are not held to one.
    """
    keys, scopes = str(house.config.data / "keys.json"), ("system/Claim.crus",)
    register(house.config, Registration(name="intruder", organizations=(OTHER,), scopes=scopes, jwks=keys))

    def send(bundle, version, *, own_first):
        asks = read_submission(bundle).provider.resource
        (clinic,) = asks["identifier"]
        own = clinic | {"value": OTHER}
        asks["identifier"] = [own, clinic] if own_first else [clinic, own]
        headers = {"Authorization": f"Bearer {house.token(client='intruder')}", "Content-Type": "application/fhir+json"}
        return house.web.post(f"/fhir/{version}/Claim/$submit", data=write_json(bundle), headers=headers)

    return send


OWN_FIRST = pytest.mark.parametrize("own_first", [True, False])


@OWN_FIRST
@pytest.mark.parametrize("attack", ["cancel", "the same Claim", "the same service"])
@BOTH
def test_who_adds_another_s_number_to_its_own_does_not_reach_the_other_s_case(
    house, intruder, version, attack, own_first
):
    first = a_submission_bundle()
    number = answered(house.submit(first, version), version)["preAuthRef"]
    (before,) = house.rows(tables.authorizations)
    sent = an_update_bundle(first, version=version) if attack == "cancel" else copy.deepcopy(first)
    if attack == "cancel":
        entry(sent, "Claim")["extension"] = infos({}, certification="3")["extension"]
    sent["identifier"]["value"] = "another"
    if attack == "the same service":
        entry(sent, "Claim")["identifier"][0]["value"] = "another"
    answer = intruder(sent, version, own_first=own_first)
    assert answer.status_code == 200
    assert number not in answer.text
    assert before["reference"] not in answer.text
    assert before in house.rows(tables.authorizations)


@OWN_FIRST
def test_a_case_is_known_by_the_names_that_its_client_is_registered_under(house, intruder, own_first):
    """Else a request in two names would be told to the other's subscriber, and be the other's to change."""
    assert intruder(a_submission_bundle(), "2.0", own_first=own_first).status_code == 200
    (row,) = house.rows(tables.authorizations)
    assert row["requestors"] == [f"{NPI}|{OTHER}"]


@BOTH
def test_an_update_reads_what_the_earlier_requests_still_say_and_not_all_of_them(house, version):
    """The form came with the first request; of the updates only the last has a word of its own."""
    first = a_submission_bundle()
    answered(house.submit(first, version), version)
    for day in range(1, 6):
        house.clock.now += timedelta(minutes=1)
        update = an_update_bundle(first, version=version)
        claim = entry(update, "Claim")
        claim["item"] = [infos(item_of(update), "changed") | {"servicedDate": f"2026-03-{day:02}"}]
        del claim["supportingInfo"], claim["item"][0]["informationSequence"]
        assert actions(answered(house.submit(update, version), version)) == {1: "A1"}
    (case,) = house.rows(tables.authorizations)
    with house.service.database.reading() as connection:
        read = authorizations.requests_of(connection, case["id"])
    assert [entry(one, "Claim")["identifier"] for one in read.values()] == [
        entry(one, "Claim")["identifier"] for one in (first, update)
    ]
