"""How is an EHR read? The Ehr port over HTTP, with the token that the hook brought, within one deadline.

The token lives in this object for this request; it goes to the registered FHIR server and nowhere else.
"""

import time
from collections.abc import Callable, Iterable
from urllib.parse import urljoin

from app.clients.outbound import Door, OutboundFailed, OutboundRefused, below
from fhir_r4.capability import Capability
from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import as_dict, dicts, kind, text_of
from fhir_r4.wire import read_object
from rules.ports import EhrUnavailable, Part

MAX_PAGES = 5
Enough = Callable[[list[dict]], bool]
_URL = ("https://", "http://")


def never(_: list[dict]) -> bool:
    """Tell of a search's matches that more are wanted, however many there are."""
    return False


class HttpEhr:
    """Reads one FHIR server.

    Args:
        base: the ``fhirServer`` of the hook; None where it sent none.
        allowed: the servers registered for the client; ``base`` is one of them or is never contacted.
        deadline: ``time.monotonic()`` by which all reads together are done.

    Attributes:
        contacted: the server is one that may be contacted.
        statuses: HTTP statuses of the answers so far.
        lost: how often it did not answer, or not so that it could be read.
    """

    def __init__(
        self, door: Door, base: str | None, token: str | None, *, allowed: Iterable[str], deadline: float
    ) -> None:
        self._door = door
        self._base = base.rstrip("/") if base else None
        self._allowed = tuple(one for one in allowed if base and below(base, one))
        self._headers = {"Accept": "application/fhir+json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._deadline = deadline
        self.base = self._base or ""
        self.contacted = bool(self._allowed)
        self.statuses: list[int] = []
        self.lost = 0

    def left(self) -> float:
        """Return the seconds until the deadline, none once it is over."""
        return max(0.0, self._deadline - time.monotonic())

    def read(self, reference: str) -> dict:
        found = self._get(reference if reference.startswith(_URL) else f"{self._base}/{reference}")
        if kind(found) in {"", "OperationOutcome", "Bundle"}:
            raise EhrUnavailable("not the resource asked for")
        return found

    def search(self, query: str, enough: Enough = never) -> tuple[dict, ...]:
        """Return the matches of ``Type?parameters`` with what it includes, or of a further page's URL.

        Args:
            enough: tells of the matches so far whether further pages may stay unread.

        Returns:
            A Part where a further page is not given, lies elsewhere, or is one too many.
        """
        matches: list[dict] = []
        url = query if query.startswith(_URL) else f"{self._base}/{query}"
        for number in range(MAX_PAGES):
            try:
                page = self._page(url)
            except EhrUnavailable:
                if not number:
                    raise
                break
            matches += _matches(page)
            further = next((link for link in dicts(page.get("link")) if link.get("relation") == "next"), {})
            if not (target := text_of(further.get("url"))) or enough(matches):
                return tuple(matches)
            url = urljoin(f"{self._base}/", target)
        return Part(matches)

    def _page(self, url: str) -> dict:
        page = self._get(url)
        if kind(page) != "Bundle":
            raise EhrUnavailable("not a search result")
        return page

    def _get(self, url: str) -> dict:
        if self._base is None:
            raise EhrUnavailable("the hook named no FHIR server")
        try:
            reply = self._door.send("GET", url, allowed=self._allowed, headers=self._headers, deadline=self._deadline)
        except (OutboundRefused, OutboundFailed) as error:
            self.lost += isinstance(error, OutboundFailed)
            raise EhrUnavailable(str(error)) from None
        self.statuses.append(reply.status)
        if reply.status != 200:
            raise EhrUnavailable(f"status {reply.status}")
        try:
            return read_object(reply.body)
        except InvalidRequest:
            raise EhrUnavailable("not JSON") from None

    def capability(self) -> Capability | None:
        """Return what the server says that it can be asked; it tells everybody, so that no token goes along."""
        headers = {"Accept": "application/fhir+json"}
        try:
            reply = self._door.send("GET", f"{self._base}/metadata", allowed=self._allowed, headers=headers)
            return Capability.read(read_object(reply.body)) if reply.status == 200 else None
        except (OutboundRefused, OutboundFailed, InvalidRequest):
            return None


def _matches(page: dict) -> list[dict]:
    """Return what a page found and includes, without what it says of the search."""
    entries = dicts(page.get("entry"))
    found = (one for one in entries if as_dict(one.get("search")).get("mode") != "outcome")
    return [as_dict(one.get("resource")) for one in found]
