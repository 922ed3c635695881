"""Does an answer of a hook keep to CDS Hooks, to its generation's CRD profiles, and to the nine invariants?

Every answer that the tests get goes through ``assert_answer``. What is wrong with a resource already as it was
received is not our fault, and returned as it came; what we add to it is held against the profile.
"""

from uuid import UUID

from fhir_r4.profiles.check import check
from fhir_r4.resource import extensions, local_reference, value_of
from fhir_r4.systems import COVERAGE_INFORMATION, CRD
from tests.second_opinion import assert_fhir

PROFILES = {
    "Appointment": {"2.0": "profile-appointment", "2.2": "profile-appointment-no-order"},
    "CommunicationRequest": "profile-communicationrequest",
    "Coverage": "profile-coverage",
    "DeviceRequest": "profile-devicerequest",
    "Encounter": "profile-encounter",
    "MedicationRequest": "profile-medicationrequest",
    "NutritionOrder": "profile-nutritionorder",
    "ServiceRequest": "profile-servicerequest",
    "Task": "profile-taskquestionnaire",
    "VisionPrescription": "profile-visionprescription",
}
_NO_CONTEXT = {"Appointment", "VisionPrescription"}  # 2.0.1 leaves them out of the extension's contexts
_FIELDS = {"type", "description", "resource", "resourceId", "extension"}


def assert_answer(sent, answer, generation):
    """Fail where the answer to ``sent`` is not one that the guides allow."""
    assert set(answer) == {"cards", "systemActions"}
    assert not list(_nulls(answer))
    received = {local_reference(one): one for one in _resources(sent)}
    for card in answer["cards"]:
        _card(card)
        for suggestion in card.get("suggestions", []):
            for action in suggestion["actions"]:
                _proposed(action, received, generation)
    for action in answer["systemActions"]:
        _annotated(action, received, generation)


def _card(card):
    UUID(card["uuid"])
    assert 0 < len(card["summary"]) < 140
    assert card["detail"]
    assert card["indicator"] in {"info", "warning", "critical"}
    assert card["source"]["label"]
    topic = card["source"]["topic"]
    assert topic["system"]
    assert topic["code"] != "coverage-info"
    for link in card.get("links", []):
        assert link["label"]
        assert link["type"] in {"absolute", "smart"}
        assert link["url"].startswith("https://")
        assert link["type"] == "smart" or "appContext" not in link
    for reason in card.get("overrideReasons", []):
        assert {"system", "code", "display"} <= reason.keys()
    assert ("selectionBehavior" in card) == ("suggestions" in card)
    if "suggestions" in card:
        assert card["selectionBehavior"] in {"at-most-one", "any"}
    for suggestion in card.get("suggestions", []):
        UUID(suggestion["uuid"])
        assert suggestion["label"]
        assert suggestion["actions"]


def _action(action):
    assert action.keys() <= _FIELDS
    assert action["description"]
    assert action["type"] in {"create", "update", "delete"}
    assert ("resource" in action) == (action["type"] != "delete")
    assert ("resourceId" in action) == (action["type"] == "delete")


def _proposed(action, received, generation):
    """What is proposed is ours: it keeps to its profile, but for what was received so."""
    _action(action)
    if "resource" in action:
        new = action["resource"]
        assert extensions(new, COVERAGE_INFORMATION) == []
        if new["resourceType"] in PROFILES:
            before = received.get(local_reference(new)) if action["type"] == "update" else None
            assert _faults(new, generation) <= (_faults(before, generation) if before else set())
        assert_fhir(new)


def _annotated(action, received, generation):
    """What comes back is what was received, with coverage information added that keeps to its profile."""
    _action(action)
    assert (action["type"], "resource" in action) == ("update", True)
    new, old = action["resource"], received.get(local_reference(action["resource"]))
    written = extensions(new, COVERAGE_INFORMATION)
    assert written
    for one in written:
        assert_invariants(_values(one), generation)
    assert len({_values(one)["coverage-assertion-id"][0] for one in written}) == len(written)
    if old is not None:  # else it was read from the EHR, and the test compares
        assert {k: v for k, v in new.items() if k != "extension"} == {k: v for k, v in old.items() if k != "extension"}
        kept = [one for one in old.get("extension", []) if one["url"] != COVERAGE_INFORMATION]
        assert [one for one in new["extension"] if one["url"] != COVERAGE_INFORMATION] == kept
        assert _faults(new, generation) <= _faults(old, generation)


def _faults(resource, generation):
    profile = PROFILES.get(resource["resourceType"])
    name = profile[generation] if isinstance(profile, dict) else profile
    found = check(resource, f"{CRD}/StructureDefinition/{name}", generation=generation, references="open")
    misplaced = generation == "2.0" and resource["resourceType"] in _NO_CONTEXT
    return {
        (fault.code, fault.expression, fault.diagnostics)
        for fault in found
        if fault.severity in {"error", "fatal"}
        and not (misplaced and "extension" in (fault.expression or "") and "context" in fault.diagnostics.lower())
    }


def _values(written):
    found = {}
    for part in written["extension"]:
        found.setdefault(part["url"], []).append(value_of(part))
    return found


def assert_invariants(said, generation):
    """Hold one repetition against the nine rules of both generations, read as their texts mean them."""
    covered, pa_needed = said["covered"][0], said.get("pa-needed", [None])[0]
    doc_needed, codes = said.get("doc-needed", []), {covered, pa_needed, *said.get("doc-needed", [])}
    assert "questionnaire" not in said or doc_needed, "q1"
    if generation == "2.2":
        assert not (covered == "not-covered" and pa_needed), "q2"
        assert not ({"doc-purpose"} & said.keys() and "reason" not in said), "q8"
        assert "indeterminate" not in codes or "reason" in said, "q9"
        assert "OTH" not in said.get("info-needed", []) or "reason" in said, "q6"
    else:
        assert pa_needed, "q2: 2.0.1 as published asks for pa-needed always"
        assert "indeterminate" not in codes
    assert ("conditional" in codes) == ("info-needed" in said), "q3"
    assert not (pa_needed in {"satisfied", "no-auth"} and "withpa" in said.get("doc-purpose", [])), "q4"
    assert (pa_needed == "satisfied") == ("satisfied-pa-id" in said), "q5"
    assert all(reason.get("text") for reason in said.get("reason", [])), "q7"


def _resources(sent):
    stack = [sent]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if "resourceType" in node and "id" in node:
                yield node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)


def _nulls(value):
    """Yield what is null or an empty object (CDS Hooks 2.0: elements are neither), but in what was received."""
    for name, member in value.items() if isinstance(value, dict) else enumerate(value):
        if member is None or member == {}:
            yield name
        elif name != "resource" and isinstance(member, dict | list):
            yield from _nulls(member)
