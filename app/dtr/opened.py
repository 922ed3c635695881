"""What does a form look like once it is fetched and filled?"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.dtr.evaluator import Filled
from app.dtr.kit import Kit
from app.dtr.pile import Stage


@dataclass(frozen=True, slots=True)
class OpenForm:
    """A form on the clinician's desk.

    Attributes:
        form: the Questionnaire, of an adaptive one with the questions so far; ``kit`` what came with it.
        response: the QuestionnaireResponse as filled.
        filled: all that population said: why questions stayed empty, from where others were filled, what failed.
        has_more: the payer may have further questions (adaptive forms).
        refused: types of resources that the EHR did not let us search, or not to the end.
        notes: what the clinician should know of how it was opened.
        pile: every form that the payer wants for this order.
        newer: canonical of a newer version.
    """

    form: dict
    kit: Kit
    response: dict
    filled: Filled
    has_more: bool = False
    is_resumed: bool = False
    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pile: tuple[Stage, ...] = ()
    newer: str | None = None

    @property
    def empty(self) -> Mapping[str, str]:
        return self.filled.empty

    @property
    def sources(self) -> Mapping[str, list[dict]]:
        return self.filled.sources
