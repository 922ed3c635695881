"""A subscriber behind a real socket, well or badly behaved, and what a test does with it."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from app.jobs.runner import work
from app.storage import authorizations, subscriptions, tables
from fhir_r4.wire import read_json
from prior_auth.decision import ReviewAction
from prior_auth.review import Reviewer, Verdict, record
from tests.given import a_form_response, a_submission_bundle
from tests.prior_auth.test_subscription import a_subscription


class Endpoint:
    """``answers`` are statuses to give, then 200 for ever; ``manner`` is how a request is answered."""

    def __init__(self):
        held = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = held.answers.pop(0) if held.answers else 200
                held.received.append((status, read_json(body), dict(self.headers)))
                held.manner(self, status)

            def log_message(self, *_):
                pass

        self.answers, self.received, self.manner = [], [], plainly
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def taken(self):
        """Return type and number of what was accepted, in order."""
        found = []
        for status, body, _ in self.received:
            said = {one["name"]: one for one in body["entry"][0]["resource"]["parameter"]}
            if status == 200:
                number = said["events-since-subscription-start"]["valueString"]
                found.append((said["type"]["valueCode"], int(number)))
        return found

    def numbers(self):
        """Return the event numbers that were accepted, in order."""
        return [number for kind, number in self.taken() if kind == "event-notification"]


def plainly(handler, status, headers=()):
    handler.send_response(status)
    for name, value in headers:
        handler.send_header(name, value)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def drop_by_drop(handler, _):
    """Send one byte of the answer's head after another, for longer than anybody should wait."""
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 600:
        try:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
        except OSError:
            return
        time.sleep(0.05)


def garbage(handler, _):
    handler.wfile.write(b"\x00\xff no protocol that anybody knows \r\n\r\n")


def silence(handler, _):
    """Take the request and hang up without a word."""
    handler.close_connection = True


def inward(handler, _):
    plainly(handler, 302, [("Location", "http://169.254.169.254/latest/meta-data/")])


def run_all(house):
    """Do every job that is due now; return how many."""
    count = 0
    while work(house.service)[0]:
        count += 1
    return count


def subscribe(house, endpoint, version="2.0", client="riverside-ehr", **channel):
    token = house.token("system/Subscription.cruds", client)
    body = a_subscription(version, endpoint=endpoint.url, **channel)
    answer = house.post(f"{version}/Subscription", body, token=token)
    assert answer.status_code == 201, answer.data
    return read_json(answer.data)["id"]


def a_pended_case(house):
    house.submit(a_submission_bundle(form=a_form_response({"2.1": None})))
    return house.rows(tables.authorizations)[-1]["id"]


def decide(house, identity, action=ReviewAction.NOT_CERTIFIED):
    now = house.clock.now
    with house.service.database.writing() as connection:
        before = authorizations.find(connection, identity)
        days = {"starts": now.date(), "ends": now.date()} if action is ReviewAction.CERTIFIED else {}
        verdict = Verdict(1, action, "A reason.", before.version, **days)
        after = record(before, verdict, Reviewer("dr-silva", "NY/1"), "PA9", now)
        authorizations.save(connection, before, after, now)


def subscription(house, identity):
    with house.service.database.reading() as connection:
        return subscriptions.find(connection, identity)


def status(house, identity):
    return subscription(house, identity).status


def may_subscribe(house):
    """Let every client ask for whatever these tests ask for."""
    with house.service.database.writing() as connection:
        scopes = "system/Claim.crus system/Questionnaire.rs system/Subscription.cruds"
        connection.execute(tables.clients.update().values(scopes=scopes))
