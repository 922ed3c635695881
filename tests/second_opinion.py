"""Is what we emit FHIR, and does it keep to the profiles that it claims? Two opinions: fhir.resources and our own."""

import json

from fhir.resources.R4B import get_fhir_model_class

from fhir_r4.profiles.check import check
from fhir_r4.wire import write_json


def assert_fhir(resource):
    """Fail with the library's own words where ``resource``, with all that it holds, is not R4B."""
    as_floats = json.loads(write_json(resource))
    get_fhir_model_class(resource["resourceType"]).model_validate(as_floats)


def assert_profiled(resource, generation, profile=None, *, references="closed"):
    """Fail where ``resource`` breaks a profile that it claims (or ``profile``) in that generation of the guides.

    ``references="open"``: what it refers to lives on the client's server and was not sent along.
    """
    assert_fhir(resource)
    faults = check(resource, profile, generation=generation, references=references)
    wrong = [fault for fault in faults if fault.severity in {"error", "fatal"}]
    assert wrong == [], wrong
