"""A narrative is formatted text; what the guides publish is so."""

import pytest

from fhir_r4.narrative import acting
from fhir_r4.resource import dicts, kind
from tests.fhir_r4.packages import GUIDES, guide_examples, needs_packages


@needs_packages
@pytest.mark.parametrize("guide", GUIDES)
def test_no_narrative_that_a_guide_publishes_acts(guide):
    for name, body in guide_examples(guide).items():
        held = [body, *(one["resource"] for one in dicts(body.get("entry")) if "resource" in one)]
        assert [path for one in held for path in acting(one, f"{name}:{kind(one)}")] == []


def test_a_contained_narrative_is_looked_at_as_well():
    contained = {"resourceType": "Patient", "text": {"div": "<div><script>x</script></div>"}}
    assert list(acting({"resourceType": "Claim", "contained": [contained]}, "Claim")) == ["Claim.contained[0].text.div"]
