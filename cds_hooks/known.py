"""Which resources are known, from the request and from the EHR, and which could not be had?

Prefetch, as CDS Hooks 2.0 means it: a key that is absent, or an OperationOutcome, was not obtained and may be read
from the EHR; ``null`` says that there is no such data, and is believed. A Bundle may have further pages, and
entries that tell of the search itself. A reference means the entry with that ``fullUrl``, else what is called so on the
hook's own server.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from cds_hooks.request import HookRequest
from fhir_r4.bundle import local_to
from fhir_r4.resource import as_dict, dicts, kind, local_reference, text_of
from rules.ports import Ehr, Part

_NO_DATA = frozenset({"", "OperationOutcome", "Bundle"})


class Known:
    """Resources by ``Type/id``, and the answers to what was asked of the EHR."""

    def __init__(self, request: HookRequest) -> None:
        self._server = request.fhir_server
        self._held: dict[str, dict] = {}
        self._by_url: dict[str, dict] = {}
        self._answers: dict[str, tuple[dict, ...] | None] = {}
        self._prefetch = request.prefetch
        for sent in (request.context.bundle, *request.prefetch.values()):
            self._hold(_entries(sent))

    def find(self, target: str) -> dict | None:
        """Return the resource that a reference means."""
        return self._by_url.get(target) or self._held.get(self.local(target) or "")

    def local(self, target: str) -> str | None:
        """Return ``Type/id`` of a reference to the hook's server, None of one to elsewhere."""
        return local_to(self._server, target)

    def all(self) -> tuple[dict, ...]:
        return tuple(self._held.values())

    def of_kind(self, wanted: str) -> list[dict]:
        return [one for one in self._held.values() if kind(one) == wanted]

    def sent(self, key: str) -> bool:
        """Tell whether the client has answered this key of the prefetch, be it that there is nothing."""
        if key not in self._prefetch:
            return False
        value = self._prefetch[key]
        return value is None or kind(value) not in {"", "OperationOutcome"}

    def none(self, key: str) -> bool:
        """Tell whether the client says that there is no such data."""
        return key in self._prefetch and self._prefetch[key] is None

    def further(self, key: str) -> str | None:
        """Return where a prefetched Bundle goes on, if it does."""
        links = dicts(as_dict(self._prefetch.get(key)).get("link"))
        return next((text_of(link.get("url")) for link in links if link.get("relation") == "next"), None)

    def ask(self, ehr: Ehr, wanted: Iterable[str]) -> bool:
        """Ask for what was not asked for before, all at once; tell whether there was any such thing."""
        fresh = [one for one in dict.fromkeys(map(self._called, wanted)) if one not in self._answers]
        self._answers |= dict.fromkeys(fresh)
        at_hand = [one for one in fresh if not one.startswith("urn:")]  # those are names within what was sent
        if at_hand:
            self._answers |= ehr.fetch(at_hand)
        for one in at_hand:
            self._hold((None, given) for given in self._answers[one] or ())
        return bool(fresh)

    def answer(self, asked: str) -> tuple[dict, ...] | None:
        """Return what the EHR gave, None where it was not asked or did not give all of it."""
        found = self._answers.get(self._called(asked))
        return None if _lacks(found) else found

    def failed(self, asked: str) -> bool:
        """Tell whether the EHR was asked and did not give it, or a part of it alone."""
        called = self._called(asked)
        return called in self._answers and _lacks(self._answers[called])

    @property
    def whole(self) -> bool:
        """Tell whether the EHR gave all that it was asked for."""
        return not any(map(_lacks, self._answers.values()))

    def counts(self) -> dict[str, int]:
        """Return how many resources of each kind the EHR was asked for and gave, for the measures."""
        found: dict[str, int] = {}
        for given in self._answers.values():
            for one in given or ():
                found[kind(one)] = found.get(kind(one), 0) + 1
        return found

    def asked_of_ehr(self) -> list[dict[str, Any]]:
        """Return what kinds of resources the EHR was asked for, whether it gave them, all of them, and how many; no
        search is told: the patient is in it.
        """
        return [
            {"type": re.split("[/?]", asked)[0] if asked[:1].isupper() else "page", "given": found is not None,
             "whole": not _lacks(found), "count": len(found or ())}
            for asked, found in self._answers.items()
        ]  # fmt: skip

    def _called(self, asked: str) -> str:
        """Return how the server is asked: for a resource as it is now, for a search or a page as it stands."""
        return asked if "?" in asked else self.local(asked) or asked

    def _hold(self, entries: Iterable[tuple[str | None, dict]]) -> None:
        for url, one in entries:
            if kind(one) in _NO_DATA:
                continue
            if url:
                self._by_url.setdefault(url, one)
            if text_of(one.get("id")):
                self._held.setdefault(local_reference(one), one)


def _lacks(found: tuple[dict, ...] | None) -> bool:
    return found is None or isinstance(found, Part)


def _entries(sent: Any) -> Iterator[tuple[str | None, dict]]:
    """Yield the resources that were sent, each with the fullUrl of its entry."""
    if kind(sent) == "Bundle":
        for entry in dicts(sent.get("entry")):
            if as_dict(entry.get("search")).get("mode") != "outcome":
                yield text_of(entry.get("fullUrl")), as_dict(entry.get("resource"))
    else:
        yield None, as_dict(sent)
