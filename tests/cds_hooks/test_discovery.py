"""The discovery document: six services, their options, and prefetch in three profiles."""

import json
import re

import pytest

from app.config import BadSettings, Config
from cds_hooks.options import unusable
from cds_hooks.prefetch import Needs, needs_of, templates
from cds_hooks.services import SERVICES, discovery
from rules.book import PolicyBook
from tests.given import BOOK, HOOKS, ROOT, TODAY
from tests.rules.given import POLICY

GUIDE = ROOT.parent / "shared" / "ig" / "davinci-crd-2.2.1-CRDServices.json"
CONTEXT_ONLY = {"draftOrders", "appointments", "fulfillmentTasks", "selections"}


def services():
    return discovery()["services"]


def options():
    return [one for service in services() for one in service["extension"]["davinci-crd.configuration-options"]]


@pytest.mark.requirement("crd-2.0.1@4", "crd-2.0.1@152", "crd-2.2.1@hook-4")
def test_all_six_hooks_are_served():
    assert {service["hook"] for service in services()} == set(HOOKS)


@pytest.mark.requirement("cds-hooks-2.0@10", "crd-2.2.1@found-14", "crd-2.2.1@found-15")
def test_there_is_one_service_for_each_hook_whatever_the_coverage():
    assert len({service["id"] for service in services()}) == len(services()) == len(HOOKS)
    assert all(re.fullmatch(r"[a-z-]+", service["id"]) for service in services())


@pytest.mark.requirement("cds-hooks-2.0@29", "cds-hooks-2.0@36", "crd-2.2.1@found-24")
def test_every_service_asks_for_prefetch_by_key():
    for service in services():
        assert {"patient", "coverage"} <= service["prefetch"].keys()
        assert all(isinstance(template, str) for template in service["prefetch"].values())


@pytest.mark.requirement("cds-hooks-2.0@56", "cds-hooks-2.0@35", "cds-hooks-2.0@58")
def test_a_portable_token_is_a_context_field_and_nothing_else():
    for service in services():
        for token in re.findall(r"\{\{(.*?)\}\}", json.dumps(service["prefetch"])):
            assert re.fullmatch(r"context\.[A-Za-z]+", token)


@pytest.mark.parametrize("hook", HOOKS)
def test_portable_prefetch_has_no_field_that_is_not_to_be_a_token(hook):
    assert not any(f"context.{name}" in json.dumps(templates(hook, "portable", Needs())) for name in CONTEXT_ONLY)


@pytest.mark.requirement("cds-library-1.0.1@32", "cds-library-1.0.1@73", "cds-library-1.0.1@89")
def test_appointments_tasks_and_selections_are_no_tokens():
    written = json.dumps(discovery())
    assert not any(f"context.{name}" in written for name in CONTEXT_ONLY)


@pytest.mark.requirement("cds-library-1.0.1@93")
def test_the_drafts_are_no_token_of_order_select():
    assert "draftOrders" not in json.dumps(SERVICES["order-select-crd"].to_json())


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.requirement("crd-2.2.1@found-29")
def test_the_2_2_profile_uses_the_guide_s_own_expressions(hook):
    if not GUIDE.exists():
        pytest.skip("the guide's discovery document is not beside the project")
    guide = {one["hook"]: one["prefetch"] for one in json.loads(GUIDE.read_text())["services"]}
    ours = templates(hook, "crd-2.2", Needs())
    assert ours == {key: template for key, template in guide[hook].items() if key != "locations"}
    for template in ours.values():  # what an expression stands on is asked for too
        assert set(re.findall(r"%(\w+)", template)) <= ours.keys()


@pytest.mark.parametrize("hook", HOOKS)
def test_the_2_0_profile_asks_as_the_guide_shows(hook):
    asked = templates(hook, "crd-2.0", Needs())
    assert asked["coverage"].startswith("Coverage?patient=")
    if hook == "order-sign":
        assert asked["deviceRequests"] == (
            "DeviceRequest?_id={{context.draftOrders.DeviceRequest.id}}&_include=DeviceRequest:device"
            "&_include=DeviceRequest:performer&_include:iterate=PractitionerRole:organization"
            "&_include:iterate=PractitionerRole:practitioner"
        )


@pytest.mark.requirement("crd-2.0.1@34", "crd-2.0.1@35", "crd-2.0.1@36")
def test_a_client_learns_hooks_urls_and_scopes_with_their_reasons():
    for service in discovery("portable", needs_of(PolicyBook([POLICY]), TODAY))["services"]:
        assert service["id"] == f"{service['hook']}-crd"
        for scope in ("patient/Coverage.rs", "user/Practitioner.rs", "patient/Observation.rs"):
            assert scope in service["usageRequirements"]
        assert "who is insured" in service["usageRequirements"]


@pytest.mark.requirement("crd-2.0.1@108", "crd-2.0.1@110", "crd-2.0.1@111")
def test_options_have_a_code_and_a_json_type():
    for option in options():
        assert {"boolean": bool, "integer": int}[option["type"]] is type(option["default"])
        assert isinstance(option["code"], str)


@pytest.mark.requirement("crd-2.0.1@112", "crd-2.0.1@113", "crd-2.0.1@114")
def test_options_have_a_name_a_description_and_a_default():
    for option in options():
        assert option["name"]
        assert 1 <= option["description"].count(".") + 1 <= 2
        assert "default" in option


@pytest.mark.requirement("crd-2.0.1@120", "crd-2.0.1@121", "crd-2.0.1@122")
def test_option_codes_are_property_names_and_unique_in_a_service():
    for service in services():
        mine = service["extension"]["davinci-crd.configuration-options"]
        for field in ("code", "name", "description"):
            assert len({option[field] for option in mine}) == len(mine)
        assert all(re.fullmatch(r"[a-z-]+", option["code"]) for option in mine)


@pytest.mark.requirement("crd-2.0.1@123", "crd-2.2.1@dev-9")
def test_an_option_means_the_same_at_every_hook():
    by_code = {}
    for option in options():
        assert by_code.setdefault(option["code"], option) == option


@pytest.mark.requirement("crd-2.0.1@117", "crd-2.0.1@118", "crd-2.2.1@dev-6")
@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ({"max-cards": -3}, ("max-cards",)),
        ({"coverage-info": "no", "max-cards": True}, ("coverage-info", "max-cards")),
        ({"coverage-info": False, "unsolicited-determ": True}, ("unsolicited-determ",)),
        ({"coverage-info": False, "unsolicited-determ": False, "alt-drug": 7}, ()),
    ],
)
def test_combinations_that_mean_nothing_are_noticed(sent, found):
    assert unusable(sent, SERVICES["order-sign-crd"].options) == found


@pytest.mark.requirement("cds-hooks-2.0@2", "cds-hooks-2.0@168", "crd-2.0.1@89")
@pytest.mark.parametrize("url", ["http://pa.example.org", "ftp://pa.example.org", "pa.example.org"])
def test_no_address_without_tls_is_ever_given_out(url):
    with pytest.raises(BadSettings):
        Config.from_env({"PRIORAUTH_BASE_URL": url})


@pytest.mark.requirement("crd-2.2.1@sec-2")
@pytest.mark.parametrize("origins", ["*", "http://ehr.example.org", "https://ehr.example.org/"])
def test_no_browser_is_let_in_without_tls_or_from_everywhere(origins):
    with pytest.raises(BadSettings):
        Config.from_env({"PRIORAUTH_CORS_ORIGINS": origins})


def test_what_is_asked_for_follows_from_the_policies():
    wanted = needs_of(PolicyBook([POLICY]), TODAY)
    assert set(wanted.scopes) == {f"patient/{one.type}.rs" for one in POLICY.searches}
    modest = needs_of(PolicyBook([]), TODAY)
    assert modest.scopes == ()
    assert "practitioners" in templates("order-sign", "crd-2.2", modest)
    assert "patient/Observation.rs" not in str(discovery("portable", modest))
    assert needs_of(BOOK, TODAY) is needs_of(BOOK, TODAY)


def test_an_unknown_prefetch_profile_stops_the_start():
    with pytest.raises(BadSettings):
        Config.from_env({"PRIORAUTH_CRD_PREFETCH": "fancy"})
