"""Where a policy's row says so, a signed order is authorized at once: kept, asked about, and told like any other."""

from dataclasses import replace

import pytest

from app.storage import authorizations, tables
from cds_hooks.prefetch_facts import key
from fhir_r4.resource import extension, extensions, value_of
from fhir_r4.systems import COVERAGE_INFORMATION
from fhir_r4.wire import read_json
from prior_auth.authorization import Move
from prior_auth.decision import Basis, Decision, ReviewAction
from prior_auth.submission import stored_submission
from rules.book import PolicyBook
from rules.load import load_policy
from rules.reading import row_in_words
from rules.yaml_lines import FaultyFile
from tests.app.browsing import Person
from tests.app.subscribers import Endpoint, may_subscribe, run_all, subscribe
from tests.app.test_inquiries import responses
from tests.given import (
    a_form_response,
    a_hook,
    a_submission_bundle,
    an_inquiry_bundle,
    an_order,
)
from tests.given_policy import TEXT, saturation
from tests.second_opinion import assert_fhir, assert_profiled

BOTH = pytest.mark.parametrize("version", ["2.0", "2.2"])
KEY = key("Observation?code=http://loinc.org|20564-1&_sort=-date&_count=1")
SAYS = "coverage-information: {pa-needed: satisfied}, "
ISSUES = TEXT.replace("then: certify, for: 6 months,", f"then: certify, for: 6 months, {SAYS}")


@pytest.fixture
def issuing(house):
    """The house with a policy whose row for a low saturation lets the hook issue the authorization."""
    book = PolicyBook([load_policy(ISSUES, "oxygen-by-record/1.yaml")])
    house.service.policies.edition = replace(house.service.edition, book=book)
    return house


def signed(house, version="2.0", value=86, order=None, **options):
    """Sign Amy's order with a saturation on record, and return what is said of it."""
    body = a_hook(version=version, order=order)
    body["prefetch"][KEY] = saturation(value)
    body["extension"]["davinci-crd.configuration"] = options
    answer = house.call(body)
    assert answer.status_code == 200, answer.data
    (action,) = read_json(answer.data)["systemActions"]
    return said(action["resource"])


def said(resource):
    written = extension(resource, COVERAGE_INFORMATION)
    return {part["url"]: value_of(part) for part in written["extension"]}


def kept(house):
    return house.rows(tables.authorizations)


@BOTH
def test_a_signed_order_is_authorized_where_the_policy_s_row_says_so(issuing, version):
    told = signed(issuing, version)
    (case,) = kept(issuing)
    assert (told["pa-needed"], told["satisfied-pa-id"]) == ("satisfied", case["number"])
    assert (case["client_id"], case["member_id"], case["open"]) == ("riverside-ehr", "ACME0001234", False)
    (decision,) = issuing.rows(tables.decisions)
    assert (decision["action"], decision["basis"]) == ("A1", "policy")
    assert "oxygen-by-record 1, row 4" in decision["decided_by"]


@BOTH
def test_what_if_issues_nothing_and_says_what_would_be(issuing, version):
    told = signed(issuing, version, **{"unsolicited-determ": False})
    assert kept(issuing) == []
    assert told["pa-needed"] == "auth-needed"
    assert "satisfied-pa-id" not in told
    assert told["reason"]["text"] == "What is known now would be enough to certify it."


def test_an_authorization_that_nobody_would_see_is_not_issued(issuing):
    body = a_hook()
    body["prefetch"][KEY] = saturation(86)
    body["extension"]["davinci-crd.configuration"] = {"coverage-info": False}
    assert issuing.call(body).json["systemActions"] == []
    assert kept(issuing) == []


def test_an_order_that_is_only_selected_is_not_authorized(issuing):
    body = a_hook(hook="order-select")
    body["context"]["selections"] = ["DeviceRequest/home-oxygen"]
    body["prefetch"][KEY] = saturation(86)
    (action,) = issuing.call(body, service="order-select-crd").json["systemActions"]
    assert said(action["resource"])["pa-needed"] == "auth-needed"
    assert kept(issuing) == []


@pytest.mark.parametrize("value", [92, 20])
def test_what_the_row_does_not_certify_has_to_be_asked_for(issuing, value):
    assert signed(issuing, value=value)["pa-needed"] == "auth-needed"
    assert kept(issuing) == []


def test_signed_again_the_same_authorization_is_on_file_and_no_second_one_is_issued(issuing):
    first = signed(issuing)
    assert signed(issuing)["satisfied-pa-id"] == first["satisfied-pa-id"]
    assert len(kept(issuing)) == 1


@pytest.mark.requirement("crd-2.0.1@268", "crd-2.2.1@resp-36")
def test_signed_again_with_the_answer_on_the_order_there_is_nothing_new_to_say(issuing):
    body = a_hook()
    body["prefetch"][KEY] = saturation(86)
    answered = read_json(issuing.call(body).data)["systemActions"][0]["resource"]
    again = a_hook(order=answered)
    again["prefetch"][KEY] = saturation(86)
    assert issuing.call(again).json["systemActions"] == []


def test_two_orders_for_the_same_service_get_one_authorization(issuing):
    body = a_hook()
    other = an_order(id="home-oxygen-2")
    body["context"]["draftOrders"]["entry"].append({"resource": other})
    body["prefetch"][KEY] = saturation(86)
    actions = read_json(issuing.call(body).data)["systemActions"]
    assert sorted(said(one["resource"])["pa-needed"] for one in actions) == ["auth-needed", "satisfied"]
    assert len(kept(issuing)) == 1


def test_what_was_cancelled_since_is_not_issued_again_behind_the_provider_s_back(issuing):
    signed(issuing)
    (case,) = kept(issuing)
    now = issuing.clock.now
    cancelled = Decision(
        action=ReviewAction.CANCELLED, basis=Basis.PROVIDER, decided_by="clinic", decided_at=now, reason="Not needed."
    )
    with issuing.service.database.writing() as connection:
        before = authorizations.find(connection, case["id"])
        authorizations.save(connection, before, before.make(Move.CANCEL, 1, cancelled), now)
    assert signed(issuing)["pa-needed"] == "auth-needed"
    assert [one["id"] for one in kept(issuing)] == [case["id"]]


@BOTH
def test_an_inquiry_finds_it(issuing, version):
    number = signed(issuing, version)["satisfied-pa-id"]
    (told,) = responses(issuing.inquire(an_inquiry_bundle(), version), version)
    assert number in str(told)
    assert told["outcome"] == "complete"


@BOTH
def test_the_request_behind_it_is_fhir_and_its_answer_keeps_to_its_profile(issuing, version):
    signed(issuing, version)
    (received,) = issuing.rows(tables.submissions)
    assert_fhir(read_json(received["request"]))
    assert_profiled(read_json(received["response"]), version, references="open")


@BOTH
def test_subscribers_are_told(issuing, version):
    may_subscribe(issuing)
    endpoint = Endpoint()
    subscribe(issuing, endpoint, version)
    run_all(issuing)
    signed(issuing, version)
    run_all(issuing)
    assert len(endpoint.numbers()) == 1
    endpoint.server.shutdown()


def test_asked_for_all_the_same_it_is_said_to_be_on_file(issuing):
    signed(issuing)
    answer = issuing.submit(a_submission_bundle(form=a_form_response()))
    assert answer.status_code == 200
    assert "is on file already" in answer.text


def test_a_client_that_speaks_for_nobody_on_file_is_issued_nothing(issuing):
    with issuing.service.database.writing() as connection:
        connection.execute(tables.client_organizations.update().values(value="9999999999"))
    assert signed(issuing)["pa-needed"] == "auth-needed"


def test_references_that_lead_nowhere_do_not_stop_it(issuing):
    order = an_order(encounter={"reference": "Encounter/elsewhere"}, performer={"reference": "Practitioner/nobody"})
    assert signed(issuing, order=order)["pa-needed"] == "satisfied"
    (received,) = issuing.rows(tables.submissions)
    assert b"Encounter/elsewhere" not in received["request"]


def test_the_hook_s_own_record_and_the_events_lead_to_it(issuing):
    signed(issuing)
    (event,) = [one for one in issuing.rows(tables.events) if one["kind"] == "authorization.issued-by-hook"]
    (call,) = issuing.rows(tables.hook_invocations)
    assert event["detail"]["invocation"] == call["id"]
    assert event["authorization_id"] == kept(issuing)[0]["id"]


def test_two_calls_at_once_issue_one_authorization(issuing, monkeypatch):
    """The second has read the file before the first has written it."""
    from app.api import cds_hooks  # noqa: PLC0415

    before, calls = cds_hooks.respond, []

    def meanwhile(scene):
        calls.append(scene)
        if len(calls) == 1:
            calls.append(None)
            signed(issuing)
        return before(scene)

    monkeypatch.setattr(cds_hooks, "respond", meanwhile)
    signed(issuing)
    assert len(kept(issuing)) == 1
    assert len(issuing.rows(tables.hook_invocations)) == 2


@pytest.mark.parametrize("then", ["pend", "no-auth", "not-covered"])
def test_only_a_row_that_certifies_can_issue(then):
    text = TEXT.replace("then: no-auth, say: Gold card.", f"then: {then}, {SAYS}say: Gold card.")
    with pytest.raises(FaultyFile):
        load_policy(text, "oxygen-by-record/1.yaml")


def test_a_policy_as_such_never_issues():
    with pytest.raises(FaultyFile):
        load_policy(TEXT.replace("pa-needed: auth-needed", "pa-needed: satisfied"), "oxygen-by-record/1.yaml")


def test_no_second_extension_is_written(issuing):
    body = a_hook()
    body["prefetch"][KEY] = saturation(86)
    (action,) = read_json(issuing.call(body).data)["systemActions"]
    assert len(extensions(action["resource"], COVERAGE_INFORMATION)) == 1


@pytest.mark.parametrize("known", [True, False])
def test_staff_read_it_like_any_other_case(issuing, known):
    """Also where the EHR sent no Patient: the member is then as the payer knows them."""
    body = a_hook()
    body["prefetch"][KEY] = saturation(86)
    if not known:
        body["prefetch"]["patient"] = None
    issuing.call(body)
    (case,) = kept(issuing)
    page = Person(issuing).is_in().browser.get(f"/authorizations/{case['id']}")
    assert page.status_code == 200
    for words in (case["number"], "ACME0001234", "born 1950-02-01", "E0424", "low", "Observation/spo2"):
        assert words in page.text


def test_a_changed_book_is_simulated_over_it_too(issuing):
    signed(issuing)
    (received,) = issuing.rows(tables.submissions)
    submission = stored_submission(read_json(received["request"]))
    assert [code.code for code in submission.items[0].codes] == ["E0424"]
    assert submission.items[0].doubts == ()


def test_the_policy_s_page_says_that_the_hook_issues():
    policy = load_policy(ISSUES, "oxygen-by-record/1.yaml")
    assert ["issued when such an order is signed" in row_in_words(row) for row in policy.rows].index(True) == 3
