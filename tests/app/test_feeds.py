"""Whoever reads a feed on from its last cursor knows the present state of all its decided cases, each at least once."""

import base64
from dataclasses import replace
from datetime import timedelta

import pytest

from app.web import create_app
from fhir_r4.wire import read_json
from tests.app.fixtures import House
from tests.app.subscribers import a_pended_case, decide
from tests.given import a_submission_bundle
from tests.second_opinion import assert_profiled

READ = "system/ClaimResponse.rs"


def feed(house, query="", client="riverside-ehr", version="2.2", token=None):
    headers = {"Authorization": f"Bearer {token or house.token(READ, client)}"}
    answer = house.web.get(f"/feeds/{version}/decided{query}", headers=headers)
    assert answer.status_code == 200, answer.data
    return [read_json(line) for line in answer.data.splitlines()], answer.headers.get("X-Next-Cursor")


def decided_cases(house, count):
    """Refuse so many cases, ten seconds apart, and return their ids."""
    found = []
    for _ in range(count):
        found.append(a_pended_case(house))
        decide(house, found[-1])
        house.clock.now += timedelta(seconds=10)
    return found


@pytest.mark.parametrize("version", ["2.0", "2.2"])
def test_each_line_is_a_case_with_its_claim_response(house, version):
    decided_cases(house, 1)
    (line,), _ = feed(house, version=version)
    assert line["claimResponse"]["id"] == line["case"]
    assert_profiled(line["claimResponse"], version, references="open")


def test_it_is_read_on_from_where_it_was_left(house):
    (one,) = decided_cases(house, 1)
    first, cursor = feed(house)
    assert [line["case"] for line in first] == [one]
    assert feed(house, f"?after={cursor}") == ([], cursor)
    (other,) = decided_cases(house, 1)
    lines, further = feed(house, f"?after={cursor}")
    assert [line["case"] for line in lines] == [other]
    assert further == lines[-1]["cursor"] != cursor


def test_a_limit_cuts_it_and_nothing_is_skipped_or_told_twice(house):
    wanted, told, cursor = decided_cases(house, 5), [], ""
    while True:
        lines, cursor = feed(house, f"?limit=2&after={cursor}")
        if not lines:
            break
        assert len(lines) <= 2
        told += [line["case"] for line in lines]
    assert told == wanted


def test_what_waits_or_has_only_just_changed_is_not_told_yet(house):
    a_pended_case(house)
    house.submit(a_submission_bundle())
    assert feed(house) == ([], None)


def test_a_client_reads_its_own_only(house):
    decided_cases(house, 1)
    assert feed(house, client="other-ehr") == ([], None)


def test_the_payer_s_own_back_end_reads_everybody_s(house):
    wanted = decided_cases(house, 3)
    config = replace(house.config, back_end_client="other-ehr")
    service = replace(house.service, config=config)
    core = House(config, service, create_app(config, service).test_client(), house.signer, house.clock)
    lines, cursor = feed(core, "?limit=2", client="other-ehr")
    assert [line["case"] for line in lines] == wanted[:2]
    (last,), _ = feed(core, f"?after={cursor}", client="other-ehr")
    assert last["case"] == wanted[2]
    assert feed(core) == feed(house)


BEYOND = "9999-12-31T23:59:59-01:00"  # in UTC of the year 10,000
CURSOR = base64.urlsafe_b64encode(f"{BEYOND}|x".encode()).decode()
NUL = base64.urlsafe_b64encode(b"2026-03-01T00:00:00Z|\0").decode()


@pytest.mark.parametrize(
    "query",
    [
        "?after=nonsense",
        "?after=!!",
        f"?after={CURSOR}",
        f"?after={NUL}",
        "?limit=0",
        "?limit=1001",
        "?limit=0001000999",
        "?limit=many",
    ],
)
def test_what_is_no_cursor_or_limit_is_named(house, query):
    headers = {"Authorization": f"Bearer {house.token(READ)}"}
    answer = house.web.get(f"/feeds/2.2/decided{query}", headers=headers)
    assert answer.status_code == 400
    assert answer.json["issue"][0]["expression"] == [query[1:].partition("=")[0]]


def test_it_asks_for_the_right_to_search(house):
    headers = {"Authorization": f"Bearer {house.token('system/Claim.crus')}"}
    assert house.web.get("/feeds/2.2/decided", headers=headers).status_code == 403
