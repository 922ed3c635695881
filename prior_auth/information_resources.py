"""How is it told that more information is needed? CommunicationRequests, and one Task for each kind of request.

Documents are named by LOINC attachment codes. A form is asked for by LOINC 102089-0 with a trace number that is the
DTR context: the client launches DTR with it. Both are answered by ``$submit-attachment`` or an update.

Source: PAS 2.0.1 and 2.2.1, "Requests for additional information"; profile-communicationrequest, profile-task.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from fhir_r4.generations import Generation
from fhir_r4.systems import LOINC, PAS, PAS_TEMP, X12_REPORT_TYPE
from prior_auth.case import Case
from prior_auth.information import QUESTIONNAIRE_LOINC, InformationRequest, Kind, tracking_system
from prior_auth.item_response import diagnoses
from prior_auth.parties import requestor

_MODIFIER = f"{PAS}/StructureDefinition/extension-contentModifier"
_DIAGNOSIS = f"{PAS}/StructureDefinition/extension-communicatedDiagnosis"
_LINE = f"{PAS}/StructureDefinition/extension-serviceLineNumber"
_OLD_LINE = f"{PAS}/StructureDefinition/extension-paLineNumber"
_MEDICAL_RECORD = "M1"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One kind of document, or the form, about one item."""

    ask: InformationRequest
    loinc: str
    report_type: str
    modifier: str | None


def communication_requests(case: Case, base: str, generation: Generation) -> list[dict]:
    """Return one CommunicationRequest for each document or form that is asked for."""
    return [_communication_request(one, case, base, generation) for one in _wanted(case)]


def tasks(case: Case, base: str, generation: Generation) -> list[dict]:
    """Return one Task for each kind of request that occurs (ainfo-7)."""
    kinds = {kind: [ask for ask in case.asks if ask.kind is kind] for kind in Kind}
    return [_task(kind, asks, case, base, generation) for kind, asks in kinds.items() if asks]


def _wanted(case: Case) -> Iterator[_Wanted]:
    for ask in case.asks:
        if ask.kind is Kind.QUESTIONNAIRE:
            yield _Wanted(ask, QUESTIONNAIRE_LOINC, _MEDICAL_RECORD, None)
        yield from (_Wanted(ask, one.loinc, one.report_type, one.modifier) for one in ask.documents)


def _communication_request(wanted: _Wanted, case: Case, base: str, generation: Generation) -> dict:
    submission, line = case.submission, {"url": _LINE, "valuePositiveInt": wanted.ask.sequence}
    item = case.authorization.item(wanted.ask.sequence)
    said = [{"url": _DIAGNOSIS, "valueCodeableConcept": one} for one in (diagnoses(item, case) if item else [])]
    if wanted.modifier:
        said.append({"url": _MODIFIER, "valueCodeableConcept": _concept(LOINC, wanted.modifier)})
    on_root, on_payload = _LINES[generation](line)
    recipient, sender = _asking(case, "Organization", "Practitioner"), _asking(case, "Organization")
    payload = {"extension": held} if (held := [*on_payload, *said]) else {}
    return {
        "resourceType": "CommunicationRequest",
        "id": str(uuid5(NAMESPACE_URL, f"{wanted.ask.id}#{wanted.loinc}")),
        "meta": {"profile": [f"{PAS}/StructureDefinition/profile-communicationrequest"]},
        **({"extension": on_root} if on_root else {}),
        "identifier": [{"system": tracking_system(base), "value": wanted.ask.tracking}],
        "status": "active",
        "category": [_concept(X12_REPORT_TYPE, wanted.report_type)],
        "medium": [_concept(PAS_TEMP, "CDEX")],
        "subject": {"reference": submission.patient.full_url},
        "payload": [payload | {"contentString": wanted.loinc}],
        "requester": submission.insurer.reference,
        **({"recipient": [recipient]} if recipient else {}),
        **({"sender": sender} if sender else {}),
    }


def _asking(case: Case, *kinds: str) -> dict | None:
    """Return a reference to who asks for the authorization, as the first of ``kinds`` that there is; None without one.

    A PractitionerRole stands for its organization and its practitioner.
    """
    named = list(requestor(case.submission))
    found = next((one for kind in kinds for one in named if one.kind == kind), None)
    return {"reference": found.full_url} if found else None


def _line_on_payload(line: dict) -> tuple[list[dict], list[dict]]:
    return [], [line]


def _line_on_root(line: dict) -> tuple[list[dict], list[dict]]:
    return [line], []


_LINES: Mapping[Generation, Callable[[dict], tuple[list[dict], list[dict]]]] = {
    Generation.V2_0: _line_on_payload,
    Generation.V2_2: _line_on_root,
}


def _task(kind: Kind, asks: list[InformationRequest], case: Case, base: str, generation: Generation) -> dict:
    payer = case.submission.insurer.identifiers[0].to_fhir()
    inputs = [_input(one, base, generation) for one in _wanted(case) if one.ask.kind is kind]
    notes = " ".join(dict.fromkeys(ask.note for ask in asks if ask.note))
    return {
        "resourceType": "Task",
        "id": str(uuid5(NAMESPACE_URL, "#".join([case.authorization.id, kind, *(ask.id for ask in asks)]))),
        "meta": {"profile": [f"{PAS}/StructureDefinition/profile-task"]},
        "identifier": [
            {"system": f"{base}/ClaimResponse", "value": case.authorization.id},
            *({"system": tracking_system(base), "value": ask.tracking} for ask in asks),
        ],
        "status": "requested",
        "statusReason": {"text": notes or "More information is needed for a decision."},
        "intent": "order",
        "code": _concept(PAS_TEMP, _TASK_CODE[kind]),
        "for": {"reference": case.submission.patient.full_url},
        "authoredOn": _written(min(ask.asked_at for ask in asks), case),
        "requester": {"identifier": payer},
        "owner": {"identifier": payer},
        "reasonCode": _concept(PAS_TEMP, "priorAuthorization"),
        "reasonReference": {"reference": case.submission.claim.full_url},
        "restriction": {"period": {"end": _written(min(ask.due_at for ask in asks), case)}},
        "input": [{"type": _concept(PAS_TEMP, "payer-url"), "valueUrl": f"{base}/$submit-attachment"}, *inputs],
    }


_TASK_CODE = {Kind.DOCUMENTS: "attachment-request-code", Kind.QUESTIONNAIRE: "attachment-request-questionnaire"}


def _input(wanted: _Wanted, base: str, generation: Generation) -> dict:
    spelling = _SPELLING[generation]
    line = {"url": spelling.line, spelling.line_value: wanted.ask.sequence}
    if wanted.ask.kind is Kind.QUESTIONNAIRE:
        named = _concept(PAS_TEMP, spelling.questionnaire)
        return {"extension": [line], "type": named, **spelling.context(wanted.ask, base)}
    modifier = [{"url": _MODIFIER, "valueCodeableConcept": _concept(LOINC, wanted.modifier)}] if wanted.modifier else []
    needed = {"type": _concept(PAS_TEMP, "attachments-needed"), "valueCodeableConcept": _concept(LOINC, wanted.loinc)}
    return {"extension": [line, *(modifier if spelling.modifies else [])], **needed}


@dataclass(frozen=True, slots=True)
class _Spelling:
    """How a generation spells the inputs of a Task."""

    line: str
    line_value: str
    questionnaire: str
    context: Callable[[InformationRequest, str], dict]
    modifies: bool


def _context_identifier(ask: InformationRequest, base: str) -> dict:
    return {"valueIdentifier": {"system": tracking_system(base), "value": ask.tracking}}


def _context_string(ask: InformationRequest, _: str) -> dict:
    return {"valueString": ask.tracking}


_SPELLING = {
    Generation.V2_0: _Spelling(_OLD_LINE, "valueInteger", "questionnaires-needed", _context_identifier, modifies=False),
    Generation.V2_2: _Spelling(_LINE, "valuePositiveInt", "questionnaire-context", _context_string, modifies=True),
}


def _written(moment: datetime, case: Case) -> str:
    return moment.astimezone(case.zone).isoformat(timespec="seconds")


def _concept(system: str, code: str) -> dict:
    return {"coding": [{"system": system, "code": code}]}
