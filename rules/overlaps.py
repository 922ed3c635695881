"""Do two policies speak about the same order, and which one is to be heard? Without a priority nobody can tell."""

from collections.abc import Iterable, Iterator

from rules.codes import Key, Pattern
from rules.entry import Entry
from rules.policy import Status
from rules.yaml_lines import Fault

_LONGEST = 19  # characters of a code; SNOMED has 18


def overlaps(policies: Iterable[Entry]) -> list[Fault]:
    """Return a fault for each two active policies of one priority for the same code, people and day."""
    faults: dict[tuple[str, str], Fault] = {}
    for pattern, one, other in shared(policies):
        pair = min(one.id, other.id), max(one.id, other.id)
        if one.id != other.id and pair not in faults:
            faults[pair] = _fault(pattern, one, other)
    return list(faults.values())


def shared(policies: Iterable[Entry]) -> Iterator[tuple[Pattern, Entry, Entry]]:
    """Yield each two active entries of one priority that are for the same code, people and day, and the code."""
    active = [policy for policy in policies if policy.status is Status.ACTIVE]
    by_key: dict[Key, list[tuple[Pattern, Entry]]] = {}
    for policy in active:
        for pattern in policy.patterns:
            by_key.setdefault(pattern.key, []).append((pattern, policy))
    for policy in active:
        for pattern in policy.patterns:
            for other_pattern, other in _sharing(pattern, by_key):
                if policy is not other and _both(policy, pattern, other, other_pattern):
                    yield pattern, policy, other


def _sharing(pattern: Pattern, by_key: dict[Key, list[tuple[Pattern, Entry]]]) -> Iterator[tuple[Pattern, Entry]]:
    """Yield the patterns that have a code in common with this one and are as long or shorter."""
    system, prefix, length = pattern.key
    sizes = {None, length} if length else {None, *range(len(prefix), _LONGEST)}
    for end in range(len(prefix) + 1):
        for size in sizes:
            yield from by_key.get((system, prefix[:end], size), ())


def _both(one: Entry, mine: Pattern, other: Entry, theirs: Pattern) -> bool:
    orders = one.orders, other.orders
    return (
        one.priority == other.priority
        and one.scope.meets(other.scope)
        and (not all(orders) or not orders[0].isdisjoint(orders[1]))
        and _meet([(one.effective, one.expires), (other.effective, other.expires), *map(_days, (mine, theirs))])
    )


def _days(pattern: Pattern) -> tuple:
    return pattern.starts, pattern.ends


def _meet(spans: list[tuple]) -> bool:
    """Tell whether some day is inside all of the spans (both ends included; None is without end)."""
    starts = [start for start, _ in spans if start]
    ends = [end for _, end in spans if end]
    return not starts or not ends or max(starts) <= min(ends)


def _fault(pattern: Pattern, one: Entry, other: Entry) -> Fault:
    _, prefix, length = pattern.key
    code = prefix if length == len(prefix) else f"{prefix}*"
    say = f"{one} and {other} are both for {code}, for the same people and days"
    return Fault(one.file, 1, say, "give one of them a higher 'priority', or part their scopes")
