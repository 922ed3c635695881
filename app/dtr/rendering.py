"""What does the page that renders the form get to see? The form without what only population needs.

Expressions that look into the record have been evaluated here, in a process with limits; the browser gets neither
them nor the record. Value sets of the package become answer options, so that the page asks nobody.
"""

from collections.abc import Iterable, Iterator, Mapping

from app.dtr.markup import marked
from cql import CqlError, PackageTerminology
from cql.types import ValueSet
from fhir_r4.resource import as_dict, dicts, kind, link_of, text_of
from fhir_r4.systems import (
    CANDIDATE_EXPRESSION,
    CONTEXT_EXPRESSION,
    INITIAL_EXPRESSION,
    ITEM_CONTROL,
    ITEM_POPULATION_CONTEXT,
    LAUNCH_CONTEXT,
    RENDERING_XHTML,
    SDC,
    UNIT_OPTION,
    UNIT_VALUE_SET,
    VARIABLE,
)
from fhir_r4.weights import weights
from questionnaires.logic import LANGUAGES

_CHOSEN = frozenset({"choice", "open-choice", "reference"})
_UNSEEN = frozenset(
    {
        INITIAL_EXPRESSION,
        CANDIDATE_EXPRESSION,
        CONTEXT_EXPRESSION,
        ITEM_POPULATION_CONTEXT,
        LAUNCH_CONTEXT,
        VARIABLE,
        "http://hl7.org/fhir/StructureDefinition/cqf-library",
        f"{SDC}/StructureDefinition/sdc-questionnaire-sourceQueries",
    }
)


def rendered(
    form: dict,
    logic: Iterable[dict],
    offered: Mapping[str, list[dict]] | None = None,
    beside: Mapping[str, list[str]] | None = None,
) -> dict:
    """Return the form for the page.

    Args:
        logic: holds the package's ValueSets; the form may contain others.
        offered: choices that the record offers beside the form's own, by linkId (SDC candidateExpression).
        beside: what the record says beside a question, by linkId (SDC contextExpression); shown as help.

    Narrative of other makers is left out; of marked-up words what formats is kept.
    """
    own = [one | {"url": f"#{one.get('id')}", "version": None} for one in dicts(form.get("contained"))]
    resources = [*logic, *own]
    options = {canonical: _options(one, resources) for one in resources for canonical in _canonicals(one)}

    def shown(element: dict) -> dict:
        kept = [one for one in dicts(element.get("extension")) if not _unseen(one)]
        made = {name: value for name, value in element.items() if name not in _NOT_AS_IT_IS}
        made |= {"text": element["text"]} if isinstance(element.get("text"), str) else {}
        made |= {"extension": kept} if kept else {}
        made = {name: value for name, value in made.items() if not name.startswith("_")}
        made |= _with_markup("_text", as_dict(element.get("_text")))
        if choices := options.get(text_of(element.get("answerValueSet")) or ""):
            made = {name: value for name, value in made.items() if name != "answerValueSet"} | {"answerOption": choices}
        if "answerOption" in made:
            made["answerOption"] = [_option(one) for one in dicts(made["answerOption"])]
        made |= _with_candidates(made, (offered or {}).get(link_of(element), []))
        made |= _with_units(made, options)
        told = (beside or {}).get(link_of(element), [])
        if "item" in element or told:
            made["item"] = [shown(one) for one in dicts(element.get("item"))] + list(_as_help(made, told))
        return made

    return shown(form)


def _as_help(element: dict, told: Iterable[str]) -> Iterator[dict]:
    """Yield what the record says beside a question, as items that explain it."""
    for number, words in enumerate(told, start=1):
        yield {
            "linkId": f"{element['linkId']}.record-{number}",
            "type": "display",
            "text": words,
            "extension": [{"url": ITEM_CONTROL, "valueCodeableConcept": {"coding": [_HELP]}}],
        }


_HELP = {"system": "http://hl7.org/fhir/questionnaire-item-control", "code": "help"}
_NOT_AS_IT_IS = frozenset({"extension", "text", "contained", "initial"})
"""The first three are cut to what the page shows; how a form begins says nothing once it has begun."""


def _option(option: dict) -> dict:
    """Return a choice as it is shown: its mark-up cut to what formats, without whether it was chosen at the start.

    What its coding counts for is said of the choice.
    """
    made = {name: value for name, value in option.items() if name != "initialSelected" and not name.startswith("_")}
    for name, value in option.items():
        if name.startswith("_value"):
            made |= _with_markup(name, as_dict(value))
        elif name.startswith("value") and isinstance(value, dict):
            bare = {key: part for key, part in value.items() if key != "extension" and not key.startswith("_")}
            made[name] = bare | _with_markup("", value).get("", {})
            if counts := weights(value):
                made["extension"] = [*dicts(option.get("extension")), *counts]
    return made


def _with_markup(name: str, held: dict) -> dict:
    """Return an element with the mark-up of another, as far as it only formats; nothing where there is none."""
    told = marked(held)
    return {name: {"extension": [{"url": RENDERING_XHTML, "valueString": told}]}} if told else {}


def _with_candidates(element: dict, offered: list[dict]) -> dict:
    """Add what the record offers to a question's choices; a text or a number is offered nothing."""
    held = dicts(element.get("answerOption"))
    new = [one for one in offered if one not in held and element.get("type") in _CHOSEN]
    return {"answerOption": [*new, *held]} if new and not element.get("answerValueSet") else {}


def _with_units(element: dict, options: Mapping[str, list[dict]]) -> dict:
    """Write the units of a value set of the package as single units."""
    kept = dicts(element.get("extension"))
    named = [text_of(one.get("valueCanonical")) or "" for one in kept if one.get("url") == UNIT_VALUE_SET]
    units = [{"url": UNIT_OPTION, **one} for name in named for one in options.get(name, [])]
    return {"extension": [one for one in kept if one.get("url") != UNIT_VALUE_SET] + units} if units else {}


def choices(value_set: dict) -> list[dict]:
    """Return the codes of an expansion as the page offers them: ``[{"label": "Home", "value": {…}}]``."""
    listed = dicts(as_dict(value_set.get("expansion")).get("contains"))
    told = [{name: one[name] for name in ("system", "code", "display") if text_of(one.get(name))} for one in listed]
    named = ((one.get("display") or one.get("code"), one) for one in told)
    return [{"label": label, "value": {"valueCoding": one}} for label, one in named if label]


def _canonicals(resource: dict) -> Iterator[str]:
    if kind(resource) == "ValueSet" and (url := text_of(resource.get("url"))):
        yield url
        if version := text_of(resource.get("version")):
            yield f"{url}|{version}"


def _options(value_set: dict, resources: list[dict]) -> list[dict]:
    """Return the codes as options: of the expansion, or as the value set lists them; a long one comes unexpanded."""
    wanted = ValueSet(value_set["url"], text_of(value_set.get("version")), None)
    try:
        listed = PackageTerminology(resources).codes(wanted).listed
    except CqlError:
        return []
    told = ({"system": one.system, "code": one.code, "display": one.display} for one in listed)
    return [{"valueCoding": {name: value for name, value in one.items() if value}} for one in told]


def _unseen(held: dict) -> bool:
    """Tell whether the page has no use for an extension: what was evaluated here, and what only CQL can evaluate."""
    expression = as_dict(held.get("valueExpression"))
    return held.get("url") in _UNSEEN or expression.get("language") in LANGUAGES
