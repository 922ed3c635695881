"""Together our answers show every element that the guides mark as must-support, and each keeps to its profile."""

import json

import pytest

from app.demo import must_support, showcase
from app.storage import tables
from fhir_r4.generations import Generation
from fhir_r4.wire import read_json
from tests.app.browsing import Person
from tests.given import EHR, a_record
from tests.must_support import FILE, PACKAGES
from tests.must_support import must_support as published
from tests.second_opinion import assert_profiled

BOTH = pytest.mark.parametrize("generation", list(Generation))


class InProcess:
    """The showcase's desk, over the test client."""

    def __init__(self, house):
        self.house = house
        self.silva = Person(house, npi="1234567893", specialty="207RP1001X").comes_in()

    def submit(self, generation, bundle):
        return self._read(self.house.submit(bundle, generation))

    def inquire(self, generation, bundle):
        return self._read(self.house.inquire(bundle, generation))

    def review(self, reference, form):
        case = self._case(reference)
        assert self.silva.post(f"{case}/verdict", form, page=case).status_code == 303

    def ask(self, reference, form):
        case = self._case(reference)
        assert self.silva.post(f"{case}/ask", form, page=case).status_code == 303

    def _case(self, reference):
        (row,) = [one for one in self.house.rows(tables.authorizations) if one["reference"] == reference]
        return f"/authorizations/{row['id']}"

    def _read(self, answer):
        assert answer.status_code == 200, answer.data
        return read_json(answer.data)


@pytest.fixture
def told(house, request):
    generation = request.getfixturevalue("generation")
    return showcase.answers(InProcess(house), generation, a_record(house.clock.now.date()), EHR, house.clock.now)


@BOTH
@pytest.mark.requirement("pas-2.0.1@37", "pas-2.0.1@38", "pas-2.2.1@conf-6")
def test_the_answers_show_every_must_support_element_or_say_why_not(told, generation):
    rows = showcase.table(generation, told)
    assert sum(row.total for row in rows) == showcase.marked(generation) > 60
    assert {row.profile: row.missing for row in rows if row.missing} == {}


@BOTH
def test_what_the_showcase_is_answered_keeps_to_its_profiles(told, generation):
    for answer in told:
        for bundle in (
            [answer] if answer["resourceType"] == "Bundle" else [one["resource"] for one in answer["parameter"]]
        ):
            assert_profiled(bundle, generation)


@pytest.mark.skipif(not PACKAGES.exists(), reason="the published packages are not beside the project")
def test_the_list_is_the_one_of_the_published_packages():
    assert json.loads(FILE.read_text()) == published(), "run python -m tests.must_support"


def test_what_no_answer_shows_is_counted_as_missing():
    rows = must_support.missing(Generation.V2_0, [])
    assert all(total == len(lacking) for total, lacking in rows.values())
