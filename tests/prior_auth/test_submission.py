"""A request Bundle is read, or every structural fault is told with its element (pas.md §3.1)."""

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_r4.problems import InvalidRequest, Problem
from prior_auth.submission import read_submission
from tests.given import a_submission_bundle, an_order, entry

CLAIM = "Bundle.entry[0].resource"


def faults(bundle):
    with pytest.raises(InvalidRequest) as refused:
        read_submission(bundle)
    return [(issue.code, issue.expression) for issue in refused.value.issues]


def changed(**claim):
    bundle = a_submission_bundle()
    for name, value in claim.items():
        if value is None:
            bundle["entry"][0]["resource"].pop(name, None)
        else:
            bundle["entry"][0]["resource"][name] = value
    return bundle


def test_a_request_is_read():
    submission = read_submission(a_submission_bundle())
    assert submission.member_ids[0] == "ACME0001234"
    assert submission.npis == {"1234567893", "1144221847"}
    assert [code.code for code in submission.items[0].codes] == ["E0424"]
    assert len(submission.forms) == 1
    assert not submission.urgent
    assert submission.change is None


def test_a_coverage_is_a_coverage():
    patient = a_submission_bundle()["entry"][0]["resource"]["patient"]
    insurance = [{"sequence": 1, "focal": True, "coverage": patient}]
    assert ("not-found", f"{CLAIM}.insurance[0].coverage") in faults(changed(insurance=insurance))


def test_a_parameters_around_the_bundle_is_taken_off():
    wrapped = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": a_submission_bundle()}]}
    assert read_submission(wrapped).identifier


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"resourceType": "Claim"}, ("structure", "Bundle")),
        ({"type": "transaction"}, ("value", "Bundle.type")),
        ({"identifier": None}, ("required", "Bundle.identifier")),
        ({"identifier": {"system": "x"}}, ("required", "Bundle.identifier")),
        ({"timestamp": None}, ("required", "Bundle.timestamp")),
        ({"entry": []}, ("required", "Bundle.entry")),
        ({"entry": None}, ("required", "Bundle.entry")),
        ({"entry": {}}, ("required", "Bundle.entry")),
    ],
)
def test_the_bundle_is_a_collection_with_identifier_timestamp_and_entries(change, fault):
    assert fault in faults(a_submission_bundle() | change)


@pytest.mark.requirement("pas-2.2.1@spec-12")
def test_the_claim_comes_first():
    bundle = a_submission_bundle()
    bundle["entry"].reverse()
    assert ("structure", "Bundle.entry[0].resource") in faults(bundle)


@pytest.mark.requirement("pas-2.2.1@spec-16")
def test_full_urls_are_absolute():
    bundle = a_submission_bundle()
    bundle["entry"][2]["fullUrl"] = "Coverage/1"
    assert ("value", "Bundle.entry[2].fullUrl") in faults(bundle)


@pytest.mark.requirement("pas-2.2.1@spec-14")
def test_a_resource_stands_once():
    bundle = a_submission_bundle()
    bundle["entry"].append(copy.deepcopy(bundle["entry"][1]))
    assert ("duplicate", "Bundle.entry[1].fullUrl") in faults(bundle)


@pytest.mark.parametrize("name", ["search", "request", "response"])
def test_entries_of_a_collection_carry_no_transaction(name):
    bundle = a_submission_bundle()
    bundle["entry"][1][name] = {}
    assert ("structure", f"Bundle.entry[1].{name}") in faults(bundle)


@pytest.mark.parametrize("name", ["type", "created", "priority", "patient", "insurer", "provider", "insurance"])
def test_what_every_claim_has_is_there(name):
    assert ("required", f"{CLAIM}.{name}") in faults(changed(**{name: None}))


def test_a_claim_asks_for_something():
    assert faults(changed(item=None)) == [("required", f"{CLAIM}.item")]


@pytest.mark.parametrize(("name", "value"), [("use", "claim"), ("status", "draft"), ("use", None), ("status", None)])
def test_a_claim_is_an_active_preauthorization(name, value):
    assert ("value", f"{CLAIM}.{name}") in faults(changed(**{name: value}))


@pytest.mark.requirement("pas-2.2.1@spec-13")
def test_every_reference_leads_to_an_entry():
    assert faults(changed(patient={"reference": "Patient/nobody"})) == [
        ("not-found", f"{CLAIM}.patient.reference"),
    ]


@pytest.mark.requirement("pas-2.2.1@spec-18")
def test_so_do_the_references_of_what_is_referred_to():
    bundle = a_submission_bundle()
    entry(bundle, "Coverage")["subscriber"] = {"reference": "Patient/someone-else"}
    ((code, where),) = faults(bundle)
    assert code == "not-found"
    assert where.endswith(".resource.subscriber.reference")


def test_a_form_and_crd_s_extension_may_speak_of_the_ehr_s_own_records():
    form_only = read_submission(a_submission_bundle())
    assert form_only.forms


def test_a_prior_claim_may_be_elsewhere():
    bundle = changed(related=[{"claim": {"reference": "Claim/earlier"}}])
    assert read_submission(bundle).change


def test_a_patient_is_a_patient():
    assert ("invalid", f"{CLAIM}.patient") in faults(changed(patient={"reference": "Organization/acme"}))


@pytest.mark.requirement("pas-2.2.1@spec-22")
def test_sequences_are_unique():
    info = a_submission_bundle()["entry"][0]["resource"]["supportingInfo"]
    assert ("duplicate", f"{CLAIM}.supportingInfo[1].sequence") in faults(changed(supportingInfo=info * 2))


@pytest.mark.parametrize("sequence", [None, 0, -1, "1", True, 1.5, 2**31])
def test_a_sequence_is_a_positive_whole_number(sequence):
    bundle = a_submission_bundle()
    bundle["entry"][0]["resource"]["item"][0]["sequence"] = sequence
    assert ("required", f"{CLAIM}.item[0].sequence") in faults(bundle)


@pytest.mark.parametrize(
    ("points_to", "codes"), [([2], ["J84.10"]), ([1, 2], ["J44.9", "J84.10"]), ([], ["J44.9", "J84.10"])]
)
def test_an_item_has_the_diagnoses_that_it_points_to_else_all_of_the_claim_s(points_to, codes):
    concepts = [
        {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": one}]} for one in ("J44.9", "J84.10")
    ]
    listed = [{"sequence": number, "diagnosisCodeableConcept": one} for number, one in enumerate(concepts, 1)]
    bundle = changed(diagnosis=listed)
    entry(bundle, "DeviceRequest").pop("reasonCode", None)
    (item,) = entry(bundle, "Claim")["item"]
    item["diagnosisSequence"] = points_to
    (read,) = read_submission(bundle).items
    assert [one.code for one in read.along.diagnoses] == codes


def test_a_sequence_that_is_referred_to_exists():
    bundle = a_submission_bundle()
    bundle["entry"][0]["resource"]["item"][0]["diagnosisSequence"] = [9]
    assert faults(bundle) == [("not-found", f"{CLAIM}.item[0].diagnosisSequence[0]")]


@pytest.mark.requirement("pas-2.2.1@spec-25")
def test_an_unknown_modifier_is_refused_and_an_unknown_extension_ignored():
    unknown = {"url": "https://x.example/ext", "valueCode": "y"}
    assert faults(changed(modifierExtension=[unknown])) == [("not-supported", f"{CLAIM}.modifierExtension[0]")]
    assert read_submission(changed(extension=[unknown], unheardOf=True))


@pytest.mark.requirement("pas-2.0.1@89")
def test_elements_that_we_do_not_use_are_ignored():
    bundle = a_submission_bundle() | {"signature": {"anything": 1}}
    assert read_submission(bundle)


def test_all_faults_are_told_at_once():
    assert len(faults(changed(use="claim", created=None, priority=None))) == 3


def test_a_form_about_somebody_else_does_not_count():
    bundle = a_submission_bundle()
    entry(bundle, "QuestionnaireResponse")["subject"] = {"reference": "Patient/bernard-okoye"}
    assert read_submission(bundle).forms == ()


def test_a_form_that_the_claim_does_not_point_to_does_not_count():
    bundle = changed(supportingInfo=None)
    del bundle["entry"][0]["resource"]["item"][0]["informationSequence"]
    assert read_submission(bundle, lenient=True).forms == ()


@pytest.mark.parametrize(
    "flag",
    [
        {"related": [{}]},
        {"extension": [{
            "url": "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-certificationType",
            "valueCodeableConcept": {"coding": [{"system": "https://codesystem.x12.org/005010/1322", "code": "3"}]},
        }]},
    ],
)  # fmt: skip
def test_updates_and_cancellations_are_known_as_such(flag):
    assert read_submission(changed(**flag)).change


def test_stat_is_urgent():
    stat = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/processpriority", "code": "stat"}]}
    assert read_submission(changed(priority=stat)).urgent


def test_promises_are_found_on_the_order_behind_the_item():
    noted = {
        "url": "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information",
        "extension": [
            {"url": "coverage", "valueReference": {"reference": "Coverage/on-the-ehr"}},
            {"url": "coverage-assertion-id", "valueString": "promise-1"},
        ],
    }
    bundle = a_submission_bundle(order=an_order(extension=[noted]))
    assert read_submission(bundle).items[0].assertion_ids == ("promise-1",)


def _paths(node, path=()):
    yield path
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _paths(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _paths(value, (*path, index))


PATHS = [path for path in _paths(a_submission_bundle()) if path]
JUNK = st.sampled_from([None, [], {}, "", "x", 0, -1, True, [None], [[]], {"reference": 5}, [{"sequence": {}}]])


@given(st.sampled_from(PATHS), JUNK)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_no_broken_element_does_worse_than_a_refusal(path, junk):
    bundle = a_submission_bundle()
    node = bundle
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = junk
    try:
        read_submission(bundle)
    except Problem as refused:
        assert refused.status == 400  # noqa: PT017 either outcome is right


MODIFIERS = [{"modifierExtension": [{"url": "https://x/negated"}]}, {"implicitRules": "https://x"}]


@pytest.mark.parametrize("place", ["Claim", "QuestionnaireResponse", "Coverage"])
@pytest.mark.parametrize("modifier", MODIFIERS)
def test_a_modifier_anywhere_in_the_evidence_is_refused(place, modifier):
    bundle = a_submission_bundle()
    entry(bundle, place).update(modifier)
    ((code, where),) = faults(bundle)
    assert code == "not-supported"
    assert where.endswith((".implicitRules", ".modifierExtension[0]"))


def test_a_modifier_inside_an_answer_is_refused():
    bundle = a_submission_bundle()
    entry(bundle, "QuestionnaireResponse")["item"][0]["modifierExtension"] = [{"url": "https://x/negated"}]
    assert faults(bundle)[0][0] == "not-supported"


@pytest.mark.parametrize(
    "days",
    [
        {"servicedDate": "9999-06-01"},
        {"servicedDate": "tomorrow"},
        {"servicedPeriod": {"start": "2026-03-10", "end": "2026-03-01"}},
        {"servicedPeriod": {"start": "0001-01-01"}},
    ],
)
def test_days_of_service_are_days_of_this_age_in_their_order(days):
    bundle = a_submission_bundle()
    bundle["entry"][0]["resource"]["item"][0].update(days)
    assert faults(bundle)[0][0] == "value"


@pytest.mark.parametrize("name", ["type", "priority"])
@pytest.mark.parametrize("wrong", [5, "Canary", {}, {"coding": []}, {"coding": [{}]}, {"text": " "}])
def test_a_type_says_something(name, wrong):
    assert ("required", f"{CLAIM}.{name}") in faults(changed(**{name: wrong}))


def test_a_body_that_is_made_of_faults_gets_an_answer_of_a_few():
    assert len(faults(a_submission_bundle() | {"entry": [{} for _ in range(5000)]})) == 100
