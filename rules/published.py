"""Is everything still there that was published? A published version never changes and never goes.

What was decided under a version, or promised by it, is explained and honoured by that very text. Cases may be added,
an end may be set, a version may be retired; whoever wants other rows, facts or codes gives them a version of their
own. A draft may change as often as its authors like.
"""

from dataclasses import replace

from rules.book import PolicyBook
from rules.policy import Identity, Policy, Status
from rules.yaml_lines import Fault

_ANYBODY = Identity(Status.ACTIVE)


def unkept(before: PolicyBook, after: PolicyBook) -> list[Fault]:
    """Return a fault for each version of ``before`` that ``after`` has changed or left out."""
    published = (policy for policy in before if policy.identity.status is not Status.DRAFT)
    return [fault for policy in published for fault in _unkept(policy, after.version(policy.id, policy.version))]


def _unkept(policy: Policy, now: Policy | None) -> list[Fault]:
    file = f"{policy.id}/{policy.version}.yaml"
    if now is None:
        return [Fault(file, 1, f"{policy} was published and is gone", "put it back; 'expires' says when it ends")]
    if _weighed(policy) != _weighed(now):
        suggestion = "put it back, and give the change a version of its own"
        return [Fault(file, 1, f"{policy} is published and never changes", suggestion)]
    return []


def _weighed(policy: Policy) -> Policy:
    """Return what cannot be changed: all but the author's examples, who answers for it, and how and when it ends."""
    return replace(policy, cases=(), expires=None, identity=Identity(Status.ACTIVE))
