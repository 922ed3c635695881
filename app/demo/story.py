"""What happens in the story? Home oxygen: an order becomes a decision, in both generations of the guides.

Each step says what is expected and is checked against what came over the wire.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from app.clients.outbound import Door
from app.clock import now
from app.demo.transcript import Transcript
from app.dtr.client import DtrClient, Launch, OpenForm, Told
from app.dtr.credentials import Credentials
from fhir_r4.generations import Generation
from fhir_r4.resource import as_dict, dicts, extension, extensions, kind, value_of
from fhir_r4.systems import COVERAGE_INFORMATION, INFORMATION_ORIGIN, REVIEW_ACTION, REVIEW_ACTION_CODE
from fhir_r4.wire import read_object, write_json


@dataclass(frozen=True, slots=True)
class HomeOxygen:
    """One patient's way from order to certification.

    Attributes:
        order: the draft order in the EHR.
        answers: what the clinician adds to the form, by linkId.
        filled: linkIds that the record is expected to answer.
        months: for how long it is to be certified.
    """

    generation: Generation
    patient: str
    order: str
    answers: dict[str, dict]
    filled: frozenset[str]
    months: int


CHAPTERS = (
    HomeOxygen(
        Generation.V2_0,
        "Amy Baxter, saturation 87 %",
        "DeviceRequest/home-oxygen",
        {"2.4": {"valueBoolean": True}, "3.2": {"valueBoolean": False}},
        frozenset({"1.1", "1.2", "1.3", "2.1", "2.3"}),
        12,
    ),
    HomeOxygen(
        Generation.V2_2,
        "Bernard Okoye, saturation 89 % and a hematocrit of 57.8 %",
        "DeviceRequest/home-oxygen-okoye",
        {"2.4": {"valueBoolean": True}, "3.2": {"valueBoolean": False}},
        frozenset({"1.1", "1.2", "1.3", "2.1", "2.3", "3.1"}),
        3,
    ),
)


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells one chapter: asks the EHR to act, lets the DTR client work, and checks what came back."""

    chapter: HomeOxygen
    ehr: str
    service: str
    credentials: Credentials
    door: Door
    out: Transcript

    def tell(self) -> None:
        told = self.chapter
        self.out.chapter(f"Home oxygen (HCPCS E0424) on /fhir/{told.generation}: {told.patient}")
        self._order_is_signed()
        launch = self._app_is_launched()
        self._form_is_filled(launch)
        number = self._authorization_is_asked_for()
        self._inquiry_says_the_same(number)
        self._hook_is_satisfied(number)

    def _order_is_signed(self) -> None:
        self.out.scene("The clinician signs; the EHR fires the hook and leaves the Coverage out")
        answer = self._press("clinician/sign", {"leaveOut": ["coverage"]})
        said = _coverage_information(answer)
        for name in ("covered", "pa-needed", "doc-needed", "questionnaire", "coverage-assertion-id"):
            self.out.found(name, said.get(name))
        self.out.expect("covered, authorization needed", _says(said, "covered", "auth-needed"))
        self.out.expect("clinical documentation needed", said.get("doc-needed") == "clinical")
        self.out.expect("the form's canonical and an assertion id", {"questionnaire", _ID} <= said.keys())
        cards = dicts(as_dict(answer).get("cards"))
        topics = [card["source"]["topic"]["code"] for card in cards]
        self.out.expect("a guideline card", topics == ["guideline"])

    def _app_is_launched(self) -> Launch:
        self.out.scene("The clinician opens the DTR app from the order")
        url, body = f"{self.ehr}/clinician/launch", {"order": self.chapter.order}
        found = read_object(self.door.send("POST", url, allowed=[self.ehr], body=write_json(body)).body)
        coverage, order = (one["reference"] for one in found["fhirContext"])
        return Launch(found["iss"], found["access_token"], found["patient"], found["fhirUser"], order, coverage)

    def _form_is_filled(self, launch: Launch) -> None:
        base = f"{self.service}/fhir/{self.chapter.generation}"
        client = DtrClient(self.door, base, self.chapter.generation, self.credentials, self._told)
        opened = client.open(launch, now())
        answers = _answers(opened)
        for link_id, (text, value, origin) in answers.items():
            self.out.found(f"{link_id} {text}", f"{value}  ({origin})")
        self.out.expect("the record answers what it knows", answers.keys() == self.chapter.filled)
        self.out.expect(
            "each answer is marked with its origin", all(o.startswith("auto") for *_, o in answers.values())
        )
        saved = client.complete(launch, opened, self.chapter.answers, now())
        self.out.expect("the clinician adds the rest; the form is completed", saved["status"] == "completed")

    def _authorization_is_asked_for(self) -> str:
        self.out.scene("The EHR asks for authorization; the Claim bundle carries the form")
        answer = self._press("clerk/submit", {})
        response = _first(answer)
        action, number = _review(response)
        period = as_dict(response.get("preAuthPeriod"))
        for what, value in {"review action": action, "number": number, "period": period}.items():
            self.out.found(what, value)
        self.out.expect("certified (A1) with a number", action == "A1" and bool(number))
        expected = _months(period.get("start", ""), period.get("end", ""))
        self.out.expect(f"for {self.chapter.months} months", expected == self.chapter.months)
        return number or ""

    def _inquiry_says_the_same(self, number: str) -> None:
        self.out.scene("The EHR inquires")
        answer = self._press("clerk/inquire", {})
        wanted = "Bundle" if self.chapter.generation is Generation.V2_0 else "Parameters"
        self.out.expect(f"the answer is a {wanted}", kind(answer) == wanted)
        bundles = [answer] if wanted == "Bundle" else [one["resource"] for one in dicts(answer.get("parameter"))]
        found = [_review(_first(bundle)) for bundle in bundles]
        self.out.found("review action and number", found)
        self.out.expect("it tells the same", ("A1", number) in found)

    def _hook_is_satisfied(self, number: str) -> None:
        self.out.scene("The hook is fired again")
        said = _coverage_information(self._press("clinician/sign", {"leaveOut": []}))
        self.out.found("pa-needed", said.get("pa-needed"))
        self.out.found("satisfied-pa-id", said.get("satisfied-pa-id"))
        same = said.get("pa-needed") == "satisfied" and said.get("satisfied-pa-id") == number != ""
        self.out.expect("satisfied, by that number", same)

    def _press(self, button: str, more: dict) -> Any:
        """Press a button of the EHR, show the calls that it made, and return the last answer."""
        body = {"order": self.chapter.order, "version": str(self.chapter.generation)} | more
        url = f"{self.ehr}/{button}"
        reply = self.door.send("POST", url, allowed=[self.ehr], body=write_json(body))
        exchanges = read_object(reply.body)["exchanges"]
        for one in exchanges:
            self.out.call("EHR", "payer", one)
        return exchanges[-1]["answer"]

    def _told(self, told: Told) -> None:
        shown = {"method": told.method, "url": told.url, "what": told.what}
        self.out.call("DTR app", told.whom, shown | {"status": told.status, "milliseconds": told.milliseconds})


_ID = "coverage-assertion-id"


def _coverage_information(answer: Any) -> dict[str, Any]:
    actions = dicts(as_dict(answer).get("systemActions"))
    resource = actions[0]["resource"] if actions else {}
    parts = dicts(extension(resource, COVERAGE_INFORMATION).get("extension"))
    return {part["url"]: value_of(part) for part in parts}


def _says(said: dict[str, Any], covered: str, pa_needed: str) -> bool:
    return said.get("covered") == covered and said.get("pa-needed") == pa_needed


def _answers(opened: OpenForm) -> dict[str, tuple[str, str, str]]:
    """Return text, answer and origin by linkId, as a person would read them."""
    found: dict[str, tuple[str, str, str]] = {}
    waiting = dicts(opened.response.get("item"))
    while waiting:
        item = waiting.pop(0)
        waiting = dicts(item.get("item")) + waiting
        for answer in dicts(item.get("answer")):
            origin = extension(extension(answer, INFORMATION_ORIGIN), "source")
            found[item["linkId"]] = (item["text"], _readable(value_of(answer)), str(value_of(origin)))
    return found


def _readable(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    if "code" in value and "value" not in value:
        return f"{value.get('code')} {value.get('display', '')}".strip()
    return f"{value.get('value')} {value.get('unit', '')}".strip()


def _first(bundle: Any) -> dict:
    entries = dicts(as_dict(bundle).get("entry"))
    return as_dict(entries[0].get("resource")) if entries else {}


def _review(response: dict) -> tuple[str | None, str | None]:
    """Return action and number of the first item."""
    for item in dicts(response.get("item")):
        for adjudication in dicts(item.get("adjudication")):
            for action in extensions(adjudication, REVIEW_ACTION):
                coded = as_dict(extension(action, REVIEW_ACTION_CODE).get("valueCodeableConcept"))
                return dicts(coded.get("coding"))[0].get("code"), value_of(extension(action, "number"))
    return None, None


def _months(start: str, end: str) -> int | None:
    """Return the whole months from the first day to the last, both included."""
    try:
        first, after = date.fromisoformat(start), date.fromisoformat(end) + timedelta(days=1)
    except ValueError:
        return None
    return (after.year - first.year) * 12 + after.month - first.month
