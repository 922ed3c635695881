"""Policy staff at the command line: cases run, decisions explained, versions compared, changes simulated."""

import json
import shutil
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from app.cli import main
from app.storage import tables
from tests.app.browsing import Person
from tests.app.fixtures import ROOT
from tests.app.test_policies import OXYGEN, add_version
from tests.given import a_form_response, a_submission_bundle, entry, percent


@pytest.fixture
def folder(tmp_path):
    target = tmp_path / "policies"
    shutil.copytree(ROOT / "rules" / "policies", target)
    return target


def run(*words, data=None, fails=False):
    env = {"COLUMNS": "200"} | ({"PRIORAUTH_DATA": str(data)} if data else {})
    answer = CliRunner().invoke(main, ["policies", *map(str, words)], env=env)
    assert (answer.exit_code != 0) is fails, answer.output
    return answer.output


def test_the_shipped_policies_are_without_fault():
    assert "0 faults" in run("check")


def test_a_folder_without_a_policy_is_not_called_faultless(tmp_path):
    assert "there is no policy in" in run("check", "--folder", tmp_path, fails=True)


def test_how_many_policies_were_read_is_told(folder):
    count = len([one for one in folder.glob("*/*.yaml") if one.parent.name != "value-sets"])
    assert f"{count} policies read: 0 faults" in run("check", "--folder", folder)


def test_every_fault_is_told_with_file_line_and_what_to_write(folder):
    file = folder / OXYGEN
    file.write_text(
        file.read_text().replace("%spo2 <= 88", "%spo <= 88").replace("- when: {group I: yes}", "- when: {}")
    )
    (folder / "lumbar-mri" / "2026.1.yaml").write_text("policy: [")
    out = run("check", "--folder", folder, fails=True)
    assert "home-oxygen/2026.1.yaml:" in out
    assert "lumbar-mri/2026.1.yaml:1: not YAML" in out
    assert "2 faults, 0 warnings" in out


@pytest.mark.parametrize(
    ("before", "after", "line", "says"),
    [
        ('question: "2.1"', 'question: "7.7"', "spo2", "form home-oxygen|2026.1: no question 7.7 for 'spo2'"),
        (
            'question: "2.3", type: date',
            'question: "2.4", type: date',
            "tested",
            "question 2.4 is a boolean; 'tested' is a date",
        ),
        (
            '"%", from-to: [50, 100]',
            '"kg", from-to: [50, 100]',
            "spo2",
            "question 2.1 does not offer kg, the unit of 'spo2'",
        ),
        (
            "questionnaire: home-oxygen|2026.1",
            "questionnaire: home-oxygen|2031.1",
            "questionnaire",
            "there is no form home-oxygen|2031.1\n    did you mean 'home-oxygen|2026.1'?",
        ),
        (
            "questionnaire: home-oxygen|2026.1",
            "# none",
            "coverage-information",
            "'spo2' is asked by a form, and no form is named",
        ),
    ],
)
def test_a_policy_and_its_form_that_have_drifted_apart_are_told_with_the_line(folder, before, after, line, says):
    file = folder / OXYGEN
    text = file.read_text().replace(before, after)
    file.write_text(text)
    number = next(n for n, one in enumerate(text.splitlines(), 1) if one.strip().startswith(f"{line}:"))
    out = run("check", "--folder", folder, fails=True)
    assert f"home-oxygen/2026.1.yaml:{number}: " in out
    assert says in out


def test_a_draft_is_held_to_its_form_too(folder):
    file = folder / OXYGEN
    file.write_text("status: draft\n" + file.read_text().replace('question: "2.1"', 'question: "7.7"'))
    assert "no question 7.7" in run("check", "--folder", folder, fails=True)


def test_a_form_that_cannot_be_read_is_told_once(folder, tmp_path):
    forms = tmp_path / "forms"
    (forms / "broken").mkdir(parents=True)
    (forms / "broken" / "1.json").write_text("{")
    out = run("check", "--folder", folder, "--forms", forms, fails=True)
    assert "broken/1.json:1: not JSON at line 1" in out
    assert "write a Questionnaire of FHIR R4 in JSON" in out
    assert "1 fault, 0 warnings" in out


LEAST = {
    "resourceType": "Questionnaire",
    "url": "https://acmehealth.example/Questionnaire/shower-chair",
    "id": "shower-chair", "version": "2026.1", "name": "ShowerChair", "title": "Shower chair", "status": "active",
    "item": [{"linkId": "1", "text": "Was a hip operated?", "type": "boolean"}],
}  # fmt: skip


@pytest.mark.parametrize("lacks", ["", "url", "id", "version", "name", "title"])
def test_of_a_form_it_is_told_what_it_lacks_and_the_least_is_a_form(tmp_path, lacks):
    policies, forms = tmp_path / "policies", tmp_path / "forms"
    (forms / "shower-chair").mkdir(parents=True)
    policies.mkdir()
    held = {name: value for name, value in LEAST.items() if name != lacks}
    (forms / "shower-chair" / "2026.1.json").write_text(json.dumps(held))
    out = run("check", "--folder", policies, "--forms", forms, fails=True)
    assert (f"shower-chair/2026.1.json:1: there is no '{lacks}'\n    add '{lacks}': " in out) is bool(lacks)
    assert ("there is no policy in" in out) is not bool(lacks)


def test_logic_that_was_not_compiled_is_told(folder, tmp_path):
    forms = tmp_path / "forms"
    (forms / "shower-chair").mkdir(parents=True)
    (forms / "shower-chair" / "2026.1.json").write_text(json.dumps(LEAST | {"date": "2026-01-01"}))
    (forms / "shower-chair" / "2026.1.cql").write_text("library ShowerChair")
    out = run("check", "--folder", folder, "--forms", forms, fails=True)
    assert "shower-chair/2026.1.cql:1: there is no 2026.1.elm.json beside it" in out


def test_a_warning_refuses_nothing(folder):
    file = folder / OXYGEN
    file.write_text(file.read_text().replace("owner:  ", "# owner:  "))
    out = run("check", "--folder", folder)
    assert "nobody owns it\n    add 'owner'" in out
    assert "0 faults, 1 warning" in out


def test_a_policy_that_is_for_nobody_of_this_installation_is_doubtful(folder, tmp_path):
    """Its scope has a slip of the pen, mostly: it would be silent, and nobody would be told."""
    file, data = folder / OXYGEN, tmp_path / "data"
    file.write_text(file.read_text().replace("applies-to:", "scope: {plans: [ACNE-*]}\napplies-to:", 1))
    data.mkdir()
    assert "in its scope" not in run("check", "--folder", folder, data=data)
    shutil.copy(ROOT / "fixtures" / "payer" / "payer.yaml", data)
    number = next(n for n, one in enumerate(file.read_text().splitlines(), 1) if one.startswith("scope:"))
    out = run("check", "--folder", folder, data=data)
    assert f"home-oxygen/2026.1.yaml:{number}: no plan of payer.yaml is in its scope" in out
    (data / "payer.yaml").write_text("payers: 3")
    assert "payer.yaml:1: " in run("check", "--folder", folder, data=data, fails=True)


def test_the_payer_s_lists_are_checked_too_and_policies_that_they_silence_are_told(tmp_path):
    head = "system,code,from,to,reason\n"
    (tmp_path / "no-authorization.csv").write_text(f"{head}HCPCS,E0424-E0431,2026-01-01,,Nothing is asked.\n")
    out = run("check", data=tmp_path)
    assert "no-authorization.csv:2: home-oxygen 2026.1 is for the same code, people and days, and is not heard" in out
    assert "0 faults, 1 warning" in out
    shutil.copy(ROOT / "fixtures" / "payer" / "payer.yaml", tmp_path)
    line = f"{head.strip()},plans\nHCPCS,E0570,2026-01-01,,Nothing is asked.,ACME-PPO-*\n"
    (tmp_path / "no-authorization.csv").write_text(line)
    assert "no-authorization.csv:2: no plan of payer.yaml is in its scope" in run("check", "--data", tmp_path)
    (tmp_path / "no-authorization.csv").write_text(f"{head}cpt,72148,2026-01-01,,Nothing is asked.\n")
    assert "did you mean 'CPT'?" in run("check", data=tmp_path, fails=True)
    (tmp_path / "no-authorization.csv").write_text(f"{head}HCPCS,72148,2026-01-01,,Nothing is asked.\n")
    out = run("check", data=tmp_path, fails=True)
    assert "no-authorization.csv:2: '72148' is a CPT code\n    list it under CPT" in out


def test_the_cases_of_all_policies_go_as_expected():
    out = run("test")
    assert "home-oxygen 2026.1" in out
    assert "all as expected, every row is reached" in out


def test_one_policy_may_be_named(folder):
    out = run("test", "lumbar-mri", "bath-chair@2026.1", "--folder", folder)
    assert "home-oxygen" not in out
    assert out.startswith("lumbar-mri 2026.1")


def test_a_case_that_goes_otherwise_and_a_row_that_none_reaches_end_with_1(folder):
    file = folder / OXYGEN
    kept = [line for line in file.read_text().splitlines() if "3 months}" not in line]
    file.write_text("\n".join(kept).replace("expect: certify for 12 months", "expect: certify for 6 months", 1))
    out = run("test", "home-oxygen", "--folder", folder, fails=True)
    assert "✗  88 percent at rest" in out
    assert "certify for 12 months" in out
    assert "No case reaches row 5" in out
    assert "1 not as expected, 1 row that no case reaches" in out


def test_a_policy_that_nobody_has_is_said_in_a_sentence():
    assert "Error: no policy is called foot-massage" in run("test", "foot-massage", fails=True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_case_is_explained(tmp_path, encoding):
    case = tmp_path / "case.json"
    facts = {"at_rest": True, "spo2": 89, "tested": "2026-02-20", "edema": True}
    case.write_text(json.dumps(facts), encoding=encoding)
    out = run("explain", "home-oxygen", case)
    assert "89 %" in out
    assert "given in the case" in out
    assert "“group I” is missing, and the row asks for yes" in out
    assert "Row 5 holds: certify for 3 months." in out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1]", "an object of facts by name"),
        ("{", "case.json is not JSON in UTF-8"),
        ('{"given": 3}', "an object of facts by name"),
        ('{"spo3": 88}', "no fact is called spo3; there are at_rest, authored, edema"),
    ],
)
def test_a_case_that_cannot_be_read_says_why(tmp_path, content, said):
    case = tmp_path / "case.json"
    case.write_text(content)
    assert said in run("explain", "home-oxygen", case, fails=True)


def test_a_case_that_is_not_there_is_said_in_words(tmp_path):
    out = run("explain", "home-oxygen", tmp_path / "case.json", fails=True)
    assert "no such file" in out
    assert "Error:" in out


def test_facts_of_any_kind_are_explained_and_markup_in_them_is_words(tmp_path):
    case = tmp_path / "case.json"
    case.write_text(json.dumps({"spo2": "[red]88[/]", "tested": ["[/]"], "at_rest": None, "edema": {"a": 1}}))
    assert "not a number from 50 to 100" in run("explain", "home-oxygen", case)


def test_a_case_that_a_person_decided_is_explained_as_the_policy_weighed_it(house):
    house.submit(a_submission_bundle(form=a_form_response({"2.1": None})))
    row = house.rows(tables.authorizations)[0]
    Person(house).comes_in().decides(f"/authorizations/{row['id']}", action="A3", reason="Not shown.")
    out = run("explain", "--authorization", row["reference"], "--who", "counsel", data=house.config.data)
    assert "by dr-silva" in out
    assert "holds: " in out
    assert "No policy weighed it" not in out


def test_who_has_a_stored_decision_explained_is_recorded(house):
    house.submit(a_submission_bundle())
    row = house.rows(tables.authorizations)[0]
    told = run("explain", "--authorization", row["id"], data=house.config.data, fails=True)
    assert "--who" in told
    assert "case.read" not in [one["kind"] for one in house.rows(tables.events)]
    run("explain", "--authorization", row["id"], "--who", "counsel", data=house.config.data)
    look = house.rows(tables.events)[-1]
    assert (look["kind"], look["actor"], look["authorization_id"]) == ("case.read", "counsel", row["id"])


def test_a_stored_decision_is_explained_by_its_id_or_number(house):
    house.submit(a_submission_bundle())
    row = house.rows(tables.authorizations)[0]
    for name in (row["id"], row["reference"], row["number"]):
        out = run("explain", "--authorization", name, "--who", "counsel", data=house.config.data)
        assert "by policy home-oxygen 2026.1, row 4" in out
        assert "88 %" in out
        assert "Row 4 holds: certify for 12 months." in out
    assert "no authorization" in run(
        "explain", "--authorization", "PA0", "--who", "counsel", data=house.config.data, fails=True
    )


def test_two_versions_are_compared_in_sentences(folder):
    add_version(folder, **{"%spo2 <= 88 or": "%spo2 <= 87 or", "spo2: 88,": "spo2: 87,"})
    for words in ((), ("2026.1", "2026.2")):
        out = run("diff", "home-oxygen", *words, "--folder", folder)
        assert "home-oxygen 2026.1 → 2026.2" in out
        assert "group I was: spo2 is at most 88 %" in out
    assert "one version only" in run("diff", "lumbar-mri", "--folder", folder, fails=True)
    assert "no policy is called" in run("diff", "home-oxygen", "2026.1", "2031.1", "--folder", folder, fails=True)


def counts(house):
    with house.service.database.reading() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in tables.metadata.tables.items()
        }


def test_a_changed_folder_is_simulated_over_stored_submissions(house, folder):
    """With 87 as the limit the request of 88 percent would have waited; the others wait then as now."""
    for value in (88, 86, 93):
        house.clock.now += timedelta(minutes=1)
        house.submit(a_submission_bundle(form=a_form_response({"2.1": percent(value)})))
    before = counts(house)
    file = folder / OXYGEN
    file.write_text(file.read_text().replace("%spo2 <= 88 or", "%spo2 <= 87 or").replace("spo2: 88,", "spo2: 87,"))
    out = run("simulate", folder, data=house.config.data)
    assert "certified (home-oxygen 2026.1, row 4)" in out
    assert "pended (home-oxygen 2026.1, row 6)" in out
    assert "3 submissions, 3 items weighed; 1 would have been decided otherwise. Nothing was changed." in out
    assert house.rows(tables.authorizations)[0]["id"] in out
    assert "Baxter" not in out
    assert "ACME0001234" not in out
    assert counts(house) == before


def test_what_is_certified_in_part_is_named_so(house, folder):
    """Three visits of twelve and the rest with a person are no plain pend."""
    bundle = a_submission_bundle()
    entry(bundle, "Claim")["item"][0]["quantity"] = {"value": 12, "unit": "Months"}
    house.submit(bundle)
    file = folder / OXYGEN
    text = file.read_text().replace(
        "    for:  12 months", "    for:  12 months\n    quantity: 3\n    rest: {say: More is looked at.}"
    )
    file.write_text(text.replace("certify for 12 months", "certify 3 for 12 months"))
    out = " ".join(run("simulate", folder, data=house.config.data).split())
    assert "3 certified, the rest pended (home-oxygen 2026.1, row 4)" in out


def test_the_policies_at_work_decide_as_they_did(house):
    house.submit(a_submission_bundle())
    house.submit(a_submission_bundle(form=a_form_response({"2.1": None})))
    out = run("simulate", ROOT / "rules" / "policies", data=house.config.data)
    assert "0 would have been decided otherwise" in out


def test_a_policy_of_next_year_is_simulated_as_if_it_were_in_force(house, folder):
    house.submit(a_submission_bundle())
    add_version(folder, "2027.1", "2027-01-01", **{"%spo2 <= 88 or": "%spo2 <= 87 or", "spo2: 88,": "spo2: 87,"})
    assert "0 would have been decided otherwise" in run("simulate", folder, data=house.config.data)
    out = run("simulate", folder, "--as-if-in-force", data=house.config.data)
    assert "pended (home-oxygen 2027.1, row 6)" in out


def test_only_submissions_since_a_day_are_simulated(house, folder):
    house.submit(a_submission_bundle())
    assert "0 submissions" in run("simulate", folder, "--since", "2026-03-02", data=house.config.data)
    assert "1 submissions" in run("simulate", folder, "--since", "2026-03-01", data=house.config.data)


def test_a_faulty_folder_is_not_simulated(house, folder):
    (folder / OXYGEN).write_text("policy: [")
    assert "home-oxygen/2026.1.yaml:1: not YAML" in run("simulate", folder, data=house.config.data, fails=True)


def test_more_submissions_than_are_read_at_once_are_all_weighed(house, folder, monkeypatch):
    monkeypatch.setattr("app.simulation.AT_ONCE", 2)
    for _ in range(5):
        house.submit(a_submission_bundle())
    assert "5 submissions, 5 items" in run("simulate", folder, data=house.config.data)
