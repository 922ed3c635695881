"""The policies change while everything runs: web processes and Celery workers switch together, or not at all."""

import json
import shutil

import pytest

from app.demo.parties import loopback_door
from fhir_r4.wire import read_object
from tests.app.fixtures import ROOT
from tests.journeys.test_killed import a_pended_case
from tests.waiting import until

pytestmark = pytest.mark.journey
WEB, WORKER = 2, 3  # processes with policies: two of the web; the sweep and two of Celery
MRI = "lumbar-mri/2026.1.yaml"


def said(town, event):
    """Return the log lines of this event, of the web processes and of the worker's."""
    lines = [line for name in ("service", "worker") for line in town.log(name).splitlines() if event in line]
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_web_processes_and_workers_take_a_new_version_and_refuse_a_faulty_one(build_town, redis_server, tmp_path):
    folder = tmp_path / "policies"
    shutil.copytree(ROOT / "rules" / "policies", folder)
    town = build_town(
        PRIORAUTH_POLICIES=str(folder), PRIORAUTH_POLICIES_POLL_SECONDS="0.2", PRIORAUTH_BROKER_URL=redis_server.url
    )
    until(lambda: len(said(town, "policies.read")) == WEB + WORKER, seconds=60)
    (before,) = {line["digest"] for line in said(town, "policies.read")}

    text = (folder / MRI).read_text()
    newer = text.replace('version:   "2026.1"', 'version:   "2026.2"').replace("2026-01-01", "2026-01-02")
    assert newer != text
    (folder / "lumbar-mri" / "2026.2.yaml").write_text(newer)
    until(lambda: len(said(town, "policies.changed")) == WEB + WORKER, seconds=60)
    digests = {line["digest"] for line in said(town, "policies.changed")}
    assert len(digests) == 1
    assert before not in digests

    _, reference = a_pended_case(town)
    explained = town.here.operate("policies", "explain", "--authorization", reference, "--who", "policy staff")
    assert "lumbar-mri 2026.2" in explained

    (folder / MRI).write_text("policy: [")
    until(lambda: len(said(town, "policies.refused")) == WEB + WORKER, seconds=60)
    health = loopback_door().send("GET", f"{town.here.service}/health/ready", allowed=[town.here.service])
    policies = read_object(health.body)["policies"]
    assert (policies["status"], {policies["book"]}) == ("refused", digests)
