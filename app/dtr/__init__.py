"""The DTR client: fetches forms from a payer, fills them from the EHR's record, and hands them to the clinician.

It is a client of the EHR and of the payer's public API, with credentials of its own and no back
door: the guide forbids preferring one's own app, and EHR data goes to the clinician and nowhere else until the
clinician sends it (DTR 2.2 spec-1).
"""
