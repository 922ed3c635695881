"""SANDBOX, the other side of the counter: an EHR with synthetic patients, for demos and tests.

It is a stranger to the service: it speaks to it over HTTP only, with keys of its own, and imports nothing of it but
the ground floor. Never part of a production installation.
"""
