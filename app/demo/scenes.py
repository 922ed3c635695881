"""What can be acted out? The EHR's buttons pressed, the DTR app at work, notifications waited for."""

import time
from dataclasses import dataclass
from typing import Any

from app.clients.outbound import Door
from app.clock import now
from app.demo.transcript import Transcript
from app.dtr.client import DtrClient
from app.dtr.credentials import Credentials
from app.dtr.launch import Launch
from app.dtr.opened import OpenForm
from app.dtr.told import Told
from fhir_r4.generations import Generation
from fhir_r4.wire import read_object, write_json

PATIENCE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Scenes:
    """One order's stage: who is where, and what is done in its name.

    Attributes:
        ehr, service: base URLs.
        order: the draft order in the EHR.
    """

    ehr: str
    service: str
    credentials: Credentials
    door: Door
    out: Transcript
    generation: Generation
    order: str

    def sign(self, *leave_out: str) -> Any:
        """Let the clinician sign: the EHR fires order-sign."""
        return self.press("clinician/sign", {"leaveOut": list(leave_out)})

    def fill(self, answers: dict[str, dict]) -> tuple[OpenForm, dict]:
        """Let the clinician open the DTR app, add answers and complete the form."""
        url, body = f"{self.ehr}/clinician/launch", {"order": self.order}
        found = read_object(self.door.send("POST", url, allowed=[self.ehr], body=write_json(body)).body)
        coverage, order = (one["reference"] for one in found["fhirContext"])
        launch = Launch(found["iss"], found["access_token"], found["patient"], found["fhirUser"], order, coverage)
        base = f"{self.service}/fhir/{self.generation}"
        client = DtrClient(self.door, base, self.generation, self.credentials, self._told)
        opened = client.open(launch, now())
        return opened, client.complete(launch, opened, answers, now())

    def submit(self) -> Any:
        return self.press("clerk/submit", {})

    def inquire(self) -> Any:
        return self.press("clerk/inquire", {})

    def subscribe(self) -> Any:
        return self.press("clerk/subscribe", {})

    def press(self, button: str, more: dict) -> Any:
        """Press a button of the EHR, show the calls that it made, and return the last answer."""
        body = {"order": self.order, "version": str(self.generation)} | more
        reply = self.door.send("POST", f"{self.ehr}/{button}", allowed=[self.ehr], body=write_json(body))
        exchanges = read_object(reply.body)["exchanges"]
        for one in exchanges:
            self.out.call("EHR", "payer", one)
        return exchanges[-1]["answer"]

    def received(self) -> list[dict]:
        """Return the notifications of this generation that the EHR has got."""
        reply = self.door.send("GET", f"{self.ehr}/notifications", allowed=[self.ehr])
        mine = str(self.generation)
        return [one["body"] for one in read_object(reply.body)["received"] if one["version"] == mine]

    def press_slow(self, seconds: float) -> None:
        """Let the EHR take this long for each notification."""
        url, body = f"{self.ehr}/notifications/slow", write_json({"seconds": seconds})
        self.door.send("POST", url, allowed=[self.ehr], body=body)

    def await_notifications(self, count: int) -> list[dict]:
        """Return what has arrived once there are ``count``, or after some patience what there is."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while len(arrived := self.received()) < count and time.monotonic() < ends:
            time.sleep(0.05)
        return arrived

    def _told(self, told: Told) -> None:
        shown = {"method": told.method, "url": told.url, "what": told.what}
        self.out.call("DTR app", told.whom, shown | {"status": told.status, "milliseconds": told.milliseconds})
