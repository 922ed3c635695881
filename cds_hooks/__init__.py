"""CRD: what the plan requires, answered while the clinician orders.

HTTP: ``app/api/cds_hooks.py``.
"""
