"""Which control of HTML does a question get?

Source: FHIR R4, Questionnaire.item.type; extension questionnaire-itemControl.
"""

from enum import StrEnum

from app.dtr.wording import item_controls
from fhir_r4.resource import text_of

FEW = 6
"""Choices that are shown all at once; of more, a person searches."""


class Control(StrEnum):
    """Names that the template and the script share."""

    GROUP = "group"
    DISPLAY = "display"
    YES_NO = "yes-no"
    RADIOS = "radios"
    CHECKS = "checks"
    SEARCH = "search"
    INTEGER = "integer"
    DECIMAL = "decimal"
    QUANTITY = "quantity"
    STRING = "string"
    TEXT = "text"
    DATE = "date"
    MOMENT = "moment"
    TIME = "time"
    URL = "url"
    REFERENCE = "reference"
    FILE = "file"


_BY_TYPE = {
    "group": Control.GROUP,
    "display": Control.DISPLAY,
    "boolean": Control.YES_NO,
    "integer": Control.INTEGER,
    "decimal": Control.DECIMAL,
    "quantity": Control.QUANTITY,
    "text": Control.TEXT,
    "date": Control.DATE,
    "dateTime": Control.MOMENT,
    "time": Control.TIME,
    "url": Control.URL,
    "reference": Control.REFERENCE,
    "attachment": Control.FILE,
}
_ALL_AT_ONCE = frozenset({"radio-button", "check-box"})
_SEARCHED = frozenset({"autocomplete", "drop-down", "lookup"})


def control_of(item: dict) -> Control:
    """Return the control; a type that is not known is a line of text."""
    type_ = text_of(item.get("type")) or ""
    options = item.get("answerOption") or []
    if type_ in {"choice", "open-choice"} or (options and type_ in {"string", "reference", "integer", "date", "time"}):
        return _of_choice(item, len(options))
    return _BY_TYPE.get(type_, Control.STRING)


def _of_choice(item: dict, options: int) -> Control:
    asked = item_controls(item)
    if item.get("answerValueSet") or options == 0:
        return Control.SEARCH  # the payer is asked for what fits
    if (options > FEW and not asked & _ALL_AT_ONCE) or asked & _SEARCHED:
        return Control.SEARCH
    return Control.CHECKS if item.get("repeats") is True else Control.RADIOS
