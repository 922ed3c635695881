"""How does a form look when its questions come a few at a time? An adaptive form is the same form, asked for as needed.

Every form has a twin whose url ends in ``-adaptive``: same questions, same policy. A client, or a policy, asks for
the twin by name. In a package the twin has no questions; its response carries a contained form that grows with each
call of $next-question.

Source: DTR 2.0.1 @37, @40, @42; DTR 2.2.0 spec-23 to spec-25, spec-39; profiles dtr-questionnaire-adapt(-search).
"""

from fhir_r4.generations import Generation
from fhir_r4.resource import as_list, contained, extension, text_of
from fhir_r4.systems import ADAPTIVE, DTR
from questionnaires.dialects import written

SUFFIX = "-adaptive"
CONTAINED = "form"
"""The id of the contained form, which the response refers to as ``#form``."""
START = {"linkId": "start", "text": "The questions follow as they are needed.", "type": "display"}
LAST = {"linkId": "last", "text": "After these questions, no more clinical questions follow.", "type": "display"}
_PROFILE = f"{DTR}/StructureDefinition/dtr-questionnaire-adapt"


def twin(form: dict) -> dict:
    """Return the adaptive twin of a form; its questions are still in it, for us alone."""
    marked = [*form.get("extension", ()), {"url": ADAPTIVE, "valueBoolean": True}]
    names = {"id": form["id"] + SUFFIX, "url": form["url"] + SUFFIX, "name": f"{form['name']}Adaptive"}
    return form | names | {"title": f"{form['title']}, a few questions at a time", "extension": marked}


def is_adaptive(form: dict) -> bool:
    return bool(extension(form, ADAPTIVE))


def is_twin(canonical: str) -> bool:
    """Tell whether a canonical names the adaptive twin of a form.

    >>> is_twin("https://forms.example.org/Questionnaire/home-oxygen-adaptive|2026.1")
    True
    """
    return canonical.partition("|")[0].endswith(SUFFIX)


def asks_the_same(one: dict, other: dict) -> bool:
    """Tell whether two forms ask the same questions: they are one form, or one is the adaptive twin of the other."""
    return _plain(one) == _plain(other)


def _plain(form: dict) -> tuple[str, str]:
    return form["url"].removesuffix(SUFFIX), form["version"]


def canonical_said(response: dict) -> str:
    """Return the form that a response is of, ``url|version``; of an adaptive one that from which it is derived.

    What a response contains is somebody else's: its own questions, and its own url, are not taken for the form's.
    """
    said = text_of(response.get("questionnaire")) or ""
    if not said.startswith("#"):
        return said
    derived = as_list(contained(response, said).get("derivedFrom"))
    return next((one for one in derived if isinstance(one, str)), "")


def searchable(form: dict, base: str) -> dict:
    """Return the twin as a package shows it: without questions, and with the address of the next ones."""
    kept = [one for one in form.get("extension", ()) if one["url"] != ADAPTIVE]
    return {key: value for key, value in form.items() if key != "item"} | {"extension": [*kept, _address(base)]}


def _address(base: str) -> dict:
    """Return the extension that says where the next questions are had: the base URL of the server (SDC 4.0.0)."""
    return {"url": ADAPTIVE, "valueUrl": base}


def contained_form(form: dict, generation: Generation, base: str, items: list[dict] | None = None) -> dict:
    """Return the elements of a response that carry an adaptive form with these questions so far."""
    kept = [one for one in form.get("extension", ()) if one["url"] != ADAPTIVE]
    held = {
        "resourceType": "Questionnaire",
        "id": CONTAINED,
        "meta": {"profile": [_PROFILE]},
        "text": form["text"],
        "extension": [*kept, _address(base)],
        "derivedFrom": [f"{form['url']}|{form['version']}"],
        "title": form["title"],
        "status": "active",
        "subjectType": ["Patient"],
    } | {name: form[name] for name in ("version", "effectivePeriod") if name in form}
    url = {"url": form["url"]} if generation is Generation.V2_2 else {}  # which 2.0.1 forbids
    shown = written(held | url | ({"item": items} if items else {}), generation)
    return {"contained": [shown], "questionnaire": f"#{CONTAINED}"}


def first(form: dict, generation: Generation, base: str) -> dict:
    """Return the same elements before any question was asked; 2.0.1 wants an item even then."""
    if generation is Generation.V2_2:
        return contained_form(form, generation, base)
    item = {"linkId": START["linkId"], "text": START["text"]}
    return contained_form(form, generation, base, [START]) | {"item": [item]}
