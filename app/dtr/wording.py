"""What does an item say to the person who fills it? Its words, help, links, unit; whether it is seen, and signed.

Source: SDC 4.0.0 and FHIR extensions questionnaire-itemControl, -supportLink, -hidden, -unit, -signatureRequired; DTR
2.2.0 takes questionnaire-supportHyperlink for supportLink.
"""

from collections.abc import Iterator

from fhir_r4.resource import as_dict, dicts, extension, extensions, link_of, text_of, value_of
from fhir_r4.systems import HIDDEN, ITEM_CONTROL, MIME_TYPE, SIGNATURE_REQUIRED, SUPPORT_HYPERLINK, SUPPORT_LINK, UNIT

_HELP = frozenset({"help", "flyover", "prompt", "footer", "header"})


def label_of(item: dict) -> str:
    """Return the item's words, with the number that is printed before them."""
    words = text_of(item.get("text")) or link_of(item)
    prefix = text_of(item.get("prefix"))
    return f"{prefix} {words}" if prefix else words


def is_help(item: dict) -> bool:
    """Tell whether an item only explains the one that it is in."""
    return item.get("type") == "display" and bool(item_controls(item) & _HELP)


def item_controls(item: dict) -> set[str]:
    """Return the controls that the form wishes for an item, ``radio-button``; those of other makers' systems too."""
    concept = as_dict(extension(item, ITEM_CONTROL).get("valueCodeableConcept"))
    return {code for one in dicts(concept.get("coding")) if (code := text_of(one.get("code")))}


def help_of(item: dict) -> Iterator[str]:
    """Yield the explanations of a question."""
    for one in dicts(item.get("item")):
        if is_help(one) and (words := text_of(one.get("text"))):
            yield words


def support_link(item: dict) -> str | None:
    """Return the page that explains the item; only one of the web over TLS is shown."""
    simple = (one.get("valueUri") or one.get("valueUrl") for one in extensions(item, SUPPORT_LINK))
    named = (value_of(extension(one, "link")) or value_of(one) for one in extensions(item, SUPPORT_HYPERLINK))
    told = (text_of(one) for one in (*simple, *named))
    return next((one for one in told if one and one.startswith("https://")), None)


def unit_of(item: dict) -> str:
    """Return the unit that is printed beside a number."""
    unit = as_dict(extension(item, UNIT).get("valueCoding"))
    return text_of(unit.get("display")) or text_of(unit.get("code")) or ""


def kinds_of_file(item: dict) -> tuple[str, ...]:
    """Return the media types that an attachment may have; none where the form leaves it open."""
    return tuple(found for one in extensions(item, MIME_TYPE) if (found := text_of(value_of(one))))


def is_hidden(item: dict) -> bool:
    return any(value_of(one) is True for one in extensions(item, HIDDEN))


def needs_signature(item: dict) -> bool:
    """Tell whether a form, or one of its questions, is to be signed (questionnaire-signatureRequired)."""
    return bool(extensions(item, SIGNATURE_REQUIRED))
