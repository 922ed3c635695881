"""Which page shows a response to whoever only reads it? What is on the desk, as it stands; what is complete already."""

from flask import Blueprint, render_template

from app.dtr.browser import DESK
from app.dtr.record import Record
from app.dtr.sheet import named, people_of, sheet
from app.dtr.sitting import Sitting
from app.dtr.smart_app import SmartApp
from app.dtr.told import nobody
from fhir_r4.resource import text_of


def response_page(made: Blueprint, sitting: Sitting) -> None:
    @made.get(f"{DESK}/response")
    def response() -> str:
        desk = sitting.with_token(sitting.desk())
        said = desk.as_asked()
        if desk.saved_at is None:  # what the EHR has yet to be told
            said = said | {"author": {"reference": desk.launch.user}}
        title = text_of(desk.form.get("title")) or "Form"
        return shown(said, title, sitting.app, desk.launch.iss, desk.launch.access_token)


def shown(response: dict, title: str | None, app: SmartApp, iss: str, token: str) -> str:
    """Return the page of a response; a person whose name the EHR does not give is shown by reference.

    Args:
        title: of the form that is open here; None for a response that is complete and only read.
    """
    people = Record(app.door, iss, token, nobody).given(people_of(response))
    names = {target: named(one) for target, one in people.items()}
    return render_template("dtr/response.html", sheet=sheet(response, title, names), is_open=title is not None)
