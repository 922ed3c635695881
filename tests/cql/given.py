"""What do the tests of the engine start from? Small libraries, the story's record, and the moment it is."""

import json
from functools import cache
from typing import Any

from cql.library import Libraries
from cql.retrieve import Record
from cql.run import Run
from cql.terminology import PackageTerminology
from tests.cql.public_suite import NOW
from tests.cql.translator.translate import FIXTURES, read_gzip

SYSTEM = "{urn:hl7-org:elm-types:r1}"
FHIR = "{http://hl7.org/fhir}"


def literal(value: Any) -> dict:
    """ELM for a Boolean, an Integer or a String."""
    kind = {bool: "Boolean", int: "Integer", str: "String"}[type(value)]
    return {
        "type": "Literal",
        "valueType": SYSTEM + kind,
        "value": str(value).lower() if kind == "Boolean" else str(value),
    }


def node(kind: str, *operands: Any, **parts: Any) -> dict:
    """ELM of one operator; plain Python values become literals."""
    given = [one if isinstance(one, dict) else literal(one) for one in operands]
    return {"type": kind, **({"operand": given} if given else {}), **parts}


def a_list(*values: Any) -> dict:
    return {"type": "List", "element": [one if isinstance(one, dict) else literal(one) for one in values]}


def a_library(name: str = "Lib", version: str | None = None, **sections: Any) -> dict:
    """A library; ``defines`` maps names to ELM, any other section is written as ELM has it."""
    defines = [{"name": key, "expression": elm} for key, elm in sections.pop("defines", {}).items()]
    statements = defines + sections.pop("functions", [])
    identifier = {"id": name} | ({"version": version} if version else {})
    rest = {key: {"def": value} for key, value in sections.items()}
    return {"library": {"identifier": identifier, **rest, "statements": {"def": statements}}}


def a_run(*libraries: dict, **arguments: Any) -> Run:
    return Run(Libraries(libraries), **({"now": NOW} | arguments))


def value_of(elm: dict, **arguments: Any) -> Any:
    """The value of one expression."""
    return a_run(a_library(defines={"It": elm}), **arguments).value("Lib", "It")


@cache
def the_story() -> dict:
    return read_gzip(FIXTURES / "story.json.gz")


@cache
def the_sandbox() -> dict:
    """What was asked of the sandbox's patients, their records on that day, and what the oracle answered."""
    return read_gzip(FIXTURES / "sandbox.json.gz")


@cache
def the_libraries() -> Libraries:
    return Libraries(the_story()["libraries"])


def the_record() -> Record:
    return Record.of_bundle(json.loads((FIXTURES / "record.json").read_text()))


def the_terminology() -> PackageTerminology:
    return PackageTerminology(json.loads((FIXTURES / "value-sets.json").read_text()))


def the_run(**arguments: Any) -> Run:
    """A run of the story's libraries over its record."""
    return Run(the_libraries(), **({"now": NOW, "record": the_record(), "terminology": the_terminology()} | arguments))
