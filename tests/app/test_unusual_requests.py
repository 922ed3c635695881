"""Requests that are legal and unusual, or nearly legal, are weighed as what they are; each answer keeps to its profile.

An answer repeats entries of the request as they came, whatever they lack: what is our own in it is held to its profile.
"""

import pytest

from tests.app.test_admission import refused
from tests.given import a_form_response, a_submission_bundle, entry, percent

MANNERS = pytest.mark.parametrize("client", ["riverside-ehr", "strict-ehr"], ids=["lenient", "strict"])


def certified():
    return a_submission_bundle(form=a_form_response({"2.1": percent(80)}))


@MANNERS
def test_a_coverage_that_is_none_is_named_where_it_stands(house, client):
    bundle = certified()
    claim = entry(bundle, "Claim")
    first = claim["insurance"][0]
    claim["insurance"] = [first | {"focal": False}, first | {"sequence": 2, "coverage": claim["patient"]}]
    assert "Bundle.entry[0].resource.insurance[1].coverage" in refused(house.submit(bundle, client=client))
