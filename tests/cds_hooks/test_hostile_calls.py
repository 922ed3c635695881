"""Whatever stands wherever in a call, it is answered as the guide says, or refused with what is wrong."""

import copy
import random

import pytest

from cds_hooks.prefetch_facts import key
from cds_hooks.services import SERVICES
from fhir_r4.problems import Problem
from tests.cds_hooks.test_advice import answer
from tests.given import HOOKS, a_hook_of, a_record, an_order
from tests.given_policy import BY_RECORD, saturation

JUNK = (
    None, 0, -1, 1.5, True, "", "x", "Patient/x", "#x", "urn:uuid:1", "é" * 300, "2026-13-45", "9999-12-31", [], {},
    [None], [{}], {"x": 1}, {"reference": 5}, {"reference": "http://[::1"}, {"coding": "x"}, {"coding": [{}]},
    {"resourceType": 5}, {"resourceType": "Bundle"}, {"resourceType": "Bundle", "entry": [None]},
    {"resourceType": "Bundle", "entry": [{"resource": None}]}, {"resourceType": "Bundle", "link": "x"},
    {"resourceType": "Bundle", "link": [{"relation": "next", "url": 5}]}, {"resourceType": "OperationOutcome"},
    {"resourceType": "Coverage", "id": ["c"]},
    {"resourceType": "Coverage", "id": "c", "payor": [None, {"reference": 5}, {"identifier": [1]}]},
)  # fmt: skip
TIMES = 20
KEY = key("Observation?code=http://loinc.org|20564-1&_sort=-date&_count=1")


def places(node, path=()):
    """Yield the path of everything in a call."""
    below = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, member in below:
        yield (*path, name)
        yield from places(member, (*path, name))


def with_junk(body, path, junk):
    body = copy.deepcopy(body)
    holder = body
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = junk
    return body


def fate(body):
    """Return why a call was refused; None where it was answered, and as the profiles say."""
    try:
        answer(body, book=BY_RECORD)
    except Problem as refused:
        return refused
    return None


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("version", ["2.0", "2.2"])
@pytest.mark.requirement("crd-2.0.1@159", "crd-2.2.1@hook-14")
def test_anything_anywhere_is_answered_or_refused(hook, version):
    pick = random.Random(f"{hook} {version}")  # noqa: S311 the same for everybody
    body = a_hook_of(hook, version=version)
    body["prefetch"] |= {KEY: saturation(86), "organization": a_record().get("Organization/riverside")}
    everything = [path for path in places(body) if path[0] != "hook"]
    for _ in range(TIMES):
        path, junk = pick.choice(everything), pick.choice(JUNK)
        refused = fate(with_junk(body, path, junk))
        if refused:
            assert 400 <= refused.status < 500
            assert all(issue.diagnostics for issue in refused.issues)


def a_crowd():
    """Return a bundle as an EHR may send it: orders that we know, that nobody knows, that are over, and no orders."""
    other = {"coding": [{"system": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "code": "L9999"}]}
    local = {"coding": [{"system": "https://riverside.example.org/codes", "code": "OX-1"}], "text": "Oxygen"}
    return [
        an_order(id="known"),
        an_order(id="unknown-code", codeCodeableConcept=other),
        an_order(id="local-code", codeCodeableConcept=local),
        an_order(id="no-code", codeCodeableConcept=None),
        an_order(id="no-subject", subject=None),
        an_order(id="over", status="revoked"),
        an_order(id="not-to-be-done", doNotPerform=True),
        {"resourceType": "Task", "id": "task", "status": "draft", "intent": "order"},
        {"resourceType": "Device", "id": "device"},
        {"resourceType": "Observation", "id": "value", "status": "final", "code": {"text": "x"}},
        {"resourceType": "HoverBoardRequest", "id": "of-tomorrow"},
    ]


@pytest.mark.parametrize("version", ["2.0", "2.2"])
@pytest.mark.requirement("crd-2.0.1@309", "crd-2.2.1@found-33")
def test_every_order_of_a_crowd_is_answered_and_what_is_none_is_ignored(version):
    body = a_hook_of("order-sign", version=version)
    crowd = [{name: value for name, value in one.items() if value is not None} for one in a_crowd()]
    body["context"]["draftOrders"]["entry"] = [{"resource": one} for one in crowd]
    told = [action["resource"]["id"] for action in answer(body)["systemActions"]]
    assert told == ["known", "unknown-code", "local-code", "no-code", "no-subject"]


@pytest.mark.parametrize("version", ["2.0", "2.2"])
@pytest.mark.requirement("cds-hooks-2.0@77")
def test_what_can_be_no_order_is_not_dispatched_and_not_missed(version):
    body = a_hook_of("order-dispatch", version=version, dispatchedOrders=["Task/1", "HoverBoardRequest/2"])
    assert answer(body) == {"cards": [], "systemActions": []}
    assert SERVICES["order-dispatch-crd"].primary


@pytest.mark.requirement("crd-2.2.1@hook-30")
def test_beside_an_order_it_is_ignored():
    body = a_hook_of("order-dispatch")
    body["context"]["dispatchedOrders"].append("Task/1")
    assert len(answer(body)["systemActions"]) == 1
