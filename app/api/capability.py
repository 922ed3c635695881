"""What does a base do? Its CapabilityStatement, read from the routes that there are: it can neither boast nor forget.

A route's path says the interaction or the operation (FHIR R4, "RESTful API"). What a path does not say, the canonical
of an operation, the profiles of a type, the parameters of a search, is in the tables below; an operation without a
canonical stops the start. A guide's own statement is instantiated where all that it asks for is there.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

from werkzeug.routing import Map, Rule

from fhir_r4.generations import Generation
from fhir_r4.systems import BACKPORT, CDEX, CRD, DTR, PAS
from prior_auth.subscription import TOPIC

SINCE = "2026-11-23"
PREFIX = "/fhir/<generation:generation>/"
_BACKPORT = BACKPORT.removesuffix("/StructureDefinition")
_SMART = {"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR"}
_NO_INTERACTIONS = frozenset({"metadata", ".well-known/smart-configuration"})
_ALIASES = frozenset({"Claim/$inquiry", "$next-question"})
"""Taken, since clients spell them so, and not told: there are no such operations."""

GUIDES: Mapping[Generation, Mapping[str, str]] = {
    Generation.V2_0: {CRD: "2.0.1", DTR: "2.0.1", PAS: "2.0.1"},
    Generation.V2_2: {CRD: "2.2.1", DTR: "2.2.0", PAS: "2.2.1"},
}
OPERATIONS: Mapping[str, str] = {
    "Claim/$submit": f"{PAS}/OperationDefinition/Claim-submit",
    "Claim/$inquire": f"{PAS}/OperationDefinition/Claim-inquiry",
    "Questionnaire/$questionnaire-package": f"{DTR}/OperationDefinition/questionnaire-package",
    "Questionnaire/$next-question": "http://hl7.org/fhir/uv/sdc/OperationDefinition/Questionnaire-next-question",
    "Questionnaire/$log-questionnaire-errors": f"{DTR}/OperationDefinition/log-questionnaire-errors",
    "ValueSet/$expand": "http://hl7.org/fhir/OperationDefinition/ValueSet-expand",
    "Subscription/$status": f"{_BACKPORT}/OperationDefinition/backport-subscription-status",
    "Subscription/$events": f"{_BACKPORT}/OperationDefinition/backport-subscription-events",
    "$submit-attachment": f"{CDEX}/OperationDefinition/submit-attachment",
}
"""Canonicals by path; those of a guide are told with the base's version of it."""
_PROFILES: Mapping[str, tuple[str, ...]] = {
    "Claim": ("profile-claim", "profile-claim-update", "profile-claim-inquiry"),
    "ClaimResponse": ("profile-claimresponse", "profile-claiminquiryresponse"),
    "Bundle": ("profile-pas-request-bundle", "profile-pas-response-bundle"),
}
_SUBSCRIPTION_PROFILES = {
    Generation.V2_0: (f"{BACKPORT}/backport-subscription",),
    Generation.V2_2: (f"{BACKPORT}/backport-subscription", f"{PAS}/StructureDefinition/profile-subscription"),
}
_SEARCHED: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "Subscription": (
        ("_id", "token", "http://hl7.org/fhir/SearchParameter/Resource-id"),
        ("status", "token", "http://hl7.org/fhir/SearchParameter/Subscription-status"),
        ("url", "uri", "http://hl7.org/fhir/SearchParameter/Subscription-url"),
    ),
}
_ASKED_FOR: Mapping[str, frozenset[str]] = {
    f"{PAS}/CapabilityStatement/IntermediaryCapabilities": frozenset(
        {"Claim/$submit", "Claim/$inquire", "create Subscription", "update Subscription", "delete Subscription"}
    ),
    f"{DTR}/CapabilityStatement/dtr-payer-service": frozenset(
        {"Questionnaire/$questionnaire-package", "Questionnaire/$next-question", "ValueSet/$expand"}
        | {"Questionnaire/$log-questionnaire-errors"}
    ),
    f"{_BACKPORT}/CapabilityStatement/backport-subscription-server-r4": frozenset(
        {"read Subscription", "create Subscription", "search-type Subscription", "Subscription/$status"}
    ),
}
"""What the guides' own statements ask of a server, by canonical."""


class UnknownOperation(ValueError):
    """A route is an operation that has no canonical here."""


@dataclass(slots=True)
class Does:
    """What a base does, as its routes say.

    Attributes:
        interactions: by type, each with its code.
        operations: by path without an id, ``Claim/$submit``.
    """

    interactions: dict[str, list[str]] = field(default_factory=dict)
    operations: list[str] = field(default_factory=list)

    def all(self) -> frozenset[str]:
        told = {f"{code} {kind}" for kind, codes in self.interactions.items() for code in codes}
        return frozenset(told | set(self.operations))


_ORDER = ("read", "update", "delete", "create", "search-type")


def does(routes: Map) -> Does:
    """Return what the routes below a FHIR base do; raise UnknownOperation."""
    found = Does()
    for rule in routes.iter_rules():
        for kind, code in _meant(rule):
            if kind is None:
                if code not in OPERATIONS:
                    raise UnknownOperation(f"{code} has no canonical in app/api/capability.py")
                found.operations.append(code)
            else:
                found.interactions.setdefault(kind, []).append(code)
    found.operations = sorted(set(found.operations))
    found.interactions = {
        kind: sorted(set(codes), key=_ORDER.index) for kind, codes in sorted(found.interactions.items())
    }
    return found


def statement(what: Does, generation: Generation, base: str) -> dict:
    """Return the CapabilityStatement of one base.

    Args:
        base: its absolute URL, which the ClaimResponses' fullUrls begin with.
    """
    guides = GUIDES[generation]
    system = [one for one in what.operations if one.startswith("$")]
    kinds = {*what.interactions, *(one.partition("/")[0] for one in what.operations if not one.startswith("$"))}
    server: dict = {
        "mode": "server",
        "security": _security(),
        "resource": [_resource(kind, what, generation) for kind in sorted(kinds)],
    }
    told = list(_instantiates(what, guides))
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{base}/metadata",
        "version": version("priorauth"),
        "name": "Priorauth",
        "title": f"Prior authorization, {' and '.join(_names(guides))}",
        "status": "active",
        "date": SINCE,
        "description": "CRD, DTR and PAS for a payer. CRD's hooks are discovered at /cds-services.",
        "kind": "instance",
        "software": {"name": "priorauth", "version": version("priorauth")},
        "implementation": {"description": "Prior authorization", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "implementationGuide": [
            f"{canonical}/ImplementationGuide/{_package(canonical)}|{released}"
            for canonical, released in guides.items()
        ],
        "rest": [server | ({"operation": _operations(system, generation)} if system else {})],
    } | ({"instantiates": told} if told else {})


def _meant(rule: Rule) -> Iterator[tuple[str | None, str]]:
    """Yield what a route means: (type, code of an interaction), or (None, path of an operation)."""
    path = rule.rule.removeprefix(PREFIX)
    if path == rule.rule or path in _NO_INTERACTIONS:
        return
    pieces = ["*" if piece.startswith("<") else piece for piece in path.split("/")]
    verbs = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    if pieces[-1].startswith("$"):
        operation = "/".join(piece for piece in pieces if piece != "*")
        if operation not in _ALIASES:
            yield None, operation
        return
    shape = "/".join(["Type", *pieces[1:]])
    yield from ((pieces[0], _INTERACTIONS[shape, verb]) for verb in sorted(verbs))


_INTERACTIONS = {
    ("Type", "POST"): "create",
    ("Type", "GET"): "search-type",
    ("Type/_search", "POST"): "search-type",
    ("Type/*", "GET"): "read",
    ("Type/*", "PUT"): "update",
    ("Type/*", "DELETE"): "delete",
}


def _resource(kind: str, what: Does, generation: Generation) -> dict:
    told: dict = {"type": kind}
    if kind == "Subscription":
        topic = {"url": f"{BACKPORT}/capabilitystatement-subscriptiontopic-canonical", "valueCanonical": TOPIC}
        told |= {"extension": [topic], "supportedProfile": list(_SUBSCRIPTION_PROFILES[generation])}
    if kind in _PROFILES:
        told["supportedProfile"] = [f"{PAS}/StructureDefinition/{name}" for name in _PROFILES[kind]]
    if interactions := what.interactions.get(kind):
        told["interaction"] = [{"code": code} for code in interactions]
    if kind in _SEARCHED and "search-type" in (interactions or ()):
        told["searchParam"] = [
            {"name": name, "definition": definition, "type": typed} for name, typed, definition in _SEARCHED[kind]
        ]
    if operations := [one for one in what.operations if one.startswith(f"{kind}/")]:
        told["operation"] = _operations(operations, generation)
    return told


def _operations(paths: Iterable[str], generation: Generation) -> list[dict]:
    return [{"name": path.partition("$")[2], "definition": _versioned(OPERATIONS[path], generation)} for path in paths]


def _versioned(canonical: str, generation: Generation) -> str:
    released = next((one for guide, one in GUIDES[generation].items() if canonical.startswith(f"{guide}/")), None)
    return f"{canonical}|{released}" if released else canonical


def _instantiates(what: Does, guides: Mapping[str, str]) -> Iterator[str]:
    for canonical, asked in _ASKED_FOR.items():
        if asked <= what.all():
            released = next((one for guide, one in guides.items() if canonical.startswith(f"{guide}/")), None)
            yield f"{canonical}|{released}" if released else canonical


def _security() -> dict:
    """Say who may come in; the extension oauth-uris is not for us, since it asks for a page where people authorize."""
    return {
        "cors": False,
        "service": [{"coding": [_SMART], "text": "SMART Backend Services"}],
        "description": "Access tokens by SMART Backend Services; .well-known/smart-configuration says where and how.",
    }


def _package(canonical: str) -> str:
    return canonical.rpartition("/")[2]


def _names(guides: Mapping[str, str]) -> list[str]:
    return [f"{_package(one).removeprefix('davinci-').upper()} {released}" for one, released in guides.items()]
