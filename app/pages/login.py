"""How does a person come in and go out?"""

from flask import after_this_request, g, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app.current import the_service
from app.pages.door import COOKIE, pages, with_session
from app.pages.review import looked_at
from app.security import staff
from fhir_r4.problems import NotAuthenticated, Unavailable, Unprocessable

KEPT = "kept."
"""How the fields are called that were written on a case's page when the session ended, and go through logging in."""


@pages.route("/login", methods=["GET", "POST"])
def log_in() -> Response | str | tuple[str, int]:
    """Let a person in, and back to the case at which their session ended."""
    service, case, kept = the_service(), request.values.get("case"), _kept()
    if request.method == "GET":
        return render_template("login.html", case=case)
    try:
        secret = staff.log_in(service, request.form.get("name", ""), request.form.get("password", ""))
    except (NotAuthenticated, Unavailable) as refused:
        page = render_template("login.html", issues=refused.issues, case=case, kept=kept.items(multi=True))
        return page, refused.status
    after_this_request(lambda response: with_session(response, secret))
    if case and kept:
        g.person, g.said = staff.whoever(service, secret), kept
        return looked_at(case, Unprocessable("what was written before the session ended is not recorded yet"))
    return redirect(url_for("pages.case", identity=case) if case else url_for("pages.worklist"), 303)


def _kept() -> MultiDict[str, str]:
    said = request.form.items(multi=True)
    return MultiDict([(name.removeprefix(KEPT), value) for name, value in said if name.startswith(KEPT)])


@pages.post("/logout")
def log_out() -> Response:
    staff.log_out(the_service(), request.cookies.get(COOKIE))
    response = redirect(url_for("pages.home"), 303)
    response.delete_cookie(COOKIE)
    return response


@pages.route("/staff/link/<secret>", methods=["GET", "POST"])
def link(secret: str) -> Response | str | tuple[str, int]:
    """Set a password by the one-time link."""
    person = staff.invited(the_service(), secret)
    if request.method == "GET":
        return render_template("link.html", invited=person)
    try:
        staff.set_password(the_service(), secret, request.form.get("password", ""))
    except Unprocessable as refused:
        return render_template("link.html", invited=person, issues=refused.issues), 422
    return redirect(url_for("pages.log_in"), 303)
