"""A policy of the tests that uses all of the language, and evidence to weigh it on."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from fhir_r4.resource import Coding
from fhir_r4.systems import CPT, ICD_10_CM, RXNORM
from rules.directory import GoldCard, Provider
from rules.evidence import Asked, Evidence
from rules.load import load_policy
from rules.ports import Standing
from rules.weigh import weigh

THERAPY = Coding(CPT, "97110")
DAY = date(2026, 3, 1)
FILE = "therapy/1.yaml"
TEXT = """\
policy: therapy
title: Therapeutic exercise visits
version: "1"
effective: 2026-01-01
sources: [{cite: A document, url: "https://acmehealth.example/therapy"}]
applies-to: {CPT: ["97110"]}
coverage-information: {covered: covered, pa-needed: auth-needed, doc-needed: clinical, questionnaire: therapy|1}
suggestions:
  - {card: companion, summary: "A home exercise programme goes with it", detail: More., order: ServiceRequest,
     code: {CPT: "97535"}, title: Home management training, when: {in network: yes}}
facts:
  weight:
    unit: kg
    from-to: [1, 400]
    ask: The patient's weight
    from:
      - question: "1"
      - {record: "Observation?code=http://loinc.org|29463-7&_sort=-date&_count=1", path: value, within: 90 days}
  since:   {type: date, record: "Condition?clinical-status=active", path: onset, among: {ICD-10-CM: ["M54.*"]}}
  tried:   {type: boolean, record: "MedicationRequest?status=active", among: {RxNorm: ["1657981"]}, within: 1 year}
  visits:  {type: number, record: "Procedure?code=97110", within: 1 year}
  back:    {type: boolean, order: diagnoses, among: {ICD-10-CM: ["M54.*"]}}
  what:    {type: code, order: code}
  exercise: {type: boolean, order: code, among: {CPT: ["97110"]}}
  asked:   {type: number, order: quantity}
  place:   {type: code, order: place-of-service}
  urgent:  {type: boolean, order: "priority = 'urgent'"}
  sequela: {type: code, order: modifiers}
  group:   {type: code, coverage: "class.where(type.coding.code = 'group').value"}
  age:     {type: number, patient: age}
  sex:     {type: code, patient: sex}
  network: {type: code, performer: network}
  trusted: {type: boolean, requester: gold-card}
  used:    {type: number, on-file: used, within: 12 months}
  twice:   {type: boolean, on-file: authorized}
  with_wheelchair: {type: boolean, request: has, among: {HCPCS: ["K0001-K0008"]}}
criteria:
  trusted:      "%trusted"
  in network:   "%network = 'in'"
  elsewhere:    "%place != '11' and %place != '22'"
  heavy:        "%weight > 120"
  used up:      "%used >= 20"
  minor:        "%age < 18"
decisions:
  - {when: {trusted: yes}, then: no-auth, say: Gold card.}
  - {when: {elsewhere: [yes, missing]}, then: pend, to: therapists, say: Tell where it is to be.}
  - {when: {used up: yes}, then: not-covered, because: limit, say: Twenty visits a year are covered.}
  - {when: {minor: yes}, then: certify, for: 6 months, say: A child., coverage-information: {pa-needed: no-auth}}
  - when: {heavy: no}
    then: certify
    for: 6 months
    quantity: "20 - %used"
    rest: {to: therapists, say: More than twenty visits a year are looked at.}
  - {then: pend, to: nurses, say: A nurse reviews this request.}
cases:
  - {name: gold card, given: {trusted: true}, expect: no-auth}
  - {name: nowhere, given: {}, expect: pend to therapists}
  - {name: used up, given: {place: "11", used: 20}, expect: not-covered}
  - {name: a child, given: {place: "11", used: 0, age: 9}, expect: certify for 6 months}
  - {name: seven left, given: {place: "11", used: 13, age: 40, weight: 80}, expect: certify 7 for 6 months}
  - {name: no weight, given: {place: "11", used: 13, age: 40}, expect: pend to nurses}
"""
POLICY = load_policy(TEXT, FILE)


def kilograms(value, code="kg"):
    return {"value": value, "code": code, "system": "http://unitsofmeasure.org"}


def an_observation(value, on="2026-02-20", name="o1", code="29463-7", **more):
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "effectiveDateTime": f"{on}T10:00:00Z",
        "valueQuantity": value,
    } | more


def a_condition(code="M54.16", **more):
    coding = {"system": ICD_10_CM, "code": code}
    active = {"coding": [{"code": "active", "system": "http://terminology.hl7.org/CodeSystem/condition-clinical"}]}
    return {"resourceType": "Condition", "id": "c1", "code": {"coding": [coding]}, "clinicalStatus": active,
            "onsetDateTime": "2025-12-24"} | more  # fmt: skip


def a_prescription(**more):
    concept = {"coding": [{"system": RXNORM, "code": "1657981"}]}
    return {"resourceType": "MedicationRequest", "id": "m1", "status": "active", "authoredOn": "2025-08-01",
            "medicationCodeableConcept": concept} | more  # fmt: skip


CLINIC = Provider("1234567893", "A clinic", "in", (GoldCard("thera*", date(2026, 1, 1), date(2026, 6, 30)),))
WHOLE = Evidence(
    authored=DAY,
    received=DAY,
    code=THERAPY,
    answers={"1": [kilograms(80)]},
    records=(an_observation(kilograms(95)), a_condition(), a_prescription()),
    order={"resourceType": "ServiceRequest", "priority": "urgent"},
    asked=Asked(Decimal(12), "11", (Coding(ICD_10_CM, "M54.16"),), ("GP",)),
    coverage={"resourceType": "Coverage", "class": [{"type": {"coding": [{"code": "group"}]}, "value": "G1"}]},
    patient={"resourceType": "Patient", "gender": "female", "birthDate": "1950-03-02"},
    performers=(CLINIC,),
    requester=replace(CLINIC, gold_cards=()),
    on_file=(Standing("PA1", (THERAPY,), date(2025, 12, 1), date(2026, 2, 1), Decimal(8)),),
    others=(Coding(CPT, "97535"),),
)


def on(**changes):
    return weigh(POLICY, replace(WHOLE, **changes))
