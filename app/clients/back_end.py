"""How are the payer's own systems asked? Directory and BackEnd over HTTP: JSON by POST, so that no URL names a member.

docs/back-end.md is the interface. Whatever is not an answer as agreed (late, another status, not JSON, a field that
cannot be read) is BackEndAway: the caller waits or pends, and refuses nobody for it.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from cachetools import TTLCache

from app.clients.outbound import Door, OutboundFailed, OutboundRefused
from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import Coding, Identifier, dicts
from fhir_r4.wire import read_object, write_json
from rules.directory import CardsOf, GoldCard, Member, Payer, Provider, no_cards, read_network
from rules.ports import BackEndAway, Standing

KEPT_SECONDS, KEPT = 60, 10_000
"""For how long, and how many, members and providers are remembered; who is not known is asked for again."""
_Read = TypeVar("_Read")


class HttpBackEnd:
    """The payer's own systems below one base; payers themselves come from payer.yaml.

    Args:
        base: an absolute URL without a slash at its end.
        token: sent as a bearer token; may be empty.
        seconds: for one question in all.
        cards: gold cards that the payer keeps as a table, beside those that its systems tell.
    """

    takes_cases = True

    def __init__(
        self, door: Door, base: str, token: str, payers: Iterable[Payer], seconds: float, cards: CardsOf = no_cards
    ) -> None:
        self._door, self._base, self._seconds, self._cards = door, base, seconds, cards
        self._headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._payers = {payer.id: payer for payer in payers}
        self._by_identifier = {one: payer for payer in self._payers.values() for one in payer.identifiers}
        self._kept: TTLCache[tuple[str, str], Member | Provider] = TTLCache(KEPT, KEPT_SECONDS)

    def payer(self, identifiers: Iterable[Identifier]) -> Payer | None:
        return next((self._by_identifier[one] for one in identifiers if one in self._by_identifier), None)

    def payer_called(self, payer_id: str) -> Payer | None:
        return self._payers.get(payer_id)

    def member(self, payer: Payer, member_id: str) -> Member | None:
        held = self._kept.get((payer.id, member_id))
        if isinstance(held, Member):
            return held
        said = self._ask("member", {"payer": payer.id, "memberId": member_id})
        found = _as_agreed(lambda: _member(payer, member_id, said)) if said is not None else None
        if found:
            self._kept[payer.id, member_id] = found
        return found

    def provider(self, npi: str) -> Provider | None:
        held = self._kept.get(("npi", npi))
        found = held if isinstance(held, Provider) else self._provider(npi)
        return replace(found, gold_cards=(*found.gold_cards, *self._cards(npi))) if found else None

    def _provider(self, npi: str) -> Provider | None:
        said = self._ask("provider", {"npi": npi})
        found = _as_agreed(lambda: _provider(npi, said)) if said is not None else None
        if found:
            self._kept["npi", npi] = found
        return found

    def standing(self, payer: Payer, member_id: str) -> tuple[Standing, ...]:
        said = self._ask("authorizations", {"payer": payer.id, "memberId": member_id}) or {}
        return _as_agreed(lambda: tuple(map(_standing, dicts(said.get("authorizations")))))

    def hand_over(self, case: dict) -> None:
        if self._ask("cases", case, mute=True) is None:
            raise BackEndAway("the back end takes no cases")

    def _ask(self, path: str, body: Mapping[str, Any], *, mute: bool = False) -> dict | None:
        """Return what is answered, None for 404; a mute answer is any success, whatever it says."""
        url, ends = f"{self._base}/{path}", time.monotonic() + self._seconds
        try:
            reply = self._door.send(
                "POST", url, allowed=[self._base], headers=self._headers, body=write_json(body), deadline=ends
            )
        except (OutboundFailed, OutboundRefused) as error:
            raise _away(str(error)) from None
        if reply.status == 404:
            return None
        if mute and 200 <= reply.status < 300:
            return {}
        if reply.status != 200:
            raise _away(f"status {reply.status}")
        try:
            return read_object(reply.body)
        except InvalidRequest:
            raise _away("not JSON") from None


def _as_agreed(read: Callable[[], _Read]) -> _Read:
    try:
        return read()
    except (KeyError, TypeError, ValueError, InvalidOperation):
        raise _away("not as agreed") from None


def _away(why: str) -> BackEndAway:
    return BackEndAway(f"the payer's own systems: {why}", headers={"Retry-After": "5"})


def _member(payer: Payer, member_id: str, said: dict) -> Member:
    ends = said.get("coveredTo")
    return Member(
        payer=payer.id,
        member_id=member_id,
        plan=str(said["plan"]),
        birth_date=date.fromisoformat(said["birthDate"]),
        covered_from=date.fromisoformat(said["coveredFrom"]),
        covered_to=date.fromisoformat(ends) if ends else None,
    )


def _provider(npi: str, said: dict) -> Provider:
    cards = said.get("goldCards") or []
    return Provider(npi, str(said["name"]), read_network(said["network"]), tuple(map(_card, cards)))


def _card(said: Any) -> GoldCard:
    if not isinstance(said, dict):
        raise TypeError
    ends = said.get("to")
    return GoldCard(str(said["policy"]), date.fromisoformat(said["from"]), date.fromisoformat(ends) if ends else None)


def _standing(said: dict) -> Standing:
    return Standing(
        number=str(said["number"]),
        codes=tuple(Coding(str(one["system"]), str(one["code"])) for one in said["codes"]),
        starts=date.fromisoformat(said["starts"]),
        ends=date.fromisoformat(said["ends"]),
        quantity=Decimal(str(said.get("quantity", 1))),
    )
