"""At PAS's door: what is refused, naming its element, and what is let pass and noted, by the manner of the client."""

import base64
import io

import pytest

from app import admission
from app.clock import now
from app.storage import tables
from bench.bodies import bodies
from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest
from fhir_r4.profiles import check
from fhir_r4.wire import read_json, read_object
from prior_auth import authorization, requested_item
from tests.app.browsing import Person
from tests.given import a_submission_bundle, an_inquiry_bundle, entry

BOTH = pytest.mark.parametrize("client", ["riverside-ehr", "strict-ehr"], ids=["lenient", "strict"])
CLAIM = "Bundle.entry[0].resource"


def refused(answer):
    """Return the elements that a refusal names; it is one OperationOutcome and nothing else."""
    assert answer.status_code == 400, answer.data
    body = read_json(answer.data)
    assert body["resourceType"] == "OperationOutcome"
    return {where for issue in body["issue"] for where in issue.get("expression", [])}


def claim_of(bundle):
    return bundle["entry"][0]["resource"]


def twice(listed):
    listed.append(dict(listed[0]))


def stranger(bundle):
    claim = claim_of(bundle) | {"id": "another"}
    bundle["entry"].append({"fullUrl": "https://ehr.example.org/fhir/Claim/another", "resource": claim})


def claims_to_be_a_coverage(bundle):
    profile = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/profile-coverage"
    claim_of(bundle)["meta"] = {"profile": [profile]}


@BOTH
@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (lambda b: b.update(type="batch"), "Bundle.type"),
        (lambda b: b.update(entry=[]), "Bundle.entry"),
        (lambda b: b["entry"].reverse(), "Bundle.entry[0].resource"),
        (lambda b: claim_of(b).update(use="claim"), f"{CLAIM}.use"),
        (lambda b: claim_of(b).update(status="draft"), f"{CLAIM}.status"),
        (lambda b: b["entry"][1].update(fullUrl="Patient/1"), "Bundle.entry[1].fullUrl"),
        (lambda b: b["entry"][2].update(fullUrl=b["entry"][1]["fullUrl"]), "Bundle.entry[2].fullUrl"),
        (lambda b: b["entry"][1].update(search={"mode": "match"}), "Bundle.entry[1].search"),
        (lambda b: claim_of(b).update(patient={"reference": "Patient/nobody"}), f"{CLAIM}.patient.reference"),
        (lambda b: twice(claim_of(b)["supportingInfo"]), f"{CLAIM}.supportingInfo[0].sequence"),
        (lambda b: twice(claim_of(b)["item"]), f"{CLAIM}.item[0].sequence"),
        (lambda b: claim_of(b)["item"][0].update(informationSequence=[99]), f"{CLAIM}.item[0].informationSequence[0]"),
        (lambda b: claim_of(b)["item"][0].update(careTeamSequence=[99]), f"{CLAIM}.item[0].careTeamSequence[0]"),
        (stranger, "Bundle.entry[{last}].resource"),
        (lambda b: claim_of(b)["item"][0].update(quantity={"value": "one"}), f"{CLAIM}.item[0].quantity.value"),
        (lambda b: claim_of(b)["item"][0].update(colour="blue"), f"{CLAIM}.item[0].colour"),
        (lambda b: claim_of(b).update(priority=[]), f"{CLAIM}.priority"),
    ],
    ids=[
        "not a collection", "no entry", "the Claim is not the first", "no preauthorization", "not active",
        "a relative fullUrl", "a fullUrl twice", "an entry of a search", "a reference to nothing",
        "information numbered twice", "items numbered twice", "unknown information", "unknown care team",
        "two Claims", "no number", "an unknown element", "a list for a single value",
    ],
)  # fmt: skip
def test_a_structural_fault_is_refused_naming_its_element(house, client, spoil, where):
    """pas.md §3.1, whoever sends it; nothing is stored."""
    bundle = a_submission_bundle()
    spoil(bundle)
    where = where.format(last=len(bundle["entry"]) - 1)
    assert where in refused(house.submit(bundle, client=client))
    assert house.rows(tables.submissions) == []


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (lambda b: b.pop("identifier"), "Bundle.identifier"),
        (lambda b: b.pop("timestamp"), "Bundle.timestamp"),
        (lambda b: claim_of(b)["item"][0].pop("category"), f"{CLAIM}.item[0].category"),
        (lambda b: claim_of(b).pop("identifier"), f"{CLAIM}.identifier"),
        (claims_to_be_a_coverage, f"{CLAIM}.meta.profile[0]"),
    ],
    ids=["no transaction", "no moment", "no category", "no identifier", "a profile of something else"],
)
@pytest.mark.requirement("pas-2.2.1@spec-23")
def test_what_only_the_profile_asks_for_is_refused_of_a_strict_client_and_noted_of_others(house, spoil, where):
    bundle = a_submission_bundle()
    spoil(bundle)
    assert where in refused(house.submit(bundle, client="strict-ehr"))
    assert house.submit(bundle).status_code == 200
    (kept,) = house.rows(tables.submissions)
    assert where in {element for _, _, element, _ in kept["noted"]}


@pytest.mark.requirement("pas-2.2.1@spec-20")
def test_an_entry_that_nothing_leads_to_is_refused_of_a_strict_client_and_noted_of_others(house):
    bundle = a_submission_bundle()
    lost = {"resourceType": "Location", "id": "lost", "name": "Nowhere"}
    bundle["entry"].append({"fullUrl": "https://ehr.example.org/fhir/Location/lost", "resource": lost})
    where = f"Bundle.entry[{len(bundle['entry']) - 1}].resource"
    assert where in refused(house.submit(bundle, client="strict-ehr"))
    assert house.submit(bundle).status_code == 200
    (kept,) = house.rows(tables.submissions)
    assert where in {element for _, _, element, _ in kept["noted"]}


def test_what_keeps_to_its_profile_is_taken_of_a_strict_client_without_a_note_of_an_error(house):
    assert house.submit(a_submission_bundle(), client="strict-ehr").status_code == 200
    (kept,) = house.rows(tables.submissions)
    assert {severity for severity, *_ in kept["noted"] or []} <= {"warning"}


def as_public_clients_send_it(bundle):
    """Every fullUrl is a urn:uuid, references relative; no identifiers of the request, no categories."""
    for number, one in enumerate(bundle["entry"]):
        one["fullUrl"] = f"urn:uuid:5d1f0c3e-7a35-4d59-8a55-{number:012d}"
    claim = claim_of(bundle)
    for name in ("identifier", "timestamp"):
        del bundle[name]
    del claim["identifier"]
    for item in claim["item"]:
        del item["category"]
    return bundle


def test_a_public_clients_request_is_read_and_what_it_lacks_is_shown_to_staff(house):
    """Type and id say which entry is meant; the same body again gets the same answer; a person sees what was noted."""
    bundle = as_public_clients_send_it(a_submission_bundle())
    first = house.submit(bundle)
    assert first.status_code == 200
    assert house.submit(bundle).data == first.data
    assert len(house.rows(tables.authorizations)) == 1
    (kept,) = house.rows(tables.submissions)
    noted = {element for _, _, element, _ in kept["noted"]}
    assert {"Bundle.identifier", f"{CLAIM}.patient.reference", f"{CLAIM}.item[0].category"} <= noted
    page = Person(house).comes_in().browser.get(f"/authorizations/{kept['authorization_id']}").text
    assert "departs from the guide" in page
    assert f"{CLAIM}.patient.reference" in page
    assert house.inquire(an_inquiry_bundle()).status_code == 200
    assert "Bundle.identifier" in refused(house.submit(bundle, client="strict-ehr"))


def test_what_could_mean_two_entries_is_not_guessed(house):
    bundle = as_public_clients_send_it(a_submission_bundle())
    twin = dict(entry(bundle, "Patient"))
    bundle["entry"].append({"fullUrl": "urn:uuid:5d1f0c3e-7a35-4d59-8a55-999999999999", "resource": twin})
    assert f"{CLAIM}.patient" in " ".join(refused(house.submit(bundle)))


def test_an_inquiry_is_held_to_its_profile_as_well(house):
    inquiry = an_inquiry_bundle()
    claim_of(inquiry)["meta"] = {"profile": ["http://hl7.org/fhir/us/davinci-pas/StructureDefinition/profile-coverage"]}
    assert f"{CLAIM}.meta.profile[0]" in refused(house.inquire(inquiry, client="strict-ehr"))
    assert house.inquire(inquiry).status_code == 200


XHTML = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'
ACTING = ["<script>alert(1)</script>", "<img src='x' onerror='alert(1)'/>", "<a href='java\tscript:alert(1)'>x</a>",
          "<form action='https://x.example'><input/></form>", "<iframe src='https://x.example'></iframe>",
          "<svg/onload=alert(1)>", "<p style='background: url(javascript:x)'>x</p>", "<!DOCTYPE x>"]  # fmt: skip
FORMATTED = ["<p><b>Amy</b> &lt;script&gt;</p>", "<table class='grid'><tr><td>1</td></tr></table>",
             "<a href='https://x.example/a:b'>x</a>", "<a href='Patient-1.html'>x</a>",
             "<td style='background-image: url(tbl_bck1.png)'>x</td>"]  # fmt: skip


@BOTH
@pytest.mark.parametrize("said", ACTING)
def test_a_narrative_that_acts_is_refused_naming_it_and_nothing_is_kept(house, client, said):
    bundle = a_submission_bundle()
    entry(bundle, "Patient")["text"] = {"status": "generated", "div": XHTML.format(said)}
    (where,) = refused(house.submit(bundle, client=client))
    assert where.endswith(".resource.text.div")
    assert house.rows(tables.submissions) == []


@pytest.mark.parametrize("said", FORMATTED)
def test_formatted_text_is_no_fault(house, said):
    bundle = a_submission_bundle()
    entry(bundle, "Patient")["text"] = {"status": "generated", "div": XHTML.format(said)}
    assert house.submit(bundle).status_code == 200


def test_circles_of_references_are_followed_once(house):
    bundle = a_submission_bundle()
    payer = entry(bundle, "Organization")
    payer["partOf"] = {"reference": f"Organization/{payer['id']}"}
    assert house.submit(bundle).status_code == 200


def test_ten_thousand_faulty_items_get_one_answer_of_bounded_length(house):
    bundle = a_submission_bundle()
    item = claim_of(bundle)["item"][0]
    claim_of(bundle)["item"] = [item | {"sequence": n + 1, "colour": "blue"} for n in range(10_000)]
    answer = house.submit(bundle)
    assert answer.status_code == 400
    assert len(read_json(answer.data)["issue"]) <= 51


@pytest.mark.parametrize("name", ["item", "diagnosis", "supportingInfo"])
def test_ten_thousand_of_anything_are_refused_before_anything_is_weighed(house, name):
    bundle = a_submission_bundle()
    one = claim_of(bundle)[name][0]
    claim_of(bundle)[name] = [one | {"sequence": n + 1} for n in range(10_000)]
    assert f"{CLAIM}.{name}" in refused(house.submit(bundle))
    assert house.rows(tables.submissions) == []


def test_a_request_of_many_items_costs_each_the_same(house, monkeypatch):
    """Counted, not timed: ten times the items read ten times the codes, not a hundred times."""

    def reads(count):
        bundle, calls = a_submission_bundle(), []
        item = claim_of(bundle)["item"][0]
        claim_of(bundle)["item"] = [item | {"sequence": n + 1} for n in range(count)]
        for module in (requested_item, authorization):
            name = "codings" if module is requested_item else "quantity_of"
            real = getattr(module, name)
            monkeypatch.setattr(module, name, lambda value, real=real: calls.append(1) or real(value))
        assert house.submit(bundle).status_code == 200
        monkeypatch.undo()
        return len(calls)

    few = reads(10)
    assert reads(100) < 20 * few


@pytest.mark.parametrize("length", [20_000_001, 50_000_000])
def test_a_body_in_chunks_that_is_too_long_is_413(house, length):
    """It tells no length beforehand; it is not read to its end."""
    answer = house.web.post(
        "/fhir/2.0/Claim/$submit",
        input_stream=io.BytesIO(b" " * length),
        headers={"Authorization": f"Bearer {house.token()}", "Content-Type": "application/fhir+json"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413
    assert read_json(answer.data)["issue"][0]["code"] == "too-long"


def test_an_attachment_that_lies_about_its_type_is_noted(house):
    """A program that calls itself a PDF is kept as it came; whoever looks at the case is told."""
    bundle = a_submission_bundle()
    claim, patient = claim_of(bundle), claim_of(bundle)["patient"]
    program = {"contentType": "application/pdf", "data": base64.b64encode(b"MZ\x90\x00" * 20).decode()}
    document = {
        "resourceType": "DocumentReference",
        "id": "report",
        "status": "current",
        "subject": patient,
        "content": [{"attachment": program}],
    }
    bundle["entry"].append({"fullUrl": "https://ehr.example.org/fhir/DocumentReference/report", "resource": document})
    sequence = max(one["sequence"] for one in claim["supportingInfo"]) + 1
    information = claim["supportingInfo"][-1] | {
        "sequence": sequence,
        "valueReference": {"reference": "DocumentReference/report"},
    }
    claim["supportingInfo"].append(information)
    assert house.submit(bundle).status_code == 200
    (kept,) = house.rows(tables.submissions)
    place = len(bundle["entry"]) - 1
    where = f"Bundle.entry[{place}].resource.content[0].attachment.contentType"
    assert where in {element for _, _, element, _ in kept["noted"]}


def test_a_name_that_is_a_script_is_text(house):
    bundle = a_submission_bundle()
    script = "<script>alert(1)</script>"
    entry(bundle, "Patient").update(name=[{"family": script, "given": ["A"]}])
    assert house.submit(bundle).status_code == 200
    (kept,) = house.rows(tables.submissions)
    page = Person(house).comes_in().browser.get(f"/authorizations/{kept['authorization_id']}").text
    assert script not in page


@pytest.mark.parametrize("generation", Generation)
def test_no_request_waits_for_a_schema(generation, monkeypatch):
    """What the sandbox's own requests are held to, with all that they refer to, was compiled at the start."""
    admission.prepare()
    monkeypatch.setattr(check, "Draft202012Validator", None)
    sent = bodies(now())
    asked = {admission.SUBMIT: sent.submission, admission.INQUIRE: sent.inquiry, admission.PACKAGE: sent.parameters}
    for operation, body in asked.items():
        admission.admit_and_note(read_object(body), operation, generation, strict=False)


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({}, False),
        ({"subscriberId": "x" * 5_000}, False),
        ({"payor": []}, True),
        ({"status": "on"}, True),
        ({"relationship": {"coding": [{"system": "urn:of-our-own", "code": "aunt"}]}}, False),
        ({"relationship": "aunt"}, True),
        ({"beneficiary": {"reference": "Device/1"}}, True),
    ],
)
def test_what_a_lenient_client_asks_is_held_to_fhir_alone_whether_it_is_kept_or_not(change, refused):
    body = read_object(bodies(now()).parameters)
    coverage = next(one["resource"] for one in body["parameter"] if one["name"] == "coverage")
    coverage |= change
    said = []
    for let_in in (admission.admit, admission.admit_and_note):
        try:
            let_in(body, admission.PACKAGE, Generation.V2_0, strict=False)
        except InvalidRequest as problem:
            said.append(problem.issues)
    assert len(said) == (2 if refused else 0)
    assert said[1:] == said[:1]
