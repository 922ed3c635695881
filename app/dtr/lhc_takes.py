"""Which forms does LHC-Forms draw as they are meant? The others are drawn with plain controls.

It cannot search a payer's list that did not come with the form, and opens no form with references among its choices. It
shows nothing that depends on a day or a time, and compares quantities by their numbers, whatever the units. What is
answered below a question that is not answered it drops, and says nothing (40.1.3).
"""

from collections.abc import Mapping

from fhir_r4.resource import as_dict, dicts, extension, extensions, text_of
from fhir_r4.systems import UNIT, UNIT_OPTION, UNIT_VALUE_SET
from questionnaires.catalog import questions

_IN_TIME = frozenset({"answerDate", "answerDateTime", "answerTime"})


def lhc_takes(form: dict) -> bool:
    """Tell whether a form can be drawn by LHC-Forms."""
    asked = questions(form)
    return all(_is_drawn(item) and _is_followed(asked, item) for item in asked.values())


def _is_drawn(item: dict) -> bool:
    refers = any("valueReference" in option for option in dicts(item.get("answerOption")))
    return not item.get("answerValueSet") and not refers and not _asks_below(item)


def _asks_below(item: dict) -> bool:
    """Tell whether more is asked below a question; words may stand there."""
    return item.get("type") != "group" and any(one.get("type") != "display" for one in dicts(item.get("item")))


def _is_followed(asked: Mapping[str, dict], item: dict) -> bool:
    """Tell whether an item is shown when its conditions hold, and only then."""
    return not any(
        _IN_TIME & condition.keys() or _is_of_other_units(condition, asked)
        for condition in dicts(item.get("enableWhen"))
    )


def _is_of_other_units(condition: dict, asked: Mapping[str, dict]) -> bool:
    """Tell whether a quantity may be answered in another unit than the one that it is compared with."""
    if "answerQuantity" not in condition:
        return False
    question = asked.get(text_of(condition.get("question")) or "", {})
    offered = [one for url in (UNIT, UNIT_OPTION) for one in extensions(question, url)]
    codes = {text_of(as_dict(one.get("valueCoding")).get("code")) for one in offered}
    wanted = text_of(as_dict(condition["answerQuantity"]).get("code"))
    return bool(extension(question, UNIT_VALUE_SET)) or codes != {wanted}
