"""Readers answer "nothing" for what is absent or of the wrong type, whatever the body."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_r4 import resource as r
from fhir_r4.resource import Coding, Identifier

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["coding", "system", "code", "identifier", "value", "reference", "extension", "url", "item"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(ANYTHING)
def test_no_shape_breaks_a_reader(value):
    for reader in (r.codings, r.identifier, r.identifiers, r.reference, r.kind, r.dicts, r.text_of):
        reader(value)
    r.extensions(value, "u")
    r.extension(value, "u")
    r.has_coding(value, "s", "c")
    list(r.references(value))


def test_codings_are_complete_ones():
    concept = {"coding": [{"system": "s", "code": "c", "display": "d"}, {"code": "c"}, {"system": "s"}, "x"]}
    assert r.codings(concept) == (Coding("s", "c", "d"),)


def test_an_identifier_reads_as_it_is_written():
    assert Identifier.parse(str(Identifier("http://a", "1"))) == Identifier("http://a", "1")


def test_references_are_told_with_their_paths():
    claim = {"patient": {"reference": "Patient/1"}, "item": [{"x": [{"reference": "Y/2"}]}]}
    assert list(r.references(claim, "Claim")) == [("Patient/1", "Claim.patient"), ("Y/2", "Claim.item[0].x[0]")]


def test_a_path_does_not_repeat_a_sender_s_own_key():
    odd = {"Ada Lovelace": {"reference": "Patient/1"}}
    assert list(r.references(odd, "Claim")) == [("Patient/1", "Claim.*")]


@pytest.mark.parametrize(
    ("element", "value"),
    [({"valueCode": "a"}, "a"), ({"value": 1}, None), ({}, None), ({"valueBoolean": False}, False)],
)
def test_a_choice_has_one_value(element, value):
    assert r.value_of(element) == value
