"""How is one item of an authorization told? ClaimResponse.item, and beside it what was granted instead: addItem.

What was asked for is echoed from the Claim.item as the submitter last wrote it. The guides disagree on where a
modified item says what is granted: 2.0.1 in itemAuthorizedDetail, 2.2 in addItem, and in itemAuthorizedDetail what
was asked for (spec-36, -37).

Source: PAS 2.0.1 and 2.2.1, profile-claimresponse-base.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fhir_r4.generations import Generation
from fhir_r4.resource import as_dict, as_list, codings, dicts, extension, extensions
from fhir_r4.systems import (
    ADMINISTRATION_REFERENCE_NUMBER,
    AUTHORIZATION_NUMBER,
    BILLING,
    DIAGNOSES,
    ITEM_PREAUTH_ISSUE_DATE,
    ITEM_PREAUTH_PERIOD,
    ITEM_TRACE_NUMBER,
    NUBC_REVENUE,
    NUBC_REVENUE_2_0,
    PAS,
    PAS_TEMP,
    SERVICES,
    X12_UNIT,
)
from prior_auth import authorized_providers
from prior_auth.adjudication import adjudication, granted_adjudication
from prior_auth.authorization import Item
from prior_auth.case import Case
from prior_auth.decision import Decision, ReviewAction, Service
from prior_auth.echo import NOT_CODED, anchored, coded, in_full, named
from prior_auth.information import tracking_system

_EXTENSIONS = f"{PAS}/StructureDefinition/extension-"
_DETAIL, _SERVICE_DATE = f"{_EXTENSIONS}itemAuthorizedDetail", f"{_EXTENSIONS}itemRequestedServiceDate"
_DIAGNOSIS = f"{_EXTENSIONS}communicatedDiagnosis"
_ADMISSION, _DISCHARGE = f"{_EXTENSIONS}admissionDates", f"{_EXTENSIONS}dischargeDate"
_ASKED_AGAIN = tuple(  # what addItem repeats of the Claim.item
    f"{_EXTENSIONS}{name}"
    for name in (
        *("itemTraceNumber", "authorizationNumber", "administrationReferenceNumber", "epsdtIndicator"),
        *("nursingHomeResidentialStatus", "nursingHomeLevelOfCare", "productOrServiceCodeEnd"),
        *("revenueUnitRateLimit", "requestedService", "serviceItemRequestType", "certificationType"),
    )
)

_MOST = {ITEM_TRACE_NUMBER: None}  # there is room for one of each other


def item_response(item: Item, case: Case, note: int | None, generation: Generation, base: str) -> dict:
    """Return ClaimResponse.item, with the sequence that the Claim gave it.

    The trace number of a form that is asked for stands beside the submitter's own: it is the DTR context.
    """
    forms = [ask for ask in case.asks if ask.sequence == item.sequence and ask.questionnaire]
    written = [
        *(_resolved(one, case) for one in extensions(item.asked, ITEM_TRACE_NUMBER)),
        *(
            {"url": ITEM_TRACE_NUMBER, "valueIdentifier": {"system": tracking_system(base), "value": one.tracking}}
            for one in forms
        ),
        *_certification(item.decision, case),
        *_numbers(item, case),
        *_requested_days(item.asked),
        *_detail(item, generation),
        *authorized_providers.of_item(item, case, generation),
        *_stay(item, case, generation),
        *_diagnoses(item, case),
    ]
    return (
        ({"extension": written} if written else {})
        | {"itemSequence": item.sequence}
        | ({"noteNumber": [note]} if note else {})
        | {"adjudication": [adjudication(item.decision)]}
    )


def granted_item(item: Item, case: Case) -> dict:
    """Return the ClaimResponse.addItem that says what was granted in place of a modified item (2.2)."""
    granted, asked = item.decision.granted or Service(), item.asked
    echoed = [_resolved(one, case) for url in _ASKED_AGAIN for one in extensions(asked, url)[: _MOST.get(url, 1)]]
    if revenue := _revenue(as_dict(asked.get("revenue"))):
        echoed.append({"url": f"{_EXTENSIONS}revenueCode", "valueCodeableConcept": revenue})
    providers = authorized_providers.of_added_item(item, case)
    certified = dict.fromkeys(("location", "servicedDate", "servicedPeriod"))
    kept = {name: value for name, value in asked.items() if name.startswith(tuple(certified))}
    quantity = granted_quantity(granted, asked)
    return (
        {"extension": [*echoed, *_certification(item.decision, case), *_stay(item, case, Generation.V2_2)]}
        | {"itemSequence": [item.sequence]}
        | ({"provider": providers} if providers else {})
        | {"productOrService": _service(granted, asked) or NOT_CODED}
        | ({"modifier": modifiers} if (modifiers := _modifiers(asked)) else {})
        | kept
        | ({"quantity": quantity} if quantity else {})
        | ({"unitPrice": asked["unitPrice"]} if asked.get("unitPrice") else {})
        | {"adjudication": [granted_adjudication(item.decision)]}
    )


def _revenue(concept: dict) -> dict | None:
    """Return a revenue code under the name that its code system has in 2.2; 2.0.1 calls it otherwise."""
    renamed = [
        one | {"system": NUBC_REVENUE} if one.get("system") == NUBC_REVENUE_2_0 else one
        for one in dicts(concept.get("coding"))
    ]
    return coded(concept | {"coding": renamed}, (NUBC_REVENUE,))


def _certification(decision: Decision, case: Case) -> list[dict]:
    if not (decision.grants and decision.starts and decision.ends):
        return []
    period = {"start": decision.starts.isoformat(), "end": decision.ends.isoformat()}
    return [
        {"url": ITEM_PREAUTH_ISSUE_DATE, "valueDate": decision.decided_at.astimezone(case.zone).date().isoformat()},
        {"url": ITEM_PREAUTH_PERIOD, "valuePeriod": period},
    ]


def _numbers(item: Item, case: Case) -> Iterator[dict]:
    """Yield the number that the item had before, and for what is pended the number to ask by."""
    before = extension(item.asked, AUTHORIZATION_NUMBER).get("valueString")
    given = case.authorization.number if not item.decision.grants else None
    if isinstance(number := before or given, str):
        yield {"url": AUTHORIZATION_NUMBER, "valueString": number}
    if item.decision.action is ReviewAction.PENDED:
        yield {"url": ADMINISTRATION_REFERENCE_NUMBER, "valueString": case.authorization.reference}


def _requested_days(asked: dict) -> Iterator[dict]:
    if "servicedDate" in asked:
        yield {"url": _SERVICE_DATE, "valueDateTime": asked["servicedDate"]}
    elif "servicedPeriod" in asked:
        yield {"url": _SERVICE_DATE, "valuePeriod": asked["servicedPeriod"]}


def _detail(item: Item, generation: Generation) -> list[dict]:
    """Return itemAuthorizedDetail of a modified item: the granted in 2.0.1, the requested in 2.2."""
    if item.decision.granted is None:
        return []
    parts = _DETAILS[generation](item.decision.granted, item.asked)
    return [{"url": _DETAIL, "extension": [{"url": name} | value for name, value in parts]}] if parts else []


def _granted_detail(granted: Service, asked: dict) -> list[tuple[str, dict]]:
    return _parts(_service(granted, asked), granted_quantity(granted, asked), asked)


def _asked_detail(_: Service, asked: dict) -> list[tuple[str, dict]]:
    return _parts(_service(Service(), asked), _requested_quantity(asked), asked)


_DETAILS: Mapping[Generation, Callable[[Service, dict], list[tuple[str, dict]]]] = {
    Generation.V2_0: _granted_detail,
    Generation.V2_2: _asked_detail,
}


def _parts(service: Any, quantity: Any, asked: dict) -> list[tuple[str, dict]]:
    found = [("productOrServiceCode", {"valueCodeableConcept": service})] if service else []
    found += [("modifier", {"valueCodeableConcept": one}) for one in _modifiers(asked)]
    found += [("unitPrice", {"valueMoney": asked["unitPrice"]})] if asked.get("unitPrice") else []
    return found + ([("quantity", {"valueQuantity": quantity})] if quantity else [])


def _service(granted: Service, asked: dict) -> dict | None:
    """Return what is granted, which is what was asked for where nothing else is said."""
    said = {"coding": [one.to_fhir() for one in granted.codes]} if granted.codes else asked.get("productOrService")
    return coded(said, SERVICES)


def _modifiers(asked: dict) -> list[dict]:
    return [told for one in dicts(asked.get("modifier")) if (told := coded(one, BILLING))]


def granted_quantity(granted: Service | None, asked: dict) -> dict | None:
    """Return how much is granted, in the unit of the request where nothing else is said."""
    before = _requested_quantity(asked)
    if granted is None or granted.quantity is None:
        return before
    kept = {name: value for name, value in (before or {}).items() if name in {"unit", "system", "code"}}
    return {"value": granted.quantity} | ({"unit": granted.unit} if granted.unit else kept or {"unit": _UNITS})


def _requested_quantity(asked: dict) -> dict | None:
    """Return what was asked for; a code that is none of X12's is told as a word (2.2.1 prof-3)."""
    quantity = as_dict(asked.get("quantity"))
    if "value" not in quantity:
        return None
    if "code" not in quantity or quantity.get("system") == X12_UNIT:
        return quantity
    word = quantity.get("unit") or quantity["code"]
    return {name: value for name, value in quantity.items() if name not in {"system", "code"}} | {"unit": word}


_UNITS = "Units"  # prof-2: a quantity has a unit or a code, also where the request had neither


def _stay(item: Item, case: Case, generation: Generation) -> Iterator[dict]:
    """Yield the days of an inpatient stay that was certified, as the request says them first (2.2 has one of each)."""
    if generation is not Generation.V2_2 or not item.decision.grants:
        return
    said: dict[str, dict] = {}
    for one in dicts(case.submission.claim.resource.get("supportingInfo")):
        named = {coding.code for coding in codings(one.get("category")) if coding.system == PAS_TEMP}
        if "admissionDates" in named:
            for name in ("timingDate", "timingPeriod"):
                if in_full(one.get(name)):
                    said.setdefault(_ADMISSION, {"url": _ADMISSION, f"value{name[6:]}": one[name]})
        if "dischargeDates" in named and in_full(one.get("timingDate")):
            said.setdefault(_DISCHARGE, {"url": _DISCHARGE, "valueDate": one["timingDate"]})
    yield from said.values()


def _diagnoses(item: Item, case: Case) -> Iterator[dict]:
    """Yield the first diagnosis of an item about which more information is asked."""
    if not any(ask.sequence == item.sequence for ask in case.asks):
        return
    yield from ({"url": _DIAGNOSIS, "valueCodeableConcept": one} for one in diagnoses(item, case)[:1])


def diagnoses(item: Item, case: Case) -> list[dict]:
    """Return the diagnoses for which the item is asked, as far as PAS's answers have codes for them."""
    wanted = as_list(item.asked.get("diagnosisSequence"))
    listed = {one.get("sequence"): one for one in dicts(case.submission.claim.resource.get("diagnosis"))}
    concepts = (as_dict(listed.get(number)).get("diagnosisCodeableConcept") for number in wanted)
    return [told for one in concepts if (told := coded(one, DIAGNOSES))]


def _resolved(held: dict, case: Case) -> dict:
    """Return an extension of the Claim.item with its references as the fullUrls of the entries that they mean."""
    entries = case.submission.entries
    if isinstance(said := held.get("valueIdentifier"), dict):
        return held | {"valueIdentifier": named(said, entries)}
    return anchored(held, "valueReference", entries)
