"""What may a form of another maker ask for that this app does not do? Told to the clinician and to the payer, in words.

Source: SDC 4.0.0, sourceQueries, sourceStructureMap, subQuestionnaire, answerExpression and cqf-expression; DTR 2.0.1,
dtr-std-questionnaire: a package's form is assembled (assemble-expectation 0..0).
"""

from collections.abc import Iterator

from fhir_r4.resource import as_dict, extension
from fhir_r4.systems import SDC
from questionnaires.catalog import questions

_AT_THE_FORM = {
    f"{SDC}/StructureDefinition/sdc-questionnaire-sourceQueries": "it is to be filled by queries of a Bundle",
    f"{SDC}/StructureDefinition/sdc-questionnaire-sourceStructureMap": "it is to be filled by a StructureMap",
}
_AT_AN_ITEM = {
    f"{SDC}/StructureDefinition/sdc-questionnaire-subQuestionnaire": "a part of it is another form, not yet assembled",
    f"{SDC}/StructureDefinition/sdc-questionnaire-answerExpression": "choices of it are to be worked out",
}
_OF_WORDS = "http://hl7.org/fhir/StructureDefinition/cqf-expression"


def unsupported(form: dict) -> Iterator[str]:
    """Yield what the form asks for and does not get, each once."""
    yield from (words for url, words in _AT_THE_FORM.items() if extension(form, url))
    items = list(questions(form).values())
    yield from (words for url, words in _AT_AN_ITEM.items() if any(extension(one, url) for one in items))
    if any(extension(as_dict(one.get("_text")), _OF_WORDS) for one in items):
        yield "some of its words are to be worked out"
