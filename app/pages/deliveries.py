"""What could not be told to whom, and who takes it up again?"""

from flask import redirect as to
from flask import render_template, url_for
from werkzeug.wrappers import Response

from app import deliveries
from app.current import the_service
from app.pages.door import pages, the_person
from app.security import staff


@pages.get("/deliveries")
def delivery_list() -> str:
    """Show dead letters and subscriptions that lag behind; no patient is in them."""
    found = deliveries.deliveries(the_service().database)
    may_retry = the_person().role in {"admin", "reviewer"}
    return render_template("deliveries.html", person=the_person(), found=found, may_retry=may_retry)


@pages.post("/deliveries/<int(max=2147483647):job>/retry")  # what a column of numbers holds
def retry_delivery(job: int) -> Response:
    """Take up a dead letter anew."""
    person, service = staff.require(the_person(), "admin", "reviewer"), the_service()
    service.runner.wake(deliveries.retry(service.database, job, person.name, service.now()))
    return to(url_for("pages.delivery_list"), 303)
