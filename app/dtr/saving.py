"""How is a resource saved in an EHR: once, however often it is tried, and over nobody's later word?

::

    new       created unless the EHR has one of this identifier (If-None-Exist); that one is what is saved, or
              ChangedMeanwhile
    known     updated in place of the version that it was made from (If-Match), or ChangedMeanwhile
    no word   whether it was taken or not: what the EHR has is looked at before it is tried again

Source: FHIR R4, RESTful API: create, conditional create, update, managing resource contention.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from app.clients.ehr import HttpEhr
from app.clients.outbound import Door, OutboundFailed, OutboundRefused, Reply
from app.dtr.told import Teller, timed
from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import as_dict, dicts, kind, local_reference, reference, text_of
from fhir_r4.wire import read_object, write_json
from questionnaires.answers import answers_by_question
from rules.ports import EhrUnavailable

OK, CREATED, UNAUTHORIZED, METHOD_NOT_ALLOWED = 200, 201, 401, 405
CONFLICTS = frozenset({409, 412})
_UNKNOWN = frozenset({400, 501})
"""How an EHR may answer that creates nothing on a condition; CapabilityStatement.rest.resource.conditionalCreate."""
_LATER = frozenset({408, 425, 429})
"""What may be taken when it is tried again."""
MOST_WORDS = 400
_ETAG = re.compile(r'(?:W/)?"([^"]*)"')


class NoLongerAllowed(EhrUnavailable):
    """The EHR no longer takes the app's token: trying again helps nobody."""


class ChangedMeanwhile(EhrUnavailable):
    """The EHR has a later version than the one that was changed here; it stays.

    Attributes:
        held: that version, {} where it cannot be read.
    """

    def __init__(self, held: dict) -> None:
        super().__init__("a later version")
        self.held = held


class NotTaken(EhrUnavailable):
    """The EHR refuses what was sent; the message is its own word on it, "" where it says nothing."""


class _NoWord(EhrUnavailable):
    """The EHR did not answer, or not so that it could be read: nobody knows whether it took what was sent."""


@dataclass(frozen=True, slots=True)
class Saving:
    """A way to write into one EHR.

    Attributes:
        reader: makes a reader of the same record, for a look at what the EHR has.
        what: for whoever tells the story, ``save the completed form``.
        again: an earlier try may have come through unheard.
    """

    door: Door
    iss: str
    token: str
    tell: Teller
    reader: Callable[[], HttpEhr]
    what: str
    again: bool = False

    def save(self, resource: dict) -> dict:
        """Create or update a resource and return it as the EHR keeps it, with its id and version where those are known.

        Raises:
            NoLongerAllowed, ChangedMeanwhile, NotTaken.
            EhrUnavailable: it was not taken, or nobody knows.
        """
        return self._updated(resource) if resource.get("id") else self._created(resource)

    def _created(self, resource: dict, *, knows_conditions: bool = True) -> dict:
        if self.again and (held := self._held(resource)):
            return _as_left(held, resource)
        identifier = as_dict(resource.get("identifier"))
        named = f"{text_of(identifier.get('system')) or ''}|{text_of(identifier.get('value')) or ''}"
        once = {"If-None-Exist": f"identifier={quote(named, safe=':|/')}"} if identifier and knows_conditions else {}
        try:
            reply, answer = self._sent("POST", resource, once)
        except _NoWord:
            if held := self._held(resource):
                return _as_left(held, resource)
            raise
        if once and reply.status in {OK, *CONFLICTS}:  # an earlier try came through
            told = _kept(reply, answer, {"resourceType": kind(resource)})
            if held := told if told.get("id") else self._held(resource):
                return _as_left(held, resource)
        if once and reply.status in _UNKNOWN:
            return self._created(resource, knows_conditions=False)
        _check(reply, answer, resource)
        kept = _kept(reply, answer, resource)
        held = None if kept.get("id") else self._held(resource)
        return _named(kept, held["id"], _version(held)) if held else kept

    def _updated(self, resource: dict) -> dict:
        version = _version(resource)
        try:
            reply, answer = self._sent("PUT", resource, {"If-Match": f'W/"{version}"'} if version else {})
        except _NoWord:
            if (held := self._read(resource)) and _says_the_same(held, resource):
                return held
            raise
        if reply.status == METHOD_NOT_ALLOWED:  # it updates nothing: it is given a new one each time
            return self._anew({name: value for name, value in resource.items() if name != "id"})
        if version and reply.status in CONFLICTS:
            return _as_left(self._read(resource) or {}, resource)
        _check(reply, answer, resource)
        return _kept(reply, answer, resource)

    def _anew(self, resource: dict) -> dict:
        reply, answer = self._sent("POST", resource, {})
        _check(reply, answer, resource)
        return _kept(reply, answer, resource)

    def _sent(self, method: str, resource: dict, conditions: Mapping[str, str]) -> tuple[Reply, dict]:
        """Send the resource and return the reply, and its body; _NoWord, NoLongerAllowed, EhrUnavailable."""
        where = local_reference(resource) if method == "PUT" else kind(resource)
        url = f"{self.iss}/{where}"
        headers = {
            "Content-Type": "application/fhir+json",
            "Authorization": f"Bearer {self.token}",
            "Prefer": "return=representation",
            **conditions,
        }
        body = write_json(resource)

        def call() -> Reply:
            return self.door.send(method, url, allowed=[self.iss], headers=headers, body=body)

        try:
            reply = timed(self.tell, "EHR", method, url, self.what, call)
        except OutboundRefused as error:
            raise EhrUnavailable(str(error)) from None
        except OutboundFailed as error:
            raise _NoWord(str(error)) from None
        if reply.status == UNAUTHORIZED:
            raise NoLongerAllowed("status 401")
        if reply.status >= 500 and reply.status not in _UNKNOWN:
            raise _NoWord(f"status {reply.status}")
        try:
            return reply, read_object(reply.body) if reply.body.strip() else {}
        except InvalidRequest:
            if reply.status < 400:
                raise _NoWord("not JSON") from None
            return reply, {}

    def _held(self, resource: dict) -> dict | None:
        """Return what the EHR has under the resource's identifier: of one patient, for not every EHR searches by it."""
        identifier, patient = resource.get("identifier"), reference(resource.get("subject"))
        if not identifier or not patient:
            return None

        def mine(found: Sequence[dict]) -> list[dict]:
            return [one for one in found if one.get("identifier") == identifier and one.get("id")]

        query = f"{kind(resource)}?patient={patient.rpartition('/')[2]}&_sort=-authored"
        try:
            return next(iter(mine(self.reader().search(query, lambda found: bool(mine(found))))), None)
        except EhrUnavailable:
            return None

    def _read(self, resource: dict) -> dict | None:
        try:
            return self.reader().read(local_reference(resource))
        except EhrUnavailable:
            return None


def _words(outcome: dict) -> Iterator[str]:
    """Yield what an OperationOutcome says for people."""
    for issue in dicts(outcome.get("issue")):
        words = text_of(as_dict(issue.get("details")).get("text")) or text_of(issue.get("diagnostics"))
        if words:
            yield words.rstrip(".")


def as_saved(resource: dict, kept: dict) -> dict:
    """Return what was saved under the id and the version that the EHR gave it."""
    return _named(resource, text_of(kept.get("id")) or "", _version(kept))


def _check(reply: Reply, answer: dict, resource: dict) -> None:
    if 400 <= reply.status < 500 and reply.status not in _LATER:
        raise NotTaken("; ".join(_words(answer))[:MOST_WORDS])
    if reply.status not in {OK, CREATED} or kind(answer) not in {kind(resource), "OperationOutcome", ""}:
        raise EhrUnavailable(f"status {reply.status}")


def _kept(reply: Reply, answer: dict, resource: dict) -> dict:
    """Return the resource as the EHR keeps it; one that sends no resource back keeps what it was sent."""
    is_told = kind(answer) == kind(resource)
    etag = _ETAG.fullmatch(reply.headers.get("ETag", ""))
    where = re.search(rf"(?:^|/){kind(resource)}/([^/]+)(?:/_history/([^/]+))?$", reply.headers.get("Location", ""))
    identity = text_of(answer.get("id")) if is_told else text_of(resource.get("id"))
    version = (etag[1] if etag else "") or (_version(answer) if is_told else "") or (where[2] if where else "")
    return _named(answer if is_told else resource, identity or (where[1] if where else ""), version or "")


def _version(resource: dict) -> str:
    return text_of(as_dict(resource.get("meta")).get("versionId")) or ""


def _named(resource: dict, identity: str, version: str) -> dict:
    """Return the resource under an id and a version, each only where it is known.

    >>> _named({"status": "completed", "meta": {"versionId": "1"}}, "7", "")
    {'status': 'completed', 'id': '7'}
    """
    meta = {name: value for name, value in as_dict(resource.get("meta")).items() if name != "versionId"}
    meta |= {"versionId": version} if version else {}
    bare = {name: value for name, value in resource.items() if name not in {"id", "meta"}}
    return bare | ({"id": identity} if identity else {}) | ({"meta": meta} if meta else {})


def _as_left(held: dict, resource: dict) -> dict:
    """Return what the EHR has, where that is what was to be saved; ChangedMeanwhile."""
    if _says_the_same(held, resource):
        return held
    raise ChangedMeanwhile(held)


def _says_the_same(one: dict, other: dict) -> bool:
    return one.get("status") == other.get("status") and answers_by_question(one) == answers_by_question(other)
