"""Which facts of policies do we ask the EHR to send along, and under which keys?

The searches are those by which policies find their facts; nobody writes a template by hand. A key is made of the
search itself, so that it stays the same as long as the search does, and what was sent for another search is never
taken for it.

CRD 2.0.1 #42 lets prefetch ask only for what every call of a hook needs, so that ``always`` names only searches that
all policies in force make; ``any`` names the most frequent ones, for an operator who has agreed on that with the
clients (2.2.1 found-28, a SHOULD).
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from rules.book import PolicyBook
from rules.entry import Entry
from rules.search import Search

ALWAYS, ANY = "always", "any"
MOST = 10
"""Templates for facts in one service, at most: each is a search in the EHR before the clinician sees anything."""
_PATIENT = "{{context.patientId}}"
_ENCOUNTER = "Encounter"


def searched(book: PolicyBook, on: date, choice: str, *, encounters: bool = False) -> tuple[str, ...]:
    """Return the searches that a hook asks to be made beforehand, the most wanted first.

    Args:
        on: the day whose policies count.
        choice: ``always`` or ``any``.
        encounters: the hook is about an encounter: only policies that say that they are for such count.
    """
    entries = [one for one in book.entries if one.in_force(on) and _is_for(one, encounters=encounters)]
    wanted = Counter(search for one in entries for search in one.searches)
    needed = len(entries) if choice == ALWAYS else 1
    found = sorted((-count, search) for search, count in wanted.items() if count >= needed)
    return tuple(search for _, search in found[:MOST])


@lru_cache(maxsize=4096)
def key(search: str) -> str:
    """Return the prefetch key of a search, readable and its own.

    >>> key("Observation?code=http://loinc.org|59408-5&_sort=-date&_count=1")
    'observation-59408-5-8450be'
    """
    code = re.search(r"[?&](?:code|type|vaccine-code)=(?:[^&]*\|)?([A-Za-z0-9.-]{1,20})", search)
    digest = hashlib.sha256(search.encode()).hexdigest()[:6]
    return "-".join(filter(None, [search.partition("?")[0].lower(), code and code[1].lower(), digest]))


def templates_of(searches: Iterable[str]) -> dict[str, str]:
    """Return the templates by key; their only token is the patient, which every client can fill."""
    return {key(one): Search.parse(one).for_patient(_PATIENT) for one in searches}


def _is_for(entry: Entry, *, encounters: bool) -> bool:
    return _ENCOUNTER in entry.orders if encounters else entry.orders != {_ENCOUNTER}
