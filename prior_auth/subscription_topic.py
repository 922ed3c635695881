"""What can be subscribed to? PAS's one topic, as R4 can hold it: a Basic with R5's elements in extensions.

The topic is the guide's. What filters are understood is ours to say (``prior_auth/subscription.py``).

Source: Subscriptions R5 Backport 1.1.0, "Subscription Topics in R4"; PAS 2.0.1 and 2.2.1, PASSubscriptionTopic.
"""

from collections.abc import Iterator

from fhir_r4.generations import Generation
from fhir_r4.systems import PAS_TEMP
from prior_auth.subscription import TOPIC

ID = TOPIC.rpartition("/")[2]
_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic"
_RELEASED = {Generation.V2_0: "2.0.1", Generation.V2_2: "2.2.1"}
_FILTERS = {"orgIdentifier": "as the topic names it", "org-identifier": "as 2.2.1 names it (spec-58)"}


def topic(generation: Generation) -> dict:
    """Return the topic in the version of the generation's guide."""
    said: list[tuple[str, dict]] = [
        ("url", {"valueUri": TOPIC}),
        ("version", {"valueString": _RELEASED[generation]}),
        ("name", {"valueString": "PASSubscriptionTopic"}),
        ("title", {"valueString": "PAS Subscription Topic"}),
        ("status", {"valueCode": "active"}),
        ("description", {"valueMarkdown": "Tells of every change of the prior authorizations of an organization."}),
        ("eventTrigger", {"extension": list(_trigger())}),
        *(("canFilterBy", {"extension": list(_filter(name, note))}) for name, note in _FILTERS.items()),
    ]
    return {
        "resourceType": "Basic",
        "id": ID,
        "extension": [{"url": f"{_R5}.{name}"} | value for name, value in said],
        "code": {"coding": [{"system": "http://hl7.org/fhir/fhir-types", "code": "SubscriptionTopic"}]},
    }


def _trigger() -> Iterator[dict]:
    event = {"coding": [{"system": PAS_TEMP, "code": "result-available"}]}
    yield {"url": "description", "valueMarkdown": "An item of an authorization has changed, even if others are pended."}
    yield {"url": "event", "valueCodeableConcept": event}
    yield {"url": "resource", "valueUri": "http://hl7.org/fhir/StructureDefinition/ClaimResponse"}


def _filter(name: str, note: str) -> Iterator[dict]:
    said = f"Identifiers of the requesting organization, value or system|value, separated by commas; {note}."
    yield {"url": "description", "valueMarkdown": said}
    yield {"url": "filterParameter", "valueString": name}
    yield {"url": "comparator", "valueCode": "eq"}
