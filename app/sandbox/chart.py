"""SANDBOX. What does the EHR's clinician see and click? Patients, their orders, and the launch of the payer's app."""

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from app.sandbox.ehr import Ehr
from app.sandbox.smart import Context
from fhir_r4.payer_answer import payer_answer
from fhir_r4.resource import as_dict, codings, dicts, local_reference, reference, text_of

ORDERS = ("DeviceRequest", "ServiceRequest", "MedicationRequest", "NutritionOrder", "VisionPrescription")
_CODES = ("codeCodeableConcept", "code", "medicationCodeableConcept")


def chart(ehr: Ehr) -> Blueprint:
    """Return the EHR's pages."""
    pages = Blueprint("chart", __name__, template_folder="templates")

    @pages.get("/")
    def home() -> str:
        links = [_row(one, f"/chart/{one['id']}") for one in _people(ehr)]
        return render_template("patients.html", title="Patients", patients=links, action="Open the chart")

    @pages.get("/chart/<identity>")
    def patient(identity: str) -> str | tuple[str, int]:
        held = ehr.records.get(f"Patient/{identity}")
        if held is None:
            return "no such patient", 404
        mine = f"patient={identity}"
        return render_template(
            "patient.html",
            title=_name(held),
            orders=[_order(one) for type_ in ORDERS for one in ehr.records.search(type_, mine)],
            forms=[_form(one) for one in ehr.records.search("QuestionnaireResponse", mine)],
            answers=[_answer(one) for one in ehr.records.search("ClaimResponse", mine)],
        )

    @pages.get("/chart/launch")
    def launch() -> AnyResponse | tuple[str, int]:
        """Launch the payer's DTR app from an order, or from a form that was begun."""
        handle = ehr.launch_handle(request.args.get("about", ""))
        if handle is None:
            return "no such order", 404
        return redirect(f"{ehr.payer}/dtr/launch?{urlencode({'iss': ehr.base, 'launch': handle})}")

    return pages


def choose_patient(ehr: Ehr, asked: dict[str, str]) -> Response:
    """Ask whose record a standalone launch is about."""
    rows = [_row(one, f"/auth/authorize?{urlencode(asked | {'patient': one['id']})}") for one in _people(ehr)]
    page = render_template("patients.html", title="For which patient?", patients=rows, action="Choose")
    return Response(page, content_type="text/html; charset=utf-8")


def context_of(ehr: Ehr, patient: str) -> Context | None:
    """Return the context of a standalone launch; the clinician is the one who orders for the patient."""
    orders = (one for type_ in ORDERS for one in ehr.records.search(type_, f"patient={patient}"))
    user = next((found for one in orders if (found := reference(as_dict(one.get("requester"))))), None)
    return Context(patient, user) if user and ehr.records.get(f"Patient/{patient}") else None


def _people(ehr: Ehr) -> list[dict]:
    return sorted(ehr.records.search("Patient", ""), key=_name)


def _row(patient: dict, link: str) -> dict[str, Any]:
    return {"name": _name(patient), "born": patient.get("birthDate", ""), "link": link}


def _name(patient: dict) -> str:
    name = next(iter(dicts(patient.get("name"))), {})
    return " ".join([*name.get("given", []), name.get("family", "")])


def _order(order: dict) -> dict[str, str]:
    concept = next((as_dict(order[name]) for name in _CODES if name in order), {})
    coded = next(iter(codings(concept)), None)
    what = text_of(concept.get("text")) or (coded and (coded.display or coded.code)) or "?"
    day = order.get("authoredOn", "")[:10]
    return {"what": what, "status": order.get("status", ""), "day": day, "reference": local_reference(order)}


def _form(form: dict) -> dict[str, str]:
    what = (text_of(form.get("questionnaire")) or "").rpartition("/")[2]
    day = form.get("authored", "")[:16].replace("T", " ")
    return {"what": what, "status": form.get("status", ""), "day": day, "reference": local_reference(form)}


def _answer(response: dict) -> dict[str, str]:
    said = payer_answer(response)
    number = said.number or said.reference or ""
    return {"action": said.words, "number": number, "day": response.get("created", "")[:16].replace("T", " ")}
