"""In whose queue does a case wait? The decision row that pended it names one, or nobody in particular."""

from collections.abc import Iterable, Mapping

from app.storage.worklist import Place
from app.wiring import Service
from prior_auth.authorization import Item
from rules.trace import Trace

NOBODY = "no queue named"
NO_POLICY = "pended by no policy"


def queue_at(service: Service, place: Place) -> str:
    """Return the queue of a decision row, as the policy spells it."""
    if place.policy is None or place.version is None or not place.row:
        return NO_POLICY
    policy = service.book.version(place.policy, place.version)
    row = policy.rows[place.row - 1] if policy and place.row <= len(policy.rows) else None
    if row is None:
        return NOBODY
    return row.queue or (row.rest.queue if row.rest else None) or NOBODY


def queue_of(service: Service, item: Item) -> str:
    """Return the queue in which an item waits."""
    trace = Trace.from_json(item.decision.trace)
    return queue_at(service, Place(trace.policy, trace.version, trace.row) if trace else Place(None, None, None))


def by_queue(service: Service, counts: Mapping[Place, list[int]]) -> dict[str, list[int]]:
    """Return counts of decision rows as counts of queues, by name."""
    found: dict[str, list[int]] = {}
    for place, numbers in counts.items():
        before = found.setdefault(queue_at(service, place), [0] * len(numbers))
        found[queue_at(service, place)] = [a + b for a, b in zip(before, numbers, strict=True)]
    return dict(sorted(found.items()))


def places_of(service: Service, queue: str, places: Iterable[Place]) -> tuple[Place, ...]:
    """Return those of the decision rows whose queue it is."""
    return tuple(place for place in places if queue_at(service, place) == queue)
