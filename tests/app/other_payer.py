"""A payer of another make: DTR's operations over real HTTP, with a test's forms and a memory of calls."""

import base64
import copy
import json
import threading
from urllib.parse import parse_qs

from werkzeug.serving import make_server

from fhir_r4.resource import as_dict, dicts
from fhir_r4.systems import DTR
from fhir_r4.wire import read_object, write_json


class OtherPayer:
    """A stranger's payer.

    Attributes:
        packages: ``(form, draft, logic)`` for whatever order, None for the usual draft and ``{}`` for none at all;
            ``changed`` answers with ``changedsince``.
        next: makes of a QuestionnaireResponse the one with the next questions, or a ``(status, body)``.
        codes: the expansion of every value set, ``(code, display)``.
        calls: ``(operation, body or query)``, in order; ``requests`` all of them as ``(method, path)``.
        tokens: the forms with which tokens were asked for; the app asks again when one runs out.
    """

    def __init__(self, version="2.2"):
        self.version = version
        self.packages, self.changed, self.calls, self.codes = [], None, [], []
        self.requests, self.tokens = [], []
        self.next = lambda response: response | {"status": "completed"}
        self.server = make_server("127.0.0.1", 0, self, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.base = f"{self.url}/fhir"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()

    def asked(self, operation):
        return [body for name, body in self.calls if name == operation]

    def __call__(self, environ, start):
        path, length = environ["PATH_INFO"], int(environ.get("CONTENT_LENGTH") or 0)
        raw = environ["wsgi.input"].read(length)
        self.requests.append((environ["REQUEST_METHOD"], path))
        status, body = self.answer(path, raw, environ)
        start(f"{status} Said", [("Content-Type", "application/fhir+json")])
        return [write_json(body)]

    def answer(self, path, raw, environ):
        if path.endswith("smart-configuration"):
            return 200, {"token_endpoint": f"{self.url}/token"}
        if path == "/token":
            self.tokens.append({name: value[0] for name, value in parse_qs(raw.decode()).items()})
            return 200, {"access_token": "of-the-payer", "token_type": "bearer", "expires_in": 300}
        operation = path.rpartition("/")[2]
        if environ.get("HTTP_AUTHORIZATION") != "Bearer of-the-payer":
            self.calls.append((operation, "without a token"))
            return 401, {"resourceType": "OperationOutcome", "issue": []}
        body = read_object(raw) if raw else {k: v[0] for k, v in parse_qs(environ["QUERY_STRING"]).items()}
        self.calls.append((operation, body))
        return getattr(self, operation.replace("$", "on_").replace("-", "_"))(body)

    def on_questionnaire_package(self, body):
        names = {one["name"] for one in dicts(body["parameter"])}
        packages = self.packages if "changedsince" not in names or self.changed is None else self.changed
        bundles = [self.bundle(body, *one) for one in packages]
        issue = {"severity": "information", "code": "informational", "diagnostics": "nothing has changed"}
        outcome = {"name": "outcome", "resource": {"resourceType": "OperationOutcome", "issue": [issue]}}
        return 200, {"resourceType": "Parameters", "parameter": bundles or [outcome]}

    def bundle(self, body, form, draft, logic):
        given = {one["name"]: as_dict(one.get("resource")) for one in dicts(body["parameter"])}
        made = a_draft(form, given["coverage"], given.get("order")) if draft is None else draft
        entries = [{"resource": one} for one in (form, made, *logic) if one]
        return {"name": "packagebundle", "resource": {"resourceType": "Bundle", "type": "collection", "entry": entries}}

    def on_next_question(self, body):
        said = self.next(copy.deepcopy(body))
        return said if isinstance(said, tuple) else (200, said)

    def on_log_questionnaire_errors(self, _body):
        return 200, {"resourceType": "OperationOutcome", "issue": []}

    def on_expand(self, query):
        words = query.get("filter", "").casefold()
        found = [one for one in self.codes if words in one[1].casefold()]
        page = found[: int(query.get("count", len(found)))]
        contains = [{"system": "urn:codes", "code": code, "display": display} for code, display in page]
        expansion = {"total": len(found), "contains": contains}
        return 200, {"resourceType": "ValueSet", "url": query["url"], "status": "active", "expansion": expansion}


def a_form(*items, url="https://payer.example.org/Questionnaire/other", version="1", **more):
    return {
        "resourceType": "Questionnaire", "url": url, "version": version, "name": "Other", "title": "Another's form",
        "status": "active", "subjectType": ["Patient"], "item": list(items),
    } | more  # fmt: skip


def a_draft(form, coverage, order):
    references = [("qr-coverage", f"Coverage/{coverage['id']}")]
    references += [("qr-context", f"{order['resourceType']}/{order['id']}")] if order else []
    return {
        "resourceType": "QuestionnaireResponse",
        "meta": {"profile": [f"{DTR}/StructureDefinition/dtr-questionnaireresponse"]},
        "extension": [
            *({"url": f"{DTR}/StructureDefinition/{name}", "valueReference": {"reference": target}}
              for name, target in references),
            {"url": f"{DTR}/StructureDefinition/intendedUse", "valueCodeableConcept": {"coding": [
                {"system": "http://hl7.org/fhir/us/davinci-crd/CodeSystem/coverage-information-codes",
                 "code": "withpa"}]}},
        ],
        "questionnaire": f"{form['url']}|{form['version']}", "status": "in-progress",
        "subject": coverage["beneficiary"], "authored": "2026-03-01T12:00:00Z", "item": unanswered(form["item"]),
    }  # fmt: skip


def unanswered(items):
    return [
        {"linkId": one["linkId"], "text": one.get("text", "")}
        | ({"item": unanswered(one["item"])} if "item" in one else {})
        for one in items
    ]


def library(url, elm, text="library Logic", **more):
    """A Library with CQL and, where there is one, ELM."""

    def content(kind, data):
        return {"contentType": kind, "data": base64.b64encode(data.encode()).decode()}

    held = [content("text/cql", text)] + ([content("application/elm+json", json.dumps(elm))] if elm else [])
    return {"resourceType": "Library", "url": url, "version": "1", "name": "Logic", "status": "active",
            "type": {"coding": [{"code": "logic-library"}]}, "content": held} | more  # fmt: skip
