"""A hook call is read, unknown elements are ignored, and every fault names its element."""

import re

import pytest

from cds_hooks.gather import gather
from cds_hooks.request import read_request, without_token
from cds_hooks.services import SERVICES, discovery
from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest, Unprocessable
from tests.given import NEW_YORK, NOW, OXYGEN, TODAY, FakeDirectory, FakeEhr, a_hook, an_order, hook_knowledge

CARD_TYPES = {  # of the guides' value set
    "coverage-info", "unsolicited-determ", "claim", "insurance", "limits", "network", "appropriate-use", "cost",
    "therapy-alternatives-opt", "therapy-alternatives-req", "clinical-reminder", "duplicate-therapy",
    "contraindication", "guideline", "off-guideline",
}  # fmt: skip
PRIMITIVE = {"context.patientId", "context.encounterId", "context.performer"}
SERVICE = SERVICES["order-sign-crd"]


def read(body):
    return read_request(body, SERVICE, Generation.V2_0)


def faults(body):
    with pytest.raises(InvalidRequest) as refused:
        read(body)
    return [issue.expression for issue in refused.value.issues]


def orders(body):
    """Return what is spoken about, all prefetch given."""
    return gather(read(body), FakeEhr(), FakeDirectory(), hook_knowledge(), NOW).orders


@pytest.mark.requirement("crd-2.0.1@217")
def test_orders_are_read_with_codes_and_day():
    (order,) = orders(a_hook())
    assert order.reference == "DeviceRequest/home-oxygen"
    assert [code.key for code in order.codes] == [OXYGEN.key]
    assert order.day(NEW_YORK) == TODAY


@pytest.mark.parametrize(
    ("changes", "element"),
    [
        ({"hook": "order-select"}, "hook"),
        ({"hook": None}, "hook"),
        ({"hookInstance": ""}, "hookInstance"),
        ({"context": None}, "context"),
        ({"context": {}}, "context.patientId"),
        ({"context": {"patientId": "p&_id=zz"}}, "context.patientId"),
        ({"prefetch": []}, "prefetch"),
        ({"fhirServer": None}, "fhirServer"),
    ],
)
@pytest.mark.requirement("crd-2.2.1@hook-9", "crd-2.2.1@hook-13")
def test_each_fault_names_its_element(changes, element):
    assert element in faults(a_hook(**changes))


@pytest.mark.parametrize("name", ["prefetch", "extension", "fhirAuthorization"])
def test_what_is_optional_may_be_null(name):
    assert read(a_hook(**{name: None})).instance


def test_all_faults_are_told_at_once():
    assert faults(a_hook(hook="x", hookInstance=None)) == ["hook", "hookInstance"]


def test_draft_orders_are_a_bundle_of_resources_with_ids():
    body = a_hook(order=an_order(id=None))
    assert faults(body) == ["context.draftOrders.entry[0].resource.id"]
    body["context"]["draftOrders"]["entry"] = [{}]
    assert faults(body) == ["context.draftOrders.entry[0].resource"]
    body["context"]["draftOrders"] = {"resourceType": "List"}
    assert faults(body) == ["context.draftOrders"]


@pytest.mark.requirement("crd-2.2.1@found-33", "crd-2.2.1@hook-23", "crd-2.0.1@169")
def test_unknown_elements_are_ignored():
    body = a_hook(unheardOf={"a": 1})
    body["context"]["unheardOf"] = True
    body["extension"]["com.example.more"] = {"b": 2}
    assert orders(body)


def test_a_resource_that_is_no_order_of_ours_is_ignored():
    body = a_hook()
    body["context"]["draftOrders"]["entry"].append({"resource": {"resourceType": "Basic"}})
    assert len(orders(body)) == 1


def test_a_client_that_asks_for_no_version_gets_the_default():
    assert read(a_hook(extension=None)).generation is Generation.V2_0


def test_a_version_that_we_do_not_speak_is_422():
    with pytest.raises(Unprocessable):
        read(a_hook(version="3.0"))


@pytest.mark.requirement("crd-2.2.1@dev-15", "crd-2.2.1@dev-17", "crd-2.0.1@129")
def test_configuration_is_optional_and_what_is_unusable_in_it_is_ignored():
    body = a_hook()
    body["extension"]["davinci-crd.configuration"] = {"coverage-info": "no", "max-cards": True, "alt-drug": False}
    assert read(body).configuration == {option.code: option.default for option in SERVICE.options}


def test_the_ehr_s_token_is_not_kept_and_not_shown():
    body = a_hook()
    assert "ehr-secret" not in str(without_token(body))
    assert without_token(body)["fhirAuthorization"]["expires_in"] == 30
    assert "ehr-secret" not in repr(read(body))


@pytest.mark.requirement("cds-hooks-2.0@6", "cds-hooks-2.0@7", "cds-hooks-2.0@9")
def test_discovery_lists_services_with_hook_id_and_description():
    for service in discovery()["services"]:
        assert service["hook"]
        assert service["id"]
        assert service["description"]


@pytest.mark.requirement("cds-hooks-2.0@55", "cds-hooks-2.0@57", "cds-hooks-2.0@59")
def test_prefetch_uses_root_level_primitive_context_fields_alone():
    for service in discovery()["services"]:
        for template in service["prefetch"].values():
            assert set(re.findall(r"\{\{(.*?)\}\}", template)) <= PRIMITIVE


@pytest.mark.requirement("cds-library-1.0.1@16")
def test_prefetch_does_not_use_the_draft_orders():
    assert "draftOrders" not in str(discovery())


@pytest.mark.requirement("crd-2.2.1@dev-1", "crd-2.2.1@dev-2", "crd-2.2.1@dev-4")
def test_discovery_declares_versions_and_options():
    for service in discovery()["services"]:
        assert service["extension"]["davinci-crd.version"] == ["2.0", "2.2"]
        for option in service["extension"]["davinci-crd.configuration-options"]:
            assert {"code", "type", "name", "description", "default"} == option.keys()


@pytest.mark.requirement("crd-2.2.1@dev-5", "crd-2.2.1@dev-7", "crd-2.2.1@dev-8")
def test_each_kind_of_card_has_an_option_of_its_own_named_as_the_guide_names_it():
    for service in discovery()["services"]:
        options = service["extension"]["davinci-crd.configuration-options"]
        codes = [option["code"] for option in options]
        assert set(codes) - {"max-cards"} <= CARD_TYPES
        assert len({option["name"] for option in options}) == len(set(codes)) == len(options)


@pytest.mark.parametrize("extension", [["x"], [None], {"a": 1}, "text"])
def test_an_extension_of_another_shape_is_named(extension):
    assert faults(a_hook(order=an_order(extension=extension))) == ["context.draftOrders.entry[0].resource.extension"]


def test_an_order_stands_once():
    body = a_hook()
    body["context"]["draftOrders"]["entry"] *= 2
    assert faults(body) == ["context.draftOrders.entry[1].resource.id"]


@pytest.mark.parametrize("changes", [{"status": "revoked"}, {"status": "entered-in-error"}, {"doNotPerform": True}])
def test_an_order_that_is_none_any_more_is_left_out(changes):
    assert orders(a_hook(order=an_order(**changes))) == ()


@pytest.mark.parametrize("version", ["2.2", "2.2.1"])
def test_a_version_may_be_asked_for_to_the_patch(version):
    assert read(a_hook(version=version)).generation is Generation.V2_2
