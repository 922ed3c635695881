"""What does the JavaScript engine answer on the same ELM and the same records?

Run as ``python -m tests.cql.translator.oracle``, this module translates ``fixtures/cql/*.cql`` and runs the defines
with npm ``cql-execution``: Story over ``fixtures/cql/record.json``, Sandbox over each patient of the sandbox EHR. Both
go with the answers into ``story.json.gz`` and ``sandbox.json.gz``, so that the tests need no Node; the patients'
records too, as they were on that day.
"""

import json
import subprocess
from pathlib import Path

from app.sandbox.records import Records
from fhir_r4.wire import read_object, write_json
from tests.cql.public_suite import NOW
from tests.cql.translator.helpers import fhir_helpers
from tests.cql.translator.translate import FIXTURES, PACKAGES, installed, pruned, translated, write_gzip

WHOLE = PACKAGES / "story.json"
"""The libraries as translated, with FHIRHelpers' text: the oracle needs it, also in ``bench/cql.py``."""


def told_by_oracle(elms: list[dict], name: str, record: dict) -> dict[str, dict]:
    """Return ``{define: {"value": …} | {"error": …}}`` as the JavaScript engine has it."""
    asked = {
        "libraries": elms,
        "name": name,
        "record": record,
        "valueSets": json.loads((FIXTURES / "value-sets.json").read_text()),
        "now": NOW.isoformat(timespec="milliseconds"),
    }
    done = subprocess.run(
        ["node", Path(__file__).with_name("oracle.mjs"), installed()],  # noqa: S607
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    answers: dict[str, dict] = json.loads(done.stdout)
    return answers


def patients() -> dict[str, dict]:
    """Return each of the sandbox's patients as a Bundle: who they are, what is theirs, and what all share."""
    files = sorted((FIXTURES.parent / "ehr").glob("*.json"))
    held = Records.load(FIXTURES.parent / "ehr", NOW.date())
    everything = [held.get(_key(json.loads(file.read_text()))) for file in files]
    resources = [one for one in everything if one]
    ids = [one["id"] for one in resources if one["resourceType"] == "Patient"]
    return {own: _bundle([one for one in resources if _of(one) in ("", own)]) for own in ids}


def _key(resource: dict) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _of(resource: dict) -> str:
    """Return the id of the patient whose resource it is, or nothing."""
    if resource["resourceType"] == "Patient":
        return str(resource["id"])
    named: dict = next((resource[name] for name in ("subject", "beneficiary", "patient") if name in resource), {})
    return str(named.get("reference", "")).removeprefix("Patient/")


def _bundle(resources: list[dict]) -> dict:
    entries = [{"resource": one} for one in resources]
    return read_object(write_json({"resourceType": "Bundle", "type": "collection", "entry": entries}))


def made() -> dict[str, dict]:
    """Return both files' content by name."""
    texts = {path.stem: path.read_text() for path in sorted(FIXTURES.glob("*.cql"))}
    libraries = texts | {"FHIRHelpers": fhir_helpers()}
    elms = translated(libraries, libraries)
    for name, answer in elms.items():
        if "errors" in answer:
            raise SystemExit(f"{name}: " + "\n".join(answer["errors"]))
    every = [answer["elm"] for answer in elms.values()]
    WHOLE.write_text(json.dumps(every))
    pruned_ones = {name: pruned(elms[name]["elm"]) for name in libraries}
    record = json.loads((FIXTURES / "record.json").read_text())
    story = {
        "libraries": [pruned_ones[name] for name in ("Story", "Terms")],
        "helpers": pruned_ones["FHIRHelpers"],
        "oracle": told_by_oracle(every, "Story", record),
    }
    records = {name: json.loads(write_json(bundle)) for name, bundle in patients().items()}
    sandbox = {
        "libraries": [pruned_ones[name] for name in ("Sandbox", "Terms")],
        "records": records,
        "oracle": {name: told_by_oracle(every, "Sandbox", bundle) for name, bundle in records.items()},
    }
    return {"story": story, "sandbox": sandbox}


if __name__ == "__main__":
    files = made()
    for name, content in files.items():
        write_gzip(FIXTURES / f"{name}.json.gz", content)
    oracles = [files["story"]["oracle"], *files["sandbox"]["oracle"].values()]
    failed = {name: one["error"] for oracle in oracles for name, one in oracle.items() if "error" in one}
    print(f"{sum(map(len, oracles))} defines, {len(failed)} fail in the oracle", failed)  # noqa: T201
