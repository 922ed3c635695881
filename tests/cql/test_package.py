"""The Library resources of a package: which carry ELM, and how forms find them."""

import base64
import json

import pytest

from cql import Package, Run
from tests.cql.given import a_library, literal
from tests.cql.public_suite import NOW

URL = "https://payer.example.org/fhir/Library/"


def a_resource(name="Prepop", version="1.0.0", **parts):
    data = base64.b64encode(json.dumps(a_library(name, version, defines={"It": literal(version)})).encode()).decode()
    content = [{"contentType": "text/cql", "data": "eA=="}, {"contentType": "application/elm+json", "data": data}]
    return {"resourceType": "Library", "url": URL + name, "version": version, "content": content} | parts


def test_a_library_is_found_by_canonical_with_or_without_its_version():
    """As cqf-library writes it in either generation of the guide."""
    package = Package([a_resource(), a_resource(version="2.0.0")])
    assert package.by_canonical(URL + "Prepop").identifier.version == "2.0.0"
    assert package.by_canonical(URL + "Prepop|1.0.0").identifier.version == "1.0.0"
    assert package.by_canonical(URL + "Prepop|3.0.0") is None
    assert package.by_canonical(URL + "Other") is None


def test_a_library_is_found_by_the_name_that_cql_gives_it():
    """Which a form's expression uses."""
    assert Package([a_resource()]).libraries.get("Prepop").defines.keys() == {"It"}


def test_a_library_without_elm_is_named():
    """Its items are filled by hand, and its author is told why."""
    source_only = a_resource("Source", content=[{"contentType": "text/cql", "data": "eA=="}])
    package = Package([a_resource(), source_only, {"resourceType": "ValueSet"}])
    assert package.without_elm == (URL + "Source",)


@pytest.mark.parametrize(
    "data",
    [
        "not base64",
        "eA==",
        *(base64.b64encode(one).decode() for one in (b"[]", b"{", b"[" * 100_000, b'{"library":3}')),
    ],
)
def test_elm_that_cannot_be_read_is_told_and_takes_no_other_library_with_it(data):
    """One Library of the package is broken; the form's other libraries go on."""
    broken = a_resource("Broken", content=[{"contentType": "application/elm+json", "data": data}])
    package = Package([broken, a_resource()])
    assert package.unreadable.keys() == {URL + "Broken"}
    assert package.by_canonical(URL + "Prepop").defines.keys() == {"It"}
    assert package.by_canonical(URL + "Broken") is None


@pytest.mark.parametrize("content", [None, 3, "x", [None, 3], [{}], [{"contentType": 3, "data": 4}]])
def test_content_of_the_wrong_shape_is_no_elm(content):
    """It counts as absent."""
    assert Package([a_resource(content=content)]).without_elm == (URL + "Prepop",)


def test_a_long_chain_of_conditions_can_be_read():
    """Each ``and`` nests two levels deeper: sixty of them are 120."""
    chain = literal(True)
    for _ in range(60):
        chain = {"type": "And", "operand": [chain, literal(True)]}
    data = base64.b64encode(json.dumps(a_library("Prepop", defines={"It": chain})).encode()).decode()
    package = Package([a_resource(content=[{"contentType": "application/elm+json", "data": data}])])
    assert Run(package.libraries, now=NOW).value("Prepop", "It") is True
