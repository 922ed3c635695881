"""PAS: a request for prior authorization, what became of it, and how that is told.

HTTP: ``app/api/claims.py``, ``inquiries.py``, ``reads.py``, ``subscriptions.py``.
"""
