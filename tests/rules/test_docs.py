"""docs/policies.md is true: its examples load, and it names every key that there is."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from questionnaires.catalog import load_catalog, questions
from questionnaires.form_faults import form_file_faults
from rules.load import load_policy
from rules.schema_faults import row_faults
from rules.value_sets import read_value_set
from rules.yaml_lines import read_yaml
from tests.given import ROOT

PAGE = (ROOT / "docs" / "policies.md").read_text()
SCHEMA = json.loads((ROOT / "rules" / "policy.schema.json").read_text())
EXAMPLES = re.findall(r"(?:<!-- (\S+) -->\n)?```yaml\n(.*?)```", PAGE, re.DOTALL)


def keys(schema):
    """Yield every key that a policy may have, at any depth."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for part in schema.values():
            yield from keys(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from keys(part)


def faults(part, data):
    return [error.message for error in Draft202012Validator({**part, "$defs": SCHEMA["$defs"]}).iter_errors(data)]


@pytest.mark.parametrize(("file", "text"), EXAMPLES, ids=[text.split("\n", 1)[0][:40] for _, text in EXAMPLES])
def test_an_example_is_right(file, text):
    data = read_yaml(text, "docs/policies.md").data
    if file:
        assert load_policy(text, file).cases
    elif isinstance(data, list):
        assert [fault for row in data for fault in row_faults(row)] == []
    elif "value-set" in data:
        assert read_value_set(text, f"value-sets/{data['value-set']}.yaml").patterns
    elif data.keys() <= SCHEMA["properties"].keys():
        assert [fault for name, one in data.items() for fault in faults(SCHEMA["properties"][name], one)] == []
    else:
        assert faults(SCHEMA["properties"]["facts"], data) == []


def test_the_form_of_the_page_is_one(tmp_path):
    (text,) = re.findall(r"<!-- form -->\n```json\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "shower-chair" / "2026.1.json"
    file.parent.mkdir()
    file.write_text(text)
    assert list(form_file_faults(tmp_path)) == []
    assert questions(load_catalog(tmp_path).named("shower-chair|2026.1"))["1"]["type"] == "date"


@pytest.mark.parametrize("key", sorted({*keys(SCHEMA)}))
def test_each_key_is_in_the_page(key):
    assert re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", PAGE)
