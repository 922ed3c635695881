"""How does check() agree with the HL7 validator on published examples and on single faults in them?"""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass

from fhir_r4.problems import Issue
from fhir_r4.profiles.check import committed
from tests.fhir_r4.packages import GUIDES, SHARED, guide_examples

CHAINS = "the validator finds no profile match for a target that itself refers on; at its own entry it finds no fault"
CODE_LISTS = "the race and ethnicity codes are in VSAC only; to the validator a code it cannot find is an error"
NOT_LOADED = "the validator had not loaded SDC, whose code system this is"
EXPLAINED = {  # (guide, example or example and path) -> why the two differ
    **{
        ("pas-2.0.1", f"Bundle-{name}BundleExample.json"): CHAINS
        for name in (
            "HomecareAuthorization",
            "HomecareAuthorizationDifferential",
            "HomecareAuthorizationUpdate",
            "MedicalServicesAuthorization",
            "PASClaimInquiry",
            "ReferralAuthorization",
        )
    },
    ("crd-2.0.1", "Patient-example.json"): CODE_LISTS,
    ("crd-2.0.1", "Task-questionnaire-example.json input.0.type.coding"): NOT_LOADED,
    ("crd-2.0.1", "Task-questionnaire-example.json input.1.type.coding"): NOT_LOADED,
}


@dataclass(frozen=True)
class Comparison:
    """One row: what was judged, what the validator found, and what check() did."""

    guide: str
    what: str
    theirs: list[dict]
    ours: list[Issue]

    @property
    def agrees(self) -> bool:
        return bool(self.theirs) == bool(self.ours)

    @property
    def explanation(self) -> str | None:
        return EXPLAINED.get((self.guide, self.what))


def examples() -> Iterator[Comparison]:
    for row in _rows("examples"):
        found = _errors(row["guide"], guide_examples(row["guide"])[row["example"]])
        yield Comparison(row["guide"], row["example"], row["errors"], sorted(found, key=str))


def mutations() -> Iterator[Comparison]:
    """Yield the faults with the errors that each of the two finds because of it."""
    for row in _rows("mutations"):
        good = guide_examples(row["guide"])[row["example"]]
        bad = copy.deepcopy(good)
        _spoil(bad, row["kind"], row["path"])
        found = _errors(row["guide"], bad) - _errors(row["guide"], good)
        what = f"{row['example']} {'.'.join(map(str, row['path']))}"
        yield Comparison(row["guide"], what, row["new_errors"], sorted(found, key=str))


def _rows(name: str) -> Iterator[dict]:
    for line in (SHARED / "verdicts" / f"{name}.jsonl").read_text().splitlines():
        yield json.loads(line)


def _errors(guide: str, body: dict) -> set[Issue]:
    issues = committed(GUIDES[guide][1]).check(body)
    return {issue for issue in issues if issue.severity == "error"}


def _spoil(body: dict, kind: str, path: list) -> None:
    holder = body
    for key in path[:-1]:
        holder = holder[key]
    key, value = path[-1], holder[path[-1]]
    replaced = {
        "empty-array": [],
        "null": None,
        "empty-string": "",
        "wrong-type": {"x": 1} if isinstance(value, str) else "seven",
        "bad-date": "22/11/2026",
        "bad-code": "zzz-not-a-code",
        "bad-system": "http://example.org/not-the-system",
        "bad-ref-type": "Medication/none",
        "bad-url": "not a url",
        "extension-url": "http://example.org/unknown-extension",
    }
    if kind in replaced:
        holder[key] = replaced[kind]
    elif kind == "duplicate":
        value.append(copy.deepcopy(value[0]))
    elif kind == "unknown":
        value["favouriteColour"] = "blue"
    elif kind == "both-choices":
        holder["valueInteger"] = 1
    else:
        del holder[key]
        if kind == "swap-value":
            holder["valueQuantity"] = {"value": 1}
