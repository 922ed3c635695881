"""What can be said of Dockerfile and compose.yaml where no engine runs them."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from base64 import b64encode

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


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """What the image holds of the project, in a folder that nothing may be written to."""
    folder = tmp_path_factory.mktemp("image")
    for source in copied():
        whole = ROOT / source
        target = folder / source
        shutil.copytree(whole, target) if whole.is_dir() else shutil.copy(whole, target)
    return folder


def data_to_be_read(folder):
    """The payer's folder as docs/operating.md has it made, and as it is mounted: nobody writes there."""
    data = folder / "data"
    data.mkdir()
    for one in ((ROOT / "fixtures" / "payer" / "payer.yaml"), *(ROOT / "fixtures" / "payer").glob("*.csv")):
        shutil.copy(one, data)
    data.chmod(0o555)
    return data


def run(image, words, **settings):
    """Run Python in the image as a container would be run: without any capability, knowing these settings only."""
    bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"] if os.geteuid() == 0 else []
    environment = {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", **settings}
    command = [*bare, sys.executable, *words]
    return subprocess.run(command, cwd=image, env=environment, capture_output=True, text=True, timeout=60, check=False)


def set_as_in_compose(tmp_path):
    """The settings of compose.yaml, with a database that needs no server."""
    named = SERVICES["web"]["environment"]
    assert {"PRIORAUTH_SECRET_KEY", "PRIORAUTH_ENCRYPTION_KEYS"} <= named.keys()
    return {
        "PRIORAUTH_DATA": str(data_to_be_read(tmp_path)),
        "PRIORAUTH_DATABASE_URL": f"sqlite:///{tmp_path}/there.db",
        "PRIORAUTH_SECRET_KEY": "k" * 32,
        "PRIORAUTH_ENCRYPTION_KEYS": b64encode(bytes(32)).decode(),
    }


def test_what_is_copied_is_enough_to_migrate_and_to_build_the_service(image, tmp_path):
    """The data folder is read-only, as it is mounted, and the process has no capability."""
    settings = set_as_in_compose(tmp_path)
    build = "import app.web as w, app.config as c; w.create_app(c.Config.from_env())"
    for words in (["-m", "app.cli", "migrate"], ["-m", "app.cli", "directory", "load"], ["-c", build]):
        done = run(image, words, **settings)
        assert done.returncode == 0, done.stderr
    assert {one.suffix for one in (tmp_path / "data").iterdir()} == {".yaml", ".csv"}


def test_migrating_where_no_key_can_be_written_says_which_settings_are_missing(image, tmp_path):
    settings = set_as_in_compose(tmp_path)
    del settings["PRIORAUTH_SECRET_KEY"]
    done = run(image, ["-m", "app.cli", "migrate"], **settings)
    assert done.returncode == 1
    assert "PRIORAUTH_SECRET_KEY" in done.stderr
    assert "Traceback" not in done.stderr


def test_whoever_starts_before_the_schema_is_there_says_so_and_is_started_again(image, tmp_path):
    """Order is no matter: web ends with a sentence, and compose starts it again until migrate has been."""
    done = run(image, ["-m", "app.cli", "serve"], **set_as_in_compose(tmp_path))
    assert done.returncode == 1
    assert "priorauth migrate" in done.stderr
    assert all(SERVICES[name]["restart"] in {"unless-stopped", "on-failure"} for name in OURS)


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
