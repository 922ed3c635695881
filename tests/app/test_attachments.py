"""What is asked for arrives: matched by its number, weighed again in a worker, and never taken for what it is not."""

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app.jobs.runner import work
from app.storage import tables
from fhir_r4.wire import read_json, write_json
from tests.app.browsing import Person
from tests.given import AMY, a_form_response, a_submission_bundle, an_update_bundle, entry, infos, percent
from tests.second_opinion import assert_fhir

BOTH = pytest.mark.parametrize("version", ["2.0", "2.2"])
PDF = b"%PDF-1.7 synthetic"
NO_TEST = {"2.1": None, "2.3": None}  # the policy asks for its form
LEFT = {"2.1": percent(92)}  # a person decides


def run_all(house):
    while work(house.service)[0]:
        pass


def a_file(content=PDF, said="application/pdf", **changes):
    data = base64.b64encode(content).decode()
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": {"contentType": said, "data": data} | changes}],
    }


def sha1(content):
    return base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()


def call(tracking, *contents, member=AMY.member_id, **changes):
    """Return the Parameters of one ``$submit-attachment``."""
    attachments = [
        {
            "name": "Attachment",
            "part": [
                {"name": "LineItem", "valueString": "1"},
                {
                    "name": "Code",
                    "valueCodeableConcept": {"coding": [{"system": "http://loinc.org", "code": "11506-3"}]},
                },
                {"name": "Content", "resource": content},
            ],
        }
        for content in contents
    ]
    given = {
        "TrackingId": {"valueIdentifier": tracking if isinstance(tracking, dict) else {"value": tracking}},
        "AttachTo": {"valueCode": "preauthorization"},
        "PayerId": {"valueIdentifier": {"system": "urn:oid:2.16.840.1.113883.6.300", "value": "00099"}},
        "MemberId": {"valueIdentifier": {"value": member}},
    } | changes
    return {
        "resourceType": "Parameters",
        "parameter": [*({"name": name, **value} for name, value in given.items() if value), *attachments],
    }


def attach(house, body, version="2.0", **more):
    return house.post(f"{version}/$submit-attachment", body, **more)


def said(answer, status=200):
    assert answer.status_code == status, answer.data
    body = read_json(answer.data)
    assert_fhir(body)
    return body["issue"]


def asked(house, version="2.0", first=None):
    """Submit a request that the policy pends for its form; return the tracking number under which it is asked for."""
    answer = house.submit(first or a_submission_bundle(form=a_form_response(NO_TEST)), version)
    task = entry(read_json(answer.data), "Task")
    needed = task["input"][1]
    return needed.get("valueString") or needed["valueIdentifier"]["value"]


def actions(house):
    return [row["action"] for row in house.rows(tables.decisions)]


@BOTH
@pytest.mark.requirement("pas-2.0.1@176")
def test_a_form_that_arrives_is_weighed_by_a_worker_and_decides(house, version):
    tracking = asked(house, version)
    (issue,) = said(attach(house, call(tracking, a_form_response()), version))
    assert issue["severity"] == "information"
    assert actions(house) == ["A4"]
    run_all(house)
    assert actions(house) == ["A4", "A1"]
    assert house.happened() == [
        "authorization.submitted", "authorization.information-received", "authorization.decided",
    ]  # fmt: skip
    (row,) = house.rows(tables.information_requests)
    assert row["answered_at"] is not None


@BOTH
def test_a_form_that_arrived_counts_when_the_case_is_updated(house, version):
    first = a_submission_bundle(form=a_form_response(NO_TEST))
    attach(house, call(asked(house, version, first), a_form_response()), version)
    run_all(house)
    moved(house, an_update_bundle(first, version=version), version)
    assert actions(house) == ["A4", "A1", "A1"]
    (case,) = house.rows(tables.authorizations)
    page = Person(house).is_in().browser.get(f"/authorizations/{case['id']}").text
    assert page.count("<h2>The form: ") == 2


@BOTH
def test_a_form_that_an_update_brings_stands_for_what_arrived_before(house, version):
    first = a_submission_bundle(form=a_form_response(NO_TEST))
    attach(house, call(asked(house, version, first), a_form_response()), version)
    run_all(house)
    update = an_update_bundle(first, version=version)
    entry(update, "QuestionnaireResponse")["item"] = a_form_response(LEFT)["item"]
    moved(house, update, version)
    assert actions(house) == ["A4", "A1", "A4"]


def moved(house, update, version):
    """Send an update with its item moved to another day."""
    house.clock.now += timedelta(minutes=1)
    (item,) = entry(update, "Claim")["item"]
    item |= infos(item, "changed") | {"servicedDate": "2026-03-20"}
    assert house.submit(update, version).status_code == 200


def test_a_form_about_somebody_else_decides_nothing(house):
    tracking = asked(house)
    attach(house, call(tracking, a_form_response(subject={"reference": "Patient/bernard-okoye"})))
    run_all(house)
    assert actions(house) == ["A4"]


def test_what_arrives_twice_is_kept_once(house):
    tracking = asked(house)
    body = call(tracking, a_form_response())
    assert attach(house, body).data == attach(house, body).data
    assert len(house.rows(tables.attachments)) == 1


def test_the_worker_may_run_twice_and_decides_once(house):
    attach(house, call(asked(house), a_form_response()))
    run_all(house)
    with house.service.database.writing() as connection:
        connection.execute(tables.outbox.update().values(done_at=None, lease_until=None))
    run_all(house)
    assert actions(house) == ["A4", "A1"]


def test_documents_alone_do_not_decide_but_say_that_they_came(house):
    tracking = asked(house)
    attach(house, call(tracking, a_file()))
    run_all(house)
    assert actions(house) == ["A4"]
    (row,) = house.rows(tables.attachments)
    assert row["documents"] == [{"code": "11506-3", "type": "application/pdf", "bytes": len(PDF), "lines": [1]}]
    (waits,) = house.rows(tables.information_requests)
    assert waits["answered_at"] is not None


@pytest.mark.parametrize("how", ["reference", "id", "claim", "trace"])
def test_it_is_matched_by_any_number_of_the_case(house, how):
    bundle = a_submission_bundle(form=a_form_response(NO_TEST))
    house.submit(bundle)
    (row,) = house.rows(tables.authorizations)
    claim = entry(bundle, "Claim")
    trace = next(one["valueIdentifier"] for one in claim["item"][0]["extension"] if "TraceNumber" in one["url"])
    named = {"reference": row["reference"], "id": row["id"], "claim": claim["identifier"][0], "trace": trace}[how]
    attach(house, call(named, a_form_response()))
    assert house.rows(tables.attachments)[0]["authorization_id"] == row["id"]


def test_the_administration_reference_number_leads_to_the_case_as_well(house):
    asked(house)
    (row,) = house.rows(tables.authorizations)
    named = {"AdminRefNumber": {"valueIdentifier": {"value": row["reference"]}}}
    attach(house, call("a-number-of-ours", a_form_response(), **named))
    assert house.rows(tables.attachments)[0]["authorization_id"] == row["id"]


def test_what_comes_early_waits_and_goes_with_its_request_when_that_comes(house):
    bundle = a_submission_bundle(form=a_form_response(NO_TEST))
    (issue,) = said(attach(house, call(entry(bundle, "Claim")["identifier"][0], a_form_response())))
    assert "waits" not in issue["diagnostics"]
    assert house.rows(tables.attachments)[0]["authorization_id"] is None
    house.submit(bundle)
    run_all(house)
    assert house.rows(tables.attachments)[0]["authorization_id"] == house.rows(tables.authorizations)[0]["id"]
    assert actions(house) == ["A4", "A1"]


@pytest.mark.parametrize("changes", [{"member": "ACME0009999"}, {"client": "another"}])
def test_another_member_s_or_another_client_s_is_not_matched_and_the_answer_tells_nothing(house, changes):
    tracking = asked(house)
    if changes.pop("client", None):
        with house.service.database.writing() as connection:
            connection.execute(tables.authorizations.update().values(client_id="other-ehr", requestors=["urn:x|y"]))
    known = said(attach(house, call(tracking, a_file(), **changes)))
    unknown = said(attach(house, call("nothing-of-ours", a_file())))
    assert known == unknown
    assert [row["authorization_id"] for row in house.rows(tables.attachments)] == [None, None]


CLAIMED = {"profile": ["http://hl7.org/fhir/us/davinci-pas/StructureDefinition/profile-coverage"]}


@pytest.mark.parametrize(
    ("changes", "content", "where"),
    [
        ({}, a_file() | {"status": "fine"}, ".status"),
        ({}, a_file() | {"colour": "blue"}, ".colour"),
        ({}, a_file() | {"text": {"status": "generated", "div": "<div><script>x</script></div>"}}, ".text.div"),
        ({}, {"resourceType": "Spaceship"}, "parameter[4].part[2].resource"),
        ({}, {"resourceType": "Observation"}, ".status"),
        ({"Final": {"valueBoolean": "yes"}}, a_file(), "parameter[5].value.ofType(boolean)"),
    ],
)
@pytest.mark.parametrize("client", ["riverside-ehr", "strict-ehr"])
def test_what_is_not_fhir_is_refused_whoever_sends_it_and_nothing_is_kept(house, client, changes, content, where):
    body = call("x", content)
    body["parameter"] += [{"name": name, **value} for name, value in changes.items()]
    named = [one["expression"][0] for one in said(attach(house, body, client=client), 400)]
    assert any(one.endswith(where) for one in named), named
    assert house.rows(tables.attachments) == []


@pytest.mark.parametrize(
    ("changes", "content"),
    [
        ({"Colour": {"valueString": "blue"}}, a_file()),
        ({"ServiceDate": {"valueString": "today"}}, a_file()),
        ({"TrackingId": {"valueString": "x"}}, a_file()),
        ({}, a_file() | {"meta": CLAIMED}),
    ],
    ids=["an unknown parameter", "a day as a string", "a number as a string", "a profile claimed that is not so"],
)
def test_a_strict_client_keeps_to_the_operation_and_a_lenient_one_is_understood(house, changes, content):
    assert attach(house, call("x", content, **changes), client="strict-ehr").status_code == 400
    assert house.rows(tables.attachments) == []
    assert attach(house, call("x", content, **changes)).status_code == 200


def test_a_strict_client_that_keeps_to_the_operation_is_taken(house):
    assert attach(house, call("x", a_file()), client="strict-ehr").status_code == 200


def test_staff_see_the_inbox_and_give_what_waits_to_a_case(house):
    house.submit(a_submission_bundle(form=a_form_response(NO_TEST)))
    attach(house, call("lost-in-the-mail", a_form_response()))
    (case,), (waits,) = house.rows(tables.authorizations), house.rows(tables.attachments)
    silva = Person(house).comes_in()
    page = silva.browser.get("/inbox").text
    assert "lost-in-the-mail" in page
    assert "Times are those of America/New_York." in page
    form = {"reference": case["reference"]}
    assert silva.post(f"/inbox/{waits['id']}", form, page="/inbox").status_code == 303
    run_all(house)
    assert actions(house) == ["A4", "A1"]
    assert "Nothing waits" in silva.browser.get("/inbox").text
    assert silva.post(f"/inbox/{waits['id']}", form, page="/inbox").status_code == 409


def test_staff_give_to_a_case_that_there_is_and_of_the_same_member_only(house):
    house.submit(a_submission_bundle(form=a_form_response(NO_TEST)))
    attach(house, call("lost", a_form_response(), member="ACME0009999"))
    silva, (case,), (waits,) = (
        Person(house).comes_in(),
        house.rows(tables.authorizations),
        house.rows(tables.attachments),
    )
    for reference, status in (("NOBODY", 404), (case["reference"], 422)):
        answer = silva.post(f"/inbox/{waits['id']}", {"reference": reference}, page="/inbox")
        assert answer.status_code == status
    assert house.rows(tables.attachments)[0]["authorization_id"] is None


def test_a_reviewer_opens_what_arrived(house):
    attach(house, call(asked(house), a_file()))
    (row,) = house.rows(tables.attachments)
    silva = Person(house).comes_in()
    path = f"/authorizations/{row['authorization_id']}"
    assert "application/pdf" in silva.browser.get(path).text
    answer = silva.browser.get(f"{path}/attachments/{row['id']}/0")
    assert answer.data == PDF
    assert answer.headers["Content-Disposition"].startswith("attachment")
    (look,) = [row for row in house.rows(tables.events) if row["kind"] == "attachment.read"]
    assert (look["actor"], look["detail"]) == ("dr-silva", {"attachment": row["id"], "number": 0})
    assert silva.browser.get(f"{path}/attachments/{row['id']}/1").status_code == 404
    assert silva.browser.get(f"/authorizations/another/attachments/{row['id']}/0").status_code == 404


LIES = {
    "a program as a PDF": a_file(b"MZ\x90\x00program"),
    "a page as an image": a_file(b"<html><script>alert(1)</script>", "image/png"),
    "bytes as text": a_file(b"\x00\x01\xff", "text/plain"),
    "a PDF as XML": a_file(PDF, "text/xml"),
    "a page": a_file(b"<html></html>", "text/html"),
    "a program by name": a_file(b"MZ", "application/x-msdownload"),
    "no type": a_file(PDF, ""),
    "another size": a_file(size=7),
    "another hash": a_file(hash=sha1(b"x")),
    "no base64": a_file(data="%%%"),
    "nothing": a_file(b""),
    "elsewhere": a_file(data=None, url="http://169.254.169.254/latest"),
}


@pytest.mark.parametrize("content", LIES.values(), ids=LIES.keys())
def test_what_lies_about_itself_is_refused_with_its_element_and_nothing_is_kept(house, content):
    tracking = asked(house)
    issues = said(attach(house, call(tracking, a_file(), content)), 400)
    assert all("parameter[5].part[2].resource.content[0].attachment" in one["expression"][0] for one in issues)
    assert house.rows(tables.attachments) == []
    assert "169.254" not in write_json(issues).decode()


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Bundle"},
        {"resourceType": "Parameters"},
        call("x"),
        call("x", {}),
        call("x", a_file(), TrackingId=None),
        call("x", a_file(), MemberId=None),
        call("x", a_file(), AttachTo={"valueCode": "claim"}),
        call("x", a_file(), AttachTo={"valueCoding": {"code": "preauthorization"}}),
        call("x", *[a_file()] * 101),
        {"resourceType": "Parameters", "parameter": ["x", None, {"name": 7}]},
    ],
)
def test_a_call_that_cannot_be_read_is_400(house, body):
    said(attach(house, body), 400)
    assert house.rows(tables.attachments) == []


def test_a_line_that_is_no_number_is_no_line(house):
    body = call(asked(house), a_file())
    body["parameter"][-1]["part"][0]["valueString"] = "²"  # a digit to Unicode, and no number
    said(attach(house, body))
    (row,) = house.rows(tables.attachments)
    assert row["documents"][0]["lines"] == []


HONEST = [(b"\x89PNG\r\n\x1a\n", "image/png"), (b"Six weeks of care.", "text/plain; charset=utf-8")]


@pytest.mark.parametrize(("content", "media_type"), HONEST, ids=["png", "text"])
def test_what_is_what_it_says_is_taken(house, content, media_type):
    file = a_file(content, media_type, size=len(content), hash=sha1(content))
    said(attach(house, call(asked(house), file)))
    (row,) = house.rows(tables.attachments)
    assert row["documents"][0]["bytes"] == len(content)


def test_a_body_above_the_limit_is_413(house):
    answer = attach(house, b" " * (house.config.attachment_limit_bytes + 1), token="none")
    assert answer.status_code in {401, 413}
    answer = attach(house, b" " * (house.config.attachment_limit_bytes + 1))
    assert answer.status_code == 413


def test_without_a_token_nothing_is_taken(house):
    assert attach(house, call("x", a_file()), token="nobody's").status_code == 401


def test_ten_at_once_are_kept_once(house):
    tracking, token = asked(house), house.token()
    body = write_json(call(tracking, a_form_response()))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}

    def post(_):
        return house.web.application.test_client().post("/fhir/2.0/$submit-attachment", data=body, headers=headers)

    with ThreadPoolExecutor(6) as pool:
        assert {one.status_code for one in pool.map(post, range(6))} == {200}
    assert len(house.rows(tables.attachments)) == 1


def test_what_does_not_come_in_time_goes_to_a_person_and_is_refused_by_nobody(house):
    asked(house)
    house.clock.now += timedelta(days=5)
    run_all(house)
    assert actions(house) == ["A4", "A4"]
    assert "has not come in time" in house.rows(tables.decisions)[-1]["reason"]
    (row,) = house.rows(tables.information_requests)
    assert row["lapsed_at"] is not None
    assert house.happened()[-1] == "authorization.information-overdue"


def test_what_came_in_time_is_not_given_up(house):
    attach(house, call(asked(house), a_file()))
    run_all(house)
    house.clock.now += timedelta(days=5)
    run_all(house)
    assert actions(house) == ["A4"]


def test_a_policy_s_form_can_be_fetched_by_the_context_that_asks_for_it(house):
    """The Task's context is what DTR is launched with."""
    tracking = asked(house)
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "coverage", "resource": entry(a_submission_bundle(), "Coverage")},
            {"name": "context", "valueString": tracking},
        ],
    }
    answer = house.package(parameters)
    assert answer.status_code == 200, answer.data
    assert b"home-oxygen" in answer.data
