"""Runs compiled clinical logic (ELM) on plain FHIR JSON: the room stands, its engine follows."""
