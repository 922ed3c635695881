"""Which pages has a form that is open: drawn, kept as one types, saved, sent, and answered?"""

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.dtr import browser
from app.dtr.browser import DESK
from app.dtr.desk import Desk
from app.dtr.drawing import drawn
from app.dtr.signing import signed_parts
from app.dtr.sitting import Sitting
from app.dtr.stopped import Stopped
from fhir_r4.problems import InvalidRequest
from fhir_r4.wire import read_object, write_json
from questionnaires.catalog import questions as questions_of


def form_pages(made: Blueprint, sitting: Sitting) -> None:
    _seen(made, sitting)
    _done(made, sitting)


def _seen(made: Blueprint, sitting: Sitting) -> None:
    @made.get(f"{DESK}/")
    def form() -> AnyResponse | str:
        if sitting.is_opening():
            return render_template("dtr/opening.html", next=url_for("dtr.begin"))
        desk = sitting.desk_or_none()
        if desk is None:
            return redirect(url_for("dtr.welcome"))
        return redirect(url_for("dtr.result")) if desk.completed_at else _form(sitting, desk)

    @made.post(f"{DESK}/look")
    def look() -> AnyResponse:
        """Draw the form in the other way."""
        sitting.keep(sitting.app.looked(sitting.desk(), plain=request.form.get("plain") == "yes"))
        return redirect(url_for("dtr.form"), 303)

    @made.get(f"{DESK}/form.json")
    def form_json() -> Response:
        desk = sitting.desk()
        return as_json({"form": desk.form, "response": desk.response, "state": desk.shown()})

    @made.get(f"{DESK}/codes")
    def codes() -> Response:
        """The codes of a value set that are too many to come with the form."""
        return as_json(
            sitting.app.forms.codes(sitting.desk(), request.args.get("set", ""), request.args.get("text", ""))
        )

    @made.get(f"{DESK}/questions")
    def questions() -> str:
        """The questions as plain controls, for the page that is open."""
        return render_template("dtr/items.html", drawn=_drawn(sitting.desk()))


def _form(sitting: Sitting, desk: Desk) -> str:
    g.lhc_forms = not sitting.app.is_plain(desk)
    shown = () if g.lhc_forms else _drawn(desk)
    said = {"desk": desk, "may_choose": sitting.app.may_choose(desk), "signed": list(signed_parts(desk.form))}
    return render_template("dtr/form.html", lhc=g.lhc_forms, drawn=shown, turn=sitting.next_turn(), **said)


def _drawn(desk: Desk) -> tuple[Any, ...]:
    return drawn(desk.form, desk.response, desk.off())


def _done(made: Blueprint, sitting: Sitting) -> None:
    @made.post(f"{DESK}/draft")
    def draft() -> Response:
        """Take what stands on the page to the desk; nothing leaves the app."""
        return as_json(sitting.answered(_sent()).shown())

    @made.post(f"{DESK}/save")
    def save() -> Response:
        """Save the form to the EHR, as far as it is."""
        return as_json(sitting.saved(sitting.answered(_sent()), "in-progress").shown())

    @made.post(f"{DESK}/next")
    def following() -> Response:
        """Send the answers so far to the payer, which says what is asked then: the clinician has seen them all."""
        desk = sitting.answered(_sent())
        if not desk.is_ready or not desk.more:
            return as_json(desk.shown(), 422)
        before = set(questions_of(desk.form))
        desk = sitting.keep_both(*sitting.app.forms.next(sitting.with_token(desk), sitting.kit()))
        new = [link for link in questions_of(desk.form) if link not in before]
        return as_json(desk.shown() | {"new": new})

    @made.post(f"{DESK}/complete")
    def complete() -> Response:
        """Send the form: the clinician attests, nothing is missing, and the EHR has it."""
        sent = _sent()
        desk = sitting.answered(sent)
        if sent.get("attested") is not True or not desk.is_whole:
            return as_json(desk.shown(), 422)
        sitting.saved(desk, "completed")
        return as_json({"next": url_for("dtr.result")})


def last_pages(made: Blueprint, sitting: Sitting) -> None:
    @made.get(f"{DESK}/result")
    def result() -> AnyResponse | tuple[str, int, dict[str, str]] | str:
        desk = sitting.with_token(sitting.desk())
        if not desk.completed_at:
            return redirect(url_for("dtr.form"))
        answer = sitting.app.outcomes.answer(desk)
        asked = [one for one in sitting.app.outcomes.asked(desk) if one.words or one.wants_form] if answer else []
        again = {words for one in asked for words in one.words}  # said with what is asked, and not twice
        said = [words for words in answer.said if words not in again] if answer else []
        page = render_template("dtr/result.html", desk=desk, answer=answer, asked=asked, said=said)
        return page if answer else (page, 200, looks_again(desk, sitting.app.now()))

    @made.get(f"{DESK}/response-bundle.json")
    def response_bundle() -> Response:
        """The response with what its answers refer to, for who sends it on (DTR-QRBundle)."""
        response = as_json(sitting.app.outcomes.bundle(sitting.with_token(sitting.desk())))
        response.headers["Content-Disposition"] = 'attachment; filename="response-bundle.json"'
        return response

    @made.post(f"{DESK}/close")
    def close() -> AnyResponse | str:
        """Forget the form; what the EHR does not have is asked about first."""
        desk, how = sitting.desk_or_none(), request.form.get("how")
        if desk and desk.is_unsaved and how not in {"save", "drop"}:
            return render_template("dtr/close.html", desk=desk)
        if desk and how == "save":
            sitting.saved(desk, "in-progress")
        sitting.app.desks.clear(browser.key())
        return sitting.browser.without_key(redirect(url_for("dtr.welcome"), 303))


def looks_again(desk: Desk, now: datetime) -> dict[str, str]:
    """Return when the page looks for the answer again: soon, then seldom, and not for a window that was left open."""
    waited = now - datetime.fromisoformat(desk.completed_at or now.isoformat())
    if waited > timedelta(hours=1):
        return {}
    return {"Refresh": "2" if waited < timedelta(minutes=1) else "20"}


def _sent() -> dict:
    try:
        return read_object(request.get_data())
    except InvalidRequest:
        raise Stopped("What the page sent cannot be read. Open the form again.") from None


def as_json(body: Any, status: int = 200) -> Response:
    return Response(write_json(body), status, content_type="application/json")
