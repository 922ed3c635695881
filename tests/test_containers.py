"""What can be said of Dockerfile and compose.yaml where no engine runs them."""

import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml

from tests.given import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
OURS = ("migrate", "web", "worker")


def instructions(name):
    return [line.partition(" ")[2] for line in DOCKERFILE.splitlines() if line.startswith(f"{name} ")]


def copied():
    """Return what is copied from the project into the image."""
    lines = [shlex.split(line) for line in instructions("COPY") if not line.startswith("--from")]
    return [source for *sources, _ in lines for source in sources]


def test_what_is_copied_is_there_and_let_in():
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied()) == let_in
    for source in copied():
        assert (ROOT / source).exists()


def test_what_is_copied_is_enough_to_migrate_and_to_build_the_service(tmp_path):
    for source in copied():
        whole = ROOT / source
        target = tmp_path / source
        shutil.copytree(whole, target) if whole.is_dir() else shutil.copy(whole, target)
    data = tmp_path / "data"
    shutil.copytree(ROOT / "fixtures" / "payer", data)
    build = "import app.wiring as w, app.config as c, pathlib; w.build(c.Config(data=pathlib.Path('data')))"
    for words in (["-m", "app.cli", "migrate", "--data", "data"], ["-c", build]):
        done = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr


def test_the_lock_is_installed_with_its_hashes_and_nothing_else_is_fetched():
    installs = re.findall(r"pip install ([^&\n]*)", DOCKERFILE)
    assert len(installs) == 2
    assert "--require-hashes -r requirements.lock" in installs[0]
    assert {"--no-build-isolation", "--no-deps"} <= set(installs[1].split())


def test_the_image_does_not_run_as_root_and_says_whether_it_is_ready():
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "\nUSER 10001:10001" in last
    assert last.index("\nUSER ") < last.index("\nENTRYPOINT ")
    (check,) = re.findall(r'HEALTHCHECK .*CMD \["python", "-c", "(.*)"\]', DOCKERFILE)
    compile(check, "healthcheck", "exec")
    assert "/health/ready" in check


def test_there_are_web_worker_database_and_broker():
    assert set(SERVICES) == {"migrate", "web", "worker", "database", "broker"}
    for service in SERVICES.values():
        for name in service.get("depends_on", {}):
            assert name in SERVICES


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_writes_to_its_image_or_gains_rights(name):
    assert SERVICES[name]["read_only"] is True
    assert "no-new-privileges:true" in SERVICES[name]["security_opt"]


@pytest.mark.parametrize("name", OURS)
def test_ours_drop_all_capabilities_and_have_room_for_what_is_fleeting(name):
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["tmpfs"] == ["/tmp"]  # noqa: S108 theirs, not ours


@pytest.mark.parametrize("name", ["database", "broker"])
def test_theirs_are_waited_for_and_not_published(name):
    assert SERVICES[name]["healthcheck"]["test"]
    assert "ports" not in SERVICES[name]


def test_no_secret_is_written_down():
    settings = [value for service in SERVICES.values() for value in service.get("environment", {}).items()]
    for name, value in settings:
        if "PASSWORD" in name or "@" in value:
            assert "${POSTGRES_PASSWORD:?" in value
    assert not re.search(r"(?i)password|secret|token", "".join(instructions("ENV") + instructions("ARG")))
