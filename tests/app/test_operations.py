"""What an operator relies on: health, metadata, the directory's tables, the command line."""

import os
import re
import resource
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from sqlalchemy.exc import IntegrityError, OperationalError

from app import mendable
from app.cli import main
from app.payers import load_payers
from app.storage import directory, events, migrations, tables
from app.storage.database import Database
from app.storage.directory import BadTable, load
from app.storage.revision import newest
from rules.yaml_lines import FaultyFile
from tests.app.fixtures import ROOT
from tests.given import a_hook
from tests.journeys.servers import free_port

PAYER = (ROOT / "fixtures" / "payer" / "payer.yaml").read_text()


def test_alive_and_ready(house):
    assert house.web.get("/health/live").json == {"status": "live"}
    assert house.web.get("/health/ready").json["status"] == "ready"


def test_a_database_without_its_schema_is_not_ready(house):
    with house.service.database.writing() as connection:
        tables.metadata.drop_all(connection)
        connection.exec_driver_sql("DROP TABLE alembic_version")
    answer = house.web.get("/health/ready")
    assert (answer.status_code, answer.json["database"]) == (503, "run priorauth migrate")


def test_beside_a_newer_version_that_has_migrated_this_one_serves_on(house):
    """Hosts are brought to a new version one after the other, and back where it will not do."""
    with house.service.database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert house.web.get("/health/ready").json["status"] == "ready"
    assert run("migrate", data=house.config.data) == "the database is at 9999\n"


@contextmanager
def a_full_disk():
    """Let no file of this process grow, as on a disk without room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_service_whose_disk_is_full_is_not_ready_until_there_is_room(house):
    with a_full_disk():
        full, refused = house.web.get("/health/ready"), house.call(a_hook())
    assert (full.status_code, full.json) == (503, {"status": "unready", "database": "takes no writes"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert house.web.get("/health/ready").status_code == 200
    assert house.call(a_hook()).status_code == 200


def test_the_smart_configuration_tells_where_tokens_are_had(house):
    body = house.web.get("/fhir/2.0/.well-known/smart-configuration").json
    assert body["token_endpoint"] == "http://127.0.0.1:8000/oauth/token"
    assert body["token_endpoint_auth_signing_alg_values_supported"] == ["RS384", "ES384"]


def test_every_answer_has_a_request_id_and_is_not_kept_by_caches(house):
    answer = house.web.get("/cds-services")
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-Id"])
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


# payer.yaml and the tables


def test_payers_are_read_with_their_plans(tmp_path):
    file = tmp_path / "payer.yaml"
    file.write_text(PAYER)
    (acme,) = load_payers(file)
    assert (acme.name, str(acme.time_zone), len(acme.plans)) == ("Acme Health", "America/New_York", 2)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("time-zone: America/New_York", "time-zone: America/Gotham"),
        ("name: Acme Health", "nmae: Acme Health"),
        ("line-of-business: qhp", "line-of-business: other"),
        ("- urn:oid:2.16.840.1.113883.6.300|00099", "- 00099"),
        ("payers:", "payers: ["),
    ],
)
def test_a_faulty_payer_file_is_told_with_its_line(tmp_path, old, new):
    file = tmp_path / "payer.yaml"
    file.write_text(PAYER.replace(old, new))
    with pytest.raises(FaultyFile, match=r"payer.yaml:\d+: "):
        load_payers(file)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("members.csv", "acme,X1,NO-SUCH-PLAN,1950-01-01,2026-01-01,"),
        ("members.csv", "other,X1,ACME-MA-HMO-2026,1950-01-01,2026-01-01,"),
        ("members.csv", "acme,X1,ACME-MA-HMO-2026,01/02/1950,2026-01-01,"),
        ("members.csv", "acme,,ACME-MA-HMO-2026,1950-01-01,2026-01-01,"),
        ("members.csv", "acme,ACME0001234,ACME-MA-HMO-2026,1950-02-01,2026-01-01,"),
        ("providers.csv", ",Nobody,in"),
        ("providers.csv", "1234567893,Twice,in"),
    ],
)
def test_a_row_that_cannot_be_read_changes_nothing_and_is_named_without_its_values(house, name, row):
    file = house.config.data / name
    file.write_text(file.read_text() + row + "\n")
    before = house.rows(tables.members)
    with pytest.raises(BadTable) as bad:
        load(house.service.database, house.config.data, house.service.payers)
    assert re.match(rf"{name}:\d+: ", str(bad.value))
    assert "1950" not in str(bad.value)
    assert house.rows(tables.members) == before


@pytest.mark.parametrize(
    ("name", "row", "allowed"),
    [
        ("providers.csv", "1999999984,Elsewhere,In", "network has to be in or out"),
        ("members.csv", "acme,X1,P,01/02/1950,2026-01-01,", "birth_date has to be a day such as 2026-01-31"),
        (
            "members.csv",
            "acme,X1,P,1950-01-02,2026-01-01,open",
            "covered_to has to be a day such as 2026-01-31, or empty",
        ),
        ("members.csv", "acme,,P,1950-01-02,2026-01-01,", "member_id may not be empty"),
    ],
)
def test_what_is_allowed_in_a_cell_is_told(house, name, row, allowed):
    file = house.config.data / name
    file.write_text(f"{file.read_text()}{row}\n")
    with pytest.raises(BadTable, match=f": {allowed}$"):
        load(house.service.database, house.config.data, house.service.payers)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"payer,member_id,plan,birth_date,covered_from,covered_to\n", "there is no row in it"),
        (b"payer,member_id,plan,birth_date,covered_from,covered_to\nacme,J\xfcrgen", "not a table in UTF-8"),
        (b"\xff\xfep\x00", "not a table in UTF-8"),
    ],
)
def test_a_table_that_is_none_changes_nothing(house, content, said):
    """An export that failed would else make every member one that nobody knows."""
    (house.config.data / "members.csv").write_bytes(content)
    before = house.rows(tables.members)
    with pytest.raises(BadTable, match=f"members.csv: {said}"):
        load(house.service.database, house.config.data, house.service.payers)
    assert house.rows(tables.members) == before


def test_a_table_without_a_column_is_said_so(house):
    (house.config.data / "members.csv").write_text("payer,member_id\n")
    with pytest.raises(BadTable, match="no column"):
        load(house.service.database, house.config.data, house.service.payers)


def test_a_table_saved_by_a_spreadsheet_with_a_mark_before_it_is_loaded(house):
    file = house.config.data / "members.csv"
    before = house.rows(tables.members)
    file.write_text(file.read_text(), encoding="utf-8-sig")
    load(house.service.database, house.config.data, house.service.payers)
    assert house.rows(tables.members) == before


def test_while_the_tables_are_read_others_write(house, monkeypatch):
    """Hundreds of thousands of members take seconds to read; nobody waits for that."""
    read = directory._insert

    def meanwhile(*batch):
        read(*batch)
        with house.service.database.writing() as other:
            events.record(other, "somebody.else", actor="another", at=house.clock.now)

    monkeypatch.setattr(directory, "_insert", meanwhile)
    load(house.service.database, house.config.data, house.service.payers)
    assert [row["kind"] for row in house.rows(tables.events)].count("somebody.else") == 2


def test_tables_that_were_refused_may_come_again(house):
    file = house.config.data / "providers.csv"
    rows = file.read_text()
    file.write_text(f"{rows},Nobody,in\n")
    with pytest.raises(BadTable):
        load(house.service.database, house.config.data, house.service.payers)
    file.write_text(rows)
    before = house.rows(tables.providers)
    for _ in range(2):
        counts = load(house.service.database, house.config.data, house.service.payers)
    assert (counts["providers"], house.rows(tables.providers)) == (len(before), before)


# The command line


def run(*words, data, ok=True):
    result = CliRunner().invoke(main, [*words, "--data", str(data)])
    assert (result.exit_code == 0) is ok, result.output
    return result.output


def test_the_newest_revision_is_the_one_that_alembic_would_reach():
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert newest() == ScriptDirectory.from_config(config).get_current_head()


def test_what_a_web_process_needs_is_imported_before_it_is_made():
    """Nothing of migrations, queues and model libraries is among it: memory that each process would hold."""
    told = "from app import web; import sys; print([m for m in HEAVY if m in sys.modules])"
    heavy = ("alembic", "redis", "celery", "fhir.resources", "pydantic", "pytest")
    code = f"HEAVY = {heavy!r}; {told}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_operator_migrates_loads_registers_lists_and_issues(tmp_path):
    for name in ("payer.yaml", "members.csv", "providers.csv"):
        (tmp_path / name).write_text((ROOT / "fixtures" / "payer" / name).read_text())
    assert newest() in run("migrate", data=tmp_path)
    assert run("migrate", data=tmp_path)
    assert run("directory", "load", data=tmp_path) == "21 members, 17 providers\n"
    assert run("client", "list", data=tmp_path) == "no client is registered\n"
    assert run("staff", "list", data=tmp_path) == "nobody was added\n"
    run("client", "add", "clinic", "--organization", "1234567893", "--scope", "system/Claim.c", data=tmp_path)
    assert "clinic  system/Claim.c" in run("client", "list", data=tmp_path)
    assert run("client", "suspend", "clinic", data=tmp_path) == "client clinic is suspended\n"
    told = run("client", "add", "clinic", "--scope", "system/Claim.cu", data=tmp_path)
    assert "it is suspended still; 'priorauth client resume clinic' lets it in" in told
    assert "clinic (suspended)  system/Claim.cu" in run("client", "list", data=tmp_path)
    assert "no active client" in run("client", "token", "clinic", data=tmp_path, ok=False)
    assert run("client", "resume", "clinic", data=tmp_path) == "client clinic may call again\n"
    assert "no client" in run("client", "resume", "other", data=tmp_path, ok=False)
    token = run("client", "token", "clinic", "--minutes", "5", data=tmp_path).strip()
    with Database(f"sqlite:///{tmp_path / 'priorauth.db'}").reading() as connection:
        held = connection.execute(tables.access_tokens.select()).all()
    assert len(held) == 1
    assert token not in str(held)


@pytest.mark.parametrize("wrong", ["abc", "123456789", "1234567890", "http://hl7.org/fhir/sid/us-npi|1234567890"])
def test_an_organization_without_a_right_npi_is_not_registered(tmp_path, wrong):
    run("migrate", data=tmp_path)
    said = run("client", "add", "clinic", "--organization", wrong, "--scope", "system/Claim.c", data=tmp_path, ok=False)
    assert f"--organization {wrong}: no NPI" in said
    assert run("client", "list", data=tmp_path) == "no client is registered\n"


def test_a_client_that_can_do_nothing_is_told_so(tmp_path):
    run("migrate", data=tmp_path)
    assert "it can do nothing; add --scope" in run("client", "add", "clinic", data=tmp_path)
    assert "it has no keys" in run("client", "add", "clinic", "--scope", "system/Claim.c", data=tmp_path)


def test_mistakes_are_a_sentence_and_not_a_traceback(tmp_path):
    assert "there is no file" in run("directory", "load", data=tmp_path, ok=False)
    (tmp_path / "payer.yaml").write_text("payers: 5\n")
    assert "payer.yaml:1" in run("directory", "load", data=tmp_path, ok=False)
    assert "not https" in run("client", "add", "x", "--ehr", "http://ehr.example/fhir", data=tmp_path, ok=False)
    assert "priorauth migrate" in run("client", "list", data=tmp_path / "nowhere", ok=False)
    assert "priorauth migrate" in run("client", "list", data=tmp_path, ok=False)
    run("migrate", data=tmp_path)
    (tmp_path / "payer.yaml").write_text(PAYER)
    assert "no active client" in run("client", "token", "x", data=tmp_path, ok=False)


@pytest.mark.parametrize("text", ['{"resourceType":', "[]", '{"id": "p"}', '{"resourceType": "Patient"}', "\xff"])
def test_a_record_that_is_none_is_named(tmp_path, text):
    (tmp_path / "p.json").write_bytes(text.encode("latin-1"))
    result = CliRunner().invoke(main, ["sandbox", "--records", str(tmp_path)])
    assert (result.exit_code, result.output.startswith(f"Error: {tmp_path}/p.json: ")) == (1, True)


@pytest.mark.parametrize("words", [("serve",), ("sandbox",), ("demo", "--once")])
@pytest.mark.parametrize("port", ["0", "-1", "65536"])
def test_a_port_is_one_that_there_is(words, port):
    result = CliRunner().invoke(main, [*words, "--port", port])
    assert (result.exit_code, "--port" in result.output) == (2, True)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda data: (data / "payer.yaml").unlink(), "there is no file"),
        (lambda data: (data / "payer.yaml").write_text("payers: 5\n"), "payer.yaml:1: "),
        (lambda data: (data / "payer.yaml").write_bytes(b"payers: \xff"), "payer.yaml:1: not a text in UTF-8"),
        (lambda data: (data / "encryption.key").unlink(), "set PRIORAUTH_ENCRYPTION_KEYS, or let 'priorauth migrate'"),
        (lambda data: (data / "secret.key").unlink(), "there is no key for the staff pages' cookies"),
        (lambda data: (data / "secret.key").write_text(""), "there is no key for the staff pages' cookies"),
        (lambda data: (data / "encryption.key").write_text("short"), "an encryption key is the base64 of 32 bytes"),
    ],
)
def test_what_stops_the_start_of_the_service_is_a_sentence_in_its_log(tmp_path, make, words):
    (tmp_path / "payer.yaml").write_text(PAYER)
    run("migrate", data=tmp_path)
    make(tmp_path)
    serve = [sys.executable, "-m", "app.cli", "serve", "--port", str(free_port()), "--data", str(tmp_path)]
    done = subprocess.run(serve, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert done.returncode != 0
    assert f"Error: {words}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]"])
def test_an_address_at_which_somebody_listens_is_said_at_once(tmp_path, host):
    shutil.copytree(ROOT / "fixtures" / "payer", tmp_path, dirs_exist_ok=True)
    run("migrate", data=tmp_path)
    family = socket.AF_INET if host == "127.0.0.1" else socket.AF_INET6
    with socket.create_server((host.strip("[]"), 0), family=family) as taken:
        said = run("serve", "--host", host, "--port", str(taken.getsockname()[1]), data=tmp_path, ok=False)
    assert "look at --host and --port: Address already in use" in said


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("database is locked", "try again"),
        ("attempt to write a readonly database", "may not write"),
        ("database or disk is full", "make room"),
        ("file is not a database", "restore it"),
        ("no such table: clients", "run 'priorauth migrate' first"),
        ('relation "clients" does not exist', "run 'priorauth migrate' first"),
        ('database "priorauth" does not exist', "look at --data and PRIORAUTH_DATABASE_URL"),
        ("connection failed: Connection refused", "look at --data and PRIORAUTH_DATABASE_URL"),
    ],
)
def test_what_a_database_says_is_told_with_what_to_do(said, words):
    told = mendable.said(OperationalError("SELECT 1", {}, Exception(said)))
    assert told.startswith(f"the database says: {said}; ")
    assert words in told


def test_a_fault_of_ours_is_nothing_for_the_operator_to_mend():
    assert mendable.said(IntegrityError("INSERT", {}, Exception("UNIQUE constraint failed"))) is None
    assert mendable.said(ValueError("x")) is None


def test_a_copy_of_sqlite_that_is_made_as_the_operator_is_told_is_whole_while_somebody_writes(tmp_path):
    """What is not committed yet is not in it; where it is put instead, the service goes on with it."""
    data, page = tmp_path / "data", (ROOT / "docs" / "operating.md").read_text()
    run("migrate", data=data)
    run("client", "add", "clinic", "--scope", "system/Claim.c", data=data)
    (command,) = re.findall(r"^python3 -c '(.*VACUUM.*)'$", page, re.MULTILINE)
    with Database(f"sqlite:///{data / 'priorauth.db'}").writing() as connection:
        connection.execute(tables.clients.update().values(scopes="half done"))
        subprocess.run([sys.executable, "-c", command], cwd=tmp_path, check=True)
    for one in data.glob("priorauth.db*"):
        one.unlink()
    (tmp_path / "priorauth.backup").rename(data / "priorauth.db")
    run("migrate", data=data)
    assert run("client", "list", data=data).startswith("clinic  system/Claim.c ")


def at_once(times, data, **environment):
    """Return what ``migrate`` says where it is run so often at the same moment."""
    command = [sys.executable, "-m", "app.cli", "migrate", "--data", str(data)]
    settings = os.environ | environment  # noqa: TID251 handed on to the command
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=settings) for _ in range(times)
    ]
    return [one.communicate(timeout=60)[0] for one in running]


def test_hosts_that_migrate_at_once_wait_for_each_other(tmp_path):
    assert at_once(3, tmp_path) == [f"the database is at {newest()}\n"] * 3


def test_serve_says_what_to_do_when_the_database_is_older(tmp_path):
    assert "run 'priorauth migrate' first" in run("serve", data=tmp_path, ok=False)
