"""How does CQL text become the ELM that the tests run?

The npm packages are fetched into ``build/`` at the versions written here and never committed. Their translator
needs two model infos, which ``../shared/cql`` holds. Run as ``python -m tests.cql.translator.translate``, this
module remakes ``fixtures/cql/cases.json.gz`` from the public suite; the tests themselves need no Node.
"""

import gzip
import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).parents[3]
MODELS = HOUSE.parent / "shared" / "cql"
PACKAGES = HOUSE / "build" / "translator"
FIXTURES = HOUSE / "fixtures" / "cql"
VERSIONS = {
    "@cqframework/cql": "5.3.0",  # the translator
    "@lhncbc/ucum-lhc": "7.1.10",  # tells it which units exist
    "cql-execution": "3.3.2",  # the oracle
    "cql-exec-fhir": "2.2.0",
}


def installed() -> Path:
    """Return the folder with the npm packages, fetched when they are not there yet."""
    manifest = PACKAGES / "package.json"
    wanted = json.dumps({"private": True, "dependencies": VERSIONS})
    if not (PACKAGES / "node_modules").is_dir() or manifest.read_text() != wanted:
        PACKAGES.mkdir(parents=True, exist_ok=True)
        manifest.write_text(wanted)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=PACKAGES, check=True)  # noqa: S607
    return PACKAGES


def translated(texts: Mapping[str, str], libraries: Mapping[str, str] | None = None) -> dict[str, dict]:
    """Return ``{key: {"elm": …} | {"errors": […]}}`` for each text; ``libraries`` are what they may include."""
    asked = {"libraries": libraries or {}, "cases": [{"key": key, "text": text} for key, text in texts.items()]}
    script = Path(__file__).with_name("translate.mjs")
    done = subprocess.run(
        ["node", script, MODELS, installed()],  # noqa: S607
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    answered: dict[str, dict] = json.loads(done.stdout)
    return answered


def pruned(elm: Any) -> Any:
    """Return ELM without what evaluation does not read: annotations, operators' signatures and empty lists."""
    if isinstance(elm, dict):
        noise = {"annotation"} if elm.get("type") == "FunctionRef" else {"annotation", "signature"}
        return {key: pruned(value) for key, value in elm.items() if key not in noise and value != []}
    return [pruned(member) for member in elm] if isinstance(elm, list) else elm


def write_gzip(path: Path, value: Any) -> None:
    """Write compact JSON, compressed; the same value gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(value, separators=(",", ":"), sort_keys=True).encode(), 9, mtime=0))


def read_gzip(path: Path) -> Any:
    return json.loads(gzip.decompress(path.read_bytes()))


def public_suite() -> list[dict]:
    """Return the cases with the ELM of their expression and of each expected output, or why there is none."""
    cases = json.loads((MODELS / "cql-tests.json").read_text())
    texts = {}
    for number, case in enumerate(cases):
        texts[f"{number}"] = f"library Case\ndefine Actual:\n  {case['expression']}"
        texts |= {
            f"{number}.{place}": f"library Case\ndefine Expected:\n  {_spelt(output)}"
            for place, output in enumerate(case["outputs"])
        }
    elm = translated(texts)
    return [
        {key: case[key] for key in ("suite", "group", "name", "expression", "outputs", "invalid")}
        | _expression("elm", elm[f"{number}"])
        | {"expected": [_expression("elm", elm[f"{number}.{place}"]) for place in range(len(case["outputs"]))]}
        for number, case in enumerate(cases)
    ]


def _spelt(output: str) -> str:
    """Return an expected output as CQL: some write a quantity without its blank and a number with its type."""
    return re.sub(r"(?<=\d)'(?=[^']*')", " '", output, count=1)


def _expression(name: str, answer: dict) -> dict:
    if "errors" in answer:
        return {"errors": answer["errors"]}
    (define,) = [one for one in answer["elm"]["library"]["statements"]["def"] if one["name"] != "Patient"]
    return {name: pruned(define["expression"])}


if __name__ == "__main__":
    suite = public_suite()
    write_gzip(FIXTURES / "cases.json.gz", suite)
    refused = sum("errors" in case for case in suite)
    print(f"{len(suite)} cases, {len(suite) - refused} translated, {refused} refused by the translator")  # noqa: T201
