"""Settings are read once, all that is wrong is told at once, and nothing unsafe is a default."""

from pathlib import Path

import pytest

from app.config import BadSettings, Config, is_loopback
from app.security.jwt import ALGORITHMS


def test_without_an_environment_the_service_is_local_and_on_sqlite():
    config = Config.from_env({})
    assert config.base_url == "http://127.0.0.1:8000"
    assert config.database.startswith("sqlite:////")
    assert not config.allow_loopback_http


def test_values_are_read_as_what_they_are():
    env = {
        "PRIORAUTH_WORKERS": "3",
        "PRIORAUTH_HOOK_BUDGET_SECONDS": "2.5",
        "PRIORAUTH_ALLOW_LOOPBACK_HTTP": "1",
        "PRIORAUTH_DATA": "/srv/priorauth",
    }
    config = Config.from_env(env)
    assert (config.workers, config.hook_budget_seconds, config.allow_loopback_http) == (3, 2.5, True)
    assert config.data == Path("/srv/priorauth")


def test_all_that_is_wrong_is_told_at_once():
    env = {"PRIORAUTH_WORKERS": "many", "PRIORAUTH_WROKERS": "2", "PRIORAUTH_ALLOW_LOOPBACK_HTTP": "perhaps"}
    with pytest.raises(BadSettings) as bad:
        Config.from_env(env)
    for name in env:
        assert name in str(bad.value)


@pytest.mark.parametrize("algorithms", ["", "HS256", "ES384 none"])
def test_hooks_are_signed_by_a_key_that_only_the_ehr_has(algorithms):
    with pytest.raises(BadSettings, match="PRIORAUTH_HOOK_ALGORITHMS"):
        Config.from_env({"PRIORAUTH_HOOK_ALGORITHMS": algorithms})


def test_hooks_may_be_signed_by_every_algorithm_that_is_spoken():
    told = Config.from_env({"PRIORAUTH_HOOK_ALGORITHMS": " ".join(ALGORITHMS)})
    assert told.algorithms_of_hooks == ALGORITHMS.keys()


def test_a_public_address_is_https():
    with pytest.raises(BadSettings, match="https"):
        Config.from_env({"PRIORAUTH_BASE_URL": "http://pa.example.org"})


def test_plain_http_to_loopback_is_refused_on_any_other_bind():
    with pytest.raises(BadSettings, match="LOOPBACK"):
        Config.from_env({"PRIORAUTH_BASE_URL": "https://pa.example.org", "PRIORAUTH_ALLOW_LOOPBACK_HTTP": "1"})


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://10.0.0.1", "http://127.0.0.1.example.org", "x"])
def test_a_name_is_not_loopback(url):
    assert not is_loopback(url)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("WORKERS", "0", "above 0"),
        ("THREADS", "-1", "above 0"),
        ("WORKERS", "two", "a whole number"),
        ("HOOK_BUDGET_SECONDS", "nan", "above 0"),
        ("OUTBOUND_TIMEOUT_SECONDS", "inf", "above 0"),
        ("FHIR_LIMIT_BYTES", "-5", "above 0"),
        ("JOB_THREADS", "-1", "0 or more"),
        ("AUDIT_RETENTION_DAYS", "-1", "0 or more"),
        ("PUBLIC_POLICIES", "perhaps", "0 or 1"),
        ("BASE_URL", "https://pa.example.org/priorauth", "no path, and no slash at its end"),
        ("BASE_URL", "https://pa.example.org/", "no path, and no slash at its end"),
        ("BASE_URL", "https://pa.example.org?x", "no path, and no slash at its end"),
        ("BASE_URL", "https://me@pa.example.org", "no path, and no slash at its end"),
        ("BASE_URL", "https://pa.example.org:99999", "no path, and no slash at its end"),
        ("BASE_URL", "https://[pa", "no path, and no slash at its end"),
        ("BASE_URL", "https://", "no path, and no slash at its end"),
        ("DATABASE_URL", "mysql://db/priorauth", "begin with sqlite:/// or postgresql://"),
        ("DATABASE_URL", "postgresql+asyncpg://db/priorauth", "begin with sqlite:/// or postgresql://"),
        ("DATABASE_URL", "postgresql://db:x/priorauth", "a URL, with a number as its port"),
        ("DATABASE_URL", "postgresql://[::1/priorauth", "a URL, with a number as its port"),
        ("BROKER_URL", "redis://broker:x/0", "a URL, with a number as its port"),
        ("BROKER_URL", "127.0.0.1:6379", "begin with redis:// or rediss://"),
    ],
)
def test_a_value_that_nothing_can_be_done_with_stops_the_start(name, value, words):
    with pytest.raises(BadSettings, match=f"^PRIORAUTH_{name} (has to|has to be|may have|is not) {words}$"):
        Config.from_env({f"PRIORAUTH_{name}": value})


@pytest.mark.parametrize("name", ["JOB_THREADS", "HOOK_RETENTION_DAYS", "ANONYMOUS_REFUSALS_PER_MINUTE"])
def test_nothing_may_be_said_where_it_means_something(name):
    assert getattr(Config.from_env({f"PRIORAUTH_{name}": "0"}), name.lower()) == 0
