"""A changed folder takes effect without restart, all or nothing, everywhere; a faulty one is refused and says why."""

import base64
import io
import json
import shutil
import time
from dataclasses import replace

import pytest
from sqlalchemy.exc import OperationalError

from app.explained import explained
from app.logging import configure
from app.policies import ActivePolicies
from app.simulation import as_if_in_force, with_drafts
from app.storage import policies as kept
from app.storage import tables
from app.wiring import build
from fhir_r4.wire import read_json, read_object, write_json
from rules.yaml_lines import FaultyFile
from tests.app.fixtures import ROOT
from tests.given import CLINIC, a_form_response, a_hook, a_submission_bundle

OXYGEN = "home-oxygen/2026.1.yaml"


@pytest.fixture
def folder(house, tmp_path):
    """The house's policies in a folder that the test may change; the house has looked at it once."""
    policies, forms = tmp_path / "policies", tmp_path / "forms"
    shutil.copytree(ROOT / "rules" / "policies", policies)
    shutil.copytree(ROOT / "questionnaires" / "forms", forms)
    config = replace(house.config, policies=policies, forms=forms)
    object.__setattr__(house.service, "policies", ActivePolicies(config, house.service.database))
    house.config = config
    looks(house)
    return policies


def looks(house, times=2):
    look(house.service.policies, times)


def look(policies, times=2):
    """Look as often as it takes: a folder that has changed is taken once it has come to rest."""
    for _ in range(times):
        policies.look()


def another(house):
    """Another process of the same installation: its own memory, the same database and folder."""
    return ActivePolicies(house.config, house.service.database)


def add_version(folder, version="2026.2", effective="2026-02-01", **words):
    """Write a later version of the oxygen policy, with ``words`` replaced."""
    text = (folder / OXYGEN).read_text()
    text = text.replace('version:   "2026.1"', f'version:   "{version}"')
    text = text.replace("effective: 2026-01-01", f"effective: {effective}")
    for old, new in words.items():
        text = text.replace(old, new)
    (folder / "home-oxygen" / f"{version}.yaml").write_text(text)


EXCLUDED = "system,code,from,to,reason,plans\nHCPCS,E0424,2026-01-01,,The plan excludes it this year.,ACME-*\n"


def test_the_payer_s_lists_and_gold_cards_are_at_work_without_restart(house, folder):
    """In hook, look-up and request alike; in another process, and in one that starts without them."""
    data = house.config.data
    assert action(house.submit(a_submission_bundle())) == "A1"
    (data / "plan-exclusions.csv").write_text(EXCLUDED)
    (data / "gold-cards.csv").write_text(f"npi,policy,from,to\n{CLINIC.npi},*,2026-01-01,\n")
    other = another(house)
    looks(house)
    assert action(house.submit(a_submission_bundle())) == "A3"
    assert b"The plan excludes it this year." in house.call(a_hook()).data
    decided = next(one for one in house.rows(tables.decisions) if one.action == "A3")
    assert decided.decided_by == "plan-exclusions.csv, line 2"
    assert "Line 2 of plan-exclusions.csv" in explained(house.service, decided.trace).follows
    for edition in (house.service.edition, followed(other)):
        assert len(edition.book.lists) == 1
        assert edition.gold_cards.keys() == {CLINIC.npi}


def action(answer):
    item = read_json(answer.data)["entry"][0]["resource"]["item"][0]
    return next(code for code in ("A1", "A3", "A4") if f'"{code}"' in json.dumps(item))


def followed(policies):
    look(policies)
    return policies.edition


def test_a_faulty_list_leaves_what_is_active_as_it_was(house, folder):
    (house.config.data / "plan-exclusions.csv").write_text(EXCLUDED + "HCPCS,E0424,x,,Reason.,\n")
    looks(house)
    assert [str(one) for one in house.service.policies.refusal.faults] == [
        "plan-exclusions.csv:3: 'from' is no day; write it as 2026-01-31"
    ]
    assert action(house.submit(a_submission_bundle())) == "A1"
    (house.config.data / "plan-exclusions.csv").write_bytes(b"\xff\xfe")
    looks(house)
    assert "not a text in UTF-8" in str(house.service.policies.refusal.faults[0])


def test_a_line_that_was_at_work_cannot_be_taken_away(house, folder):
    """It is ended, and then the policy answers again."""
    list_of = house.config.data / "plan-exclusions.csv"
    list_of.write_text(EXCLUDED)
    looks(house)
    list_of.unlink()
    looks(house)
    assert "is gone or was changed" in str(house.service.policies.refusal.faults[0])
    assert action(house.submit(a_submission_bundle())) == "A3"
    list_of.write_text(EXCLUDED.replace("2026-01-01,,", "2026-01-01,2026-02-27,"))
    looks(house)
    assert house.service.policies.refusal is None
    assert action(house.submit(a_submission_bundle())) == "A1"


def test_a_new_version_is_at_work_without_restart_and_decisions_say_so(house, folder):
    house.submit(a_submission_bundle(form=a_form_response({"2.1": None})))
    add_version(folder)
    looks(house)
    house.submit(a_submission_bundle(form=a_form_response({"2.1": None})))
    assert [row["trace"]["version"] for row in house.rows(tables.decisions)] == ["2026.1", "2026.2"]
    assert house.service.book.version("home-oxygen", "2026.1") is not None


def test_a_folder_that_is_still_being_written_is_waited_for(house, folder):
    before = house.service.edition
    add_version(folder)
    looks(house, times=1)
    assert house.service.edition is before
    looks(house, times=1)
    assert house.service.edition.digest != before.digest


def test_a_faulty_file_leaves_everything_as_it_was_and_says_why(house, folder):
    before, log = house.service.edition, io.StringIO()
    configure(log)
    add_version(folder)
    (folder / "lumbar-mri" / "2026.2.yaml").write_text("policy: [")
    looks(house)
    assert house.service.edition is before
    said = house.web.get("/health/ready").json
    assert (said["status"], said["policies"]["status"], said["policies"]["all"]) == ("ready", "refused", 1)
    assert said["policies"]["faults"][0].startswith("lumbar-mri/2026.2.yaml:1: not YAML")
    assert "priorauth_policies_refused_faults 1.0" in house.web.get("/metrics").text
    assert log.getvalue().count("policies.refused") == 1
    assert "lumbar-mri/2026.2.yaml:1" in log.getvalue()


def test_a_mended_folder_is_taken_and_the_complaint_ends(house, folder):
    (folder / "lumbar-mri" / "2026.2.yaml").write_text("policy: [")
    looks(house)
    (folder / "lumbar-mri" / "2026.2.yaml").unlink()
    add_version(folder)
    looks(house)
    assert house.service.book.version("home-oxygen", "2026.2") is not None
    assert house.web.get("/health/ready").json["policies"]["status"] == "ok"
    assert "priorauth_policies_refused_faults 0.0" in house.web.get("/metrics").text


def test_a_policy_whose_form_is_not_there_is_refused(house, folder):
    add_version(folder, **{"questionnaire: home-oxygen|2026.1": "questionnaire: home-oxygen|2031.1"})
    looks(house)
    (fault,) = house.service.policies.refusal.faults
    assert str(fault) == "home-oxygen/2026.2.yaml:1: there is no form home-oxygen|2031.1"


def test_a_form_that_cannot_be_read_is_named(house, folder):
    (house.config.forms / "home-oxygen" / "2026.2.json").write_text('{"resourceType": ')
    looks(house)
    assert "2026.2.json:1: not JSON at line 1" in str(house.service.policies.refusal.faults[0])


@pytest.mark.requirement("dtr-2.2.0@spec-160")
def test_a_form_that_carries_a_page_which_acts_is_refused(house, folder):
    acting = base64.b64encode(b"<div><script>x()</script></div>").decode()
    page = {"resourceType": "Binary", "id": "help", "contentType": "application/xhtml+xml", "data": acting}
    file = folder.parent / "forms" / "lumbar-mri" / "2026.1.json"
    form = read_object(file.read_bytes()) | {"version": "2026.2", "contained": [page]}
    file.with_name("2026.2.json").write_bytes(write_json(form))
    looks(house)
    (fault, *_) = house.service.policies.refusal.faults
    assert "contained Binary 'help' holds a <script>" in str(fault)


def test_a_policy_and_its_form_arrive_together(house, folder):
    form = (house.config.forms / "home-oxygen" / "2026.1.json").read_text()
    (house.config.forms / "home-oxygen" / "2026.2.json").write_text(form.replace("2026.1", "2026.2"))
    add_version(folder, **{"questionnaire: home-oxygen|2026.1": "questionnaire: home-oxygen|2026.2"})
    looks(house)
    assert house.service.policies.refusal is None
    assert house.service.catalog.named("home-oxygen|2026.2")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda file: file.write_text(file.read_text().replace("outside Groups I and II.", "outside.")),
            "never changes",
        ),
        (lambda file: file.unlink(), "is gone"),
    ],
    ids=["changed", "gone"],
)
def test_a_published_version_never_changes_and_never_goes(house, folder, change, said):
    text = (folder / OXYGEN).read_text()
    (folder / OXYGEN).write_text(text.replace("name: 88 percent at rest, ", "name: another name for a case, "))
    looks(house)
    assert house.service.policies.refusal is None
    change(folder / OXYGEN)
    looks(house)
    assert said in str(house.service.policies.refusal.faults[0])


def test_a_published_version_may_be_given_an_end(house, folder):
    text = (folder / OXYGEN).read_text()
    (folder / OXYGEN).write_text(text.replace("effective: 2026-01-01", "effective: 2026-01-01\nexpires: 2026-06-30"))
    looks(house)
    assert house.service.policies.refusal is None
    assert house.service.book.version("home-oxygen", "2026.1").expires.isoformat() == "2026-06-30"


def test_every_process_switches_with_the_row_in_the_database(house, folder, tmp_path):
    """A worker whose own folder is an older one follows as well: the contents come from the database."""
    worker = another(house)
    old = tmp_path / "old"
    shutil.copytree(folder, old)
    worker._folders["policies"] = old
    look(worker)
    add_version(folder)
    looks(house)
    worker.look()
    assert worker.edition.digest == house.service.edition.digest
    assert worker.edition.book.version("home-oxygen", "2026.2") is not None
    look(worker)
    assert worker.edition.digest == house.service.edition.digest, "an old folder that did not change changes nothing"


def test_a_process_that_starts_on_a_faulty_folder_works_with_the_active_book(house, folder):
    (folder / OXYGEN).write_text("policy: [")
    started = another(house)
    assert started.edition.digest == house.service.edition.digest
    assert started.refusal.faults
    started.look()
    assert started.edition.book.version("home-oxygen", "2026.1") is not None


def test_where_nothing_was_ever_active_a_faulty_folder_stops_the_start(house, folder, tmp_path):
    (folder / OXYGEN).write_text("policy: [")
    with house.service.database.writing() as connection:
        connection.execute(tables.policy_activations.delete())
    with pytest.raises(FaultyFile):
        another(house)


@pytest.mark.parametrize("lists", [False, True], ids=["nothing", "lists alone"])
def test_a_folder_without_a_policy_is_a_wrong_name_and_stops_the_start(house, folder, tmp_path, lists):
    """Else every code would be answered by what the plan says where no policy has it: no authorization."""
    if lists:
        (house.config.data / "plan-exclusions.csv").write_text(EXCLUDED)
    with house.service.database.writing() as connection:
        connection.execute(tables.policy_activations.delete())
    for name in ("nowhere", "empty"):
        house.config = replace(house.config, policies=tmp_path / name)
        with pytest.raises(FaultyFile, match=f"{name}:1: there is no policy in this folder; .*PRIORAUTH_POLICIES"):
            another(house)
        (tmp_path / "empty").mkdir(exist_ok=True)


def test_a_book_is_activated_once_however_many_processes_see_it(house, folder):
    others = [another(house) for _ in range(2)]
    add_version(folder)
    for one in (house.service.policies, *others):
        look(one)
    rows = house.rows(tables.policy_activations)
    assert len(rows) == 2
    assert rows[-1]["digest"] == house.service.edition.digest
    told = [row for row in house.rows(tables.events) if row["kind"] == "policies.activated"]
    assert len(told) == 2


def test_what_is_kept_is_what_was_read(house, folder):
    with house.service.database.reading() as connection:
        files = kept.files_of(connection, house.service.edition.digest)
    assert files["policies/" + OXYGEN] == (folder / OXYGEN).read_bytes()
    assert kept.digest_of(files) == house.service.edition.digest


def test_the_running_service_watches_by_itself(house, folder):
    policies = ActivePolicies(replace(house.config, policies_poll_seconds=0.01), house.service.database)
    policies.start()
    add_version(folder)
    for _ in range(1000):
        if policies.edition.book.version("home-oxygen", "2026.2"):
            break
        policies._ending.wait(0.01)
    policies.stop()
    policies._thread.join(5)
    assert policies.edition.book.version("home-oxygen", "2026.2")


def test_a_database_that_is_away_changes_nothing(house, folder):
    before = house.service.edition
    with house.service.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE policy_activations RENAME TO away")
    house.service.policies.look()
    assert house.service.edition is before


def test_a_service_is_built_on_its_folder(house):
    assert len(build(house.config).book) == len(house.service.book)


def test_a_changed_book_is_simulated_with_the_payer_s_lists(house, folder):
    """Which go before its policies, whatever version of them is taken."""
    (house.config.data / "plan-exclusions.csv").write_text(EXCLUDED)
    looks(house)
    book = house.service.book
    for other in (with_drafts(book), as_if_in_force(book), as_if_in_force(with_drafts(book))):
        assert other.lists == book.lists


def test_who_watches_the_policies_says_that_the_database_is_away_and_goes_on(house, monkeypatch):
    policies, stream = house.service.policies, io.StringIO()

    def away():
        policies.stop()
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(policies, "look", away)
    configure(stream)
    policies.start()
    for _ in range(100):
        if "away" in stream.getvalue():
            break
        time.sleep(0.02)
    configure()
    line = json.loads(stream.getvalue().splitlines()[-1])
    assert (line["event"], line["level"]) == ("database.away", "warning")
