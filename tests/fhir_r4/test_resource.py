"""Readers answer "nothing" for what is absent or of the wrong type, whatever the body."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.profiles import read_package
from fhir_r4 import resource as r
from fhir_r4.resource import Coding, Identifier
from tests.fhir_r4.packages import FOLDER, needs_packages

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
    claim = {"patient": {"reference": "Patient/1"}, "item": [{"encounter": [{"reference": "Y/2"}]}]}
    told = [("Patient/1", "Claim.patient"), ("Y/2", "Claim.item[0].encounter[0]")]
    assert list(r.references(claim, "Claim")) == told


@pytest.mark.parametrize("key", ["Ada Lovelace", "lovelace", "_lovelace", "ada1950"])
def test_a_path_does_not_repeat_a_sender_s_own_key(key):
    odd = {key: {"reference": "Patient/1", "modifierExtension": [{"url": "https://x/negated"}]}}
    assert list(r.references(odd, "Claim")) == [("Patient/1", "Claim.*")]
    assert list(r.modifiers(odd, "Claim")) == [("https://x/negated", "Claim.*.modifierExtension[0]")]


@needs_packages
def test_the_names_that_a_path_may_show_are_those_of_fhir_r4():
    core = FOLDER / "hl7.fhir.r4.core-4.0.1.tgz"
    definitions = read_package(core.read_bytes(), core.name).definitions
    types = [one for one in definitions if "snapshot" in one and one.get("derivation") != "constraint"]
    elements = [one for definition in types for one in definition["snapshot"]["element"] if "." in one["path"]]
    assert r._element_names() == {name for one in elements for name in _spellings(one)}


def _spellings(element):
    name = element["path"].rpartition(".")[2]
    if not name.endswith("[x]"):
        return [name]
    return [name.removesuffix("[x]") + one["code"][0].upper() + one["code"][1:] for one in element["type"]]


@pytest.mark.parametrize(
    ("element", "value"),
    [({"valueCode": "a"}, "a"), ({"value": 1}, None), ({}, None), ({"valueBoolean": False}, False)],
)
def test_a_choice_has_one_value(element, value):
    assert r.value_of(element) == value
