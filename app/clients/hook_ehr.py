"""How does a hook read its EHR? All that is asked for together at the same time, and none of it too late."""

from collections.abc import Iterable
from concurrent.futures import TimeoutError as TooLate
from functools import partial

from app.clients.ehr import Enough, HttpEhr, never
from app.clients.ehr_lines import EhrLines, Line
from fhir_r4.capability import Capability
from rules.ports import EhrUnavailable
from rules.search import Search

_INCLUDE = "&_include"
_TOO_MUCH = frozenset({"Observation", "DiagnosticReport", "Encounter"})
_FAILS, _TOO_MANY = 500, 429
_NOT_UNDERSTOOD = frozenset(f"status {code}" for code in (400, 422, 500, 501))
"""What servers answer to a search with a parameter that they do not know; some fall over it."""
Found = tuple[dict, ...] | None


class HookEhr:
    """The Ehr port of one call.

    Args:
        server: reads one FHIR server with the hook's token, until its deadline.
        lines: where requests wait for their EHR.

    Attributes:
        crowded: too many requests wait for this EHR already; this one has not.
        resting: the EHR keeps failing and is left alone; this request has not waited for it.
        tripped: it is left alone since this request.
    """

    def __init__(self, server: HttpEhr, lines: EhrLines, *, token: bool) -> None:
        self._server, self._lines, self._token = server, lines, token
        self.crowded = self.resting = self.tripped = False

    @property
    def token_use(self) -> str:
        """Return what became of the token: used, not-used or rejected (CRDMetricData.tokenUse)."""
        if not self._token or not self._server.statuses:
            return "not-used"
        return "rejected" if {401, 403} & set(self._server.statuses) else "used"

    def fetch(self, asked: Iterable[str]) -> dict[str, Found]:
        wanted = list(dict.fromkeys(asked))
        nothing: dict[str, Found] = dict.fromkeys(wanted)
        if not wanted or not self._server.contacted or self._server.left() == 0:
            return nothing
        line = self._lines.of(self._server.base)
        if not line.enter():
            self.crowded = True
            return nothing
        try:
            return nothing | self._unless_it_rests(line, wanted)
        finally:
            line.leave()

    def _unless_it_rests(self, line: Line, wanted: list[str]) -> dict[str, Found]:
        if not line.breaker.begin():
            self.resting = True
            return {}
        heard, lost = len(self._server.statuses), self._server.lost
        try:
            return self._together(line, wanted)
        finally:
            spoke = any(status < _FAILS and status != _TOO_MANY for status in self._server.statuses[heard:])
            asked = len(self._server.statuses) > heard or self._server.lost > lost or self._server.left() == 0
            self.tripped = line.breaker.end(answered=spoke if asked else None) or self.tripped

    def _together(self, line: Line, wanted: list[str]) -> dict[str, Found]:
        """Read the first on this thread and the others on the line's, until the deadline."""
        capability = line.capability(self._server.capability)
        first, *others = wanted
        begun = {one: line.start(partial(self._one, one, capability)) for one in others}
        found: dict[str, Found] = {first: self._one(first, capability)}
        for one, future in begun.items():
            try:
                found[one] = future.result(self._server.left())
            except TooLate:
                future.cancel()
                found[one] = None
        return found

    def _one(self, asked: str, capability: Capability | None) -> Found:
        try:
            if "?" not in asked:
                return (self._server.read(asked),)
            further = asked.startswith(("https://", "http://"))
            query = capability.local(asked) if capability and not further else asked
            return self._searched(query, _enough_for(asked))
        except EhrUnavailable:
            return None

    def _searched(self, query: str, enough: Enough) -> tuple[dict, ...]:
        """Search; where the server does not know a parameter, without what is only there to ask for less.

        What an ``_include`` would have brought is read by itself, and what does not match is left out by us. What is
        observed of somebody is never asked for whole.
        """
        try:
            return self._server.search(query, enough)
        except EhrUnavailable as refused:
            simpler = query.partition(_INCLUDE)[0]  # includes stand last
            kind, _, parameters = query.partition("?")
            if simpler == query and parameters.startswith("patient=") and kind not in _TOO_MUCH:
                simpler = query.partition("&")[0]
            if simpler == query or str(refused) not in _NOT_UNDERSTOOD:
                raise
            return self._searched(simpler, enough)


def _enough_for(asked: str) -> Enough:
    """Return what tells that a policy's search has brought as many as it looks at: each page is another round trip."""
    if "_count=" not in asked:
        return never
    kind, _, parameters = asked.partition("?")
    own = "&".join(one for one in parameters.split("&") if not one.startswith("patient="))
    try:
        return Search.parse(f"{kind}?{own}").suffices
    except ValueError:
        return never
