"""DTR: which documentation a policy needs, as Questionnaires, and what their answers say.

HTTP: ``app/api/questionnaires.py``.
"""
