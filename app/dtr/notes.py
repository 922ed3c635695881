"""What is the clinician told of how a form was filled, beside the marks at its questions?"""

from collections.abc import Iterator

from app.dtr.live import CIRCLE
from app.dtr.opened import OpenForm
from app.dtr.unsupported import unsupported
from fhir_r4.resource import extension
from fhir_r4.systems import ENABLE_WHEN_EXPRESSION
from questionnaires.catalog import questions


def notes_of(opened: OpenForm) -> Iterator[str]:
    """Yield what could not be read and what the form's own logic could not do (DTR 2.0.1 @193, @199; 2.2 spec-79)."""
    for kind in opened.refused:
        yield (
            f"The EHR did not let this app read {kind} resources, or not all of them; questions that need them are "
            "empty, or filled from what was read."
        )
    for words in unsupported(opened.kit.form):
        yield f"This app does not do all that the form asks for: {words}. The payer has been told."
    failed = {link: why for link, why in opened.filled.failed.items() if link}
    if "" in opened.filled.failed:
        yield "The form asks for records of other people; those were not read. The payer has been told."
    if not failed:
        return
    items = questions(opened.form)
    yield (
        f"The form's own logic failed for {len(failed)} of its questions, which were not filled; please fill them by "
        "hand. The payer has been told."
    )
    if any(why == CIRCLE for why in failed.values()):
        yield "The form's own logic runs in a circle, so that filling was ended."
    if any(extension(items.get(link, {}), ENABLE_WHEN_EXPRESSION) for link in failed):
        yield "Some questions are shown although they may not be needed: the form could not tell."
