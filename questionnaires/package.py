"""In what does a DTR client get its forms? Parameters out, one package Bundle a form, with all that the form needs.

What is the same for everybody (form, Libraries, ValueSets) is written once a day and kept as bytes; the draft alone is
made for the request. The two generations name the parameters differently.

Source: DTR 2.0.1 and 2.2.0, OperationDefinition questionnaire-package, profiles dtr-qpackage-output-parameters and
DTR-QPackageBundle.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cql import CqlError
from fhir_r4.generations import Generation
from fhir_r4.problems import Issue, operation_outcome
from fhir_r4.resource import text_of
from fhir_r4.systems import DTR
from fhir_r4.wire import ready
from questionnaires.adaptive import is_adaptive, searchable
from questionnaires.catalog import Catalog, canonical_of
from questionnaires.dialects import written
from questionnaires.value_sets import IN_A_PACKAGE

_STANDARD = f"{DTR}/StructureDefinition/dtr-std-questionnaire"
_ADAPTIVE = f"{DTR}/StructureDefinition/dtr-questionnaire-adapt-search"
_PACKAGE_PROFILE = f"{DTR}/StructureDefinition/DTR-QPackageBundle"
_OUTPUT_PROFILE = f"{DTR}/StructureDefinition/dtr-qpackage-output-parameters"
_NAMES = {  # 2.0.1's operation definition says `return` and `outcome`; validators check its profile
    Generation.V2_0: ("PackageBundle", "operationOutcome"),
    Generation.V2_2: ("packagebundle", "outcome"),
}


@dataclass(frozen=True, slots=True)
class Content:
    """What of a package is the same for everybody: entries ready to be sent, the form's first.

    Attributes:
        changed: ISO day on which any of it was last changed.
        issues: what could not be had, as warnings.
    """

    form: Any
    others: tuple[Any, ...]
    changed: str
    issues: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class Package:
    """One form with its draft response."""

    content: Content
    draft: dict


@lru_cache(maxsize=512)
def content(catalog: Catalog, name: str, generation: Generation, base: str, midnight: datetime) -> Content:
    """Return what goes with a form.

    Args:
        name: as ``Catalog.named`` takes it.
        base: our FHIR base of this generation.
        midnight: the beginning of the day as of which value sets are expanded; aware.
    """
    form = catalog.named(name)
    libraries, value_sets, issues = catalog.dependencies(form)
    shown = written(searchable(form, base) if is_adaptive(form) else form, generation)
    shown["meta"] = {"profile": [_ADAPTIVE if is_adaptive(form) else _STANDARD]}
    sets, unlisted = _expanded(catalog, value_sets, generation, midnight)
    days = [text_of(one.get("date")) or "" for one in (form, *libraries, *value_sets)]
    others = tuple(_entry(one) for one in (*libraries, *sets))
    return Content(_entry(shown), others, max(days), (*issues, *unlisted))


def _expanded(
    catalog: Catalog, value_sets: Iterable[dict], generation: Generation, midnight: datetime
) -> tuple[list[dict], list[Issue]]:
    """Return the value sets with their codes; 2.2 leaves the long ones to $expand (oper-15)."""
    shown, issues = [], []
    for one in value_sets:
        try:
            is_long = len(catalog.value_sets.codes(one)) >= IN_A_PACKAGE
            whole = generation is Generation.V2_0 or not is_long
            shown.append(catalog.value_sets.expanded(one, midnight) if whole else one)
        except CqlError:
            text = "a value set of the form cannot be expanded here; its codes are to be had from a terminology server"
            issues.append(Issue("not-supported", text, canonical_of(one), "warning"))
            shown.append(one)
    return shown, issues


def _entry(resource: dict) -> Any:
    return ready({"fullUrl": resource["url"], "resource": resource})


def to_parameters(packages: Iterable[Package], issues: Iterable[Issue], now: datetime, generation: Generation) -> dict:
    """Return the operation's answer; ``issues`` are what the client is to know about what it asked for.

    The entries are bytes already: ``write_json`` writes them as they are.
    """
    package_name, outcome_name = _NAMES[generation]
    packages = list(packages)
    told = [*issues, *(issue for package in packages for issue in package.content.issues)]
    parameters: list[dict] = [{"name": package_name, "resource": _bundle(package, now)} for package in packages]
    if told:
        parameters.append({"name": outcome_name, "resource": operation_outcome(dict.fromkeys(told))})
    return {"resourceType": "Parameters", "meta": {"profile": [_OUTPUT_PROFILE]}, "parameter": parameters}


def _bundle(package: Package, now: datetime) -> dict:
    draft = package.draft
    name = uuid5(NAMESPACE_URL, f"{draft['questionnaire']}#{draft['subject']['reference']}#{now.isoformat()}")
    return {
        "resourceType": "Bundle",
        "meta": {"profile": [_PACKAGE_PROFILE]},
        "type": "collection",
        "timestamp": now.isoformat(timespec="seconds"),
        "entry": [
            package.content.form,
            {"fullUrl": f"urn:uuid:{name}", "resource": draft},
            *package.content.others,
        ],
    }
