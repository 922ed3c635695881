"""What is measured of a hook call? CRDMetricData, from what was kept of the call; patient data stays behind.

Made off the request's path, in 2.2.1's shape, where answers are grouped by order; ``flat`` gives 2.0.1's. Of what
was needed every code is kept; the guides' model has room for one (``modelled``).

Source: CRD 2.0.1 and 2.2.1, logical model CRDMetricData.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cds_hooks.order import is_spoken_about, read_order
from cds_hooks.prefetch import ENCOUNTER_HOOKS
from fhir_r4.bundle import local_part
from fhir_r4.coverage_information import issued
from fhir_r4.resource import (
    Identifier,
    as_dict,
    dicts,
    identifiers,
    kind,
    local_reference,
    reference,
    text_of,
    value_of,
)
from fhir_r4.systems import DATA_ABSENT_REASON, NPI
from questionnaires.adaptive import is_twin

_UNKNOWN = Identifier(DATA_ABSENT_REASON, "unknown")
_SEVERAL = ("docNeeded", "infoNeeded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One call as it was kept.

    Attributes:
        groups: identifiers of the organizations that the client speaks for.
        payer: an identifier of the payer, where one was found.
        promised: the coverage-assertion-ids of what we said; other payers' words come back in the answer, too.
        reads: what became of the token, and how many resources were read from the EHR.
    """

    hook: str
    hook_instance: str
    received_at: datetime
    answered_at: datetime
    status: int
    request: dict
    response: dict
    groups: tuple[Identifier, ...]
    payer: Identifier | None
    promised: Collection[str]
    reads: Mapping


def orders_of(request: dict) -> dict[str, dict]:
    """Return what a call was about and came with, by reference; no resource twice.

    What was sent along because a policy asks for it, or tells of the visit, is no order of the call.
    """
    context = as_dict(request.get("context"))
    named = set(_named(context))
    if text_of(request.get("hook")) in ENCOUNTER_HOOKS:
        named.add(f"Encounter/{text_of(context.get('encounterId'))}")
    along = (one for one in _resources([as_dict(request.get("prefetch"))]) if local_reference(one) in named)
    found: dict[str, dict] = {}
    for one in (*_resources([context]), *along):
        if is_spoken_about(one) and text_of(one.get("id")):
            found.setdefault(local_reference(one), one)
    return found


def _named(context: dict) -> Iterator[str]:
    """Yield the references in a context, as ``Type/id``: dispatched orders in whatever spelling."""
    for value in context.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and (target := local_part(one)):
                yield target


def metric(call: Recorded) -> dict:
    """Return the call's CRDMetricData, and under ``cards`` the uuids by which feedback is matched to its answers."""
    told = {
        "source": "payer-src",
        "hookInstance": call.hook_instance,
        "hookType": call.hook,
        "providerId": _provider(call.request),
        "groupId": (call.groups[0] if call.groups else _UNKNOWN).to_fhir(),
        "payerId": (call.payer or _UNKNOWN).to_fhir(),
        "requestTime": call.received_at.isoformat(),
        "responseTime": call.answered_at.isoformat(),
        "httpResponse": call.status,
        "issue": [{"code": one.get("code")} for one in dicts(call.response.get("issue"))],
        "tokenUse": call.reads.get("token", "not-used"),
        "resources": list(_resource_counts(call)),
        "request": list(_by_order(call)),
    }
    return {name: value for name, value in told.items() if value != []}


def modelled(told: dict) -> dict:
    """Return the metric as the guides' model has it: one code for documents and one for information, the first."""
    return told | {"request": [_with_one_code(one) for one in dicts(told.get("request"))]}


def _with_one_code(request: dict) -> dict:
    answers = [
        one | {"coverageInfo": [_first_codes(said) for said in one["coverageInfo"]]} if "coverageInfo" in one else one
        for one in request.get("response", [])
    ]
    return request | ({"response": answers} if answers else {})


def _first_codes(said: dict) -> dict:
    return said | {name: said[name][0] for name in _SEVERAL if isinstance(said.get(name), list)}


def flat(told: dict) -> dict:
    """Return 2.0.1's shape: orders and answers side by side at the root."""
    requests = dicts(told.get("request"))
    kept = {name: value for name, value in told.items() if name != "request"}
    details = [one["orderDetail"] for one in requests]
    answers = [answer for one in requests for answer in one.get("response", [])]
    return kept | ({"orderDetail": details} if details else {}) | ({"response": answers} if answers else {})


def engaged(told: dict, fates: Mapping[str, str]) -> dict:
    """Return the metric with each card's fate (``accepted``, ``overridden``) in the guide's words."""
    words = {"accepted": "accept", "overridden": "override"}
    return told | {"request": [_with_fates(one, fates, words) for one in dicts(told.get("request"))]}


def _with_fates(request: dict, fates: Mapping[str, str], words: Mapping[str, str]) -> dict:
    answers = []
    for answer in request.get("response", []):
        card = answer.get("card")
        kept = {name: value for name, value in answer.items() if name != "card"}
        answers.append(kept | ({"engagement": words.get(fates.get(card, ""), "ignore")} if card else {}))
    return request | {"response": answers}


def _by_order(call: Recorded) -> Iterator[dict]:
    orders = orders_of(call.request)
    annotated = {
        local_reference(resource): resource
        for action in dicts(call.response.get("systemActions"))
        for resource in [as_dict(action.get("resource"))]
    }
    known = [as_dict(call.request.get("context")), as_dict(call.request.get("prefetch"))]
    sent = {local_reference(one): one for one in _resources(known)}
    for target in dict.fromkeys([*annotated, *orders]):
        order = annotated.get(target) or orders[target]
        ours = issued(annotated.get(target), call.promised)
        said = [{"type": "coverage-info", "focus": [kind(order)], "coverageInfo": list(map(_coverage, ours))}]
        answers = [*(said if ours else []), *_cards(call.response, target)]
        yield {"type": kind(order), "orderDetail": _detail(order, sent)} | ({"response": answers} if answers else {})


def _detail(order: dict, sent: Mapping[str, dict]) -> dict:
    """Return the codes of an order, wherever they stood in the call; words of the clinic's own are left out."""
    codes = read_order(order, lambda target: sent.get(local_part(target) or "")).codes
    return {"coding": [{"system": one.system, "code": one.code} for one in codes]} if codes else {"text": "not coded"}


def _coverage(written: dict) -> dict:
    said: dict[str, list] = {}
    for part in dicts(written.get("extension")):
        said.setdefault(str(part.get("url")), []).append(value_of(part))
    names = {"covered": "covered", "pa-needed": "paNeeded", "doc-needed": "docNeeded", "info-needed": "infoNeeded"}
    names |= {"coverage-assertion-id": "assertionId", "satisfied-pa-id": "satisfiedId"}
    found = {
        ours: said[theirs] if ours in _SEVERAL else said[theirs][0] for theirs, ours in names.items() if theirs in said
    }
    forms = [
        {"reference": one, "adaptive": is_twin(str(one)), "response": False} for one in said.get("questionnaire", [])
    ]
    return found | ({"questionnaire": forms} if forms else {})


def _cards(response: dict, target: str) -> Iterator[dict]:
    for card in dicts(response.get("cards")):
        related = dicts(as_dict(card.get("extension")).get("davinci-crd.associated-resource"))
        if not related or target in map(reference, related):
            topic = as_dict(as_dict(card.get("source")).get("topic")).get("code")
            yield {"type": topic, "focus": [target.partition("/")[0]], "card": card.get("uuid")}


def _provider(request: dict) -> dict:
    """Return the NPI of the user where the call tells it, else the reference."""
    user = text_of(as_dict(request.get("context")).get("userId")) or "unknown"
    for one in _resources([as_dict(request.get("prefetch"))]):
        if local_reference(one) == user:
            for number in identifiers(one):
                if number.system == NPI:
                    return number.to_fhir()
    return {"value": user}


def _resource_counts(call: Recorded) -> Iterator[dict]:
    sent: dict[str, int] = {}
    for one in _resources([as_dict(call.request.get("prefetch"))]):
        sent[kind(one)] = sent.get(kind(one), 0) + 1
    for name, count in sorted(sent.items()):
        yield {"type": name, "count": count, "prefetch": True}
    for name, count in sorted(dict(call.reads.get("resources", {})).items()):
        yield {"type": name, "count": count, "prefetch": False}


def _resources(values: Iterable[dict]) -> Iterator[dict]:
    """Yield the resources that stand in the fields of some objects, alone or in Bundles."""
    for held in values:
        for value in held.values():
            if kind(value) == "Bundle":
                yield from (as_dict(entry.get("resource")) for entry in dicts(as_dict(value).get("entry")))
            elif kind(value):
                yield value
