"""PAS's door: the same request gets the same bytes, bad input is refused whole, what was accepted is kept."""

import gzip
import io
from codecs import BOM_UTF8
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, OperationalError

from app.logging import configure
from app.storage import tables
from fhir_r4.wire import read_json, write_json
from tests.given import a_form_response, a_submission_bundle, an_inquiry_bundle, an_update_bundle, entry
from tests.second_opinion import assert_fhir

BOTH = pytest.mark.parametrize("version", ["2.0", "2.2"])


def claim_response(answer):
    assert answer.status_code == 200, answer.data
    return read_json(answer.data)["entry"][0]["resource"]


def only_issue(answer, status):
    assert answer.status_code == status, answer.data
    body = read_json(answer.data)
    assert body["resourceType"] == "OperationOutcome"
    assert answer.mimetype == "application/fhir+json"
    return body["issue"]


@BOTH
@pytest.mark.requirement("pas-2.0.1@207", "pas-2.0.1@107", "pas-2.0.1@111")
def test_a_submission_is_answered_with_a_response_bundle(house, version):
    answer = house.submit(a_submission_bundle(), version)
    assert claim_response(answer)["preAuthRef"].startswith("PA")
    assert answer.mimetype == "application/fhir+json"
    assert_fhir(read_json(answer.data))


@pytest.mark.requirement("pas-2.0.1@3", "pas-2.0.1@5")
def test_what_is_kept_is_one_authorization_with_item_decision_and_event(house):
    """No job follows: the answer itself tells of the first version."""
    answer = house.submit(a_submission_bundle())
    (authorization,) = house.rows(tables.authorizations)
    (decision,) = house.rows(tables.decisions)
    (kept,) = house.rows(tables.submissions)
    assert house.rows(tables.outbox) == []
    assert authorization["number"] == decision["number"] == claim_response(answer)["preAuthRef"]
    assert (decision["action"], decision["trace"]["row"]) == ("A1", 4)
    assert kept["response"] == answer.data
    assert [row["kind"] for row in house.rows(tables.events)].count("authorization.submitted") == 1


def test_a_request_with_a_byte_order_mark_is_read_now_and_when_it_is_weighed_again(house):
    marked = BOM_UTF8 + write_json(bundle := a_submission_bundle())
    first = house.submit(marked)
    assert claim_response(first)["preAuthRef"].startswith("PA")
    assert house.submit(marked).data == first.data
    assert house.submit(an_update_bundle(bundle)).status_code == 200


@pytest.mark.requirement("pas-2.0.1@93", "pas-2.2.1@spec-26", "pas-2.0.1@2")
def test_the_whole_bundle_is_kept_as_it_came(house):
    bundle = a_submission_bundle()
    house.submit(bundle)
    (kept,) = house.rows(tables.submissions)
    assert read_json(kept["request"]) == read_json(write_json(bundle))


@BOTH
def test_the_same_submission_twice_gets_the_same_bytes_and_makes_one_authorization(house, version):
    bundle = a_submission_bundle()
    first, second = house.submit(bundle, version), house.submit(bundle, version)
    assert first.data == second.data
    assert len(house.rows(tables.authorizations)) == 1


def test_spaces_and_the_order_of_keys_make_no_other_request(house):
    bundle = a_submission_bundle()
    first = house.submit(bundle)
    spaced = write_json(dict(reversed(bundle.items()))).replace(b'":', b'" : ')
    assert house.submit(spaced).data == first.data


def test_another_body_under_the_same_identifier_is_409(house):
    bundle = a_submission_bundle()
    house.submit(bundle)
    other = bundle | {"timestamp": "2026-03-01T23:59:59Z"}
    (issue,) = only_issue(house.submit(other), 409)
    assert (issue["code"], issue["expression"]) == ("duplicate", ["Bundle.identifier"])
    (issue,) = only_issue(house.submit(bundle, "2.2"), 409)
    assert len(house.rows(tables.authorizations)) == 1


def test_a_kit_that_gives_all_its_requests_one_identifier_is_answered_for_each(house):
    """Public conformance kits send every payload as A12345; a client registered so is told apart by what it sends."""
    with house.service.database.writing() as connection:
        connection.execute(tables.clients.update().values(repeats_identifiers=True))
    first = a_submission_bundle()
    second = a_submission_bundle() | {"identifier": first["identifier"]}
    again = entry(first, "Claim")["identifier"]
    entry(second, "Claim")["identifier"] = again
    answers = [house.submit(one) for one in (first, second, first)]
    assert claim_response(answers[0])["id"] != claim_response(answers[1])["id"]
    assert answers[2].data == answers[0].data
    assert house.submit(first, "2.2").status_code == 200
    assert "error" not in claim_response(answers[1])


@BOTH
def test_the_same_claim_in_another_bundle_is_told_where_it_stands(house, version):
    """X12 901 code 91: nothing is weighed twice, and whoever sent it learns under which number it is."""
    bundle = a_submission_bundle()
    first = claim_response(house.submit(bundle, version))
    again = bundle | {"identifier": bundle["identifier"] | {"value": "another"}}
    second = claim_response(house.submit(again, version))
    assert second["outcome"] == "error"
    assert second["error"][0]["code"]["coding"][0]["code"] == "91"
    assert first["preAuthRef"] in second["disposition"]
    assert len(house.rows(tables.authorizations)) == 1
    entry(again, "Claim")["item"][0]["servicedDate"] = "2026-05-01"
    other = claim_response(house.submit(again | {"identifier": bundle["identifier"] | {"value": "third"}}, version))
    assert other["outcome"] != "error"


def test_two_clients_may_use_the_same_identifier(house):
    bundle = a_submission_bundle()
    mine, theirs = house.submit(bundle), house.submit(bundle, client="other-ehr")
    assert claim_response(mine)["id"] != claim_response(theirs)["id"]


def test_ten_at_once_make_one_authorization_and_get_the_same_bytes(house):
    bundle, token = write_json(a_submission_bundle()), house.token()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}

    def post(_):
        return house.web.application.test_client().post("/fhir/2.0/Claim/$submit", data=bundle, headers=headers)

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(post, range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.data for answer in answers}) == 1
    assert len(house.rows(tables.authorizations)) == len(house.rows(tables.submissions)) == 1


@BOTH
def test_a_business_error_is_200_and_replayed_as_well(house, version):
    bundle = a_submission_bundle()
    entry(bundle, "Patient")["identifier"] = [{"system": "https://clinic.example.org/members", "value": "nobody"}]
    entry(bundle, "Coverage").update(subscriberId="nobody")
    entry(bundle, "Coverage").pop("identifier", None)
    first = house.submit(bundle, version)
    assert claim_response(first)["outcome"] == "error"
    assert house.submit(bundle, version).data == first.data
    assert house.rows(tables.authorizations) == []
    assert_fhir(read_json(first.data))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"not json", 400), (b"[]", 400), (b'{"resourceType":"Bundle","resourceType":"Bundle"}', 400),
        (b'{"total":NaN}', 400), (b'{"a":' * 101 + b"1" + b"}" * 101, 400), (b'{"resourceType":"Patient"}', 400),
        (b'{"resourceType":"Bundle","type":"collection","identifier":{"value":"x"},"timestamp":"x","entry":[]}', 400),
        (b" " * 20_000_001, 413),
    ],
)  # fmt: skip
@pytest.mark.requirement("pas-2.0.1@104", "pas-2.0.1@112", "pas-2.0.1@113")
def test_what_cannot_be_read_is_4xx_with_an_operation_outcome(house, body, status):
    for operation in ("$submit", "$inquire"):
        only_issue(house.post(f"2.0/Claim/{operation}", body), status)


@pytest.mark.requirement("pas-2.2.1@spec-35", "pas-2.0.1@105")
def test_a_refusal_is_one_operation_outcome_and_no_claim_response(house):
    bundle = a_submission_bundle()
    bundle["entry"][0]["resource"]["use"] = "claim"
    bundle["entry"][0]["resource"].pop("created")
    answer = house.submit(bundle)
    issues = only_issue(answer, 400)
    assert [one["expression"] for one in issues] == [
        ["Bundle.entry[0].resource.use"],
        ["Bundle.entry[0].resource.created"],
    ]
    assert "ClaimResponse" not in answer.text


def test_a_refusal_quotes_nothing_and_leaves_nothing_but_its_audit(house):
    bundle = a_submission_bundle()
    bundle["entry"][0]["resource"]["use"] = "Baxter"
    answer = house.submit(bundle)
    assert "Baxter" not in answer.text
    for table in (tables.authorizations, tables.submissions, tables.outbox):
        assert house.rows(table) == []
    (refusal,) = house.refusals()
    assert refusal["issues"] == [{"code": "value", "expression": "Bundle.entry[0].resource.use"}]


@pytest.mark.requirement("pas-2.2.1@spec-11")
def test_the_body_is_json(house):
    for kind in ("application/xml", "application/fhir+xml", "text/plain", ""):
        only_issue(house.submit(a_submission_bundle(), content_type=kind), 415)


def test_the_answer_is_json_or_406(house):
    only_issue(house.submit(a_submission_bundle(), Accept="application/fhir+xml"), 406)
    assert house.submit(a_submission_bundle(), Accept="*/*").status_code == 200


def test_another_version_of_fhir_is_neither_read_nor_written(house):
    for ours in ("4.0", '"4.0"', "4.0.1"):
        kind = f"application/fhir+json; charset=utf-8; fhirVersion={ours}"
        assert house.submit(a_submission_bundle(), content_type=kind, Accept=kind).status_code == 200
    only_issue(house.submit(a_submission_bundle(), content_type="application/fhir+json; fhirVersion=5.0"), 415)
    only_issue(house.submit(a_submission_bundle(), Accept="application/fhir+json;fhirVersion=3.0"), 406)


@pytest.mark.parametrize(("said", "status"), [("json", 200), ("application/fhir+json", 200), ("xml", 406)])
def test_a_format_in_the_url_goes_before_the_header(house, said, status):
    door = f"2.0/Claim/$submit?_format={said}"
    answer = house.post(door, a_submission_bundle(), Accept="application/fhir+xml" if status == 200 else "*/*")
    assert answer.status_code == status


def test_a_compressed_body_is_told_what_is_taken(house):
    answer = house.submit(gzip.compress(write_json(a_submission_bundle())), **{"Content-Encoding": "gzip"})
    only_issue(answer, 415)
    assert answer.headers["Accept-Encoding"] == "identity"


@pytest.mark.requirement("pas-2.2.1@conf-1", "pas-2.2.1@spec-6")
def test_each_generation_has_an_endpoint_of_its_own_and_others_have_none(house):
    for version in ("2.0", "2.2"):
        assert house.web.get(f"/fhir/{version}/metadata").status_code == 200
    for version in ("1.0", "2.1", "3.0", "R4"):
        assert house.web.get(f"/fhir/{version}/metadata").status_code == 404


def test_another_method_is_405_and_says_which_is_right(house):
    answer = house.web.get("/fhir/2.0/Claim/$submit")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


@pytest.mark.requirement("pas-2.0.1@114", "pas-2.0.1@115", "pas-2.2.1@spec-39")
def test_a_database_that_is_away_is_503_without_a_body(house, monkeypatch):
    token = house.token()
    monkeypatch.setattr(
        house.service.database, "writing", lambda: (_ for _ in ()).throw(OperationalError("x", {}, Exception()))
    )
    answer = house.submit(a_submission_bundle(), token=token)
    assert (answer.status_code, answer.data) == (503, b"")
    assert answer.headers["Retry-After"]
    assert answer.headers["X-Request-Id"]


def test_our_own_fault_is_500_without_a_body_and_without_a_word(house, monkeypatch):
    token, log = house.token(), io.StringIO()
    configure(log)
    monkeypatch.setattr("app.api.claims.read_submission", lambda _: 1 / int("Baxter"))
    answer = house.submit(a_submission_bundle(), token=token)
    assert (answer.status_code, answer.data) == (500, b"")
    assert answer.headers["X-Request-Id"] in log.getvalue()
    assert "Baxter" not in log.getvalue()


# Inquiry


def found(answer, version):
    body = read_json(answer.data)
    assert answer.status_code == 200
    bundles = [body] if version == "2.0" else [one["resource"] for one in body.get("parameter", [])]
    held = [one["resource"] for bundle in bundles for one in bundle["entry"]]
    return [one for one in held if one["resourceType"] == "ClaimResponse"]


@BOTH
def test_an_inquiry_tells_what_the_submission_told(house, version):
    number = claim_response(house.submit(a_submission_bundle(), version))["preAuthRef"]
    answer = house.inquire(an_inquiry_bundle(), version)
    (told,) = found(answer, version)
    assert told["preAuthRef"] == number
    assert told["meta"]["profile"][0].endswith("profile-claiminquiryresponse")
    assert_fhir(read_json(answer.data))


@BOTH
def test_an_inquiry_that_finds_nothing_is_200(house, version):
    answer = house.inquire(an_inquiry_bundle(), version)
    assert found(answer, version) == []
    assert_fhir(read_json(answer.data))


def test_a_pended_case_is_found_with_its_reference(house):
    pended = claim_response(house.submit(a_submission_bundle(form=a_form_response({"2.1": None}))))
    assert pended["outcome"] == "queued"
    (told,) = found(house.inquire(an_inquiry_bundle()), "2.0")
    assert told["item"][0]["extension"] == pended["item"][0]["extension"]


def test_another_client_finds_it_by_member_number_and_npi_only(house):
    house.submit(a_submission_bundle())
    assert len(found(house.inquire(an_inquiry_bundle(), client="other-ehr"), "2.0")) == 1
    stranger = an_inquiry_bundle()
    for one in stranger["entry"]:
        one["resource"].pop("identifier", None) if one["resource"].get("id") == "riverside" else None
    assert found(house.inquire(stranger, client="other-ehr"), "2.0") == []


def test_a_birth_date_that_is_not_the_member_s_finds_nothing(house):
    house.submit(a_submission_bundle())
    bundle = an_inquiry_bundle()
    entry(bundle, "Patient")["birthDate"] = "1951-02-01"
    (told,) = found(house.inquire(bundle), "2.0")
    assert (told["outcome"], "item" in told, "preAuthRef" in told) == ("error", False, False)


def test_an_empty_entry_list_is_4xx_on_both_operations(house):
    """As the public conformance kit posts it."""
    body = {"resourceType": "Bundle", "identifier": {"value": "x"}, "type": "collection",
            "timestamp": "2026-03-01T00:00:00Z", "entry": []}  # fmt: skip
    for operation in ("$submit", "$inquire"):
        (issue,) = only_issue(house.post(f"2.2/Claim/{operation}", body), 400)
        assert issue["expression"] == ["Bundle.entry"]


# What the schema itself refuses


@pytest.mark.parametrize(
    ("action", "basis", "decided_by", "licence", "reason"),
    [
        ("A3", "policy", "policy x", None, "necessity"),
        ("A6", "policy", "policy x", "NY/1", "necessity"),
        ("A3", "clinician", "Dr. Silva", None, "necessity"),
        ("A3", "clinician", "Dr. Silva", "  ", "necessity"),
        ("A3", "clinician", "Dr. Silva", "NY/1", None),
        ("A3", "clinician", " ", "NY/1", "necessity"),
        ("A2", "plan", "plan x", None, "exclusion"),
        ("A3", "plan", "plan x", None, ""),
        ("A9", "clinician", "Dr. Silva", "NY/1", "necessity"),
        ("A3", "software", "model", "NY/1", "necessity"),
    ],
)
def test_no_row_refuses_or_reduces_care_without_a_clinician(house, action, basis, decided_by, licence, reason):
    house.submit(a_submission_bundle(form=a_form_response({"2.1": None})))
    (kept,) = house.rows(tables.decisions)
    row = dict(kept) | {"ordinal": 2, "action": action, "basis": basis, "decided_by": decided_by, "licence": licence,
                        "reason": reason}  # fmt: skip
    with pytest.raises(DatabaseError), house.service.database.writing() as connection:
        connection.execute(tables.decisions.insert().values(row))


@pytest.mark.parametrize("table", ["decisions", "events"])
@pytest.mark.parametrize("change", ["UPDATE {} SET {}", "DELETE FROM {}"])
def test_decisions_and_events_only_grow(house, table, change):
    house.submit(a_submission_bundle())
    column = {"decisions": "reason = 'other'", "events": "actor = 'other'"}[table]
    with pytest.raises(DatabaseError), house.service.database.writing() as connection:
        connection.execute(text(change.format(table, column)))


def test_the_migrations_and_the_tables_are_the_same(house):
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415
    from alembic.migration import MigrationContext  # noqa: PLC0415

    with house.service.database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
