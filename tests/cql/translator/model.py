"""How is ``cql/fhir_model.json`` made? From the published FHIR 4.0.1 model info, keeping its facts alone.

Each type is ``[base type, primary code path, {element: type}]``; ``*`` marks a list and ``|`` parts the types of a
choice. Run as ``python -m tests.cql.translator.model``.
"""

import json
from xml.etree import ElementTree as ET

from tests.cql.translator.translate import HOUSE, MODELS

_IN = "{urn:hl7-org:elm-modelinfo:r1}"
_KIND = "{http://www.w3.org/2001/XMLSchema-instance}type"


def types() -> dict[str, list]:
    root = ET.parse(MODELS / "fhir-modelinfo-4.0.1.xml").getroot()  # noqa: S314 a published file
    return {one.get("name", ""): _type(one) for one in root.iter(f"{_IN}typeInfo")}


def _type(info: ET.Element) -> list:
    elements = {one.get("name"): _specifier(one) for one in info.findall(f"{_IN}element")}
    return [_short(info.get("baseType", "")), info.get("primaryCodePath", ""), elements]


def _specifier(element: ET.Element) -> str:
    named = element.get("elementType") or element.get("type")
    if named:
        return _short(named)
    (specifier,) = element.findall(f"{_IN}elementTypeSpecifier")
    if specifier.get(_KIND) == "ChoiceTypeSpecifier":
        return "|".join(choice.get("name", "") for choice in specifier.findall(f"{_IN}choice"))
    if specifier.get(_KIND) == "ListTypeSpecifier":
        inner = specifier.get("elementType")
        return "*" + (_short(inner) if inner else specifier.find(f"{_IN}elementTypeSpecifier").get("name", ""))
    return _short(specifier.get("name", ""))


def _short(name: str) -> str:
    return name.removeprefix("FHIR.")


if __name__ == "__main__":
    written = json.dumps(types(), separators=(",", ":"), sort_keys=True)
    (HOUSE / "cql" / "fhir_model.json").write_text(written.replace('],"', '],\n"') + "\n")
