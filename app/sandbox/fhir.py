"""SANDBOX. What does the EHR's FHIR server answer? Reads, searches, writes of what apps may write, and batches of them.

It knows no web framework: a request and an answer are values, so that a batch is many of them.

Source: FHIR R4, "RESTful API"; US Core 6.1.0, CapabilityStatement us-core-server.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from urllib.parse import unquote

from app.sandbox.grants import EVERYTHING, Grant
from app.sandbox.matching import BadSearch
from app.sandbox.parameters import PARAMETERS, WRITABLE
from app.sandbox.records import Records, Told
from app.sandbox.search import read_query, search
from app.sandbox.statement import statement
from fhir_r4.problems import InvalidRequest, Issue, operation_outcome
from fhir_r4.profiles.check import check
from fhir_r4.resource import as_dict, dicts, kind, local_reference, text_of
from fhir_r4.wire import read_object, write_json

MOST_IN_A_BATCH = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: ``path`` is below the FHIR base, ``query`` what stands after its question mark; who asks, by grant."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    grant: Grant = EVERYTHING

    def header(self, name: str) -> str:
        return next((value for held, value in self.headers.items() if held.lower() == name), "")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """The request is not answered with what it asks for."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(words)
        self.answer = Answer(status, operation_outcome([Issue(code, words)]))


@dataclass(frozen=True, slots=True)
class FhirServer:
    """The server over its records.

    Args:
        kept: is told of each resource that an app wrote.
    """

    records: Records
    clock: Callable[[], datetime]
    kept: Callable[[dict], None]

    def answer(self, asked: Asked) -> Answer:
        """Answer a request; what is wrong with it becomes an OperationOutcome."""
        try:
            return self._answer(asked)
        except Refused as refused:
            return refused.answer
        except InvalidRequest as invalid:
            return Answer(400, operation_outcome(invalid.issues))
        except BadSearch as bad:
            words = f"a search parameter that is not known or cannot be used so here: {bad}"
            return Answer(400, operation_outcome([Issue("not-supported", words)]))

    def _answer(self, asked: Asked) -> Answer:
        steps = [one for one in asked.path.split("/") if one]
        interaction = {"GET": self._get, "POST": self._post, "PUT": self._put}.get(asked.method)
        if interaction is None or len(steps) > _DEEPEST:
            raise Refused(405, "not-supported", "not an interaction of this server")
        return interaction(asked, *steps)

    def _get(self, asked: Asked, resource_type: str = "", identity: str = "") -> Answer:
        if resource_type == "metadata" and not identity:
            return Answer(200, statement(self.records.base, self.records.as_of))
        return (
            self._read(resource_type, identity, asked) if identity else self._search(resource_type, asked.query, asked)
        )

    def _post(self, asked: Asked, resource_type: str = "", operation: str = "") -> Answer:
        if operation == "_search":
            form = asked.body.decode("utf-8", "replace")
            return self._search(resource_type, "&".join(filter(None, (asked.query, form))), asked)
        if operation:
            raise Refused(405, "not-supported", "not an interaction of this server")
        return self._create(resource_type, asked) if resource_type else self._batch(asked)

    def _put(self, asked: Asked, resource_type: str = "", identity: str = "") -> Answer:
        return self._update(resource_type, identity, asked)

    def _search(self, resource_type: str, query: str, asked: Asked) -> Answer:
        _known(resource_type)
        _may(asked, "s", resource_type)
        strict = "handling=strict" in asked.header("prefer").replace(" ", "")
        read = read_query(resource_type, query, base=self.records.base, now=self.clock(), strict=strict)
        return Answer(200, search(Told(self.records, asked.grant.sees), read).bundle(self.records.base))

    def _read(self, resource_type: str, identity: str, asked: Asked) -> Answer:
        _known(resource_type)
        _may(asked, "r", resource_type)
        found = Told(self.records, asked.grant.sees).get(f"{resource_type}/{identity}")
        if found is None:
            raise Refused(404, "not-found", "no such resource")
        headers = self._version(found)
        if asked.header("if-none-match") == headers["ETag"]:
            return Answer(304, None, headers)
        return Answer(200, found, headers)

    def _create(self, resource_type: str, asked: Asked) -> Answer:
        sent = _sent(resource_type, asked, "c")
        kept = self._keep({name: value for name, value in sent.items() if name != "id"})
        where = f"{self.records.base}/{local_reference(kept)}/_history/1"
        return Answer(201, kept, self._version(kept) | {"Location": where})

    def _update(self, resource_type: str, identity: str, asked: Asked) -> Answer:
        sent = _sent(resource_type, asked, "u")
        held = Told(self.records, asked.grant.sees).get(f"{resource_type}/{identity}")
        if held is None:
            raise Refused(405, "not-supported", "ids are given by this server: there is no such resource to update")
        if sent.get("id") != identity:
            raise Refused(400, "invalid", "the id in the resource is the one in the URL")
        expected = asked.header("if-match")
        if expected and expected != self._version(held)["ETag"]:
            raise Refused(412, "conflict", "the resource has changed since it was read")
        kept = self._keep(sent)
        return Answer(200, kept, self._version(kept))

    def _keep(self, sent: dict) -> dict:
        meta = {name: value for name, value in as_dict(sent.get("meta")).items() if name not in _OURS}
        bare = {name: value for name, value in sent.items() if name != "meta"} | ({"meta": meta} if meta else {})
        kept = self.records.put(bare, self.clock())
        self.kept(kept)
        return self.records.told(local_reference(kept)) or kept

    def _version(self, resource: dict) -> dict[str, str]:
        number, since = self.records.version(local_reference(resource))
        return {"ETag": f'W/"{number}"', "Last-Modified": format_datetime(since.astimezone(UTC), usegmt=True)}

    def _batch(self, asked: Asked) -> Answer:
        """Answer each entry by itself, in the order of the Bundle."""
        sent = read_object(asked.body)
        entries = dicts(sent.get("entry"))
        if kind(sent) != "Bundle" or sent.get("type") != "batch":
            raise Refused(400, "not-supported", "a Bundle of type batch is taken here, and no other")
        if len(entries) > MOST_IN_A_BATCH:
            raise Refused(413, "too-costly", f"a batch has at most {MOST_IN_A_BATCH} entries")
        answered = [_as_entry(self.answer(_of_entry(one, asked.grant))) for one in entries]
        return Answer(
            200, {"resourceType": "Bundle", "type": "batch-response"} | ({"entry": answered} if answered else {})
        )


_DEEPEST = 2  # Type/id
_OURS = frozenset({"versionId", "lastUpdated"})
_OF_REQUEST = {"ifMatch": "If-Match", "ifNoneMatch": "If-None-Match"}


def _known(resource_type: str) -> None:
    if resource_type not in PARAMETERS:
        raise Refused(404, "not-supported", "this server has no resources of that type")


def _wrong(sent: dict, generation: str) -> list[Issue]:
    found = check(sent, None, generation=generation, references="open")
    return [one for one in found if one.severity in {"error", "fatal"}]


def _may(asked: Asked, interaction: str, resource_type: str) -> None:
    if not asked.grant.may(interaction, resource_type):
        raise Refused(403, "forbidden", "the token's scopes do not have this")


def _sent(resource_type: str, asked: Asked, interaction: str) -> dict:
    """Return the resource that was sent, valid R4 of a type that apps may write, and of the patient of the token."""
    if resource_type not in WRITABLE:
        raise Refused(405, "not-supported", f"apps write {' and '.join(sorted(WRITABLE))} here, and nothing else")
    _may(asked, interaction, resource_type)
    sent = read_object(asked.body)
    if kind(sent) != resource_type:
        raise Refused(400, "invalid", "the resource is of the type in the URL")
    if not asked.grant.takes(sent):
        raise Refused(403, "forbidden", "the token is for the record of one patient, and this is not of it")
    if wrong := min((_wrong(sent, one) for one in ("2.2", "2.0")), key=len):  # of whichever generation it is
        raise Refused(422, "invalid", f"not valid R4: {'; '.join(filter(None, (one.expression for one in wrong[:5])))}")
    return sent


def _of_entry(entry: dict, grant: Grant) -> Asked:
    request = as_dict(entry.get("request"))
    path, _, query = (text_of(request.get("url")) or "").partition("?")
    headers = {header: value for name, header in _OF_REQUEST.items() if (value := text_of(request.get(name)))}
    body = entry.get("resource")
    return Asked(text_of(request.get("method")) or "", unquote(path) or "?", query, _bytes(body), headers, grant)


def _bytes(body: object) -> bytes:
    return write_json(body) if isinstance(body, dict) else b""


def _as_entry(answer: Answer) -> dict:
    told = {"status": f"{answer.status} {HTTPStatus(answer.status).phrase}"}
    told |= {name: answer.headers[header] for name, header in _TOLD.items() if header in answer.headers}
    if answer.status >= 400:
        return {"response": told | {"outcome": answer.body}}
    return ({"resource": answer.body} if answer.body else {}) | {"response": told}


_TOLD = {"location": "Location", "etag": "ETag"}
