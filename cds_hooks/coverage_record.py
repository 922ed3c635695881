"""Does the EHR's Coverage say what the payer's directory says? Else a corrected one is proposed.

Not where regulation asks for X12 270/271 to be used: the operator says by plan whether that is so, and by default
it is (CRD 2.0.1 #305, 2.2.1 resp-69). 2.2.1 knows updates only; 2.0.1 also lets a Coverage be created that the EHR
does not have.

Source: CRD 2.0.1 and 2.2.1, "Create or Update Coverage Information", "Update Coverage Records".
"""

import copy

from cds_hooks.insured import Insured
from fhir_r4.resource import as_dict, dicts, has_coding
from fhir_r4.systems import IDENTIFIER_TYPE, MEMBER_NUMBER
from rules.directory import Member, Payer

_CLASS = "http://terminology.hl7.org/CodeSystem/coverage-class"
_PLAN = {"type": {"coding": [{"system": _CLASS, "code": "plan"}]}}


def corrected(insured: Insured) -> dict | None:
    """Return the Coverage as the directory knows it, None where it says nothing else."""
    member, payer = insured.member, insured.payer
    if member is None or payer is None:
        return None
    new = copy.deepcopy(insured.coverage)
    period = as_dict(new.get("period"))
    if member.covered_to and str(period.get("end", "9999"))[:10] > member.covered_to.isoformat():
        new["period"] = period | {"end": member.covered_to.isoformat()}
    classes = dicts(new.get("class"))
    named = [one for one in classes if has_coding(one.get("type"), _CLASS, "plan")]
    if not any(one.get("value") == member.plan for one in named):
        new["class"] = [one for one in classes if one not in named] + [_plan(payer, member)]
    return new if new != insured.coverage else None


def created(payer: Payer, member: Member, patient_id: str) -> dict:
    """Return the Coverage of a member whose EHR has none with us."""
    number = {"type": {"coding": [{"system": IDENTIFIER_TYPE, "code": MEMBER_NUMBER}]}, "value": member.member_id}
    period = {"start": member.covered_from.isoformat()}
    organization = {"resourceType": "Organization", "id": "payer", "active": True, "name": payer.name}
    return {
        "resourceType": "Coverage",
        "contained": [organization | {"identifier": [one.to_fhir() for one in payer.identifiers]}],
        "identifier": [number],
        "status": "active",
        "subscriberId": member.member_id,
        "beneficiary": {"reference": f"Patient/{patient_id}"},
        "relationship": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/subscriber-relationship", "code": "other"}]
        },
        "period": period | ({"end": member.covered_to.isoformat()} if member.covered_to else {}),
        "payor": [{"reference": "#payer"}],
        "class": [_plan(payer, member)],
    }


def _plan(payer: Payer, member: Member) -> dict:
    plan = payer.plan(member.plan)
    return _PLAN | {"value": member.plan} | ({"name": plan.title} if plan else {})
