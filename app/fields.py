"""What may stand in no address and in no form? U+0000: FHIR's strings have it not, and no database column takes it.

Of JSON, ``fhir_r4/wire.py`` refuses it. A form is looked at when its door reads it, within that door's own limit.
"""

from typing import Any

from flask import Flask, Request
from werkzeug.datastructures import FileStorage, ImmutableMultiDict

from app.current import the_request
from fhir_r4.problems import InvalidRequest, Issue

_NUL = "\0"


class _Fields(ImmutableMultiDict):
    """The parameters of an address, or the fields and files of a form."""

    def __init__(self, given: Any = None) -> None:
        super().__init__(given)
        for name, one in self.items(multi=True):
            _refuse_nul(name, (one.filename if isinstance(one, FileStorage) else one) or "")


class _Asked(Request):
    parameter_storage_class = _Fields


def init_app(app: Flask) -> None:
    """Refuse the character at every door of this application: InvalidRequest, a 400."""
    app.request_class = _Asked
    app.before_request(_look_at_address)


def _look_at_address() -> None:
    asked = the_request()
    if asked.view_args is not None:  # else there is no such door
        parameters = asked.args if asked.query_string else ()
        _refuse_nul(*map(str, asked.view_args.values()), *parameters)


def _refuse_nul(*texts: str) -> None:
    if any(_NUL in text for text in texts):
        raise InvalidRequest(Issue("value", "the address or the form has the character U+0000"))
