"""What we say of ourselves is what we do: the statements are compared with the routes, and the routes are called."""

import pytest
from flask import Flask

from app.api import door
from app.api.capability import UnknownOperation, does
from app.config import BadSettings, Config
from app.security.jwt import RECOMMENDED
from tests.second_opinion import assert_profiled

BOTH = pytest.mark.parametrize("version", ["2.0", "2.2"])
_SHAPES = {
    "read": ("GET", "{}/x"),
    "update": ("PUT", "{}/x"),
    "delete": ("DELETE", "{}/x"),
    "create": ("POST", "{}"),
    "search-type": ("GET", "{}"),
}


def capability(house, version):
    answer = house.web.get(f"/fhir/{version}/metadata")
    assert answer.status_code == 200
    return answer.json


def told(statement):
    """Return what a statement tells as (method, path) pairs that can be called."""
    server = statement["rest"][0]
    for resource in server["resource"]:
        kind = resource["type"]
        for interaction in resource.get("interaction", []):
            method, shape = _SHAPES[interaction["code"]]
            yield method, shape.format(kind)
        for operation in resource.get("operation", []):
            yield "POST", f"{kind}/${operation['name']}", f"{kind}/x/${operation['name']}"
    for operation in server.get("operation", []):
        yield "POST", f"${operation['name']}"


@BOTH
def test_it_is_a_capability_statement(house, version):
    statement = capability(house, version)
    assert_profiled(statement, version, references="open")
    assert statement["rest"][0]["mode"] == "server"
    assert statement["implementation"]["url"] == f"{house.config.base_url}/fhir/{version}"


@BOTH
def test_all_that_it_tells_can_be_called(house, version):
    """Nobody is told of a door that is not there: each one asks for a token."""
    for method, *paths in told(capability(house, version)):
        answers = [house.web.open(f"/fhir/{version}/{path}", method=method) for path in paths]
        assert 401 in {answer.status_code for answer in answers}, paths


@BOTH
def test_it_tells_of_every_route_below_the_base(house, version):
    said = {(method, path) for method, *paths in told(capability(house, version)) for path in paths}
    left = set()
    for rule in house.web.application.url_map.iter_rules():
        prefix, _, path = rule.rule.partition("<generation:generation>/")
        if prefix != "/fhir/" or path in {"metadata", ".well-known/smart-configuration"}:
            continue
        shape = "/".join("x" if piece.startswith("<") else piece for piece in path.split("/"))
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            if (method, shape) not in said and not (method == "GET" and "$" in shape):
                left.add((method, shape))
    other_spellings = {("POST", "Claim/$inquiry"), ("POST", "$next-question"), ("POST", "Subscription/_search")}
    assert left <= other_spellings  # of what is told


@pytest.mark.requirement("pas-2.0.1@149", "pas-2.2.1@spec-55", "pas-2.0.1@208")
@BOTH
def test_it_exposes_subscriptions_with_their_topic_and_the_operations_of_pas(house, version):
    resources = {one["type"]: one for one in capability(house, version)["rest"][0]["resource"]}
    subscription = resources["Subscription"]
    (topic,) = subscription["extension"]
    assert topic["url"].endswith("/capabilitystatement-subscriptiontopic-canonical")
    assert topic["valueCanonical"].endswith("/SubscriptionTopic/PASSubscriptionTopic")
    codes = {one["code"] for one in subscription["interaction"]}
    assert codes == {"create", "read", "update", "delete", "search-type"}
    assert any(one.endswith("/backport-subscription") for one in subscription["supportedProfile"])
    released = {"2.0": "2.0.1", "2.2": "2.2.1"}[version]
    assert {one["definition"] for one in resources["Claim"]["operation"]} == {
        f"http://hl7.org/fhir/us/davinci-pas/OperationDefinition/Claim-{name}|{released}"
        for name in ("submit", "inquiry")
    }


@BOTH
def test_a_guide_s_statement_is_instantiated_only_where_all_of_it_is_there(house, version):
    statement = capability(house, version)
    released = {"2.0": "2.0.1", "2.2": "2.2.1"}[version]
    pas = f"http://hl7.org/fhir/us/davinci-pas/CapabilityStatement/IntermediaryCapabilities|{released}"
    assert pas in statement["instantiates"]
    has = {
        f"{resource['type']}/{operation['name']}"
        for resource in statement["rest"][0]["resource"]
        for operation in resource.get("operation", [])
    }
    asked = {"questionnaire-package", "next-question", "log-questionnaire-errors"}
    whole = {f"Questionnaire/{name}" for name in asked} | {"ValueSet/expand"}
    assert any("dtr-payer-service" in one for one in statement["instantiates"]) is (whole <= has)


def test_what_takes_no_json_is_told_so_at_every_door_of_a_base(house):
    """`_format` goes before Accept; who asks is not asked first, as nothing is looked up."""
    routes = [rule for rule in house.web.application.url_map.iter_rules() if rule.rule.startswith("/fhir/")]
    for rule in routes:
        path = rule.rule.replace("<generation:generation>", "2.2").replace("<id:identity>", "one")
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            answers = [
                house.web.open(path, method=method, headers={"Accept": "application/fhir+xml"}),
                house.web.open(f"{path}?_format=xml", method=method, headers={"Accept": "application/json"}),
            ]
            expected = 200 if path.endswith("smart-configuration") else 406
            assert [one.status_code for one in answers] == [expected] * 2, path
    assert house.web.get("/fhir/2.2/metadata?_format=json", headers={"Accept": "text/html"}).status_code == 200


def test_an_operation_that_nobody_has_named_stops_the_start():
    app = Flask("x")
    door.init_app(app)
    app.add_url_rule("/fhir/<generation:generation>/Claim/$invented", view_func=lambda: "", methods=["POST"])
    with pytest.raises(UnknownOperation):
        does(app.url_map)


@BOTH
def test_the_smart_configuration_says_how_a_token_is_really_had(house, version):
    answer = house.web.get(
        f"/fhir/{version}/.well-known/smart-configuration", headers={"Accept": "application/fhir+xml"}
    )
    said = answer.json
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert said["token_endpoint"] == f"{house.config.base_url}/oauth/token"
    (grant,) = said["grant_types_supported"]
    assert set(said["token_endpoint_auth_signing_alg_values_supported"]) == set(RECOMMENDED)
    for algorithm in said["token_endpoint_auth_signing_alg_values_supported"]:
        asked = house.ask_for_token(grant_type=grant, client_assertion=house.assertion(algorithm=algorithm))
        assert asked.status_code == 200
    assert house.ask_for_token(grant_type="authorization_code").status_code == 400


@BOTH
def test_every_scope_that_it_names_can_be_granted(house, version):
    from app.registration import Registration, register  # noqa: PLC0415

    said = house.web.get(f"/fhir/{version}/.well-known/smart-configuration").json["scopes_supported"]
    keys = str(house.config.data / "keys.json")
    register(house.config, Registration(name="all", scopes=tuple(said), jwks=keys))
    answer = house.ask_for_token(" ".join(said), client_assertion=house.assertion("all"))
    assert set(answer.json["scope"].split()) == set(said)


@pytest.mark.requirement("pas-2.2.1@conf-2", "pas-2.2.1@conf-3", "pas-2.2.1@spec-5")
def test_there_is_one_base_a_version_whatever_the_coverage(house):
    """All plans of all payers of an installation are reached at the same address."""
    bases = {
        rule.rule.partition("/Claim/")[0]
        for rule in house.web.application.url_map.iter_rules()
        if rule.rule.endswith("/Claim/$submit")
    }
    assert bases == {"/fhir/<generation:generation>"}
    urls = [capability(house, version)["implementation"]["url"] for version in ("2.0", "2.2")]
    assert len(set(urls)) == 2


OPEN = {"metadata", ".well-known/smart-configuration"}


@BOTH
@pytest.mark.requirement("pas-2.2.1@spec-4", "pas-2.0.1@196", "pas-2.0.1@56")
def test_nothing_of_a_patient_is_reached_without_proof_of_who_asks_and_each_attempt_is_recorded(house, version):
    """HRex "Security and Privacy": authenticated and authorized exchanges, recorded, over TLS."""
    paths = set()
    for rule in house.web.application.url_map.iter_rules():
        prefix, _, path = rule.rule.partition("<generation:generation>/")
        if prefix == "/fhir/" and path not in OPEN:
            shape = "/".join("x" if piece.startswith("<") else piece for piece in path.split("/"))
            paths |= {(method, shape) for method in rule.methods - {"HEAD", "OPTIONS"}}
    assert len(paths) >= 15
    for method, path in sorted(paths):
        for token in (None, "Bearer nobody"):
            headers = {"Authorization": token} if token else {}
            answer = house.web.open(f"/fhir/{version}/{path}", method=method, headers=headers)
            assert answer.status_code == 401, path
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert {one["issues"][0]["code"] for one in house.refusals()} == {"login"}
    with pytest.raises(BadSettings, match="https"):
        Config.from_env({"PRIORAUTH_BASE_URL": "http://pa.example.org"})
