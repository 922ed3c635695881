"""A policy for home oxygen that asks the EHR, the order, the directory and our own file, and no form."""

from rules.book import PolicyBook
from rules.load import load_policy

TEXT = """\
policy: oxygen-by-record
title: Home oxygen, by what the record has
version: "1"
effective: 2026-01-01
sources: [{cite: A document, url: "https://acmehealth.example/oxygen"}]
applies-to: {HCPCS: ["E0424"]}
coverage-information: {covered: covered, pa-needed: auth-needed}
facts:
  spo2:
    unit: "%"
    from-to: [50, 100]
    ask: Saturation at rest
    record: "Observation?code=http://loinc.org|20564-1&_sort=-date&_count=1"
    path: value
    within: 30 days
  lung:    {type: boolean, order: diagnoses, among: {ICD-10-CM: ["J40-J47"]}}
  place:   {type: code, order: place-of-service}
  trusted: {type: boolean, requester: gold-card}
  used:    {type: number, on-file: used, within: 12 months}
  twin:    {type: boolean, request: has, among: {HCPCS: ["E1390"]}}
criteria:
  trusted: "%trusted"
  low:     "%spo2 <= 88"
  at home: "%place = '12'"
  twin:    "%twin"
  used up: "%used >= 3"
decisions:
  - {when: {trusted: yes}, then: no-auth, say: Gold card.}
  - {when: {used up: yes}, then: not-covered, because: limit, say: Three systems a year are covered.}
  - {when: {twin: yes}, then: pend, to: oxygen-nurses, say: Decided with the concentrator.}
  - {when: {low: yes, at home: [yes, missing]}, then: certify, for: 6 months, quantity: "3 - %used",
     rest: {to: oxygen-nurses, say: More than three systems a year are looked at.}}
  - {then: pend, to: oxygen-nurses, say: A nurse looks at this request.}
cases:
  - {name: trusted, given: {trusted: true}, expect: no-auth}
  - {name: used up, given: {used: 3}, expect: not-covered}
  - {name: twin, given: {twin: true, used: 0}, expect: pend to oxygen-nurses}
  - {name: low, given: {spo2: 88, used: 1, place: "12"}, expect: certify 2 for 6 months}
  - {name: nothing, given: {}, expect: pend}
"""
BY_RECORD = PolicyBook([load_policy(TEXT, "oxygen-by-record/1.yaml")])


def saturation(value, patient="Patient/amy-baxter", on="2026-02-25", name="spo2"):
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "20564-1"}]},
        "subject": {"reference": patient},
        "effectiveDateTime": f"{on}T10:00:00Z",
        "valueQuantity": {"value": value, "code": "%", "system": "http://unitsofmeasure.org"},
    }
