"""What is doubtful is told before a folder is published, with file and line; only faults refuse it."""

import json
import shutil
from datetime import date

import pytest
from jsonschema import Draft202012Validator

from rules.check import check
from rules.load import load_book
from rules.yaml_lines import read_yaml
from tests.given import ROOT
from tests.rules.test_book import CHAIR

TODAY = date(2026, 3, 1)
OWNED = "owner: Policy\napproved: [{by: Ada Lin, on: 2025-11-03}, {by: Bo Diaz, on: 2025-11-05}]\n"


def checked(tmp_path, more="", source="", **files):
    (tmp_path / "a").mkdir(exist_ok=True)
    text = CHAIR.format(id="a", codes='{HCPCS: ["E0240"]}', more=more)
    (tmp_path / "a" / "1.yaml").write_text(text.replace('/a"}]', f'/a"{source}}}]'))
    for name, content in files.items():
        (tmp_path / "a" / f"{name}.yaml").write_bytes(content)
    return check(tmp_path, TODAY)


def test_a_policy_without_doubt_is_told_nothing(tmp_path):
    assert checked(tmp_path, OWNED) == []


@pytest.mark.parametrize(("source", "told"), [
    (", until: 2026-02-28", "the source 'A document' has expired"),
    (", dated: 2022-01-01", "more than three years old"),
])  # fmt: skip
def test_a_source_that_has_expired_or_grown_old_is_a_warning_and_refuses_nothing(tmp_path, source, told):
    (fault,) = checked(tmp_path, OWNED, source)
    assert told in fault.message
    assert fault.warning
    assert str(fault).startswith("a/1.yaml:5: warning: ")
    assert len(load_book(tmp_path)) == 1


def test_a_source_that_holds_today_is_no_doubt(tmp_path):
    assert checked(tmp_path, OWNED, ", dated: 2025-01-01, until: 2026-03-01") == []


def test_an_active_policy_that_nobody_approved_is_told_and_a_draft_is_not(tmp_path):
    assert [one.suggestion[:12] for one in checked(tmp_path)] == ["add 'owner'", "add 'approve"]
    assert checked(tmp_path, "status: draft") == []
    assert checked(tmp_path, "expires: 2026-02-01") == []


@pytest.mark.parametrize("place", ["b.yaml", "b/1.yml", "a/old/1.yaml"])
def test_a_policy_that_stands_where_none_is_read_is_told(tmp_path, place):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text("policy: b")
    (fault,) = checked(tmp_path, OWNED)
    assert (fault.file, fault.message, fault.warning) == (place, "it is not read", True)


RECORD = 'record: "Condition?clinical-status=active", among: {ICD-10-CM: ["E11.*"]}'


@pytest.mark.parametrize(("fact", "criterion", "asks", "doubtful"), [
    (f"{{type: boolean, {RECORD}}}", "%diabetes", "no", True),
    (f"{{type: boolean, {RECORD}}}", "%diabetes", "[no]", True),
    (f"{{type: boolean, {RECORD}}}", "%diabetes", "[no, missing]", False),
    (f"{{type: boolean, {RECORD}}}", "%diabetes", "yes", False),
    (f'{{type: boolean, from: [{{question: "1"}}, {{{RECORD}}}]}}', "%diabetes", "no", False),
    (f"{{type: boolean, {RECORD}, path: recorder.exists()}}", "%diabetes", "no", False),
    (f"{{type: number, {RECORD}}}", "%diabetes > 1", "no", False),
], ids=str)  # fmt: skip
def test_a_row_that_waits_for_the_no_of_a_record_is_doubtful(tmp_path, fact, criterion, asks, doubtful):
    """What a record does not have is missing: in life the row never holds, whatever its case says."""
    decisions = f"[{{when: {{sugar: {asks}}}, then: pend, say: A nurse looks.}}, {{then: pend, say: Another looks.}}]"
    text = CHAIR.format(id="a", codes='{HCPCS: ["E0240"]}', more=OWNED)
    text = text.replace("[{then: not-covered, say: Excluded by the plan.}]", decisions)
    facts = f"facts: {{diabetes: {fact}}}\ncriteria: {{sugar: '{criterion}'}}\n"
    values = ("true", "false", "null") if "boolean" in fact else ("3", "0", "null")
    given = [f"{{name: n{i}, given: {{diabetes: {one}}}, expect: pend}}" for i, one in enumerate(values)]
    text = text.replace("cases: [{name: always, given: {}, expect: not-covered}]", f"cases: [{', '.join(given)}]")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.yaml").write_text(text + facts)
    found = [one for one in check(tmp_path, TODAY) if "is never no" in one.message]
    assert bool(found) is doubtful
    assert all(one.warning for one in check(tmp_path, TODAY))


def test_tables_and_value_sets_beside_policies_are_no_strays(tmp_path):
    (tmp_path / "value-sets").mkdir()
    (tmp_path / "value-sets" / "chairs.yaml").write_text(
        'value-set: chairs\ntitle: Chairs\ncodes: {HCPCS: ["E0240"]}\n'
    )
    (tmp_path / "README.md").write_text("Ours.")
    assert checked(tmp_path, OWNED) == []


def test_faults_and_warnings_of_all_files_are_told_in_order(tmp_path):
    found = checked(tmp_path, b2=b"policy: [", c3=b"\xff")
    assert [(one.file, one.warning) for one in found] == [
        ("a/1.yaml", True), ("a/1.yaml", True), ("a/b2.yaml", False), ("a/c3.yaml", False)]  # fmt: skip


def test_the_shipped_policies_have_no_fault():
    """Warnings are of the calendar: a source grows old while nobody looks."""
    assert [one for one in check(ROOT / "rules" / "policies", TODAY) if not one.warning] == []


def test_the_published_schema_accepts_the_shipped_policies_and_describes_each_key():
    schema = json.loads((ROOT / "rules" / "policy.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    files = [one for one in (ROOT / "rules" / "policies").glob("*/*.yaml") if one.parent.name != "value-sets"]
    for file in files:
        Draft202012Validator(schema).validate(read_yaml(file.read_text(), file.name).data)
    assert len(files) >= 3


def test_an_editor_is_told_of_the_schema():
    for file in (ROOT / "rules" / "policies").glob("*/*.yaml"):
        first = file.read_text().splitlines()[0]
        name = first.removeprefix("# yaml-language-server: $schema=")
        assert (file.parent / name).resolve().is_file()


def test_a_folder_is_not_changed_by_looking_at_it(tmp_path):
    shutil.copytree(ROOT / "rules" / "policies", tmp_path / "policies")
    before = sorted((one, one.stat().st_mtime_ns) for one in tmp_path.rglob("*"))
    check(tmp_path / "policies", TODAY)
    assert sorted((one, one.stat().st_mtime_ns) for one in tmp_path.rglob("*")) == before
