"""What does the JavaScript engine answer on the same ELM and the same record?

Run as ``python -m tests.cql.translator.oracle``, this module translates ``fixtures/cql/*.cql``, runs the defines of
Story with npm ``cql-execution`` and keeps both in ``fixtures/cql/story.json.gz``, so that the tests need no Node.
"""

import json
import subprocess
from pathlib import Path

from tests.cql.public_suite import NOW
from tests.cql.translator.helpers import fhir_helpers
from tests.cql.translator.translate import FIXTURES, PACKAGES, installed, pruned, translated, write_gzip

WHOLE = PACKAGES / "story.json"
"""The libraries as translated, with FHIRHelpers' text: the oracle needs it, also in ``bench/cql.py``."""


def told_by_oracle(elms: list[dict], name: str) -> dict[str, dict]:
    """Return ``{define: {"value": …} | {"error": …}}`` as the JavaScript engine has it."""
    asked = {
        "libraries": elms,
        "name": name,
        "record": json.loads((FIXTURES / "record.json").read_text()),
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


def story() -> dict:
    texts = {path.stem: path.read_text() for path in sorted(FIXTURES.glob("*.cql"))}
    libraries = texts | {"FHIRHelpers": fhir_helpers()}
    elms = translated(libraries, libraries)
    for name, answer in elms.items():
        if "errors" in answer:
            raise SystemExit(f"{name}: " + "\n".join(answer["errors"]))
    every = [answer["elm"] for answer in elms.values()]
    WHOLE.write_text(json.dumps(every))
    ours = [pruned(elms[name]["elm"]) for name in texts]
    helpers = pruned(elms["FHIRHelpers"]["elm"])
    return {"libraries": ours, "helpers": helpers, "oracle": told_by_oracle(every, "Story")}


if __name__ == "__main__":
    made = story()
    write_gzip(FIXTURES / "story.json.gz", made)
    failed = {name: one["error"] for name, one in made["oracle"].items() if "error" in one}
    print(f"{len(made['oracle'])} defines, {len(failed)} fail in the oracle", failed)  # noqa: T201
