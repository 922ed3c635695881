"""Which resources are known, from the request and from the EHR, and which could not be had?

Prefetch, as CDS Hooks 2.0 means it: a key that is absent, or an OperationOutcome, was not obtained and may be read
from the EHR; ``null`` says that there is no such data, and is believed. A Bundle may have further pages, and
entries that tell of the search itself.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from cds_hooks.request import HookRequest
from fhir_r4.bundle import local_part
from fhir_r4.resource import as_dict, dicts, kind, local_reference, text_of
from rules.ports import Ehr

_NO_DATA = frozenset({"", "OperationOutcome", "Bundle"})


class Known:
    """Resources by ``Type/id``, and the answers to what was asked of the EHR."""

    def __init__(self, request: HookRequest) -> None:
        self._base = (request.fhir_server or "").rstrip("/")
        self._held: dict[str, dict] = {}
        self._answers: dict[str, tuple[dict, ...] | None] = {}
        self._prefetch = request.prefetch
        self._hold(request.context.resources)
        for value in request.prefetch.values():
            self._hold(_resources(value))

    def find(self, target: str) -> dict | None:
        """Return the resource that a reference means: relative, or absolute on the hook's own server."""
        return self._held.get(self.local(target) or "")

    def local(self, target: str) -> str | None:
        """Return ``Type/id`` of a reference to the hook's server, None of one to elsewhere."""
        if target.startswith(("https://", "http://")) and not (self._base and target.startswith(f"{self._base}/")):
            return None
        return local_part(target)

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
        fresh = [one for one in dict.fromkeys(wanted) if one not in self._answers]
        if fresh:
            self._answers.update(ehr.fetch(fresh))
            for one in fresh:
                self._hold(self._answers.get(one) or ())
        return bool(fresh)

    def answer(self, asked: str) -> tuple[dict, ...] | None:
        """Return what the EHR gave, None where it was not asked or gave nothing."""
        return self._answers.get(asked)

    def failed(self, asked: str) -> bool:
        return asked in self._answers and self._answers[asked] is None

    def counts(self) -> dict[str, int]:
        """Return how many resources of each kind the EHR was asked for and gave, for the measures."""
        found: dict[str, int] = {}
        for given in self._answers.values():
            for one in given or ():
                found[kind(one)] = found.get(kind(one), 0) + 1
        return found

    def asked_of_ehr(self) -> list[dict[str, Any]]:
        """Return what kinds of resources the EHR was asked for, whether it gave them, and how many; no search is told:
        the patient is in it.
        """
        return [
            {"type": re.split("[/?]", asked)[0] if asked[:1].isupper() else "page", "given": found is not None,
             "count": len(found or ())}
            for asked, found in self._answers.items()
        ]  # fmt: skip

    def _hold(self, resources: Iterable[dict]) -> None:
        for one in resources:
            if kind(one) not in _NO_DATA and text_of(one.get("id")):
                self._held.setdefault(local_reference(one), one)


def _resources(sent: Any) -> Iterator[dict]:
    if kind(sent) == "Bundle":
        for entry in dicts(sent.get("entry")):
            if as_dict(entry.get("search")).get("mode") != "outcome":
                yield as_dict(entry.get("resource"))
    else:
        yield as_dict(sent)
