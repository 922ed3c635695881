"""How is a form opened: by a launch, by a choice, by what follows another one? It takes as long as EHR and payer do.

What was asked for is remembered; a page says that it is under way and goes on to the one that does it.
"""

from flask import Blueprint, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.dtr.browser import DESK
from app.dtr.context import Choice, Found
from app.dtr.response_page import shown
from app.dtr.sitting import Sitting
from app.dtr.smart import Launched
from questionnaires.answers import finished


def opening_pages(made: Blueprint, sitting: Sitting) -> None:
    @made.get(f"{DESK}/begin")
    def begin() -> AnyResponse | str:
        """Open what is to be opened, and go there; the page before this one stays on the screen meanwhile."""
        g.is_launch = sitting.desk_or_none() is None
        if sitting.is_opening() and (page := _opened(sitting)):
            return page
        return redirect(url_for("dtr.form"), 303)

    @made.post(f"{DESK}/choose")
    def choose() -> AnyResponse:
        """Open the form of an order and a coverage that the clinician chose."""
        return _wanted(sitting, "chosen", request.form.get("order", ""), request.form.get("coverage", ""))

    @made.post(f"{DESK}/orders")
    def orders() -> AnyResponse:
        """Let the clinician choose another of the launch's orders, once the forms of this one are sent."""
        sitting.choose_anew()
        return redirect(url_for("dtr.form"), 303)

    @made.post(f"{DESK}/another")
    def another() -> AnyResponse:
        """Open the next form of the order, or a newer version of this one."""
        return _wanted(sitting, "another", request.form.get("form", ""))

    @made.post(f"{DESK}/asked")
    def asked() -> AnyResponse:
        """Open the form that a Task of the payer asks for."""
        return _wanted(sitting, "asked", request.form.get("task", ""))


def _wanted(sitting: Sitting, *what: str) -> AnyResponse:
    sitting.want(*what)
    return redirect(url_for("dtr.form"), 303)


def _opened(sitting: Sitting) -> str | None:
    """Open what was asked for, or the form of a launch; return another page where one is to be seen before; Stopped."""
    match sitting.taken_up():
        case ["another", form]:
            sitting.keep_both(*sitting.app.forms.open_another(sitting.with_token(sitting.desk()), form))
        case ["asked", task]:
            desk = sitting.with_token(sitting.desk())
            sitting.keep_both(*sitting.app.forms.open_asked(desk, sitting.app.outcomes.wanted(desk, task)))
        case ["chosen", order, coverage]:
            launched = sitting.launched()
            return _found(sitting, launched, sitting.app.chosen(launched, order, coverage))
        case _:
            launched = sitting.launched()
            return _found(sitting, launched, sitting.app.resolve(launched))
    return None


def _found(sitting: Sitting, launched: Launched, found: Found | Choice) -> str | None:
    """Open the form of a launch; return a choice of what it is for, or a response that is complete."""
    if isinstance(found, Choice):
        return render_template("dtr/choose.html", choice=found)
    if (named := found.earlier.named) and finished(named):
        return shown(named, None, sitting.app, launched.iss, launched.access_token)
    sitting.open(found)
    return None
