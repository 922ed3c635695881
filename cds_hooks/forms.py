"""How is a form asked for where the client has no DTR? By a Task, and by the form itself where it is not there.

Where the client has DTR this is never used (CRD 2.2.1 resp-59): the coverage information names the form, and the
client fetches it. Whether the form is there is asked before it is sent (dev-20).

Source: CRD 2.0.1 and 2.2.1, "Request Form Completion", profile-taskquestionnaire.
"""

from datetime import date
from typing import Any

from cds_hooks.cards import create
from cds_hooks.order import Order
from fhir_r4.generations import Generation
from fhir_r4.resource import kind
from fhir_r4.systems import CRD_TEMP, SDC_TEMP
from rules.directory import Payer


def question(canonical: str) -> str:
    """Return the search by which the client is asked whether it has a form."""
    url, _, version = canonical.partition("|")
    return f"Questionnaire?url={url}" + (f"&version={version}" if version else "")


def form_actions(
    order: Order, form: dict | None, canonical: str, payer: Payer, today: date, generation: Generation
) -> list[dict]:
    """Return the actions: the Task, before it the form where the client does not have it.

    Args:
        form: the Questionnaire to send along; None where the client has it, or could not be asked.
    """
    task = create("Add a task to complete the form", _task(order, canonical, payer, today, generation))
    if form is None:
        return [task]
    same = f"url={form['url']}&version={form['version']}"
    return [create("Add the form that is to be completed", form, if_none_exist=same), task]


def _task(order: Order, canonical: str, payer: Payer, today: date, generation: Generation) -> dict:
    concerns = order.resource.get("patient" if kind(order.resource) == "VisionPrescription" else "subject")
    task: dict[str, Any] = {
        "resourceType": "Task",
        "basedOn": [{"reference": order.reference}],
        "status": "ready",
        "intent": "order",
        "code": {"coding": [{"system": SDC_TEMP, "code": "complete-questionnaire"}]},
        "for": concerns,
        "authoredOn": today.isoformat(),
        "requester": {
            "type": "Organization", "identifier": payer.identifiers[0].to_fhir(), "display": payer.name,
        },
        "reasonCode": {
            "coding": [{"system": CRD_TEMP, "code": "reason-prior-auth"}],
            "text": "Needed for prior authorization",
        },
        "input": [
            {
                "type": {"coding": [{"system": SDC_TEMP, "code": "questionnaire"}], "text": "questionnaire"},
                "valueCanonical": canonical,
            }
        ],
    }  # fmt: skip
    if "encounter" in order.resource:
        task["encounter"] = order.resource["encounter"]
    if generation is Generation.V2_0:
        task["input"].append(_afterwards())
    else:
        task["reasonCode"] = {"text": "Needed for prior authorization"}
    return task


def _afterwards() -> dict:
    """Return what is done with the form once it is complete; 2.2.1 has no such input."""
    include = {"coding": [{"system": CRD_TEMP, "code": "prior-auth-include"}]}
    kind_of = {"coding": [{"system": CRD_TEMP, "code": "after-completion-action"}]}
    return {"type": kind_of, "valueCodeableConcept": include}
