"""A bath chair: a service that the plan excludes is told so at the order, and submitted all the same gets A3."""

from dataclasses import dataclass

from app.demo import reading
from app.demo.scenes import Scenes
from fhir_r4 import payer_answer
from fhir_r4.generations import Generation


@dataclass(frozen=True, slots=True)
class BathChair:
    """One order for what the plan does not cover."""

    generation: Generation
    order: str

    @property
    def title(self) -> str:
        return f"Bath chair (HCPCS E0240) on /fhir/{self.generation}: excluded by the plan"

    def tell(self, scenes: Scenes) -> None:
        out = scenes.out
        out.scene("The clinician signs")
        said = reading.coverage_information(scenes.sign())
        out.found("covered", said.get("covered"))
        out.found("reason", said.get("reason"))
        out.expect("not covered", said.get("covered") == "not-covered")
        out.scene("The EHR asks for authorization all the same")
        response = reading.first(scenes.submit())
        action, number = payer_answer.review(response)
        out.found("review action", action)
        out.found("note", "; ".join(payer_answer.notes(response)))
        out.expect("not certified (A3), no number", (action, number) == ("A3", None))
        out.expect("with the plan's reason", any("Excluded by the plan" in one for one in payer_answer.notes(response)))
