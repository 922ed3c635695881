"""Which elements do the guides mark as must-support in what a payer answers with? Read from the published packages.

``python -m tests.must_support`` writes what ``priorauth demo --showcase`` compares with: names and URLs, no more.
"""

import json
import tarfile
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ROOT.parent / "shared" / "ig"
FILE = ROOT / "app" / "demo" / "must_support.json"
GUIDES = {"2.0": "hl7.fhir.us.davinci-pas-2.0.1.tgz", "2.2": "hl7.fhir.us.davinci-pas-2.2.1.tgz"}
PROFILES = ("profile-claimresponse", "profile-claiminquiryresponse", "profile-communicationrequest", "profile-task")


ASKED = ("profile-claim", "profile-claim-update")


def must_support(profiles=PROFILES):
    """Return by generation and profile the marked elements; of a slice its name, and what tells it from others."""
    return {generation: guide(PACKAGES / archive, profiles) for generation, archive in GUIDES.items()}


def guide(archive, profiles):
    """Return by profile the marked elements of one package."""
    found = definitions(archive)
    return {name: _profile(found[name]) for name in profiles}


@lru_cache
def definitions(archive):
    """Return a package's StructureDefinitions by id."""
    found = {}
    with tarfile.open(archive) as files:
        for member in files:
            if member.name.startswith("package/StructureDefinition-") and member.name.endswith(".json"):
                definition = json.load(files.extractfile(member))
                found[definition["id"]] = definition
    return found


def _profile(definition):
    elements = definition["snapshot"]["element"]
    told = {one["id"]: mark for one in elements if (mark := _mark(one, elements))}
    marked = [one["id"] for one in elements if one.get("mustSupport")]
    return {one: {path: told[path] for path in _slices(one) if path in told} for one in marked}


def _slices(path):
    steps = path.split(".")
    return [".".join(steps[: n + 1]) for n in range(len(steps)) if ":" in steps[n]]


def _mark(element, elements):
    """Return the url of an extension's slice, or the code that the type of a slice has to have."""
    if ":" not in element["id"].rpartition(".")[2]:
        return None
    if element["path"].endswith("xtension"):
        fixed = (one["fixedUri"] for one in elements if one["id"] == f"{element['id']}.url" and "fixedUri" in one)
        profile = next(iter(element["type"][0].get("profile", ())), "").partition("|")[0]
        return profile or next(fixed, None)
    told = (f"{element['id']}.type", f"{element['id']}.category")
    patterns = (one.get("patternCodeableConcept") for one in elements if one["id"] in told)
    found = next((one for one in patterns if one), None)
    return found["coding"][0]["code"] if found else None


if __name__ == "__main__":
    FILE.write_text(json.dumps(must_support(), indent=1) + "\n")
