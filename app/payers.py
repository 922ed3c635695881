"""Which insurers does this installation serve? ``payer.yaml`` in the data folder."""

import json
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jsonschema import Draft202012Validator

from fhir_r4.resource import Identifier
from rules.directory import Document, Payer, Plan, Reason
from rules.yaml_lines import Fault, FaultyFile, read_yaml


def load_payers(file: Path) -> tuple[Payer, ...]:
    """Return the payers of the file.

    Raises:
        FaultyFile: with every fault and its line.
        FileNotFoundError: there is no such file.
    """
    try:
        document = read_yaml(file.read_text(encoding="utf-8"), file.name)
    except UnicodeDecodeError:
        raise FaultyFile([Fault(file.name, 1, "not a text in UTF-8", "save it as UTF-8")]) from None
    schema = json.loads(resources.files("app").joinpath("payer.schema.json").read_text("utf-8"))
    faults = [
        document.fault(tuple(error.absolute_path), error.message)
        for error in Draft202012Validator(schema).iter_errors(document.data)
    ]
    if not faults:
        for index, payer in enumerate(document.data["payers"]):
            try:
                ZoneInfo(payer["time-zone"])
            except (ZoneInfoNotFoundError, ValueError):
                faults.append(document.fault(("payers", index, "time-zone"), "there is no such time zone"))
    if faults:
        raise FaultyFile(faults)
    return tuple(map(_payer, document.data["payers"]))


def _payer(data: dict[str, Any]) -> Payer:
    return Payer(
        id=data["id"],
        name=data["name"],
        identifiers=tuple(map(Identifier.parse, data["identifiers"])),
        time_zone=ZoneInfo(data["time-zone"]),
        plans=tuple(map(_plan, data["plans"])),
        url=data.get("url"),
        phone=data.get("phone"),
        needs_birth_date=data.get("birth-date", "needed") == "needed",
        reasons=tuple(Reason(one["code"], one["text"], tuple(one["for"])) for one in data.get("decision-reasons", ())),
        documents=tuple(map(_document, data.get("documents", ()))),
    )


def _document(data: dict[str, Any]) -> Document:
    return Document(data["loinc"], data["text"], data.get("report-type", "M1"), data.get("modifier"))


def _plan(data: dict[str, Any]) -> Plan:
    return Plan(
        id=data["id"],
        title=data["title"],
        line_of_business=data["line-of-business"],
        otherwise=data.get("where-no-policy", "no-auth"),
        assertion_days=data.get("promise-days", 90),
        product=data.get("product"),
        state=data.get("state"),
        after_the_fact=data.get("after-the-fact", "review"),
        coverage_updates=data.get("coverage-updates", False),
    )
