"""The sandbox EHR searches as US Core 6.1 and FHIR R4 ask: every parameter and combination, over HTTP."""

import json
import tarfile
from datetime import timedelta
from urllib.parse import quote

import pytest

from app.clock import now
from app.sandbox.grants import EVERYTHING
from app.sandbox.matching import values
from app.sandbox.parameters import COMMON, PARAMETERS
from app.sandbox.search_dates import DateTest, Stretch
from app.sandbox.server import RECORDS, create_sandbox
from fhir_r4.resource import kind
from fhir_r4.wire import read_json, write_json
from tests.fhir_r4.packages import FOLDER, needs_packages
from tests.second_opinion import assert_fhir

TODAY = now().date()
LOINC = "http://loinc.org"


def day(ago):
    return (TODAY - timedelta(days=ago)).isoformat()


@pytest.fixture(scope="module")
def ehr():
    """Return an EHR of our own, as others have written into the one that all share."""
    return create_sandbox("http://ehr.example.org", "http://payer.example.org", RECORDS)


@pytest.fixture
def ask(ehr):
    return asking(ehr)


def asking(app, grant=EVERYTHING):
    """Return a function that asks the EHR over HTTP: ``ask("Patient?…")`` → status, body."""
    client, token = app.test_client(), app.extensions["ehr"].tokens.issue(now(), timedelta(minutes=30), grant)

    def send(path, *, method="GET", body=None, **headers):
        headers = {"Authorization": f"Bearer {token}"} | {
            one.replace("_", "-"): value for one, value in headers.items()
        }
        answer = client.open(f"/fhir/{path}" if path else "/fhir", method=method, data=body, headers=headers)
        send.headers = answer.headers
        return answer.status_code, read_json(answer.data) if answer.data else None

    return send


def found(answer, mode="match"):
    status, bundle = answer
    assert status == 200, bundle
    return [one["resource"]["id"] for one in bundle.get("entry", []) if one["search"]["mode"] == mode]


@needs_packages
def test_every_parameter_and_combination_of_us_core_is_there(ask):
    """US Core 6.1.0's server CapabilityStatement, for the types that this EHR holds; each is asked and none refused."""
    with tarfile.open(FOLDER / "hl7.fhir.us.core-6.1.0.tgz") as archive:
        server = json.load(archive.extractfile("package/CapabilityStatement-us-core-server.json"))
    wanted = {one["type"]: one for one in server["rest"][0]["resource"] if one.get("searchParam")}
    assert wanted.keys() - PARAMETERS.keys() == set()
    tried = {"token": "x", "date": "ge2020", "reference": "x", "string": "x"}
    for resource_type, one in wanted.items():
        types = {each["name"]: each["type"] for each in one["searchParam"]}
        held = {**COMMON, **PARAMETERS[resource_type]}
        assert {name: held[name].type for name in types if name in held} == types
        combinations = [
            [part["valueString"] for part in each["extension"] if part["url"] == "required"]
            for each in one.get("extension", [])
            if each["url"].endswith("search-parameter-combination")
        ]
        for names in [[name] for name in types] + combinations:
            query = "&".join(f"{name}={tried[types.get(name, 'token')]}" for name in names)
            assert ask(f"{resource_type}?{query}", Prefer="handling=strict")[0] == 200, (resource_type, names)
        for include in one.get("searchInclude", []):
            assert ask(f"{resource_type}?_include={include}", Prefer="handling=strict")[0] == 200, include


@pytest.mark.parametrize(
    ("search", "ids"),
    [
        # tokens: system|code, code, |code, system|, lists, :not, :text
        (f"Observation?patient=priya-raman&code={LOINC}|8867-4", ["priya-raman-pulse"]),
        ("Observation?patient=priya-raman&code=8867-4", ["priya-raman-pulse"]),
        ("Observation?patient=priya-raman&code=|8867-4", []),
        ("Observation?patient=priya-raman&code=http://x.example|8867-4", []),
        (
            f"Observation?patient=priya-raman&code={LOINC}|8867-4,{LOINC}|10230-1",
            ["priya-raman-pulse", "priya-raman-lvef"],
        ),
        ("Observation?patient=carmen-delgado&code=http://snomed.info/sct|", []),
        ("Patient?identifier=https://riverside.example.org/mrn|RPC-40103", ["carmen-delgado"]),
        ("Condition?patient=helen-park&code:text=homebound", ["helen-park-homebound"]),
        (
            "MedicationRequest?patient=natalie-brooks&intent=order&status=stopped",
            ["natalie-brooks-hydroxychloroquine", "natalie-brooks-adalimumab"],
        ),
        ("MedicationRequest?patient=victor-almeida&status:not=active,draft", ["victor-almeida-prednisone"]),
        ("Condition?patient=raymond-fields&clinical-status=resolved", ["raymond-fields-pneumonia"]),
        (
            "Condition?patient=raymond-fields&clinical-status=active&category=problem-list-item",
            ["raymond-fields-weakness"],
        ),
        ("Encounter?patient=irene-kowalski&class=IMP", ["irene-kowalski-hospital-stay"]),
        ("Encounter?patient=irene-kowalski&discharge-disposition=snf", ["irene-kowalski-hospital-stay"]),
        ("FamilyMemberHistory?patient=rachel-stein&relationship=MTH", ["rachel-stein-mother"]),
        # references: id, Type/id, with a type, the whole URL
        ("Coverage?patient=Patient/derek-olsen", ["derek-olsen-acme"]),
        ("Coverage?beneficiary:Patient=derek-olsen", ["derek-olsen-acme"]),
        ("Coverage?beneficiary:Group=derek-olsen", []),
        ("Coverage?patient={base}/Patient/derek-olsen", ["derek-olsen-acme"]),
        ("DocumentReference?patient=louis-bennett&encounter=louis-bennett-visit", ["louis-bennett-visit-note"]),
        # strings: from the start, without case and accents; :exact, :contains
        ("Patient?name=delg", ["carmen-delgado"]),
        ("Patient?family:exact=delgado", []),
        ("Patient?family:contains=LGAD", ["carmen-delgado"]),
        ("Patient?birthdate=1972-04-18&name=Carmen", ["carmen-delgado"]),
        ("Patient?gender=female&family=Stein", ["rachel-stein"]),
        ("Organization?address=Cohoes", ["valley-home-health"]),
        ("Practitioner?name=quill", ["quill"]),
        # :missing
        ("Condition?patient=grace-thompson&abatement-date:missing=false", ["grace-thompson-knee-osteoarthritis"]),
        ("Encounter?patient=irene-kowalski&discharge-disposition:missing=true", []),
        # several of one name are all asked
        ("Patient?birthdate=ge1972-01-01&birthdate=lt1973-01-01", ["carmen-delgado"]),
        # nothing
        ("Observation?patient=nobody", []),
        ("Observation?patient=", ...),
    ],
)  # fmt: skip
def test_a_search_finds_what_it_asks_for(ask, search, ids):
    answer = ask(search.format(base="http://ehr.example.org/fhir"))
    assert_fhir(answer[1])
    assert ids is ... or found(answer) == ids


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        (f"eq{day(14)}", ["priya-raman-pulse"]),
        (day(14), ["priya-raman-pulse"]),
        (f"gt{day(14)}", []),
        (f"ge{day(14)}", ["priya-raman-pulse"]),
        (f"lt{day(13)}", ["priya-raman-pulse"]),
        (f"le{day(15)}", []),
        (f"sa{day(15)}", ["priya-raman-pulse"]),
        (f"eb{day(14)}", []),
        (f"ne{day(14)}", []),
        (f"ap{day(14)}", ["priya-raman-pulse"]),
        (f"ge{day(14)}T12:00:00-05:00", []),
        (f"ge{day(14)}T12:00:00%2B09:00", ["priya-raman-pulse"]),
        (f"{day(99)},{day(14)}", ["priya-raman-pulse"]),
    ],
)
def test_a_date_is_asked_for_with_every_prefix(ask, asked, ids):
    assert found(ask(f"Observation?patient=priya-raman&code=8867-4&date={asked}")) == ids


def test_a_period_is_met_where_it_overlaps(ask):
    """An open end reaches on; a stay of six days is in no single day."""
    stay = ["irene-kowalski-hospital-stay"]
    assert found(ask(f"Encounter?patient=irene-kowalski&date=ge{day(3)}")) == stay
    assert found(ask(f"Encounter?patient=irene-kowalski&date=lt{day(3)}")) == stay
    assert found(ask(f"Encounter?patient=irene-kowalski&date={day(3)}")) == []
    assert Stretch.of({"start": "2026-01-01"}).end.year == 9999
    assert Stretch.of({}) is None
    assert Stretch.of("not a day") is None
    assert DateTest.read("2024").holds(Stretch.read("2024-02-29"), now())


def test_results_are_sorted_by_several_keys_and_come_in_pages(ask):
    """Every match once, in order, by following ``next``; the total is of all."""
    every = found(ask("Observation?patient=monica-reyes&_sort=-date,_id"))
    assert len(every) > 20
    url, paged = "Observation?patient=monica-reyes&_sort=-date,_id&_count=7", []
    while url:
        status, page = ask(url)
        assert page["total"] == len(every)
        paged += found((status, page))
        url = next((one["url"].partition("/fhir/")[2] for one in page["link"] if one["relation"] == "next"), None)
    assert paged == every
    dates = [next(values(ask(f"Observation/{one}")[1], ("effectiveDateTime",))) for one in every]
    assert dates == sorted(dates, reverse=True)


def test_nothing_but_the_number_is_told_where_that_is_asked(ask):
    for asked in ("_summary=count", "_count=0"):
        status, bundle = ask(f"Patient?{asked}")
        assert (status, bundle["total"], bundle.get("entry")) == (200, 20, None)
        assert_fhir(bundle)


def test_what_belongs_to_a_match_comes_with_it(ask):
    order = ask(
        "DeviceRequest?_id=carmen-delgado-cpap&_include=DeviceRequest:requester&_include=DeviceRequest:insurance"
    )
    assert found(order, "include") == ["lindqvist", "carmen-delgado-acme"]
    assert order[1]["total"] == 1
    named = ask("DeviceRequest?_id=carmen-delgado-cpap&_include=DeviceRequest:patient:Patient")
    assert found(named, "include") == ["carmen-delgado"]
    every = ask("DeviceRequest?_id=carmen-delgado-cpap&_include=*")
    assert {"lindqvist", "carmen-delgado", "northside-equipment"} <= set(found(every, "include"))
    further = ask(
        "DeviceRequest?_id=carmen-delgado-cpap&_include=DeviceRequest:insurance&_include:iterate=Coverage:payor"
    )
    assert found(further, "include") == ["carmen-delgado-acme", "acme"]
    assert_fhir(every[1])


def test_what_refers_to_a_match_comes_with_it(ask):
    """US Core: ``_revinclude=Provenance:target``, for what another house recorded."""
    drug = ask("MedicationStatement?patient=natalie-brooks&_revinclude=Provenance:target")
    assert found(drug, "include") == ["natalie-brooks-etanercept-told"]
    visit = ask("Encounter?_id=louis-bennett-visit&_revinclude=Observation:encounter")
    assert found(visit, "include") == ["louis-bennett-bp"]
    assert found(ask("Provenance?target=MedicationStatement/natalie-brooks-etanercept")) == found(drug, "include")


def test_what_changed_is_found_by_when(ask):
    form = {
        "resourceType": "QuestionnaireResponse",
        "status": "in-progress",
        "subject": {"reference": "Patient/helen-park"},
    }
    _, kept = ask("QuestionnaireResponse", method="POST", body=write_json(form))
    since = quote((now() - timedelta(minutes=1)).isoformat())
    assert found(ask(f"QuestionnaireResponse?_lastUpdated=gt{since}")) == [kept["id"]]
    assert found(ask(f"Patient?_lastUpdated=gt{since}")) == []


def test_an_unknown_parameter_is_told_and_ignored_or_refused_as_the_caller_prefers(ask):
    """FHIR R4, "Search", "Handling Errors": lenient where nothing is preferred."""
    for prefer in ({}, {"Prefer": "handling=lenient"}):
        status, bundle = ask("Patient?name=delg&mood=good", **prefer)
        assert found((status, bundle)) == ["carmen-delgado"]
        told = [one["resource"] for one in bundle["entry"] if one["search"]["mode"] == "outcome"]
        assert "mood" in told[0]["issue"][0]["diagnostics"]
        assert "mood" not in bundle["link"][0]["url"]
        assert_fhir(bundle)
    status, outcome = ask("Patient?name=delg&mood=good", Prefer="handling=strict")
    assert (status, kind(outcome)) == (400, "OperationOutcome")


@pytest.mark.parametrize(
    "search",
    [
        "Patient?name:sounds-like=x", "Patient?identifier:exact=x", "Observation?date:exact=2026",
        "Coverage?patient:in=x",
        "Observation?date=soon", "Observation?date=2026-13", "Observation?date=xx2026",
        "Observation?code:missing=maybe",
        "Observation?_sort=mood", "Observation?_count=many", "Observation?_count=-1", "Observation?_offset=x",
        pytest.param(f"Observation?_count={'9' * 5000}", id="a count of 5000 digits"),
        "Observation?_include=Observation:mood", "Observation?_include=Observation:code", "Observation?_include=x",
        "Observation?_revinclude=Provenance:mood", "Observation?_include:often=Observation:encounter",
        "Observation?_summary=text", "Observation?_format=xml", "Observation?_total=some",
        "Observation?date=99999999999999999999", "Observation?_profile:above=x",
    ],
)  # fmt: skip
def test_what_cannot_be_searched_so_is_refused_by_name_and_without_its_value(ask, search):
    """A modifier or a value is never guessed at, whatever the caller prefers (FHIR R4: SHALL reject)."""
    status, outcome = ask(search, Prefer="handling=lenient")
    assert (status, kind(outcome)) == (400, "OperationOutcome")
    assert_fhir(outcome)


def test_a_search_by_post_is_the_same_search(ask):
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    by_post = ask("Observation/_search?patient=priya-raman", method="POST", body="code=8867-4&_sort=-date", **form)
    assert found(by_post) == ["priya-raman-pulse"]
    assert by_post[1] == ask("Observation?patient=priya-raman&code=8867-4&_sort=-date")[1]


def test_a_type_that_is_not_held_is_not_found(ask):
    for path in ("Spaceship", "Spaceship/1", "Observation/nobody", "Patient/..%2F..", "Patient/carmen-delgado/x/y"):
        status, outcome = ask(path)
        assert status in {404, 405}
        assert kind(outcome) == "OperationOutcome"
