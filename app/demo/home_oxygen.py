"""Home oxygen: an order becomes a decision at once, by the policy."""

from dataclasses import dataclass

from app.demo import reading
from app.demo.scenes import Scenes
from fhir_r4 import payer_answer
from fhir_r4.generations import Generation
from fhir_r4.resource import as_dict, dicts, kind


@dataclass(frozen=True, slots=True)
class HomeOxygen:
    """One patient's way from order to certification.

    Attributes:
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

    @property
    def title(self) -> str:
        return f"Home oxygen (HCPCS E0424) on /fhir/{self.generation}: {self.patient}"

    def tell(self, scenes: Scenes) -> None:
        self._order_is_signed(scenes)
        self._form_is_filled(scenes)
        number = self._authorization_is_asked_for(scenes)
        self._inquiry_says_the_same(scenes, number)
        self._hook_is_satisfied(scenes, number)

    def _order_is_signed(self, scenes: Scenes) -> None:
        out = scenes.out
        out.scene("The clinician signs; the EHR fires the hook and leaves the Coverage out")
        answer = scenes.sign("coverage")
        said = reading.coverage_information(answer)
        for name in ("covered", "pa-needed", "doc-needed", "questionnaire", "coverage-assertion-id"):
            out.found(name, said.get(name))
        needed = (said.get("covered"), said.get("pa-needed")) == ("covered", "auth-needed")
        out.expect("covered, authorization needed", needed)
        out.expect("clinical documentation needed", said.get("doc-needed") == "clinical")
        out.expect("the form and a promise", {"questionnaire", "coverage-assertion-id"} <= said.keys())
        topics = [card["source"]["topic"]["code"] for card in dicts(as_dict(answer).get("cards"))]
        out.expect("a guideline card", topics == ["guideline"])

    def _form_is_filled(self, scenes: Scenes) -> None:
        out = scenes.out
        out.scene("The clinician opens the DTR app from the order")
        opened, saved = scenes.fill(self.answers)
        answers = reading.answers(opened)
        for link_id, (text, value, origin) in answers.items():
            out.found(f"{link_id} {text}", f"{value}  ({origin})")
        out.expect("the record answers what it knows", answers.keys() == self.filled)
        origins = {origin for *_, origin in answers.values()}
        out.expect("each answer is marked with its origin", origins <= {"auto", "auto-client"})
        out.expect("the clinician adds the rest; the form is completed", saved["status"] == "completed")

    def _authorization_is_asked_for(self, scenes: Scenes) -> str:
        out = scenes.out
        out.scene("The EHR asks for authorization; the Claim bundle carries the form")
        response = reading.first(scenes.submit())
        action, number = payer_answer.review(response)
        period = as_dict(response.get("preAuthPeriod"))
        for what, value in {"review action": action, "number": number, "period": period}.items():
            out.found(what, value)
        out.expect("certified (A1) with a number", action == "A1" and bool(number))
        lasts = reading.months(period.get("start", ""), period.get("end", ""))
        out.expect(f"for {self.months} months", lasts == self.months)
        return number or ""

    def _inquiry_says_the_same(self, scenes: Scenes, number: str) -> None:
        out = scenes.out
        out.scene("The EHR inquires")
        answer = scenes.inquire()
        wanted = {Generation.V2_0: "Bundle", Generation.V2_2: "Parameters"}[self.generation]
        out.expect(f"the answer is a {wanted}", kind(answer) == wanted)
        found = [payer_answer.review(one) for one in reading.inquired(answer)]
        out.found("review action and number", found)
        out.expect("it tells the same", ("A1", number) in found)

    def _hook_is_satisfied(self, scenes: Scenes, number: str) -> None:
        out = scenes.out
        out.scene("The hook is fired again")
        said = reading.coverage_information(scenes.sign())
        out.found("pa-needed", said.get("pa-needed"))
        out.found("satisfied-pa-id", said.get("satisfied-pa-id"))
        same = said.get("pa-needed") == "satisfied" and said.get("satisfied-pa-id") == number != ""
        out.expect("satisfied, by that number", same)
