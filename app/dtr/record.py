"""How does the app read the EHR's record, and write the form back into it? With the launch's token, in parallel."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from app.clients.ehr import HttpEhr
from app.clients.outbound import Door, OutboundFailed, OutboundRefused, Reply
from app.dtr.told import Teller, Told, timed
from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import kind, text_of
from fhir_r4.wire import read_object, write_json
from rules.ports import EhrUnavailable, Part

UNAUTHORIZED, METHOD_NOT_ALLOWED = 401, 405
READ_SECONDS = 10.0
AT_ONCE = 8


class NoLongerAllowed(EhrUnavailable):
    """The EHR no longer takes the app's token: trying again helps nobody."""


@dataclass(frozen=True, slots=True)
class Record:
    """One patient's record in one EHR, for one launch."""

    door: Door
    iss: str
    token: str
    tell: Teller

    def __repr__(self) -> str:
        return f"Record({self.iss!r})"

    def ehr(self) -> HttpEhr:
        """Return a reader whose reads are all done within READ_SECONDS from now."""
        deadline = time.monotonic() + READ_SECONDS
        return HttpEhr(self.door, self.iss, self.token, allowed=[self.iss], deadline=deadline)

    def read(self, wanted: Mapping[str, str]) -> dict[str, dict]:
        """Return the resources by name, read in parallel; EhrUnavailable where one cannot be had."""
        ehr = self.ehr()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(wanted, pool.map(ehr.read, wanted.values()), strict=True))

    def search(self, wanted: Mapping[str, str]) -> tuple[dict[str, dict], dict[str, str]]:
        """Return what the searches found, each as a searchset, and by name those that were not answered whole."""
        ehr = self.ehr()
        refused: dict[str, str] = {}

        def searched(name: str) -> dict:
            query, started = wanted[name], time.perf_counter()
            try:
                matches, status = ehr.search(query), 200
            except EhrUnavailable:
                matches, status = Part(), 0
            if isinstance(matches, Part):
                refused[name] = query.partition("?")[0]
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            what = f"search {query.partition('?')[0]} for the form"
            self.tell(Told("EHR", "GET", query.partition("?")[0], what, status, milliseconds, {"found": len(matches)}))
            return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in matches]}

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(wanted, pool.map(searched, wanted), strict=True)), refused

    def save(self, resource: dict, what: str) -> dict:
        """Create or update a resource and return it as the EHR keeps it; EhrUnavailable, NoLongerAllowed.

        An EHR that sends no resource back keeps what it was sent; its id is in ``Location`` (FHIR R4, "create").
        One that updates nothing (405) is given a new resource.

        Args:
            what: for whoever tells the story, ``save the completed form``.
        """
        identity, type_ = resource.get("id"), kind(resource)
        method, path = ("PUT", f"/{identity}") if identity else ("POST", "")
        url = f"{self.iss}/{type_}{path}"
        headers = {
            "Content-Type": "application/fhir+json",
            "Authorization": f"Bearer {self.token}",
            "Prefer": "return=representation",
        }
        body = write_json(resource)

        def call() -> Reply:
            return self.door.send(method, url, allowed=[self.iss], headers=headers, body=body)

        try:
            reply = timed(self.tell, "EHR", method, url, what, call)
            answer = read_object(reply.body) if reply.body.strip() else {}
        except (OutboundFailed, OutboundRefused, InvalidRequest) as error:
            raise EhrUnavailable(str(error)) from None
        if reply.status == METHOD_NOT_ALLOWED and identity:
            return self.save({name: value for name, value in resource.items() if name != "id"}, what)
        if reply.status == UNAUTHORIZED:
            raise NoLongerAllowed("status 401")
        if reply.status not in {200, 201} or kind(answer) not in {type_, "OperationOutcome", ""}:
            raise EhrUnavailable(f"status {reply.status}")
        kept = answer if kind(answer) == type_ else resource
        identity = text_of(kept.get("id")) or _id_at(reply.headers.get("Location", ""), type_)
        return kept | ({"id": identity} if identity else {})


def _id_at(location: str, type_: str) -> str:
    """Return the id in the address of a new resource.

    >>> _id_at("https://ehr.example.org/fhir/QuestionnaireResponse/7/_history/1", "QuestionnaireResponse")
    '7'
    """
    return location.partition(f"/{type_}/")[2].partition("/")[0] if f"/{type_}/" in location else ""
