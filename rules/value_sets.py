"""Which codes do several policies share? ``value-sets/<name>.yaml`` beside them."""

import json
from functools import cache
from importlib import resources
from pathlib import Path

from jsonschema import Draft202012Validator

from rules.codes import CodeSet
from rules.read_codes import VALUE_SETS, code_findings, code_set
from rules.schema_faults import plainly
from rules.yaml_lines import Fault, FaultyFile, Finding, read_yaml


def load_value_sets(folder: Path) -> dict[str, CodeSet]:
    """Return the value sets of ``folder/value-sets`` by name; FaultyFile with every fault of all of them."""
    found: dict[str, CodeSet] = {}
    faults: list[Fault] = []
    for file in sorted((folder / VALUE_SETS).glob("*.yaml")):
        try:
            found[file.stem] = read_value_set(file.read_text(encoding="utf-8"), f"{VALUE_SETS}/{file.name}")
        except FaultyFile as faulty:
            faults.extend(faulty.faults)
    if faults:
        raise FaultyFile(faults)
    return found


def read_value_set(text: str, file: str) -> CodeSet:
    """Return the codes of one file; ``file`` (``value-sets/<name>.yaml``) says where faults are."""
    document = read_yaml(text, file)
    findings = [Finding(tuple(error.absolute_path), *plainly(error)) for error in _schema().iter_errors(document.data)]
    if not findings:
        findings = list(code_findings(document.data["codes"], ("codes",), {}))
        if f"{VALUE_SETS}/{document.data['value-set']}.yaml" != file:
            findings.append(Finding(("value-set",), "the file has another name", "call both the same"))
    if findings:
        raise FaultyFile([document.fault(*finding) for finding in findings])
    return code_set(document.data["codes"], {})


@cache
def _schema() -> Draft202012Validator:
    """Codes are written as in a policy: the policy's own schema says how."""
    schemas = resources.files("rules")
    schema = json.loads(schemas.joinpath("value_set.schema.json").read_text("utf-8"))
    policy = json.loads(schemas.joinpath("policy.schema.json").read_text("utf-8"))
    codes = {**policy["$defs"]["codes"], "additionalProperties": False}
    codes["properties"] = {name: one for name, one in codes["properties"].items() if name != VALUE_SETS}
    schema["properties"]["codes"] = codes
    return Draft202012Validator(schema | {"$defs": policy["$defs"]})
