"""What prefetch asks for of the record follows from the facts of the policies, and what comes so is not read again."""

import re
from datetime import date, timedelta

import pytest

from app.config import BadSettings, Config
from cds_hooks.prefetch import PROFILES, needs_of, templates
from cds_hooks.prefetch_facts import ANY, MOST, key
from rules.book import PolicyBook
from rules.load import load_policy
from tests.cds_hooks.test_facts import SEARCH, called
from tests.given import HOOKS, TODAY
from tests.given_policy import BY_RECORD, TEXT, saturation

WRITTEN = "Observation?code=http://loinc.org|20564-1&_sort=-date&_count=1"
KEY = key(WRITTEN)
ORDERING = [hook for hook in HOOKS if not hook.startswith("encounter")]
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}


def a_policy(name, codes=("20564-1",), **changes):
    """Return a policy that looks for observations of these codes."""
    text = TEXT.replace("oxygen-by-record", name)
    for old, new in changes.items():
        text = text.replace(f"{old.replace('_', '-')}: ", f"{old.replace('_', '-')}: {new} # ", 1)
    for number, code in enumerate(codes[1:]):
        fact = f'  more{number}: {{type: number, record: "Observation?code=http://loinc.org|{code}"}}\n'
        text = text.replace("  lung: ", f"{fact}  lung: ", 1)
    return load_policy(text.replace("20564-1", codes[0]), f"{name}/1.yaml")


def asked(book, hook="order-sign", profile="portable", on=TODAY, facts="always"):
    told = templates(hook, profile, needs_of(book, on, facts))
    return {name: template for name, template in told.items() if template.startswith("Observation")}


@pytest.mark.requirement("crd-2.0.1@41", "crd-2.2.1@found-26", "crd-2.2.1@found-27")
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("hook", ORDERING)
def test_a_search_that_every_policy_makes_is_asked_for_beforehand(hook, profile):
    told = asked(BY_RECORD, hook, profile)
    assert told == {KEY: "Observation?patient={{context.patientId}}&code=http://loinc.org|20564-1&_sort=-date&_count=1"}


@pytest.mark.requirement("crd-2.0.1@42", "crd-2.2.1@found-28")
def test_a_search_that_only_some_policies_make_is_not():
    book = PolicyBook([a_policy("one", ("20564-1", "718-7")), a_policy("other", ("20564-1",))])
    assert list(asked(book)) == [KEY]


def test_it_may_be_where_an_operator_has_agreed_on_that():
    book = PolicyBook([a_policy("one", ("20564-1", "718-7")), a_policy("other", ("20564-1",))])
    assert list(asked(book, facts=ANY)) == [KEY, key("Observation?code=http://loinc.org|718-7")]


def test_however_many_policies_there_are_a_service_asks_for_a_few_things():
    codes = tuple(f"{number}-1" for number in range(100, 100 + 3 * MOST))
    assert len(asked(PolicyBook([a_policy("one", codes)]), facts=ANY)) == MOST


def test_only_policies_in_force_are_asked_about():
    later = a_policy("later", ("718-7",), effective="2027-01-01")
    book = PolicyBook([*BY_RECORD, later])
    assert list(asked(book, facts=ANY)) == [KEY]
    assert len(asked(book, facts=ANY, on=date(2027, 1, 1) + timedelta(days=1))) == 2


@pytest.mark.parametrize("hook", ["encounter-start", "encounter-discharge"])
def test_an_encounter_brings_what_policies_for_encounters_want(hook):
    assert asked(BY_RECORD, hook, facts=ANY) == {}
    begun = a_policy("begun", applies_to="{HCPCS: [E0424], orders: [Encounter]}")
    assert list(asked(PolicyBook([begun]), hook)) == [KEY]
    assert asked(PolicyBook([begun])) == {}


def test_a_key_stays_as_long_as_its_search_does_and_no_longer():
    other = WRITTEN.replace("_count=1", "_count=2")
    assert key(WRITTEN) == KEY != key(other)
    assert all(re.fullmatch(r"[a-z0-9.-]+", key(one)) for one in (WRITTEN, other, "Condition", "Encounter?type=AMB"))


@pytest.mark.requirement("crd-2.0.1@56", "cds-hooks-2.0@34", "cds-hooks-2.0@52")
@pytest.mark.parametrize(("sent", "reads"), [
    ({}, True),
    ({KEY: OUTCOME}, True),
    ({KEY: None}, False),
    ({KEY: saturation(86)}, False),
    ({KEY: {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": saturation(86)}]}}, False),
    ({key(WRITTEN + "&status=final"): saturation(86)}, True),
])  # fmt: skip
def test_what_came_by_prefetch_is_not_read_again(sent, reads):
    assert (SEARCH in called(sent=sent)[1].asked) is reads


def test_what_came_by_prefetch_is_weighed():
    assert "doc-needed" not in called(sent={KEY: saturation(86)})[0]
    assert called(sent={KEY: None})[0]["doc-needed"] == "clinical"
    assert called(sent={KEY: saturation(86, patient="Patient/somebody-else")})[0]["doc-needed"] == "clinical"


def test_a_bundle_that_goes_on_is_read_on_where_it_says():
    page = "https://ehr.example.org/fhir/pages/2"
    bundle = {"resourceType": "Bundle", "type": "searchset", "link": [{"relation": "next", "url": page}]}
    said, ehr = called(sent={KEY: bundle})
    assert page in ehr.asked
    assert SEARCH not in ehr.asked
    assert (said["pa-needed"], said["doc-needed"]) == ("auth-needed", "clinical")  # that page could not be had


@pytest.mark.parametrize(("patient", "reads"), [("Patient/amy-baxter", False), ("Patient/somebody-else", True)])
def test_a_bundle_that_holds_as_many_as_are_looked_at_is_not_read_on(patient, reads):
    """A server that was asked for one at a time says that there are more; the policy looks at the newest."""
    page = "https://ehr.example.org/fhir/pages/2"
    bundle = {"resourceType": "Bundle", "type": "searchset", "link": [{"relation": "next", "url": page}]}
    _, ehr = called(sent={KEY: bundle | {"entry": [{"resource": saturation(86, patient=patient)}]}})
    assert (page in ehr.asked) is reads


def test_an_unknown_choice_stops_the_start():
    with pytest.raises(BadSettings):
        Config.from_env({"PRIORAUTH_CRD_PREFETCH_FACTS": "most"})
