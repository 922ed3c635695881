"""The ground floor: FHIR R4 as plain JSON. No I/O and no clock; imports nothing of the house."""
