"""Who gave an answer, and what becomes of a person's answer where the record has come to know one?

Source: DTR 2.0.1 and 2.2.0: on relaunch population runs again for what is empty or automatic, never for what was
overridden or entered.
"""

from fhir_r4.resource import dicts, extension, reference, text_of, value_of
from fhir_r4.systems import INFORMATION_ORIGIN
from questionnaires.answers import every_item
from questionnaires.populate import information_origin

PEOPLE = frozenset({"manual", "override"})


def overriding(response: dict, by_record: dict) -> dict:
    """Return the response in which a person's answer that the record has one for as well is an override.

    Args:
        by_record: the same form as population alone fills it.

    Source: DTR 2.0.1 @189, DTR 2.2.0 spec-72.
    """
    known = {item.get("linkId") for item in every_item(by_record) if item.get("answer")}

    def said(item: dict) -> dict:
        below = {"item": [said(one) for one in dicts(item.get("item"))]} if item.get("item") else {}
        if item.get("linkId") not in known or not item.get("answer"):
            return item | below
        return item | {"answer": [_overriding(one) for one in dicts(item["answer"])]} | below

    return response | {"item": [said(item) for item in dicts(response.get("item"))]}


def _overriding(answer: dict) -> dict:
    if origin_of(answer) != "manual":
        return answer
    others = [one for one in dicts(answer.get("extension")) if one.get("url") != INFORMATION_ORIGIN]
    return answer | {"extension": [information_origin("override", author=author_of(answer)), *others]}


def origin_of(answer: dict) -> str | None:
    """Return the code that says where an answer came from."""
    return text_of(value_of(extension(extension(answer, INFORMATION_ORIGIN), "source")))


def author_of(answer: dict) -> str | None:
    """Return the reference to who answered."""
    author = extension(extension(answer, INFORMATION_ORIGIN), "author")
    return reference(value_of(extension(author, "practitioner")))
