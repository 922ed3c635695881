"""ELM that was damaged at random, as no translator writes it: every define still has a value or a Failure."""

import copy
import random

import pytest

from cql import CqlError, Libraries, Run
from tests.cql.given import literal, the_record, the_story, the_terminology, value_of
from tests.cql.public_suite import NOW
from tests.cql.translator.translate import FIXTURES, read_gzip

ELM = [case["elm"] for case in read_gzip(FIXTURES / "cases.json.gz") if "elm" in case]
JUNK = [
    None, 3, -1, 1.5, True, "x", [], {}, [None], {"type": 3}, {"type": "Null"}, {"type": "Today"}, literal("q"),
    literal(2147483647), {"type": "List", "element": []}, "{http://hl7.org/fhir}Patient",
]  # fmt: skip


def containers(elm):
    """All objects and arrays of a piece of ELM."""
    if isinstance(elm, dict | list):
        yield elm
        for part in elm.values() if isinstance(elm, dict) else elm:
            yield from containers(part)


def damaged(elm, chance):
    """A copy of which one to three parts are gone or are something else."""
    elm = copy.deepcopy(elm)
    for _ in range(chance.randint(1, 3)):
        where = chance.choice(list(containers(elm)))
        if isinstance(where, dict) and where:
            key = chance.choice(list(where))
            where[key] = copy.deepcopy(chance.choice(JUNK))
            if chance.random() < 0.3:
                del where[key]
        elif isinstance(where, list):
            where.append(copy.deepcopy(chance.choice(JUNK)))
    return elm


@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_expression_has_a_value_or_a_failure(seed):
    """Two hundred each, over the operators of the public suite; what else is raised fails the test."""
    chance = random.Random(seed)  # noqa: S311 the same damage at every run
    for _ in range(200):
        value_of(damaged(chance.choice(ELM), chance))


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_library_is_refused_or_its_defines_are_told(seed):
    """Retrieves, includes and terminology; its requirements too."""
    chance = random.Random(seed)  # noqa: S311
    try:
        libraries = Libraries([damaged(elm, chance) for elm in the_story()["libraries"]])
    except CqlError:
        return
    run = Run(libraries, now=NOW, record=the_record(), terminology=the_terminology())
    for library in libraries:
        run.values(library.name, library.identifier.version)
        libraries.requirements(library.name)
