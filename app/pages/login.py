"""How does a person come in and go out?"""

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.current import the_service
from app.pages.door import COOKIE, pages, with_session
from app.security import staff
from fhir_r4.problems import NotAuthenticated, Unavailable, Unprocessable


@pages.route("/login", methods=["GET", "POST"])
def log_in() -> Response | str | tuple[str, int]:
    if request.method == "GET":
        return render_template("login.html")
    try:
        secret = staff.log_in(the_service(), request.form.get("name", ""), request.form.get("password", ""))
    except (NotAuthenticated, Unavailable) as refused:
        return render_template("login.html", issues=refused.issues), refused.status
    return with_session(redirect(url_for("pages.worklist"), 303), secret)


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
