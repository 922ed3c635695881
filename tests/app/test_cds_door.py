"""The hooks' door: who calls is proven, bad input is refused with its element, answers are kept with their promises."""

import json
from codecs import BOM_UTF8
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.registration import Registration, register
from app.storage import tables
from app.web import create_app
from fhir_r4.wire import read_json, write_json
from tests.app.fixtures import BASE, ISSUER, Signer, launch_token
from tests.given import HOOKS, a_coverage, a_hook, a_patient, an_order


def only_issue(answer, status):
    """Return the one issue of a refusal, with its status as told."""
    assert answer.status_code == status, answer.data
    body = read_json(answer.data)
    assert body["resourceType"] == "OperationOutcome"
    (issue,) = body["issue"]
    return issue


@pytest.mark.requirement("cds-hooks-2.0@4", "cds-hooks-2.0@5", "cds-hooks-2.0@13")
def test_discovery_is_open_to_everyone(house):
    answer = house.web.get("/cds-services")
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert {one["id"]: one["hook"] for one in answer.json["services"]} == {f"{hook}-crd": hook for hook in HOOKS}


@pytest.mark.requirement("cds-hooks-2.0@16", "cds-hooks-2.0@74", "cds-hooks-2.0@75")
def test_a_hook_is_answered_with_cards_and_system_actions(house):
    answer = house.call(a_hook())
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert len(answer.json["cards"]) == len(answer.json["systemActions"]) == 1


def test_the_order_comes_back_digit_for_digit(house):
    body = json.dumps(a_hook(order=an_order(parameter=None)), default=str).replace(
        '"parameter": null', '"parameter": [{"valueQuantity": {"value": 2.10, "unit": "L/min"}}]'
    )
    answer = house.call(body.encode())
    assert b'"value":2.10,' in answer.data


def test_a_byte_order_mark_before_the_call_is_passed_over(house):
    assert house.call(BOM_UTF8 + write_json(a_hook())).json["systemActions"]


@pytest.mark.requirement("crd-2.2.1@found-37")
def test_call_answer_and_promise_are_kept_without_the_ehr_s_token(house):
    answer = house.call(a_hook())
    (kept,) = house.rows(tables.hook_invocations)
    (promise,) = house.rows(tables.coverage_assertions)
    assert kept["response"] == answer.data
    assert b"ehr-secret" not in kept["request"]
    assert promise["invocation_id"] == kept["id"]
    assert promise["id"] in answer.text
    assert (promise["policy"], promise["policy_version"]) == ("home-oxygen", "2026.1")


def test_an_unknown_service_is_404(house):
    assert only_issue(house.call(a_hook(), service="order-sing-crd"), 404)["code"] == "not-found"


@pytest.mark.requirement("crd-2.2.1@hook-10")
def test_a_hook_that_is_not_the_service_s_is_400_and_named(house):
    assert only_issue(house.call(a_hook(hook="order-select")), 400)["expression"] == ["hook"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"not json", b"[]", b'{"hook":"order-sign","hook":"order-sign"}', b'{"hook":NaN}',
        b'{"a":' * 101 + b"1" + b"}" * 101,
    ],
)  # fmt: skip
@pytest.mark.requirement("crd-2.0.1@162")
def test_what_is_not_a_json_object_is_400(house, body):
    assert only_issue(house.call(body), 400)["code"] == "structure"


def test_another_content_type_is_415_and_a_packed_body_too(house):
    assert only_issue(house.call(a_hook(), content_type="text/plain"), 415)
    assert only_issue(house.call(a_hook(), **{"Content-Encoding": "gzip"}), 415)


def test_an_answer_that_is_no_json_is_not_to_be_had(house):
    assert only_issue(house.call(a_hook(), Accept="application/xml"), 406)


def test_more_than_two_megabytes_are_413(house):
    assert only_issue(house.call(b" " * 2_000_001), 413)["code"] == "too-long"


def test_a_refusal_never_quotes_and_is_kept_and_audited(house):
    body = a_hook(hook="Baxter-was-here", order=an_order(id=None))
    answer = house.call(body)
    assert b"Baxter" not in answer.data
    (kept,) = house.rows(tables.hook_invocations)
    assert (kept["status"], kept["response"], kept["member_id"]) == (400, answer.data, None)
    assert b"ehr-secret" not in kept["request"]
    (refusal,) = house.refusals()
    assert refusal["status"] == 400
    assert {"code": "invalid", "expression": "hook"} in refusal["issues"]
    assert "Baxter" not in str(refusal)


def test_without_coverage_2_2_is_400_and_2_0_says_nothing(house):
    prefetch = {"patient": a_patient(), "coverage": None}
    issue = only_issue(house.call(a_hook(prefetch=prefetch, version="2.2")), 400)
    assert issue["expression"] == ["prefetch.coverage"]
    assert house.call(a_hook(prefetch=prefetch)).json == {"cards": [], "systemActions": []}


@pytest.mark.requirement("crd-2.0.1@163")
def test_a_version_that_is_not_spoken_is_422(house):
    only_issue(house.call(a_hook(version="1.0")), 422)


# Who is calling


def unproven(answer):
    issue = only_issue(answer, 401)
    assert issue["code"] == "login"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.requirement("cds-hooks-2.0@176")
def test_a_hook_without_a_token_is_401(house):
    raw = json.dumps(a_hook(), default=str)
    unproven(house.web.post("/cds-services/order-sign-crd", data=raw, content_type="application/json"))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": f"{BASE}/cds-services"},
        {"aud": "https://elsewhere.example/cds-services/order-sign-crd"},
        {"aud": None},
        {"iss": "https://unknown.example"},
        {"iss": None},
        {"jti": None},
        {"iat": None},
        {"exp": None},
    ],
)
def test_a_token_for_another_or_from_another_is_401(house, changes):
    unproven(house.call(a_hook(), token=house.hook_token(**changes)))


def test_a_token_that_is_too_old_too_young_or_lives_too_long_is_401(house):
    now = int(house.clock.now.timestamp())
    for changes in (
        {"exp": now - 61},
        {"iat": now - 700, "exp": now + 100},
        {"iat": now + 120},
        {"exp": now + 1000},
    ):
        unproven(house.call(a_hook(), token=house.hook_token(**changes)))


def test_the_audience_may_end_in_a_slash_and_be_one_of_several(house):
    for audience in (f"{BASE}/cds-services/order-sign-crd/", [f"{BASE}/cds-services/order-sign-crd", "https://x"]):
        assert house.call(a_hook(), token=house.hook_token(aud=audience)).status_code == 200


@pytest.mark.requirement("cds-hooks-2.0@201", "cds-hooks-2.0@203")
def test_a_token_signed_by_a_foreign_key_or_by_none_is_401(house):
    claims = house.claims(ISSUER, f"{BASE}/cds-services/order-sign-crd")
    unproven(house.call(a_hook(), token=Signer(kid=house.signer.kid).sign(claims)))
    unproven(house.call(a_hook(), token="e30.e30."))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_another_algorithm_than_is_recommended_is_spoken_where_the_operator_says_so(house, algorithm):
    signer, keys = Signer(curve=ec.SECP256R1()), house.config.data / "other-keys.json"
    keys.write_text(json.dumps(signer.jwks()))
    register(house.config, Registration(name="riverside-ehr", hook_issuer=ISSUER, hook_jwks=str(keys)))

    def token():
        return signer.sign(house.claims(ISSUER, f"{BASE}/cds-services/order-sign-crd"), algorithm)

    unproven(house.call(a_hook(), token=token()))
    config = replace(house.config, hook_algorithms=f"ES384 {algorithm}")
    house.web = create_app(config, replace(house.service, config=config)).test_client()
    assert house.call(a_hook(), token=token()).status_code == 200


def test_a_jku_that_was_not_registered_is_never_fetched(house):
    claims = house.claims(ISSUER, f"{BASE}/cds-services/order-sign-crd")
    unproven(house.call(a_hook(), token=house.signer.sign(claims, jku="https://evil.example/jwks.json")))


def test_a_token_is_used_once_whatever_became_of_the_call(house):
    token = house.hook_token()
    assert house.call(a_hook(), token=token).status_code == 200
    unproven(house.call(a_hook(), token=token))
    assert len(house.rows(tables.hook_invocations)) == 1
    refused = house.hook_token()
    assert house.call(a_hook(hook="x"), token=refused).status_code == 400
    unproven(house.call(a_hook(), token=refused))


def test_a_token_for_the_token_endpoint_opens_no_hook(house):
    unproven(house.call(a_hook(), token=house.assertion()))


def test_a_client_that_is_unknown_to_us_is_audited_as_such(house):
    house.call(a_hook(), token=house.hook_token(iss="https://unknown.example"))
    assert house.rows(tables.events)[-1]["actor"] == "unknown"


# The EHR


def with_ehr(house, **changes):
    """Return a hook that leaves the Coverage out and brings a token of the sandbox."""
    authorization = {"access_token": launch_token(house.ehr), "token_type": "Bearer", "expires_in": 60}
    return a_hook(prefetch={}, fhirServer=house.ehr.fhir, fhirAuthorization=authorization) | changes


def test_what_was_left_out_is_read_from_the_ehr_with_the_hook_s_token(with_sandbox):
    answer = with_sandbox.call(with_ehr(with_sandbox))
    assert answer.status_code == 200
    assert "auth-needed" in answer.text


def test_a_token_that_the_ehr_refuses_is_412(with_sandbox):
    body = with_ehr(with_sandbox, fhirAuthorization={"access_token": "stale", "token_type": "Bearer"})
    assert only_issue(with_sandbox.call(body), 412)["expression"] == ["prefetch.coverage"]


@pytest.mark.parametrize("server", ["http://127.0.0.1:9/fhir", "https://169.254.169.254/fhir", "file:///etc", "x"])
def test_a_server_that_is_not_the_client_s_is_never_contacted(with_sandbox, server, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("contacted"))
    assert only_issue(with_sandbox.call(with_ehr(with_sandbox, fhirServer=server)), 412)


def test_an_ehr_that_is_down_delays_and_breaks_no_answer(house):
    """The payer is named on the EHR's server alone, and that is down: the answer says so, in time."""
    register(
        house.config,
        Registration(
            name="riverside-ehr",
            hook_issuer=ISSUER,
            hook_jwks=str(house.config.data / "keys.json"),
            ehrs=("http://127.0.0.1:9/fhir",),
        ),
    )
    prefetch = {"patient": a_patient(), "coverage": a_coverage(payor=[{"reference": "Organization/acme"}])}
    for version, covered in (("2.0", "conditional"), ("2.2", "indeterminate")):
        answer = house.call(a_hook(prefetch=prefetch, fhirServer="http://127.0.0.1:9/fhir", version=version))
        assert answer.status_code == 200
        assert f'{{"url":"covered","valueCode":"{covered}"}}' in answer.text
    assert len(house.rows(tables.hook_invocations)) == 2


def test_an_absolute_reference_to_elsewhere_is_not_followed_with_the_token(with_sandbox):
    elsewhere = a_coverage(payor=[{"reference": "http://127.0.0.1:9/fhir/Organization/acme"}])
    body = with_ehr(with_sandbox, prefetch={"patient": a_patient(), "coverage": elsewhere})
    answer = with_sandbox.call(body)
    assert "conditional" in answer.text


@pytest.mark.requirement("crd-2.0.1@23", "crd-2.0.1@24", "crd-2.2.1@found-9")
def test_a_hook_fired_after_certification_is_satisfied(house):
    from tests.given import a_submission_bundle  # noqa: PLC0415

    house.submit(a_submission_bundle())
    answer = house.call(a_hook())
    assert '{"url":"pa-needed","valueCode":"satisfied"}' in answer.text


def test_a_path_that_tries_to_climb_is_no_service(house):
    answer = house.web.post(f"/cds-services/{quote('../oauth/token', safe='')}", data=b"{}")
    assert answer.status_code in {404, 405}


@pytest.mark.requirement("cds-hooks-2.0@199")
def test_time_moves_on_and_a_fresh_token_is_good(house):
    house.clock.now += timedelta(days=1)
    assert house.call(a_hook()).status_code == 200
