"""Which of a member's cases an update means: by the name that can be trusted most, and only one of who asks."""

from dataclasses import replace

import pytest

from fhir_r4.resource import Identifier
from fhir_r4.systems import ITEM_TRACE_NUMBER
from prior_auth.change import Change
from prior_auth.submission import read_submission
from prior_auth.update import prior_of
from tests.given import a_certification, a_submission_bundle, an_authorization, entry

OLD = Identifier("https://riverside.example.org/claims", "c-1")
TRACE = {"system": "https://riverside.example.org/traces", "value": "t-1"}
NOBODY = Change(frozenset(), frozenset(), frozenset(), cancels_all=False, path="Claim.related")


def a_case(number="PA0000000001", **changes):
    unlike = {"claim_identifiers": (Identifier("https://riverside.example.org/claims", "of another"),)}
    return an_authorization(a_certification(number=number), **unlike | changes)


def traced(case):
    (item,) = case.items
    asked = item.asked | {"extension": [{"url": ITEM_TRACE_NUMBER, "valueIdentifier": TRACE}]}
    return replace(case, items=(replace(item, asked=asked),))


def a_submission(**claim):
    bundle = a_submission_bundle()
    entry(bundle, "Claim").update({"identifier": [{"system": OLD.system, "value": "of the update"}]} | claim)
    return read_submission(bundle)


def with_trace(trace):
    item = entry(a_submission_bundle(), "Claim")["item"][0]
    return {"item": [item | {"extension": [{"url": ITEM_TRACE_NUMBER, "valueIdentifier": trace}]}]}


NUMBERED = a_case("PA0000000007")
FILED = a_case(reference="PAREFERENCE07")
IDENTIFIED = a_case(claim_identifiers=(OLD,))
TRACED = traced(a_case())
ALL = (a_case(), NUMBERED, FILED, IDENTIFIED, TRACED)
SAME = {"identifier": [{"system": OLD.system, "value": OLD.value}]}

NAMES = {
    "its number": (NUMBERED, replace(NOBODY, numbers=frozenset({"PA0000000007"})), {}),
    "its reference number": (FILED, replace(NOBODY, numbers=frozenset({"PAREFERENCE07"})), {}),
    "the prior Claim's identifier": (IDENTIFIED, replace(NOBODY, identifiers=frozenset({OLD})), {}),
    "our own id": (FILED, replace(NOBODY, targets=frozenset({f"Claim/{FILED.id}"})), {}),
    "the Claim's own identifier": (IDENTIFIED, NOBODY, SAME),
    "an item's trace number": (TRACED, NOBODY, with_trace(TRACE)),
}


@pytest.mark.parametrize(("meant", "change", "claim"), NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("cases", [ALL, ALL[::-1]], ids=["the oldest first", "the newest first"])
def test_of_several_cases_the_one_of_that_name_is_meant(meant, change, claim, cases):
    assert prior_of(a_submission(**claim), change, cases) is meant


def test_who_names_nothing_means_no_case():
    assert prior_of(a_submission(**with_trace(TRACE | {"value": "t-2"})), NOBODY, ALL) is None
    unnumbered = replace(NOBODY, numbers=frozenset({"PA-of-nobody"}), targets=frozenset({"Claim/of-nobody"}))
    assert prior_of(a_submission(), unnumbered, ALL) is None


def test_the_name_that_can_be_trusted_most_goes_before_the_others():
    both = replace(NOBODY, numbers=frozenset({"PA0000000007"}), identifiers=frozenset({OLD}))
    assert prior_of(a_submission(**with_trace(TRACE)), both, ALL[::-1]) is NUMBERED
    ours = replace(NOBODY, targets=frozenset({f"Claim/{FILED.id}"}), identifiers=frozenset({OLD}))
    assert prior_of(a_submission(**with_trace(TRACE)), ours, ALL) is IDENTIFIED
    assert prior_of(a_submission(**SAME, **with_trace(TRACE)), NOBODY, ALL[::-1]) is IDENTIFIED


@pytest.mark.parametrize(("meant", "change", "claim"), NAMES.values(), ids=NAMES)
def test_a_case_of_another_organization_is_never_meant(meant, change, claim):
    others = replace(meant, requestors=frozenset({"http://hl7.org/fhir/sid/us-npi|1999999984"}))
    assert prior_of(a_submission(**claim), change, (others,)) is None
