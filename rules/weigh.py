"""What does a policy say on this evidence? Facts are read, then weighed."""

from rules.evaluate import Outcome, evaluate
from rules.evidence import Evidence
from rules.policy import Policy
from rules.read_facts import read_facts


def weigh(policy: Policy, evidence: Evidence) -> Outcome:
    """Return what the policy says of an order or item, with its trace; never raises, whatever the evidence.

    A door that has more in hand than evidence, such as a doubt of its own, adds it to the outcome it makes of this.
    """
    known = read_facts(policy, evidence)
    return evaluate(
        policy,
        known.facts,
        evidence.authored,
        evidence.received,
        service=evidence.day,
        origins=known.origins,
        notes=tuple(known.notes),
    )
