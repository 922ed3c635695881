"""An EHR that is a stranger finds the services, fires its hooks, and takes up what comes back."""

import pytest

from app.demo.parties import loopback_door
from fhir_r4.wire import read_object, write_json

pytestmark = pytest.mark.journey


def press(town, button, order, version):
    """Let somebody at the EHR press a button; return the payer's answer."""
    body = write_json({"order": order, "version": version, "leaveOut": ["coverage"]})
    reply = loopback_door().send("POST", f"{town.here.ehr}/clinician/{button}", allowed=[town.here.ehr], body=body)
    last = read_object(reply.body)["exchanges"][-1]
    assert last["status"] == 200, last["answer"]
    return last["answer"]


@pytest.mark.parametrize("version", ["2.0", "2.2"])
def test_an_order_is_selected_signed_and_dispatched(build_town, version):
    town, order = build_town(), "DeviceRequest/home-oxygen"
    early = press(town, "select", order, version)
    assert "doc-needed" not in str(early["systemActions"])
    signed = press(town, "sign", order, version)
    assert "'doc-needed', 'valueCode': 'clinical'" in str(signed["systemActions"])
    assert press(town, "dispatch", order, version)["systemActions"] == [], "nothing new"
    other = press(town, "dispatch", "ServiceRequest/lumbar-mri-baxter", version)
    assert "coverage-assertion-id" in str(other["systemActions"])
