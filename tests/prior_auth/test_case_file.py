"""What do the requests of a case say together, and which of them need no longer be read?"""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_r4.systems import INFO_CANCELLED
from prior_auth.case_file import CaseFile
from prior_auth.submission import stored_submission
from tests.given import NOW, a_form_response, a_submission_bundle, entry

SEQUENCES = st.sets(st.integers(1, 3))
WORDS = st.tuples(SEQUENCES, SEQUENCES, SEQUENCES)  # items asked for; forms sent; supportingInfo withdrawn


def a_request(number, words):
    """Return the request of this number: it can be told from the others by its item's day and its form."""
    items, forms, withdrawn = words
    bundle = a_submission_bundle(form=a_form_response(authored=(NOW + timedelta(number)).isoformat()))
    claim = entry(bundle, "Claim")
    (item,), (info,) = claim["item"], claim["supportingInfo"][:1]
    gone = {"modifierExtension": [{"url": INFO_CANCELLED, "valueBoolean": True}]}
    claim["item"] = [item | {"sequence": one, "servicedDate": f"2026-04-{number + 1:02}"} for one in sorted(items)]
    claim["supportingInfo"] = [
        info | {"sequence": one} | (gone if one in withdrawn else {}) for one in sorted(forms | withdrawn)
    ]
    return stored_submission(bundle)


def without_the_repeated(file):
    left = [one for place, one in enumerate(file.submissions) if place not in file.repeated]
    return CaseFile(tuple(left))


def meaning(file):
    asked = [one and one.asked for one in map(file.item, (1, 2, 3))]
    return {(form.sequence, form.response["authored"]) for form in file.forms}, asked, file.newest


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=6))
def test_a_case_says_the_same_without_what_was_repeated_since(history):
    file = CaseFile(tuple(a_request(number, words) for number, words in enumerate(history)))
    assert meaning(without_the_repeated(file)) == meaning(file)


@settings(max_examples=30, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=6), WORDS)
def test_what_was_repeated_stays_so_whatever_comes_after(history, more):
    """What a request leaves out is forgotten for good: it must not come back with the next one."""
    file = CaseFile(tuple(a_request(number, words) for number, words in enumerate(history)))
    latest = a_request(len(history), more)
    shortened = CaseFile((*without_the_repeated(file).submissions, latest))
    assert meaning(without_the_repeated(shortened)) == meaning(CaseFile((*file.submissions, latest)))


def test_what_is_read_of_a_case_is_bounded_by_what_it_is_about():
    history = [a_request(number, ({1 + number % 3}, set(), set())) for number in range(20)]
    assert len(without_the_repeated(CaseFile(tuple(history))).submissions) == 3
