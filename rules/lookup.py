"""Which policies are there to read, in which state is each version, and which one answers for a code under a plan?"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from fhir_r4.resource import Coding
from rules.book import PolicyBook
from rules.codes import SYSTEMS, Key, keys_of
from rules.directory import Payer, Plan
from rules.entry import Entry
from rules.policy import Policy, Status

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,18}")


class State(StrEnum):
    """Where a version stands on a day."""

    IN_FORCE = "in force"
    UPCOMING = "upcoming"
    SUPERSEDED = "superseded"
    ENDED = "ended"
    DRAFT = "draft"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a policy and where it stands."""

    policy: Entry
    state: State


@dataclass(frozen=True, slots=True)
class Shelf:
    """All versions of one policy, newest first; ``present`` is the one to read: in force, else the nearest to it."""

    present: Version
    versions: tuple[Version, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; what is empty is not asked.

    Attributes:
        code: in any code system.
        owner: the department that answers for a policy.
        words: in title or id, in any case.
    """

    code: str = ""
    owner: str = ""
    state: State | None = None
    words: str = ""


def is_code(text: str) -> bool:
    """Tell whether text can be a code at all."""
    return _CODE.fullmatch(text) is not None


def codings_of(code: str) -> list[Coding]:
    """Return the code in every system that policies know; people do not say which they mean."""
    return [Coding(system, code.upper()) for system in SYSTEMS.values()]


def answering(book: PolicyBook, code: str, payer: Payer, plan: Plan, on: date) -> tuple[Policy, Coding] | None:
    """Return the policy that answers for a code under a plan on a day, and the code with its system."""
    return book.in_force(codings_of(code), on, under=payer.enrolment(plan.id))


def shelves(book: PolicyBook, wanted: Search, on: date) -> list[Shelf]:
    """Return the policies that fit, by title; none is opened for this."""
    by_id: dict[str, list[Entry]] = {}
    for policy in book.entries:
        by_id.setdefault(policy.id, []).append(policy)
    keys = frozenset(key for coding in codings_of(wanted.code) for key in keys_of(coding))
    fitting = (versions for versions in by_id.values() if any(_fits(one, wanted, keys, on) for one in versions))
    found = (shelf(versions, on) for versions in fitting)
    kept = (one for one in found if wanted.state is None or any(v.state is wanted.state for v in one.versions))
    return sorted(kept, key=lambda one: (one.present.policy.title.lower(), one.present.policy.id))


def shelf(versions: Iterable[Entry], on: date) -> Shelf:
    """Return a policy's versions with their states; there is at least one."""
    newest_first = sorted(versions, key=lambda one: (one.effective, one.version), reverse=True)
    current = next((one for one in newest_first if one.in_force(on)), None)
    stated = tuple(Version(one, _state(one, current, on)) for one in newest_first)
    order = list(State)
    return Shelf(min(stated, key=lambda one: order.index(one.state)), stated)


def owners(book: PolicyBook) -> list[str]:
    """Return the departments that answer for policies."""
    return sorted({policy.owner for policy in book.entries if policy.owner})


def _state(policy: Entry, current: Entry | None, on: date) -> State:
    if policy.status is not Status.ACTIVE:
        return State(policy.status)
    if policy.effective > on:
        return State.UPCOMING
    if policy.expires is not None and policy.expires < on:
        return State.ENDED
    return State.IN_FORCE if policy is current else State.SUPERSEDED


def _fits(policy: Entry, wanted: Search, keys: frozenset[Key], on: date) -> bool:
    words = wanted.words.lower()
    return (
        (not words or words in policy.title.lower() or words in policy.id)
        and (not wanted.owner or policy.owner == wanted.owner)
        and (not wanted.code or _has(policy, keys, on))
    )


def _has(policy: Entry, keys: frozenset[Key], on: date) -> bool:
    """Tell whether the policy is for a code with these keys, on its own days if not on this one."""
    day = max(on, policy.effective)
    return any(pattern.key in keys and pattern.holds(day) for pattern in policy.patterns)
