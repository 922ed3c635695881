"""How is the payer told that a form's own logic does not work? ``Questionnaire/$log-questionnaire-errors``.

Told are the form, the question and what the logic could not do, with who says so, when, and at which provider; nothing
of a record, of an answer or of a person.

Source: DTR 2.0.1 @197, @201, @285, @290; DTR 2.2.0 oper-1 to oper-3, spec-78; profile dtr-log-errors-input-parameters.
"""

from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version

from fhir_r4.systems import DTR
from questionnaires.reported import without_persons

PROFILE = f"{DTR}/StructureDefinition/dtr-log-errors-input-parameters"
MOST = 50


def report(canonical: str, failed: Mapping[str, str], provider: str, now: datetime) -> dict:
    """Return the operation's input.

    Args:
        canonical: the form, with its version.
        failed: what could not be done, in words, by linkId; "" stands for the form itself.
        provider: the FHIR base at which it happened.
    """
    issues = [_issue(link, why) for link, why in list(failed.items())[:MOST]]
    app = f"priorauth DTR app {version('priorauth')}, {now.isoformat(timespec='seconds')}, at {provider}"
    said = {"severity": "information", "code": "informational", "diagnostics": app}
    outcome = {"resourceType": "OperationOutcome", "issue": [*issues, said]}
    return {
        "resourceType": "Parameters",
        "meta": {"profile": [PROFILE]},
        "parameter": [
            {"name": "questionnaire", "valueCanonical": canonical},
            {"name": "operationOutcome", "resource": outcome},
        ],
    }


def _issue(link: str, why: str) -> dict:
    safe = link.replace("'", "")
    where = f"Questionnaire.item.where(linkId = '{safe}')" if safe else "Questionnaire"
    return {"severity": "error", "code": "processing", "diagnostics": without_persons(why), "expression": [where]}
