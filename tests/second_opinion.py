"""Is what we emit FHIR? fhir.resources (R4B) says so; the profiles follow with fhir_r4's own validation."""

import json

from fhir.resources.R4B import get_fhir_model_class

from fhir_r4.wire import write_json


def assert_fhir(resource):
    """Fail with the library's own words where ``resource``, with all that it holds, is not R4B."""
    as_floats = json.loads(write_json(resource))
    get_fhir_model_class(resource["resourceType"]).model_validate(as_floats)
