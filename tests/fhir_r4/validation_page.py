"""``python -m tests.fhir_r4.validation_page`` writes docs/validation.md from the packages and the code."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from app.profiles import GENERATIONS, claims, compile_committed, examples, read_folder
from fhir_r4.problems import Issue
from fhir_r4.profiles.check import Profiles
from fhir_r4.profiles.deviations import DEVIATIONS
from fhir_r4.profiles.invariants import RULES, why_omitted
from fhir_r4.profiles.packages import Compilation, Package, compiled
from fhir_r4.resource import as_dict, kind
from fhir_r4.wire import read_json
from tests.fhir_r4 import mutations, verdicts
from tests.fhir_r4.packages import FOLDER

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
OPENING = """# Validation

Written by `python -m tests.fhir_r4.validation_page`; do not edit.

```sh
priorauth validate claim.json                                # against all that it claims, by the guides of 2.2
priorauth validate claim.json --generation 2.0 --profile http://hl7.org/fhir/us/davinci-pas/StructureDefinition/profile-claim
priorauth validate order.json --open                         # its references may lead out of the file
priorauth validate patient.json --packages packages          # by the packages (.tgz) of a folder
```

A line a fault: how bad, where by FHIRPath, what was expected, FHIR's code. Exit code 1 where one is an error. The last
lines are a second opinion, on the shape alone, where `fhir.resources` is installed (`make setup` does that).

`fhir_r4.profiles` compiles the snapshots of published StructureDefinitions to facts (`priorauth profiles compile`),
and reads the facts twice: as a JSON Schema 2020-12 that accepts most good resources in microseconds, and as a walk
that names every fault of the rest by its FHIRPath. The schema is a sufficient condition: what is rare it refuses,
and the walk decides. Both are held against each other on every example and on every kind of fault.

* What our operations reach is committed for both generations of the guides (2.0 and 2.2); other packages compile
  from the folder of `--packages` and are cached by content (`--cache`).
* Checked: cardinality, types, primitives with their siblings, choices, fixed values and patterns, slices by value,
  pattern, type, profile and existence, re-slices, closed and ordered ones, contained resources, references within the
  body, required bindings (an error), extensible ones (a warning), codes of every complete code system at hand,
  unknown modifier extensions, contexts of extensions, fullUrls, and the invariants below.
* Not checked: displays, units against UCUM, codes of SNOMED CT, LOINC, X12 and VSAC (no package holds them), narrative
  (the service's doors refuse what is active in it), FHIRPath contexts and invariants other than those below, and
  versions of what a canonical in an instance names.
* A reference that is relative, or a URN, must lead to something in the body; an absolute one may lead out of it.
  `references="open"` lets relative ones lead out as well, for single resources such as an order in a hook.
* A body is refused with one issue where it is nested deeper than any message, or where looking closely takes more
  than 300,000 steps (about two seconds); a valid megabyte needs none of them.

What it costs, beside fhir.resources and pure-Python jsonschema, is measured by `make bench` (docs/benchmarks.md).
Where a body has a fault, the schema's errors say which parts to walk; the rest is only looked over.
"""


def main() -> None:
    packages = read_folder(FOLDER)
    committed = compile_committed(packages)
    parts = [
        OPENING,
        *_agreement(),
        *_mutations(),
        *_deviations(),
        *_invariants(committed),
        *_missing(committed),
        *_examples(packages),
    ]
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join(parts) + "\n")


def _agreement() -> Iterator[str]:
    compared = [*verdicts.examples(), *verdicts.mutations()]
    apart = [one for one in compared if not one.agrees]
    share = 1 - len(apart) / len(compared)
    yield "## Beside the HL7 validator\n"
    yield f"Error or no error: the same in {len(compared) - len(apart)} of {len(compared)} ({share:.1%}). The others:\n"
    yield "| guide | example | they | we | why |\n|---|---|--:|--:|---|"
    for one in apart:
        yield f"| {one.guide} | {one.what} | {len(one.theirs)} | {len(one.ours)} | {one.explanation} |"


def _mutations() -> Iterator[str]:
    made, right, _ = mutations.judged(each=60)
    legal, reported = mutations.tolerated(each=60)
    yield "\n## Single faults\n"
    yield (
        f"Of {made.total()} faults that a snapshot forbids, {right.total()} ({right.total() / made.total():.1%}) are "
        f"reported at their element; of {legal.total()} legal changes {len(reported)} are reported "
        "(`python -m tests.fhir_r4.mutations`).\n"
    )
    yield "| fault | made | found |\n|---|--:|--:|"
    yield from (f"| {name} | {count} | {right[name]} |" for name, count in sorted(made.items()))
    yield "\n| legal change | made |\n|---|--:|"
    yield from (f"| {name} | {count} |" for name, count in sorted(legal.items()))


def _deviations() -> Iterator[str]:
    yield "\n## Deviations\n"
    yield "Where a published package is known to be wrong. `Profiles(…, strict={name})` enforces the published text.\n"
    yield "| name | why |\n|---|---|"
    yield from (f"| {deviation.name} | {deviation.why} |" for deviation in DEVIATIONS)


def _invariants(compilation: Compilation) -> Iterator[str]:
    yield "\n## Invariants\n"
    keys = ", ".join(f"`{key}`" for key in sorted({rule.key for rule in RULES}))
    yield f"Checked in Python, {len(RULES)} rules: {keys}.\n"
    yield "Left out:\n"
    yield "| why | invariants |\n|---|---|"
    by_reason: dict[str, set[str]] = {}
    for key, _ in compilation.facts.left_out:
        by_reason.setdefault(why_omitted(key), set()).add(key)
    for why, left in sorted(by_reason.items()):
        yield f"| {why} | {', '.join(sorted(left))} |"


def _missing(compilation: Compilation) -> Iterator[str]:
    yield "\n## Canonicals that no package holds\n"
    yield "A target among them is checked by its base type, a value set not at all.\n"
    yield "| canonical | named in |\n|---|---|"
    for canonical, by in sorted(compilation.facts.missing.items()):
        yield f"| {canonical} | {', '.join(sorted(by))} |"


def _examples(packages: list[Package]) -> Iterator[str]:
    generations = dict(GENERATIONS) | {p.id: [p.id] for p in packages}
    generation_of = {package_id: name for name, listed in GENERATIONS.items() for package_id in listed}
    everything = compiled(packages, generations, reach=False)
    texts = everything.facts.written()
    yield "\n## Every published example\n"
    yield "Against the profile that its guide publishes it for, else those it claims; references may lead out.\n"
    for path in sorted(FOLDER.glob("*.tgz")):
        archive = path.read_bytes()
        published = claims(archive)
        package = next(p for p in packages if path.name == f"{p.name}-{p.version}.tgz")
        profiles = Profiles(texts, generation_of.get(package.id, package.id))
        rows = [_row(profiles, published, name, read_json(body)) for name, body in examples(archive)]
        rows = [row for row in rows if row]
        if rows:
            counts = Counter("keeps" in row for row in rows)
            yield f"\n### {package.name} {package.version}: {counts[True]} of {len(rows)} keep to their profile\n"
            yield "| example | profile | verdict |\n|---|---|---|"
            yield from rows


def _row(profiles: Profiles, published: dict[str, str], name: str, body: object) -> str:
    if not isinstance(body, dict) or not kind(body):
        return ""
    profile = published.get(f"{kind(body)}/{body.get('id')}")
    if profile and profiles.definitions.profile(profile) is None:
        profile = None
    found = [issue for issue in profiles.check(body, profile, references="open") if issue.severity == "error"]
    claimed = as_dict(body.get("meta")).get("profile") or [kind(body)]
    shown = (profile or claimed[0]).rpartition("/")[2]
    return f"| {name.removesuffix('.json')} | {shown} | {_verdict(found)} |"


def _verdict(found: list[Issue]) -> str:
    if not found:
        return "keeps"
    reasons = Counter(f"{_generic(issue)}: {issue.diagnostics}" for issue in found)
    first = "; ".join(reason.replace("|", "\\|") for reason, _ in reasons.most_common(3))
    return f"{len(found)} errors: {first}" if len(found) > 1 else f"1 error: {first}"


def _generic(issue: Issue) -> str:
    return f"`{issue.expression}`"


if __name__ == "__main__":
    main()
