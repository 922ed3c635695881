"""Lumbar MRI: four weeks of care where the policy asks for six; pended, then decided by a person."""

from dataclasses import dataclass

from app.clock import now
from app.demo import reading
from app.demo.parties import Parties
from app.demo.reviewer import Browser
from app.demo.scenes import Scenes
from fhir_r4 import payer_answer
from fhir_r4.generations import Generation
from fhir_r4.resource import as_dict, dicts

PASSWORD = "a-password-of-the-story"  # noqa: S105 of an account that lives as long as the demo
ANSWERS: dict[str, dict] = {
    **{link: {"valueBoolean": False} for link in ("1.1", "1.2", "1.3", "1.4", "2.2")},
    "2.1": {"valueInteger": 4},
}
REASON = "Four weeks of care; the policy asks for six."


def reviewer(generation: Generation) -> str:
    """Return the account of the chapter's reviewer."""
    return f"dr-silva-{generation}".replace(".", "-")


_HOLDS = {
    Generation.V2_0: ("ids only", [None]),
    Generation.V2_2: ("the full response bundle", ["Bundle"]),
}
"""What a notification holds beside its status, in words and as types of resource."""


@dataclass(frozen=True, slots=True)
class LumbarMri:
    """One case that waits for a person.

    Attributes:
        certified: the reviewer's verdict; else it is not certified.
    """

    generation: Generation
    patient: str
    order: str
    certified: bool
    here: Parties

    @property
    def title(self) -> str:
        verdict = "certified" if self.certified else "not certified"
        return f"Lumbar MRI (CPT 72148) on /fhir/{self.generation}: {self.patient}; pended, then {verdict} by a person"

    def tell(self, scenes: Scenes) -> None:
        told = self._client_subscribes(scenes)
        reference = self._request_waits(scenes)
        self._person_decides(scenes, reference)
        self._subscriber_is_told(scenes, told)
        self._inquiry_tells_the_verdict(scenes)

    def _client_subscribes(self, scenes: Scenes) -> int:
        out = scenes.out
        out.scene("The EHR subscribes to its organization's authorizations")
        before = len(scenes.received())
        subscription = as_dict(scenes.subscribe())
        out.expect("the subscription is requested", subscription.get("status") == "requested")
        arrived = scenes.await_notifications(before + 1)
        out.expect("the handshake has arrived", _kinds(arrived[before:]) == ["handshake"])
        return before + 1

    def _request_waits(self, scenes: Scenes) -> str:
        out = scenes.out
        out.scene("Hook, form (four weeks of care), submission")
        said = reading.coverage_information(scenes.sign())
        out.expect("the hook asks for documentation", said.get("doc-needed") == "clinical")
        scenes.fill(ANSWERS)
        response = reading.first(scenes.submit())
        action, _ = payer_answer.review(response)
        reference = payer_answer.reference_number(response)
        out.found("review action", action)
        out.found("reference number", reference)
        out.found("disposition", response.get("disposition"))
        out.found("note", "; ".join(payer_answer.notes(response)))
        out.expect("pended (A4) with a reference number", action == "A4" and bool(reference))
        out.expect("and a due date", "due by" in str(response.get("disposition")))
        return reference or ""

    def _person_decides(self, scenes: Scenes, reference: str) -> None:
        out = scenes.out
        out.scene("A reviewer looks at the case and decides")
        name = reviewer(self.generation)
        link = self.here.operate("staff", "add", name, "--role", "reviewer", "--licence", "NY/123456")
        browser = Browser(self.here.service, "Reviewer", out)
        browser.set_password(link, PASSWORD)
        browser.log_in(name, PASSWORD)
        page = browser.decide(browser.find(reference), self._verdict())
        wanted = "certified, " if self.certified else "not certified"
        out.expect(f"the case page says {wanted.strip(', ')}", wanted in page and f"{name} (NY/123456)" in page)

    def _verdict(self) -> dict[str, str]:
        today = now().date().isoformat()
        if self.certified:
            return {"action": "A1", "starts": today, "ends": f"{int(today[:4]) + 1}{today[4:7]}-28", "reason": ""}
        return {"action": "A3", "reason": REASON}

    def _subscriber_is_told(self, scenes: Scenes, before: int) -> None:
        out = scenes.out
        out.scene("The subscriber is told")
        arrived = scenes.await_notifications(before + 1)[before:]
        out.expect("one notification has arrived", _kinds(arrived) == ["event-notification"])
        entries = dicts(arrived[0].get("entry")) if arrived else []
        held = [as_dict(one.get("resource")).get("resourceType") for one in entries[1:]]
        out.found("beside the status it holds", held)
        words, wanted = _HOLDS[self.generation]
        out.expect(words, held == wanted)

    def _inquiry_tells_the_verdict(self, scenes: Scenes) -> None:
        out = scenes.out
        out.scene("The EHR inquires")
        found = [(payer_answer.review(one), payer_answer.notes(one)) for one in reading.inquired(scenes.inquire())]
        out.found("review action, number, note", found)
        if self.certified:
            told = any(action == "A1" and number for (action, number), _ in found)
            out.expect("certified (A1) with a number", told)
        else:
            told = any(action == "A3" and REASON in notes for (action, _), notes in found)
            out.expect("not certified (A3) with the reason", told)


def _kinds(notifications: list[dict]) -> list[str]:
    kinds = []
    for bundle in notifications:
        status = dicts(reading.first(bundle).get("parameter"))
        kinds += [one["valueCode"] for one in status if one.get("name") == "type"]
    return kinds
