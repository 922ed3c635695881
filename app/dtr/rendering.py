"""What does the page that renders the form get to see? The form without what only population needs.

Expressions that look into the record have been evaluated here, in a process with limits; the browser gets neither
them nor the record. Value sets of the package become answer options, so that the page asks nobody.
"""

from collections.abc import Iterable, Iterator

from fhir_r4.resource import as_dict, dicts, text_of
from fhir_r4.systems import CANDIDATE_EXPRESSION, INITIAL_EXPRESSION, LAUNCH_CONTEXT, SDC, VARIABLE

_UNSEEN = frozenset(
    {
        INITIAL_EXPRESSION,
        CANDIDATE_EXPRESSION,
        LAUNCH_CONTEXT,
        VARIABLE,
        "http://hl7.org/fhir/StructureDefinition/cqf-library",
        f"{SDC}/StructureDefinition/sdc-questionnaire-itemPopulationContext",
        f"{SDC}/StructureDefinition/sdc-questionnaire-sourceQueries",
    }
)


def rendered(form: dict, logic: Iterable[dict]) -> dict:
    """Return the form for the page; ``logic`` holds the package's ValueSets.

    Narrative and marked-up labels of other makers are left out: the plain text beside them is shown.
    """
    options = {canonical: list(_options(one)) for one in logic for canonical in _canonicals(one)}

    def shown(element: dict) -> dict:
        kept = [one for one in dicts(element.get("extension")) if one.get("url") not in _UNSEEN]
        made = {name: value for name, value in element.items() if name not in {"extension", "text", "contained"}}
        made |= {"text": element["text"]} if isinstance(element.get("text"), str) else {}
        made |= {"extension": kept} if kept else {}
        made = {name: value for name, value in made.items() if not name.startswith("_")}
        if choices := options.get(text_of(element.get("answerValueSet")) or ""):
            made = {name: value for name, value in made.items() if name != "answerValueSet"} | {"answerOption": choices}
        if "item" in element:
            made["item"] = [shown(one) for one in dicts(element.get("item"))]
        return made

    return shown(form)


def _canonicals(resource: dict) -> Iterator[str]:
    if resource.get("resourceType") == "ValueSet" and (url := text_of(resource.get("url"))):
        yield url
        if version := text_of(resource.get("version")):
            yield f"{url}|{version}"


def _options(value_set: dict) -> Iterator[dict]:
    for one in dicts(as_dict(value_set.get("expansion")).get("contains")):
        yield {"valueCoding": {name: one[name] for name in ("system", "code", "display") if name in one}}
