"""Together our answers show every element that the guides mark as must-support, and each keeps to its profile."""

import json

import pytest

from app.demo import must_support, showcase, showcase_request
from app.storage import tables
from fhir_r4.generations import Generation
from fhir_r4.systems import PAS
from fhir_r4.wire import read_json
from tests.app.browsing import Person
from tests.given import EHR, a_record, infos
from tests.must_support import ASKED, FILE, PACKAGES
from tests.must_support import must_support as published
from tests.second_opinion import assert_profiled

BOTH = pytest.mark.parametrize("generation", list(Generation))


class InProcess:
    """The showcase's desk, over the test client."""

    def __init__(self, house):
        self.house = house
        self.silva = Person(house, npi="1234567893", specialty="207RP1001X").comes_in()

    def submit(self, generation, bundle):
        return self._read(self.house.submit(bundle, generation))

    def inquire(self, generation, bundle):
        return self._read(self.house.inquire(bundle, generation))

    def review(self, reference, form):
        case = self._case(reference)
        assert self.silva.post(f"{case}/verdict", form, page=case).status_code == 303

    def ask(self, reference, form):
        case = self._case(reference)
        assert self.silva.post(f"{case}/ask", form, page=case).status_code == 303

    def _case(self, reference):
        (row,) = [one for one in self.house.rows(tables.authorizations) if one["reference"] == reference]
        return f"/authorizations/{row['id']}"

    def _read(self, answer):
        assert answer.status_code == 200, answer.data
        return read_json(answer.data)


@pytest.fixture
def told(house, request):
    generation = request.getfixturevalue("generation")
    return showcase.answers(InProcess(house), generation, a_record(house.clock.now.date()), EHR, house.clock.now)


@BOTH
@pytest.mark.requirement("pas-2.0.1@37", "pas-2.0.1@212", "pas-2.2.1@conf-6")
def test_the_answers_show_every_must_support_element_or_say_why_not(told, generation):
    rows = showcase.table(generation, told)
    assert sum(row.total for row in rows) == showcase.marked(generation) > 60
    assert {row.profile: row.missing for row in rows if row.missing} == {}


@BOTH
@pytest.mark.requirement("pas-2.0.1@38")
def test_answers_to_inquiries_show_all_of_theirs(told, generation):
    (row,) = [one for one in showcase.table(generation, told) if one.profile == "profile-claiminquiryresponse"]
    assert (row.missing, row.reasoned) == ((), ())


def concept(system, code):
    return {"coding": [{"system": system, "code": code}]}


def x12(number, code):
    return concept(f"https://codesystem.x12.org/005010/{number}", code)


def ext(name, **value):
    return {"url": f"{PAS}/StructureDefinition/extension-{name}", **value}


def parts(name, **values):
    return ext(name, extension=[{"url": url, **value} for url, value in values.items()])


WINDOW = {"start": "2026-03-20", "end": "2026-03-23"}
ON_CLAIM = [
    ext("levelOfServiceCode", valueCodeableConcept=x12("1338", "U")),
    {"url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-Claim.encounter",
     "valueReference": {"reference": "Encounter/visit"}},
    ext("authorizationNumber", valueString="PA-BEFORE-1"),
    ext("administrationReferenceNumber", valueString="PEND-BEFORE-1"),
    ext("certificationType", valueCodeableConcept=x12("1322", "I")),
    parts("conditionCode", category={"valueCodeableConcept": x12("1136", "09")}, indicator={"valueBoolean": True},
          code={"valueCodeableConcept": x12("1321", "01")}),
    parts("homeHealthCareInformation", prognosis={"valueCodeableConcept": x12("923", "1")},
          date={"valueDate": "2026-03-01"}),
]  # fmt: skip
ENCOUNTER = {
    "resourceType": "Encounter",
    "id": "visit",
    "status": "planned",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
    "type": [concept("http://snomed.info/sct", "185349003")],
    "subject": {"reference": "Patient/amy-baxter"},
}


def with_every_element(bundle, generation):
    """Put what the showcase does not need into its request: accident, messages, windows, conditions, an encounter."""
    claim = bundle["entry"][0]["resource"]
    only_2_2 = ON_CLAIM if generation is Generation.V2_2 else ON_CLAIM[:2]
    claim["extension"] = [*claim.get("extension", []), *only_2_2]
    bundle["entry"].append({"fullUrl": f"{EHR}/Encounter/visit", "resource": ENCOUNTER})
    temp = f"{PAS}/CodeSystem/PASTempCodes"
    claim["supportingInfo"] += [
        {"sequence": 11, "category": concept(temp, "patientEvent"), "timingPeriod": WINDOW},
        {"sequence": 12, "category": concept(temp, "patientEvent"), "timingDate": "2026-03-20"},
        {"sequence": 13, "category": concept(temp, "freeFormMessage"), "valueString": "Please call the ward."},
        {"sequence": 14, "category": concept(temp, "admissionDates"), "timingPeriod": WINDOW},
    ]
    claim["accident"] = {
        "date": "2026-02-20",
        "type": concept("http://terminology.hl7.org/CodeSystem/v3-ActCode", "MVA"),
        "locationAddress": {"state": "NY", "country": "US"},
    }
    for member in claim["careTeam"]:
        member["qualification"] = concept("http://nucc.org/provider-taxonomy", "207RP1001X")
    claim["diagnosis"][0] |= {
        "extension": [ext("diagnosisRecordedDate", valueDate="2026-02-01")],
        "type": [concept("http://terminology.hl7.org/CodeSystem/ex-diagnosistype", "principal")],
    }
    return bundle


def with_what_is_withdrawn(bundle):
    """Flag one item and one supportingInfo of an update as cancelled, and another as changed."""
    claim = bundle["entry"][0]["resource"]
    claim["item"][1] = infos(claim["item"][1], "changed", cancelled=True)
    last = claim["supportingInfo"][-1]
    last["extension"] = [ext("infoChanged", valueCode="changed")]
    last["modifierExtension"] = infos({}, cancelled=True)["modifierExtension"]
    return bundle


@BOTH
@pytest.mark.requirement("pas-2.0.1@35", "pas-2.2.1@conf-4", "pas-2.2.1@conf-5")
@pytest.mark.skipif(not PACKAGES.exists(), reason="the published packages are not beside the project")
def test_a_request_with_every_must_support_element_is_worked_on(house, generation):
    """A request and its update hold them all; neither is an error, and all items are answered."""
    records, now = a_record(house.clock.now.date()), house.clock.now
    first = with_every_element(showcase_request.first_request(records, EHR, generation, now), generation)
    second = with_what_is_withdrawn(showcase_request.update(first, generation, added=3, now=now))
    asked = published(ASKED)[generation]
    claims = [one["resource"] for bundle in (first, second) for one in bundle["entry"]]
    of_both = {element for one in ASKED for element in must_support.lacking(one, asked[one], claims)}
    nowhere = {
        element for element in of_both
        if all(element in must_support.lacking(one, asked[one], claims) for one in ASKED if element in asked[one])
    }  # fmt: skip
    assert nowhere == set()
    for bundle in (first, second):
        answer = house.submit(bundle, generation)
        assert answer.status_code == 200, answer.data
        response = read_json(answer.data)["entry"][0]["resource"]
        assert response["outcome"] != "error"
        assert len(response["item"]) == len(bundle["entry"][0]["resource"]["item"])


@BOTH
@pytest.mark.requirement("pas-2.2.1@conf-15")
def test_what_is_told_is_told_in_the_guides_own_elements(told, generation):
    """No extension of ours: whoever knows the guides understands all that is answered."""
    urls = set(_extensions_in(json.loads(json.dumps(told, default=str))))
    assert len(urls) > 10
    assert {url for url in urls if not url.startswith(("http://hl7.org/fhir/", "http://terminology.hl7.org/"))} == set()


def _extensions_in(node):
    """Yield the urls of extensions, but for the parts of complex ones, which have names."""
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _extensions_in(value)
    if isinstance(node, dict):
        yield from (one["url"] for one in node.get("extension", ()) if ":" in one["url"])


@BOTH
@pytest.mark.requirement("pas-2.0.1@215", "pas-2.0.1@216", "pas-2.2.1@use-1")
def test_what_the_showcase_is_answered_keeps_to_its_profiles(told, generation):
    for answer in told:
        for bundle in (
            [answer] if answer["resourceType"] == "Bundle" else [one["resource"] for one in answer["parameter"]]
        ):
            assert_profiled(bundle, generation)


@pytest.mark.skipif(not PACKAGES.exists(), reason="the published packages are not beside the project")
def test_the_list_is_the_one_of_the_published_packages():
    assert json.loads(FILE.read_text()) == published(), "run python -m tests.must_support"


def test_what_no_answer_shows_is_counted_as_missing():
    rows = must_support.missing(Generation.V2_0, [])
    assert all(total == len(lacking) for total, lacking in rows.values())
