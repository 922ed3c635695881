"""What does one fault in a good example look like, and what does one harmless change?

``python -m tests.fhir_r4.mutations`` prints how many of each are judged right. The labels come from a walk of the
published snapshots that shares nothing with the compiler: it reads an example beside the flat list of element
definitions, by path, and says of each place what the snapshot forbids there. Slices are left to the definitions
they slice, so that a label is never a guess.
"""

import copy
import json
import random
import sys
import tarfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import click

from fhir_r4.problems import Issue
from fhir_r4.profiles.check import committed
from tests.fhir_r4.packages import FOLDER, GUIDES, guide_examples, profile_of

CORE = "hl7.fhir.r4.core-4.0.1.tgz"
PRIMITIVE = {"base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer"}
PRIMITIVE |= {"markdown", "oid", "positiveInt", "string", "time", "unsignedInt", "uri", "url", "uuid", "xhtml"}
OPEN_CODES = ("mimetypes", "languages", "all-languages", "currencies", "ucum-units", "timezones")


@dataclass(frozen=True)
class Place:
    """One value of an example: how to reach it, its FHIRPath, and the element definition that speaks of it."""

    keys: tuple[str | int, ...]
    path: str
    element: dict
    type: str
    single: bool  # not a member of a list
    guide: str
    profile: str

    @property
    def name(self) -> str | int:
        return self.keys[-1]


@dataclass(frozen=True)
class Change:
    """A changed example: what was done, where an issue is due (nowhere, if the change is legal), and the result."""

    kind: str
    guide: str
    example: str
    path: str
    body: dict


@cache
def published(archive: str) -> dict[str, dict]:
    """Return url -> definition, of the StructureDefinitions and ValueSets of one package."""
    found: dict[str, dict] = {}
    with tarfile.open(FOLDER / archive) as files:
        for member in files:
            if member.name.startswith(("package/StructureDefinition-", "package/ValueSet-")):
                definition = json.load(files.extractfile(member))
                found[definition["url"]] = definition
    return found


@cache
def snapshots(archive: str) -> dict[str, dict[str, dict]]:
    """Return url -> path -> element definition, without slices, of one package."""
    return {
        url: {e["path"]: e for e in definition["snapshot"]["element"] if ":" not in e["id"]}
        for url, definition in published(archive).items()
        if "snapshot" in definition
    }


def extension_elements(guide: str, url: object) -> dict[str, dict]:
    """Return id -> element definition of an extension that the guide defines."""
    definition = published(GUIDES[guide][0]).get(str(url), {})
    return {e["id"]: e for e in definition.get("snapshot", {}).get("element", [])}


def definitions(guide: str, url: str | None, type_: str) -> dict[str, dict]:
    own = snapshots(GUIDES[guide][0])
    return own.get((url or "").partition("|")[0]) or snapshots(CORE)[f"http://hl7.org/fhir/StructureDefinition/{type_}"]


def places(guide: str, body: dict, url: str | None, keys: tuple = (), path: str = "") -> Iterator[Place]:
    """Yield every value below a resource that a snapshot speaks of."""
    root = body["resourceType"]
    elements = definitions(guide, url, root)
    if root not in elements:
        return
    yield from _below(guide, body, elements, root, keys, path or root, url or "")


def _below(guide: str, holder: dict, elements: dict, at: str, keys: tuple, path: str, profile: str) -> Iterator[Place]:
    for key, value in holder.items():
        found = _definition(elements, at, key)
        if found is None:
            continue
        element, name, type_ = found
        shown = f"{path}.{name[:-3]}.ofType({type_})" if name.endswith("[x]") else f"{path}.{name}"
        many = isinstance(value, list)
        for place, one in enumerate(value if many else [value]):
            spot = Place(
                (*keys, key, place) if many else (*keys, key),
                f"{shown}[{place}]" if many else shown,
                element,
                type_,
                not many,
                guide,
                profile,
            )
            if f"_{key}" not in holder:  # with its sibling beside it, a primitive may go
                yield spot
            yield from _inside(guide, one, elements, f"{at}.{name}", spot)


def _inside(guide: str, value: object, elements: dict, at: str, spot: Place) -> Iterator[Place]:
    if not isinstance(value, dict):
        return
    if "resourceType" in value:
        claimed = value.get("meta", {}).get("profile", [None])[0]
        yield from places(guide, value, claimed, spot.keys, spot.path)
    elif any(path.startswith(f"{at}.") for path in elements):
        yield from _below(guide, value, elements, at, spot.keys, spot.path, spot.profile)
    elif spot.type not in PRIMITIVE and spot.type not in ("BackboneElement", "Element", ""):
        url = f"http://hl7.org/fhir/StructureDefinition/{spot.type}"
        if url in snapshots(CORE):
            yield from _below(guide, value, snapshots(CORE)[url], spot.type, spot.keys, spot.path, "")


def _definition(elements: dict, at: str, key: str) -> tuple[dict, str, str] | None:
    exact = elements.get(f"{at}.{key}")
    if exact is not None:
        types = exact.get("type", [])
        code = types[0]["code"].rpartition(".")[2] if types else ""
        return exact, key, {"String": "string"}.get(code, code)
    for path, element in elements.items():
        stem = path.rpartition(".")[2]
        if path.rpartition(".")[0] == at and stem.endswith("[x]") and key.startswith(stem[:-3]):
            for type_ in element.get("type", []):
                code = type_["code"]
                if key == stem[:-3] + code[0].upper() + code[1:]:
                    return element, stem, code
    return None


# --- making changes ------------------------------------------------------------------------------------------------


def _changed(body: dict, keys: tuple, change: Callable[[dict | list, str | int], None]) -> dict:
    copied = copy.deepcopy(body)
    holder = copied
    for key in keys[:-1]:
        holder = holder[key]
    change(holder, keys[-1])
    return copied


def _set(value: object) -> Callable:
    def change(holder: dict | list, key: str | int) -> None:
        holder[key] = value

    return change


def _put(name: str, value: object) -> Callable:
    def change(holder: dict | list, key: str | int) -> None:
        holder[key][name] = value

    return change


def _delete(holder: dict, key: str) -> None:
    del holder[key]


def _list_of(place: Place) -> str:
    return place.path.rpartition("[")[0] if not place.single else place.path


FAULTS: dict[str, Callable[[Place, object], tuple[str, tuple, Callable] | None]] = {}
"""Kind -> (place, value) -> the path an issue is due at, the keys to change, and how; None where not forbidden."""


def fault(kind: str) -> Callable:
    def register(function: Callable) -> Callable:
        FAULTS[kind] = function
        return function

    return register


@fault("missing required")
def _missing(place: Place, value: object):
    if place.element.get("min", 0) < 1 or not place.single:
        return None
    path = place.path.partition(".ofType")[0] if place.path.endswith(")") else place.path
    return path, place.keys, _delete


@fault("missing required list")
def _missing_list(place: Place, value: object):
    if place.element.get("min", 0) < 1 or place.single or place.keys[-1] != 0:
        return None
    return _list_of(place), place.keys[:-1], _delete


@fault("one too many")
def _too_many(place: Place, value: object):
    high = place.element.get("max", "*")
    if place.single or not high.isdigit() or place.keys[-1] != 0:
        return None

    def repeat(holder: dict, key: str) -> None:
        holder[key] = holder[key] + [copy.deepcopy(holder[key][0])] * int(high)

    return _list_of(place), place.keys[:-1], repeat


@fault("a list for a single value")
def _wrapped(place: Place, value: object):
    return (place.path, place.keys, _set([value])) if place.single else None


@fault("a single value for a list")
def _unwrapped(place: Place, value: object):
    if place.single or place.keys[-1] != 0:
        return None
    return _list_of(place), place.keys[:-1], _set(value)


@fault("empty list")
def _empty_list(place: Place, value: object):
    return None if place.single or place.keys[-1] != 0 else (_list_of(place), place.keys[:-1], _set([]))


@fault("null")
def _null(place: Place, value: object):
    return place.path, place.keys, _set(None)


@fault("empty string")
def _empty_string(place: Place, value: object):
    return (place.path, place.keys, _set("")) if isinstance(value, str) and place.type in PRIMITIVE else None


@fault("empty object")
def _empty_object(place: Place, value: object):
    return (place.path, place.keys, _set({})) if isinstance(value, dict) and "resourceType" not in value else None


@fault("an object for a primitive")
def _object(place: Place, value: object):
    return (place.path, place.keys, _set({"x": 1})) if place.type in PRIMITIVE else None


@fault("a primitive for an object")
def _primitive(place: Place, value: object):
    return (place.path, place.keys, _set("seven")) if isinstance(value, dict) and "resourceType" not in value else None


@fault("a number for a string")
def _number(place: Place, value: object):
    return (place.path, place.keys, _set(7)) if isinstance(value, str) and place.type in PRIMITIVE else None


@fault("a string for a number or boolean")
def _string(place: Place, value: object):
    right = place.type in ("boolean", "decimal", "integer", "positiveInt", "unsignedInt")
    return (place.path, place.keys, _set("seven")) if right else None


@fault("unknown element")
def _unknown(place: Place, value: object):
    if not isinstance(value, dict) or "resourceType" in value:
        return None
    return f"{place.path}.favouriteColour", place.keys, _put("favouriteColour", "blue")


@fault("bad date")
def _date(place: Place, value: object):
    right = place.type in ("date", "dateTime", "instant")
    return (place.path, place.keys, _set("2026-02-30")) if right else None


@fault("bad code")
def _code(place: Place, value: object):
    binding = place.element.get("binding", {})
    named = binding.get("valueSet", "").partition("|")[0]
    listed = named.startswith("http://hl7.org/fhir/ValueSet/") and not named.endswith(OPEN_CODES)
    right = place.type == "code" and binding.get("strength") == "required" and listed
    return (place.path, place.keys, _set("zzz-not-a-code")) if right else None


@fault("fixed value or pattern broken")
def _pattern(place: Place, value: object):
    pinned = {k: v for k, v in place.element.items() if k.startswith(("fixed", "pattern"))}
    if not pinned or not isinstance(value, str) or place.type == "uri":
        return None
    return place.path, place.keys, _set("other")


@fault("both choices")
def _both(place: Place, value: object):
    if not place.path.endswith(")") or len(place.element.get("type", [])) < 2:
        return None
    stem = place.element["path"].rpartition(".")[2][:-3]
    other = next((t["code"] for t in place.element["type"] if t["code"] != place.type and t["code"] in SAMPLES), None)
    if other is None:
        return None
    name = stem + other[0].upper() + other[1:]
    return place.path.partition(".ofType")[0], place.keys, lambda holder, _: holder.update({name: SAMPLES[other]})


@fault("a choice of another type")
def _other_type(place: Place, value: object):
    allowed = {t["code"] for t in place.element.get("type", [])}
    if not place.path.endswith(")") or "Ratio" in allowed:
        return None
    stem = place.element["path"].rpartition(".")[2][:-3]

    def swap(holder: dict, key: str) -> None:
        del holder[key]
        holder[f"{stem}Ratio"] = SAMPLES["Ratio"]

    return place.path.partition(".ofType")[0], place.keys, swap


@fault("a reference to the wrong type")
def _reference(place: Place, value: object):
    targets = [u for t in place.element.get("type", []) for u in t.get("targetProfile", [])]
    core = "http://hl7.org/fhir/StructureDefinition/"
    if place.type != "Reference" or not targets or not all(u.startswith(core) for u in targets):
        return None
    if any(u.removeprefix(core) in ("Resource", "Basic") for u in targets) or not isinstance(value, dict):
        return None
    return place.path, place.keys, _put("reference", "Basic/none")


@fault("unknown modifier extension")
def _modifier(place: Place, value: object):
    if not isinstance(value, dict) or place.type != "BackboneElement":
        return None
    unknown = {"url": "http://example.org/unknown", "valueBoolean": True}
    if "modifierExtension" in value:
        return None
    return f"{place.path}.modifierExtension", place.keys, _put("modifierExtension", [unknown])


@fault("an extension without its URL")
def _no_url(place: Place, value: object):
    if place.type != "Extension" or not isinstance(value, dict):
        return None
    return f"{place.path}.url", (*place.keys, "url"), _delete


@fault("a required part of an extension missing")
def _part(place: Place, value: object):
    if place.type != "Extension" or not isinstance(value, dict) or "extension" not in value:
        return None
    elements = extension_elements(place.guide, value.get("url"))
    needed = {
        elements[f"{id_}.url"].get("fixedUri")
        for id_, e in elements.items()
        if id_.startswith("Extension.extension:") and id_.count(".") == 1 and e["min"] and f"{id_}.url" in elements
    }
    present = [x["url"] for x in value["extension"]]
    gone = next((url for url in present if url in needed and present.count(url) == 1), None)
    if gone is None or len(present) == 1:
        return None
    left = [x for x in value["extension"] if x["url"] != gone]
    return f"{place.path}.extension", place.keys, _put("extension", left)


@fault("an extension's value of another type")
def _other_value(place: Place, value: object):
    if place.type != "Extension" or not isinstance(value, dict) or "extension" in value:
        return None
    allowed = extension_elements(place.guide, value.get("url")).get("Extension.value[x]")
    if allowed is None or "Ratio" in {t["code"] for t in allowed["type"]}:
        return None
    return f"{place.path}.value", place.keys, _set({"url": value["url"], "valueRatio": SAMPLES["Ratio"]})


@fault("a slice once too often")
def _slice_twice(place: Place, value: object):
    if place.type != "Extension" or place.single or not isinstance(value, dict):
        return None
    most = [
        e["max"]
        for definition in published(GUIDES[place.guide][0]).values()
        if definition.get("url") == place.profile
        for e in definition["snapshot"]["element"]
        if e["path"] == place.element["path"]
        and e["id"].startswith(f"{place.element['id']}:")
        and "." not in e["id"].removeprefix(f"{place.element['id']}:")
        and value.get("url") in {p.partition("|")[0] for t in e["type"] for p in t.get("profile", [])}
    ]
    if most != ["1"]:
        return None
    return _list_of(place), place.keys[:-1], lambda holder, key: holder[key].append(copy.deepcopy(value))


@fault("a coding outside a required value set")
def _coding(place: Place, value: object):
    binding = place.element.get("binding", {})
    value_set = None
    for archive in (GUIDES[place.guide][0], CORE):
        value_set = value_set or published(archive).get(binding.get("valueSet", "").partition("|")[0])
    includes = (value_set or {}).get("compose", {}).get("include", [])
    listed = includes and all("concept" in include for include in includes)
    if binding.get("strength") != "required" or place.type not in ("CodeableConcept", "Coding") or not listed:
        return None
    wrong = {"system": "http://example.org/codes", "code": "wrong"}
    return place.path, place.keys, _set({"coding": [wrong]} if place.type == "CodeableConcept" else wrong)


@fault("white space in a URI")
def _uri(place: Place, value: object):
    right = place.type in ("uri", "url", "canonical") and isinstance(value, str)
    return (place.path, place.keys, _set("not a url")) if right else None


@fault("a number out of range")
def _range(place: Place, value: object):
    if place.type not in ("positiveInt", "unsignedInt"):
        return None
    return place.path, place.keys, _set(-1)


@fault("a quantity's code without its system")
def _quantity(place: Place, value: object):
    if place.type != "Quantity" or not isinstance(value, dict):
        return None

    def unsystematic(holder: dict, key: str) -> None:
        holder[key]["code"] = "1"
        holder[key].pop("system", None)

    return place.path, place.keys, unsystematic


@fault("null beside a primitive")
def _null_sibling(place: Place, value: object):
    right = place.single and place.type in PRIMITIVE - {"xhtml"} and isinstance(place.name, str)
    return (place.path, place.keys, lambda holder, key: holder.update({f"_{key}": None})) if right else None


@fault("a fullUrl that is none of the resource's")
def _full_url(place: Place, value: object):
    if place.element["path"] != "Bundle.entry" or not isinstance(value, dict) or "resource" not in value:
        return None
    other = f"https://ehr.example.org/fhir/{value['resource']['resourceType']}/another"
    return place.path, place.keys, _put("fullUrl", other)


@fault("an element that is not allowed here")
def _prohibited(place: Place, value: object):
    """Claim.related of PAS 2.2.1's initial request, of which the snapshot allows none."""
    forbidden = place.profile.endswith("/profile-claim") and place.guide == "pas-2.2.1"
    if not forbidden or place.element["path"] != "Claim.insurance" or place.single:
        return None
    related = [{"claim": {"reference": "https://ehr.example.org/fhir/Claim/1"}}]
    path = place.path.rpartition(".")[0]
    return f"{path}.related", (*place.keys[:-2], "related"), lambda holder, key: holder.update({key: related})


@fault("a relative system")
def _system(place: Place, value: object):
    right = place.element["path"] == "Coding.system" and isinstance(value, str)
    return (place.path, place.keys, _set("codes")) if right else None


@fault("an extension twice as deep as defined")
def _value_and_parts(place: Place, value: object):
    if place.type != "Extension" or not isinstance(value, dict) or "extension" in value:
        return None
    part = [{"url": "http://example.org/mine", "valueString": "x"}]
    return place.path, place.keys, _put("extension", part)


@fault("a period that ends before it starts")
def _period(place: Place, value: object):
    if place.type != "Period" or not isinstance(value, dict):
        return None
    return place.path, place.keys, lambda holder, key: holder[key].update(start="2026-03-02", end="2026-03-01")


SAMPLES = {
    "boolean": True,
    "string": "x",
    "date": "2026-03-01",
    "dateTime": "2026-03-01",
    "integer": 1,
    "decimal": 1,
    "Period": {"start": "2026-03-01", "end": "2026-03-02"},
    "Quantity": {"value": 1},
    "CodeableConcept": {"text": "x"},
    "Ratio": {"numerator": {"value": 1}, "denominator": {"value": 2}},
}

# --- what is legal -------------------------------------------------------------------------------------------------

LEGAL: dict[str, Callable[[Place, object], tuple[tuple, Callable] | None]] = {}


def legal(kind: str) -> Callable:
    def register(function: Callable) -> Callable:
        LEGAL[kind] = function
        return function

    return register


@legal("an extension nobody knows")
def _extra_extension(place: Place, value: object):
    right = isinstance(value, dict) and place.type in ("BackboneElement", "CodeableConcept", "Identifier", "Period")
    closed = place.element["path"].startswith("Extension")
    if not right or closed:
        return None
    known = value.get("extension", [])
    return place.keys, _put("extension", [*known, {"url": "http://example.org/mine", "valueString": "x"}])


@legal("slices in another order")
def _reordered(place: Place, value: object):
    if not isinstance(value, dict) or len(value.get("extension", [])) < 2:
        return None
    return place.keys, lambda holder, key: holder[key].update(extension=holder[key]["extension"][::-1])


@legal("one more coding")
def _extra_coding(place: Place, value: object):
    if place.type != "CodeableConcept" or not isinstance(value, dict) or "coding" not in value:
        return None
    mine = {"system": "http://example.org/codes", "code": "mine"}
    return place.keys, lambda holder, key: holder[key]["coding"].append(mine)


@legal("an id on an element")
def _with_id(place: Place, value: object):
    right = isinstance(value, dict) and "resourceType" not in value and "id" not in value
    return (place.keys, _put("id", "e1")) if right else None


@legal("an extension beside a primitive")
def _sibling(place: Place, value: object):
    right = place.single and place.type in PRIMITIVE - {"xhtml"} and isinstance(place.name, str)
    if not right or place.name in ("id", "url", "resourceType") or place.element["path"].startswith("Extension"):
        return None
    said = {"extension": [{"url": "http://example.org/mine", "valueString": "x"}]}
    return place.keys, lambda holder, key: holder.setdefault(f"_{key}", said)


@legal("another type of a choice")
def _other_choice(place: Place, value: object):
    if not place.path.endswith(")") or not place.element["path"].startswith("Claim.item.serviced"):
        return None
    other = "servicedDate" if place.type == "Period" else "servicedPeriod"
    sample = SAMPLES["date" if place.type == "Period" else "Period"]

    def swap(holder: dict, key: str) -> None:
        del holder[key]
        holder[other] = sample

    return place.keys, swap


@legal("no display")
def _no_display(place: Place, value: object):
    return (place.keys, _delete) if place.name == "display" and place.element["path"] == "Coding.display" else None


# --- judging ---------------------------------------------------------------------------------------------------


def changes(kinds: dict[str, Callable], each: int, *, seed: int = 4) -> Iterator[Change]:
    """Yield at most ``each`` changes of each kind, spread over all examples, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 a choice of examples
    found: dict[str, list[tuple]] = defaultdict(list)
    for guide in GUIDES:
        for name, body in guide_examples(guide).items():
            for place in places(guide, body, profile_of(guide, body)):
                value = body
                for key in place.keys:
                    value = value[key]
                for kind, judge in kinds.items():
                    if (due := judge(place, value)) is not None:
                        found[kind].append((guide, name, place, due))
    for kind, all_of in found.items():
        for guide, name, place, due in chance.sample(all_of, min(each, len(all_of))):
            path, keys, change = due if len(due) == 3 else (place.path, *due)
            yield Change(kind, guide, name, path, _changed(guide_examples(guide)[name], keys, change))


@cache
def before(guide: str, name: str) -> frozenset[Issue]:
    body = guide_examples(guide)[name]
    return frozenset(_errors(guide, body, body))


def new_errors(change: Change) -> list[Issue]:
    """Return the errors that a change brings about."""
    original = guide_examples(change.guide)[change.example]
    known = before(change.guide, change.example)
    return [issue for issue in _errors(change.guide, change.body, original) if issue not in known]


def _errors(guide: str, body: dict, original: dict) -> list[Issue]:
    profiles = committed(GUIDES[guide][1])
    profile = profile_of(guide, original)
    if profile and profiles.definitions.profile(profile) is None:
        profile = None
    issues = profiles.check(body, profile, references="open")
    return [issue for issue in issues if issue.severity == "error"]


def is_at(issue: Issue, path: str) -> bool:
    """Tell whether an issue is at an element or inside it."""
    said = issue.expression or ""
    return said == path or said.startswith((f"{path}.", f"{path}["))


def judged(each: int) -> tuple[Counter, Counter, list[tuple[Change, list[Issue]]]]:
    """Return how many faults of each kind were made, how many found at their element, and those that were not."""
    made, right, wrong = Counter(), Counter(), []
    for change in changes(FAULTS, each):
        made[change.kind] += 1
        issues = new_errors(change)
        if any(is_at(issue, change.path) for issue in issues):
            right[change.kind] += 1
        else:
            wrong.append((change, issues))
    return made, right, wrong


def tolerated(each: int) -> tuple[Counter, list[tuple[Change, list[Issue]]]]:
    """Return how many legal changes of each kind were made, and those that were reported as errors."""
    made, wrong = Counter(), []
    for change in changes(LEGAL, each):
        made[change.kind] += 1
        if issues := new_errors(change):
            wrong.append((change, issues))
    return made, wrong


def main(each: int) -> None:
    """Print the table of kinds, and what was judged wrong."""
    made, right, missed = judged(each)
    for kind, count in made.items():
        click.echo(f"{kind:40} {count:5} {right[kind]:5}")
    click.echo(f"{'all faults':40} {made.total():5} {right.total():5}  {right.total() / made.total():.1%}")
    for change, issues in missed[:60]:
        at = [issue.expression for issue in issues][:3]
        click.echo(f"  missed: {change.kind} {change.guide} {change.example} {change.path} {at}")
    legal_made, reported = tolerated(each)
    for kind, count in legal_made.items():
        click.echo(f"{kind:40} {count:5}")
    click.echo(f"{'all legal changes':40} {legal_made.total():5}  reported: {len(reported)}")
    for change, issues in reported[:40]:
        click.echo(f"  reported: {change.kind} {change.guide} {change.example} {change.path} {issues[:2]}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
