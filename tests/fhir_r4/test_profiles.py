"""check() names what does not keep to a profile: which element, what was expected, and never a value."""

import copy
import json
from collections.abc import Callable
from decimal import Decimal

import pytest

from fhir_r4.generations import Generation
from fhir_r4.problems import Issue
from fhir_r4.profiles.check import Profiles, committed, committed_texts
from fhir_r4.profiles.deviations import DEVIATIONS
from fhir_r4.wire import read_json
from tests.fhir_r4.given import PAS, REQUEST, a_claim, a_member, a_request, an_organization, coded
from tests.garbage import left_behind

CLAIM = "Bundle.entry[0].resource"
COVERAGE_INFORMATION = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"


def request_with(change: Callable[[dict], object]) -> dict:
    """A good request after ``change`` of its Claim."""
    body = a_request()
    change(body["entry"][0]["resource"])
    return body


def errors(body: dict, profile: str | None = REQUEST, generation: str = "2.0", **options) -> list[Issue]:
    issues = committed(generation).check(body, profile, **options)
    return [issue for issue in issues if issue.severity == "error"]


def at(issues: list[Issue]) -> set[str | None]:
    return {issue.expression for issue in issues}


def test_a_good_request_has_no_issue():
    assert committed("2.0").check(a_request(), REQUEST) == []


@pytest.mark.parametrize("closely", [False, True])
@pytest.mark.parametrize("change", [{}, {"use": "claim", "created": None}], ids=["good", "faulty"])
def test_a_body_is_let_go_of_as_its_check_ends_and_waits_for_no_garbage_collector(change, closely):
    def check():
        committed("2.0").check(request_with(lambda claim: claim.update(change)), REQUEST, closely=closely)

    assert left_behind(check) == 0


@pytest.mark.parametrize(
    ("what", "change", "where"),
    [
        ("a required element is missing", lambda c: c.pop("created"), "created"),
        ("a required element of an item is missing", lambda c: c["item"][0].pop("category"), "item[0].category"),
        ("one too many", lambda c: c["identifier"].append(c["identifier"][0]), "identifier"),
        ("a list for a single value", lambda c: c.update(status=["active"]), "status"),
        ("a single value for a list", lambda c: c.update(item=c["item"][0]), "item"),
        ("an empty list", lambda c: c.update(item=[]), "item"),
        ("null", lambda c: c.update(created=None), "created"),
        ("null in a list", lambda c: c["item"].append(None), "item[1]"),
        ("an empty string", lambda c: c.update(created=""), "created"),
        ("an empty object", lambda c: c.update(priority={}), "priority"),
        ("an object for a primitive", lambda c: c.update(use={"x": 1}), "use"),
        ("a primitive for an object", lambda c: c.update(priority="normal"), "priority"),
        ("a string for a number", lambda c: c["item"][0].update(sequence="1"), "item[0].sequence"),
        ("a boolean for a number", lambda c: c["item"][0].update(sequence=True), "item[0].sequence"),
        ("a number out of range", lambda c: c["item"][0].update(sequence=0), "item[0].sequence"),
        ("an unknown element", lambda c: c["item"][0].update(colour="blue"), "item[0].colour"),
        ("a day that is not", lambda c: c.update(created="2026-02-30"), "created"),
        ("a time without a zone", lambda c: c.update(created="2026-02-03T10:00:00"), "created"),
        ("a code of no value set", lambda c: c.update(status="zzz"), "status"),
        ("a pattern not kept", lambda c: c.update(use="claim"), "use"),
        (
            "a choice of a type not allowed",
            lambda c: c["item"][0].update(servicedString="x"),
            "item[0].serviced.ofType(String)",
        ),
        (
            "both types of a choice",
            lambda c: c["item"][0].update(servicedDate="2026-01-01", servicedPeriod={"start": "2026-01-01"}),
            "item[0].serviced",
        ),
        (
            "an end before its start",
            lambda c: c.update(billablePeriod={"start": "2026-02-02", "end": "2026-02-01"}),
            "billablePeriod",
        ),
        (
            "a quantity's code without a system",
            lambda c: c["item"][0].update(quantity={"value": 1, "code": "1"}),
            "item[0].quantity",
        ),
        ("a relative system", lambda c: c["type"]["coding"][0].update(system="claim-type"), "type.coding[0].system"),
        (
            "an unknown code of a known system",
            lambda c: c["type"]["coding"][0].update(code="zzz"),
            "type.coding[0].code",
        ),
        (
            "an extension that says nothing",
            lambda c: c["item"][0]["extension"][0].pop("valueCodeableConcept"),
            "item[0].extension[0]",
        ),
        (
            "an extension of another type",
            lambda c: c["item"][0].update(
                extension=[{"url": f"{PAS}/extension-authorizationNumber", "valueInteger": 1}]
            ),
            "item[0].extension[0].value.ofType(Integer)",
        ),
        ("an extension at a wrong place", lambda c: c.update(extension=[*c["item"][0]["extension"]]), "extension[0]"),
        (
            "an extension of no absolute URL",
            lambda c: c.update(extension=[{"url": "x", "valueString": "x"}]),
            "extension[0].url",
        ),
        (
            "an unknown modifier extension",
            lambda c: c.update(modifierExtension=[{"url": "http://example.org/x", "valueString": "x"}]),
            "modifierExtension[0]",
        ),
        (
            "the same slice twice",
            lambda c: c["item"][0]["extension"].append(c["item"][0]["extension"][0]),
            "item[0].extension[1]",
        ),
        (
            "a slice without what it needs",
            lambda c: c["supportingInfo"][0].pop("timingDate"),
            "supportingInfo[0].timing",
        ),
        (
            "a slice with what it forbids",
            lambda c: c["supportingInfo"][0].update(valueString="x"),
            "supportingInfo[0].value.ofType(string)",
        ),
        ("a reference to another type", lambda c: c.update(patient={"reference": "Organization/payer"}), "patient"),
        (
            "a reference to nothing in the Bundle",
            lambda c: c.update(patient={"reference": "Patient/nobody"}),
            "patient",
        ),
        ("a reference to nothing contained", lambda c: c.update(patient={"reference": "#nobody"}), "patient"),
        ("a sibling that is null", lambda c: c.update(_created=None), "created"),
        (
            "an unknown code of a known system in a quantity",
            lambda c: c["item"][0].update(
                quantity={
                    "value": 1,
                    "code": "zzz",
                    "system": "http://terminology.hl7.org/CodeSystem/v3-orderableDrugForm",
                }
            ),
            "item[0].quantity.code",
        ),
        ("a sibling without content", lambda c: c.update(_created={}), "created"),
        (
            "a sibling in place of a value, saying nothing",
            lambda c: (c.pop("created"), c.update(_created={"id": "1"})),
            "created",
        ),
    ],
)
def test_a_fault_is_named_at_its_element(what, change, where):
    """One fault in the Claim of a good request is reported at that element of that entry."""
    found = errors(request_with(change))
    assert f"{CLAIM}.{where}" in at(found), found


@pytest.mark.parametrize(
    ("what", "change"),
    [
        (
            "an extension nobody knows",
            lambda c: c["item"][0]["extension"].append({"url": "http://example.org/x", "valueString": "x"}),
        ),
        ("slices in another order", lambda c: c["item"][0]["extension"].reverse()),
        ("one more coding", lambda c: c["priority"]["coding"].append({"system": "http://example.org/x", "code": "x"})),
        ("an id on an element", lambda c: c["priority"].update(id="x")),
        (
            "an extension beside a primitive",
            lambda c: c.update(_created={"extension": [{"url": "http://example.org/x", "valueString": "x"}]}),
        ),
        (
            "an extension in place of a value",
            lambda c: (
                c.pop("created"),
                c.update(
                    _created={
                        "extension": [
                            {
                                "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                                "valueCode": "unknown",
                            }
                        ]
                    }
                ),
            ),
        ),
        ("another type of a choice", lambda c: c["item"][0].update(servicedPeriod={"start": "2026-01-01"})),
        (
            "a contained resource that is referred to",
            lambda c: (
                c.update(contained=[{"resourceType": "Device", "id": "d"}]),
                c["item"][0].update(udi=[{"reference": "#d"}]),
            ),
        ),
        ("a decimal that keeps its digits", lambda c: c["item"][0].update(quantity={"value": Decimal("1.10")})),
    ],
)
def test_what_is_legal_is_no_error(what, change):
    assert errors(request_with(change)) == []


def test_a_number_read_from_the_wire_is_judged_as_the_number_it_is():
    """Requests are parsed with Decimals; a fraction is no integer."""
    claim = read_json(b'{"item": {"sequence": 1.0, "factor": 1.10}}')["item"]
    found = errors(request_with(lambda c: c["item"][0].update(claim)))
    assert at(found) == {f"{CLAIM}.item[0].sequence"}


def test_a_fault_in_a_target_is_named_there_and_at_the_reference():
    """Claim.insurer must lead to an insurer; an organization without a name is none."""
    body = a_request()
    del body["entry"][2]["resource"]["name"]
    assert {"Bundle.entry[2].resource.name", f"{CLAIM}.insurer"} <= at(errors(body))


@pytest.mark.parametrize("url", ["Patient/member", "https://clinic.example.org/fhir/Patient/somebody-else"])
def test_a_full_url_is_the_identity_of_its_resource(url):
    """FHIR R4, Bundle.entry.fullUrl: absolute, and not at odds with the id of the resource."""
    body = a_request()
    body["entry"][4]["fullUrl"] = url
    assert "Bundle.entry[4]" in at(errors(body))


def test_references_may_lead_out_where_the_caller_says_so():
    """An order in a hook refers to what the EHR has; the type that its URL names still has to fit."""
    claim = a_claim()
    assert errors(claim, None, references="open") == []
    claim["patient"] = {"reference": "Organization/payer"}
    assert at(errors(claim, None, references="open")) == {"Claim.patient"}


def test_the_profile_a_resource_claims_is_checked_as_claimed():
    """The operation's profile comes first; meta.profile is held to its word beside it."""
    member = a_member()
    del member["name"]
    assert at(errors(member, "http://hl7.org/fhir/StructureDefinition/Patient")) == {"Patient.name"}


def test_a_claimed_profile_of_another_type_is_an_error_and_an_unknown_one_a_warning():
    member = a_member()
    member["meta"]["profile"] += [f"{PAS}/profile-coverage", "http://example.org/mine"]
    found = {issue.expression: issue.severity for issue in committed("2.0").check(member)}
    assert found == {"Patient.meta.profile[1]": "error", "Patient.meta.profile[2]": "warning"}


def test_a_code_outside_an_extensible_value_set_is_a_warning():
    body = request_with(lambda c: c.update(fundsReserve=coded("http://example.org/x", "x")))
    coverage = body["entry"][3]["resource"]
    coverage["relationship"] = coded("http://example.org/x", "x")
    found = [
        i for i in committed("2.0").check(body, REQUEST) if i.expression == "Bundle.entry[3].resource.relationship"
    ]
    assert [(issue.severity, issue.code) for issue in found] == [("warning", "code-invalid")]


def test_a_contained_resource_must_be_referred_to():
    body = request_with(lambda c: c.update(contained=[{"resourceType": "Device", "id": "d"}]))
    assert [i.diagnostics for i in errors(body)] == ["expected dom-3: a contained resource that is referred to"]


def test_no_issue_quotes_a_value():
    """Values are health data; expressions and diagnostics name elements and expectations only."""
    secret = "Zyxwvut-0815"

    def spoil(node: object) -> object:
        if isinstance(node, dict):
            return {key: value if key == "resourceType" else spoil(value) for key, value in node.items()}
        return [spoil(one) for one in node] if isinstance(node, list) else secret

    body = spoil(a_request())
    body["entry"].append({secret: secret, "resource": {"resourceType": secret}})
    body["entry"][0]["resource"]["item"][0]["a " + secret] = secret
    found = committed("2.0").check(body, REQUEST)
    assert found
    assert not [i for i in found if secret in i.diagnostics or secret in (i.expression or "").replace(f".{secret}", "")]


def test_an_operation_names_its_profile():
    assert committed("2.0").check_operation(a_request(), "Claim/$submit") == []
    assert at(committed("2.0").check_operation(a_claim(), "Claim/$submit")) == {"Claim"}


def test_a_bundle_in_parameters_is_held_to_the_profile_of_the_operation():
    """PAS 2.2.1 answers an inquiry with Parameters; a request may come in them as well."""
    body = a_request()
    wrapped = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": body}]}
    assert committed("2.0").check_operation(wrapped, "Claim/$submit") == []
    del body["identifier"]
    found = committed("2.0").check_operation(wrapped, "Claim/$submit")
    assert at(found) == {"Parameters.parameter[0].resource.identifier"}


def test_the_2_2_request_starts_with_its_claim():
    """ClaimFirst: the invariant of PAS 2.2.1 looks at the first entry."""
    body = a_request()
    body["entry"].reverse()
    assert "expected ClaimFirst: the first entry is the Claim" in {
        i.diagnostics for i in errors(body, generation="2.2")
    }


def a_coverage_information(**said: str) -> dict:
    """A device request whose coverage-information says only this much."""
    needed = [
        {"url": "coverage", "valueReference": {"reference": "https://ehr.example.org/fhir/Coverage/1"}},
        {"url": "date", "valueDate": "2026-11-22"},
        {"url": "coverage-assertion-id", "valueString": "1"},
    ]
    parts = [{"url": url.replace("_", "-"), "valueCode": code} for url, code in said.items()]
    return {
        "resourceType": "DeviceRequest",
        "intent": "order",
        "status": "draft",
        "codeCodeableConcept": {"text": "cane"},
        "subject": {"reference": "https://ehr.example.org/fhir/Patient/1"},
        "extension": [{"url": COVERAGE_INFORMATION, "extension": [*needed, *parts]}],
    }


def test_a_known_defect_is_a_deviation_that_can_be_switched_off():
    """CRD 2.0.1 q2 fails as published on not-covered without pa-needed; meant was: unless not covered."""
    order = a_coverage_information(covered="not-covered")
    assert "invariant" not in {issue.code for issue in committed("2.0").check(order)}
    strict = Profiles(committed_texts(), "2.0", strict={"crd-ci-q2-2.0.1"})
    assert "invariant" in {issue.code for issue in strict.check(order)}


def test_a_context_that_is_enforced_is_enforced_wherever_a_profile_slices_it():
    """PAS 2.0.1 slices the administration reference number into ClaimResponse.item; its context does not name it."""
    number = {"url": f"{PAS}/extension-administrationReferenceNumber", "valueString": "ARN-1"}
    answer = {
        "resourceType": "ClaimResponse",
        "status": "active",
        "type": coded("http://terminology.hl7.org/CodeSystem/claim-type", "professional"),
        "use": "preauthorization",
        "patient": {"reference": "https://clinic.example.org/fhir/Patient/1"},
        "created": "2026-11-22",
        "insurer": {"reference": "https://clinic.example.org/fhir/Organization/1"},
        "outcome": "queued",
        "item": [
            {
                "extension": [number],
                "itemSequence": 1,
                "adjudication": [
                    {"category": coded("http://terminology.hl7.org/CodeSystem/adjudication", "submitted")}
                ],
            }
        ],
    }
    assert errors(answer, f"{PAS}/profile-claimresponse") == []
    strict = Profiles(committed_texts(), "2.0", strict={"pas-contexts-of-the-response"})
    found = strict.check(answer, f"{PAS}/profile-claimresponse")
    assert at(found) == {"ClaimResponse.item[0].extension[0]"}


def test_a_deviation_that_does_not_exist_cannot_be_switched_off():
    with pytest.raises(ValueError, match="no such deviation: nonsense"):
        Profiles(committed_texts(), "2.0", strict={"nonsense"})


def test_the_type_of_a_member_number_is_recommended_nowhere_against():
    """MB, by which guides mark a member's number in one resource, is taken in any other; not so as published."""
    body = a_request()
    member = body["entry"][4]["resource"]
    member["identifier"][0]["type"] = coded("http://terminology.hl7.org/CodeSystem/v2-0203", "MB")
    assert committed("2.0").check(body, REQUEST) == []
    strict = Profiles(committed_texts(), "2.0", strict={"member-number-type"})
    found = strict.check(body, REQUEST)
    assert [(one.severity, one.expression) for one in found] == [
        ("warning", "Bundle.entry[4].resource.identifier[0].type")
    ]


def test_every_deviation_says_why():
    assert all(len(one.why) > 40 and (one.places or one.rule or one.codes) for one in DEVIATIONS)


def test_the_profiles_of_both_generations_are_compiled_once():
    """Whatever a definition names, it names with its version: only bare canonicals mean different things."""
    older, newer = committed("2.0"), committed("2.2")
    assert newer is committed(Generation.V2_2)
    named = {
        name
        for line in committed_texts()["nodes.jsonl"].splitlines()
        for type_ in json.loads(line).get("types", ())
        for name in (*type_[1], *type_[2])
    }
    apart = {name for name in named if older.definitions.profile(name) != newer.definitions.profile(name)}
    assert apart == set()
    canonical = f"{PAS}/profile-claim"
    assert older.definitions.profile(canonical) != newer.definitions.profile(canonical)


# --- what costs no closer look --------------------------------------------------------------------------------


def test_a_warning_costs_no_closer_look():
    """A code that is not recommended is told, at its place, although not one value is walked."""
    body = a_request()
    other = coded("http://terminology.hl7.org/CodeSystem/v2-0203", "PC")
    body["entry"][4]["resource"]["identifier"][0]["type"] = other
    found = committed("2.0").check(body, REQUEST, most=0)
    assert [(one.severity, one.code, one.expression) for one in found] == [
        ("warning", "code-invalid", "Bundle.entry[4].resource.identifier[0].type")
    ]


def test_an_extension_that_no_profile_names_is_looked_at_alone():
    """Known and well placed it costs one look; its fault, or its wrong place, is told there."""
    document = {
        "url": f"{PAS}/extension-documentInformation",
        "extension": [
            {"url": "reportTypeCode", "valueCodeableConcept": coded("https://codesystem.x12.org/005010/755", "M1")}
        ],
    }
    good = request_with(lambda c: c["supportingInfo"][0].update(extension=[document]))
    assert committed("2.0").check(good, REQUEST, most=1) == []
    broken = document | {"extension": [{"url": "reportTypeCode", "valueString": "M1"}]}
    bad = request_with(lambda c: c["supportingInfo"][0].update(extension=[document, broken]))
    assert {f"{CLAIM}.supportingInfo[0].extension[1].extension[0].value.ofType(String)"} & at(errors(bad))
    misplaced = request_with(lambda c: c["insurance"][0].update(extension=[document]))
    assert at(errors(misplaced)) == {f"{CLAIM}.insurance[0].extension[0]"}


# --- hostile bodies -----------------------------------------------------------------------------------------------


def test_a_body_that_asks_for_too_much_gets_one_issue():
    """Each of a thousand items has a fault of its own; a fault of the Claim alone costs no look at them."""

    def spoil(claim: dict) -> None:
        claim["item"] = [claim["item"][0] | {"sequence": 0} for _ in range(1000)]

    found = committed("2.0").check(request_with(spoil), REQUEST, most=500)
    assert [issue.code for issue in found] == ["too-costly"]
    assert committed("2.0").check(a_request(), REQUEST, most=5000) == []
    found = committed("2.0").check(request_with(lambda c: c.update(item=c["item"] * 1000, x=1)), REQUEST, most=500)
    assert [issue.expression for issue in found] == [f"{CLAIM}.x"]


def test_what_is_looked_into_alone_is_counted_too():
    """Extensions that nobody knows are each a look; one inside the other to no end are one issue."""
    strange = [{"url": f"https://example.org/{number}", "valueString": "x"} for number in range(1000)]
    found = committed("2.0").check(request_with(lambda c: c.update(extension=strange)), REQUEST, most=500)
    assert [issue.code for issue in found] == ["too-costly"]
    deep: dict = {"url": "https://example.org/x", "valueString": "x"}
    for _ in range(300):
        deep = {"url": "https://example.org/x", "extension": [deep]}
    found = committed("2.0").check(request_with(lambda c: c.update(extension=[deep])), REQUEST)
    assert [issue.code for issue in found] == ["too-costly"]


def test_bundles_in_bundles_end():
    body: dict = a_request()
    for _ in range(200):
        body = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": body}]}
    assert [issue.code for issue in committed("2.0").check(body)] == ["too-costly"]


def test_what_is_nested_without_end_is_refused_at_once():
    """A hundred thousand groups in groups, and a dict that holds itself, harm neither us nor the process."""
    item: dict = {"linkId": "1", "type": "group"}
    for _ in range(100_000):
        item = {"linkId": "1", "type": "group", "item": [item]}
    circle: dict = {"resourceType": "Patient"}
    circle["contained"] = [circle]
    for body in ({"resourceType": "Questionnaire", "status": "active", "item": [item]}, circle):
        assert [issue.code for issue in committed("2.0").check(body)] == ["too-costly"]


def test_circles_of_references_end():
    """Two organizations are part of each other."""
    body = a_request()
    clinic, payer = (body["entry"][place]["resource"] for place in (1, 2))
    clinic["partOf"] = {"reference": "Organization/payer"}
    payer["partOf"] = {"reference": "Organization/clinic"}
    assert errors(body) == []


def test_a_body_of_any_shape_is_answered():
    for body in (None, 5, "x", [], {}, {"resourceType": 5}, {"resourceType": "Resource"}, {"resourceType": "Nothing"}):
        assert [issue.code for issue in committed("2.0").check(body)] == ["structure"]


def test_an_unknown_profile_is_said_to_the_caller_of_check():
    with pytest.raises(LookupError, match="no such profile"):
        committed("2.0").check(a_member(), "http://example.org/nothing")


def test_many_entries_cost_in_proportion():
    """A hundred organizations are checked without a quadratic step: as many values as a hundred times one."""
    body = a_request()
    for number in range(100):
        one = copy.deepcopy(an_organization(f"o{number}", "profile-requestor", "1234567893"))
        body["entry"].append({"fullUrl": f"https://clinic.example.org/fhir/Organization/o{number}", "resource": one})
    assert committed("2.0").check(body, REQUEST, most=1000) == []
