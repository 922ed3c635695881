"""check() on the published packages: their examples, single faults in these, and the HL7 validator's verdicts."""

import copy
import random
from collections.abc import Iterator

import pytest

from app.profiles import compile_committed, read_folder
from fhir_r4.profiles.check import FILES, committed, committed_texts
from fhir_r4.profiles.scope import Spot
from tests.fhir_r4 import mutations, verdicts
from tests.fhir_r4.packages import FOLDER, GUIDES, guide_examples, needs_packages, needs_verdicts, profile_of

pytestmark = [needs_packages, pytest.mark.slow]


@needs_verdicts
def test_we_agree_with_the_hl7_validator():
    """On error or no error in at least 95 %; each disagreement is explained in verdicts.py."""
    compared = [*verdicts.examples(), *verdicts.mutations()]
    apart = [one for one in compared if not one.agrees]
    assert len(compared) - len(apart) >= 0.95 * len(compared)
    assert [(one.guide, one.what) for one in apart if one.explanation is None] == []


def test_faults_are_reported_at_their_element():
    """Of more than a thousand single faults that a snapshot forbids, 98 % are reported where they are."""
    made, right, missed = mutations.judged(each=40)
    assert made.total() >= 1000
    assert len(made) >= 20
    assert right.total() >= 0.98 * made.total(), missed[:5]


def test_legal_changes_are_not_reported():
    made, reported = mutations.tolerated(each=55)
    assert made.total() >= 300
    assert reported == []


def test_the_schemas_are_never_more_lenient_than_the_walk():
    """What a schema accepts is only looked over; the full walk finds the same in every example and every fault."""
    changes = [*mutations.changes(mutations.FAULTS, 8), *mutations.changes(mutations.LEGAL, 8)]
    bodies = [(change.guide, change.body) for change in changes]
    bodies += [(guide, body) for guide in GUIDES for body in guide_examples(guide).values()]
    for guide, body in bodies:
        profiles = committed(GUIDES[guide][1])
        quick = profiles.check(body, references="open")
        slow = profiles.check(body, references="open", closely=True)
        assert set(quick) == set(slow)


JUNK = [None, True, 0, -1, 1.5, "", "x", "#", "#x", "urn:uuid:1", "Patient/1", [], {}, [None], [[]], [{}], {"x": 1}]
JUNK += [{"extension": [None]}, {"extension": [{"url": 1}]}, {"reference": 5}, {"reference": "#"}, {"coding": [None]}]
JUNK += [{"resourceType": "Patient"}, {"resourceType": 5}, {"system": 5, "code": []}, "9" * 5000, ["a"] * 50]
NAMES = [
    "extension",
    "modifierExtension",
    "contained",
    "meta",
    "resourceType",
    "entry",
    "id",
    "text",
    "item",
    "_status",
]


def test_junk_anywhere_is_answered_and_both_readers_agree():
    """Whatever stands wherever in an example, check() answers, and the schema and the walk say the same."""
    chance = random.Random(4)  # noqa: S311 a choice of places
    bodies = [(guide, body) for guide in GUIDES for body in guide_examples(guide).values()]
    for _ in range(400):
        guide, good = chance.choice(bodies)
        body = copy.deepcopy(good)
        for _ in range(chance.choice([1, 1, 2, 4])):
            holder, key = chance.choice(list(_places(body)))
            named = isinstance(holder, dict) and chance.random() < 0.3
            holder[chance.choice(NAMES) if named else key] = copy.deepcopy(chance.choice(JUNK))
        profiles = committed(GUIDES[guide][1])
        assert set(profiles.check(body)) == set(profiles.check(body, closely=True))


def _places(node: object) -> Iterator[tuple]:
    members = list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
    for key, member in members:
        yield node, key
        yield from _places(member)


def test_most_good_resources_keep_to_their_schema():
    """The walk is for what is rare: nine of ten published PAS resources need no closer look."""
    quick = total = 0
    for guide in ("pas-2.0.1", "pas-2.2.1"):
        profiles = committed(GUIDES[guide][1])
        for body in guide_examples(guide).values():
            profile = profiles.definitions.profile(profile_of(guide, body) or "")
            if profile is not None:
                total += 1
                quick += profiles.keeps_to_schema(body, profile)
    assert quick >= 0.9 * total


def test_what_is_committed_is_what_the_packages_say():
    """The facts in the repository are those that ``priorauth profiles compile --committed`` writes."""
    compilation = compile_committed(read_folder(FOLDER))
    assert compilation.faults == []
    written = compilation.facts.written()
    assert {name: written[name] == text for name, text in committed_texts().items()} == dict.fromkeys(FILES, True)
    assert sum(map(len, written.values())) <= 5 * 2**20


def test_every_extension_may_stand_where_a_profile_puts_it():
    """By its context, or by a deviation that names the place: nothing is passed over in silence."""
    profiles = committed("2.2")
    for generation in ("2.0", "2.2"):
        definitions = committed(generation).definitions
        for key in definitions.keys:
            profile = definitions.profile(key)
            if "/us/davinci-" in key and definitions.profile(profile.url) == profile:
                spot = Spot(None, profile.type, profile.type)
                url = profile.url if profile.type == "Extension" else None
                for extension, place, holder in _sliced_extensions(definitions, definitions.root(profile), spot, url):
                    names = place.names() | {str(holder)}
                    fits = place.allows(extension, holder) or profiles._tools.deviations.allows(extension.url, names)
                    assert fits, (key, extension.url, sorted(names))


def _sliced_extensions(definitions, element, spot, url):
    for name, child in element.children.items():
        if name in ("extension", "modifierExtension"):
            for slice_ in child.slices.values():
                for type_ in slice_.types:
                    for found in filter(None, map(definitions.profile, type_.profiles)):
                        yield found, spot, url
                own = slice_.children.get("url")
                inner = Spot(spot, "extension", "Extension")
                yield from _sliced_extensions(definitions, slice_, inner, own.fixed if own else None)
            continue
        for type_ in child.types:
            inner = Spot(spot, name.removesuffix("[x]"), type_.code)
            for one in (child, *child.slices.values()):
                yield from _sliced_extensions(definitions, one, inner, None)
