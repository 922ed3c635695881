"""For which order, under which coverage, is a form wanted? What the launch says, else what the record offers.

Source: DTR 2.0.1 and 2.2.0, "Launching the DTR app": fhirContext holds a Coverage and one of an order, a
QuestionnaireResponse in progress, or a Task.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, replace

from app.clients.ehr import HttpEhr
from app.dtr.choosing import Earlier
from app.dtr.launch import Launch
from app.dtr.smart import Launched
from app.dtr.tasks import Asked, about_claim, read_task
from fhir_r4.resource import as_dict, codings, dicts, extensions, kind, local_reference, reference, text_of
from fhir_r4.systems import QR_CONTEXT, QR_COVERAGE
from questionnaires.answers import finished
from rules.ports import EhrUnavailable

ORDERS = (
    "DeviceRequest",
    "ServiceRequest",
    "MedicationRequest",
    "NutritionOrder",
    "VisionPrescription",
    "Appointment",
    "Encounter",
    "CommunicationRequest",
)
_ASKED = ORDERS[:4]
_VISITS = frozenset({"Appointment", "Encounter"})
"""What documentation may be for, and where an order is only made."""
_CODES = ("codeCodeableConcept", "code", "medicationCodeableConcept")
_OPEN = "status=draft,active"


class WrongPatient(Exception):
    """What the launch named belongs to somebody else's record."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An order or a coverage that the clinician may choose."""

    reference: str
    words: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The launch does not say it all, or too much; the clinician chooses.

    Attributes:
        is_named: the launch names these orders, and which coverage is for one is known when it is chosen.
    """

    orders: tuple[Candidate, ...]
    coverages: tuple[Candidate, ...]
    is_named: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """All that is needed to open a form: for what it is, and what was written down before."""

    launch: Launch
    earlier: Earlier


def resolve(launched: Launched, ehr: HttpEhr, order: str = "", coverage: str = "") -> Found | Choice:
    """Return what the form is for, or between what to choose; EhrUnavailable, WrongPatient.

    Args:
        order, coverage: what was chosen, of what was offered before.
    """
    begun = _begun(launched, ehr)
    asked = _asked(launched, ehr)
    about = (*(_context_of(begun) if begun else ()), *_about(asked, ehr), *launched.about)
    orders = (order,) if order else _orders(about, launched)
    if len(orders) > 1 and not begun and not asked:
        theirs = [_theirs(ehr.read(one), launched) for one in orders]
        return Choice(_candidates(theirs, launched, ehr), (), is_named=True)
    order = next(iter(orders), "")
    form = next((one for one in asked if one.wants_form), None)
    if not order and form is None:
        return _choice(launched, ehr)
    held = _theirs(ehr.read(order), launched) if order else {}
    named = (*about, *(found for one in dicts(held.get("insurance")) if (found := reference(one))))
    coverages = [coverage] if coverage else list(dict.fromkeys(one for one in named if _type(one) == "Coverage"))
    if not coverages:
        offered = _coverages(launched, ehr)
        if len(offered) != 1:
            return Choice(_candidates([held] if held else [], launched, ehr), offered)
        coverages = [offered[0].reference]
    launch = _as_launch(launched, order, coverages[0], form)
    earlier = responses_of(launched, ehr, order) if order else ()
    return Found(replace(launch, others=tuple(coverages[1:])), Earlier(begun, earlier))


def _orders(about: Iterable[str], launched: Launched) -> tuple[str, ...]:
    """Return the orders, each once; a visit is one where nothing else is."""
    named = [one.removeprefix(f"{launched.iss}/") for one in about if _type(one) in ORDERS]
    return tuple(dict.fromkeys([one for one in named if _type(one) not in _VISITS] or named))


def as_launched(launch: Launch) -> Launched:
    """Return the launch as it was before an order was chosen."""
    return Launched(**{one.name: getattr(launch, one.name) for one in fields(Launched)})


def _as_launch(launched: Launched, order: str, coverage: str, asked: Asked | None) -> Launch:
    """Return the launch for one order and coverage, with what a Task asked for."""
    made = Launch(order=order, coverage=coverage, **{one.name: getattr(launched, one.name) for one in fields(launched)})
    return replace(made, context=asked.context, canonicals=asked.canonicals, task=asked.reference) if asked else made


def _begun(launched: Launched, ehr: HttpEhr) -> dict | None:
    named = next((one for one in launched.about if _type(one) == "QuestionnaireResponse"), None)
    return _theirs(ehr.read(named), launched) if named else None


def responses_of(launched: Launched | Launch, ehr: HttpEhr, order: str) -> tuple[dict, ...]:
    """Return the responses of an order, newest first; a record that cannot be searched offers none."""
    return tuple(one for one in _responses(launched, ehr) if order in _context_of(one))


def _responses(launched: Launched | Launch, ehr: HttpEhr) -> tuple[dict, ...]:
    try:
        return ehr.search(f"QuestionnaireResponse?patient={launched.patient}&_sort=-authored")
    except EhrUnavailable:
        return ()


def _asked(launched: Launched, ehr: HttpEhr) -> list[Asked]:
    return [read_task(_theirs(ehr.read(one), launched)) for one in launched.about if _type(one) == "Task"]


def _about(asked: list[Asked], ehr: HttpEhr) -> Iterator[str]:
    """Yield what Tasks are about; a Claim stands for its order and its Coverage, where the EHR has it."""
    for target in (one for task in asked for one in task.about):
        yield target
        if _type(target) == "Claim":
            with suppress(EhrUnavailable):
                yield from about_claim(ehr.read(target))


def _context_of(response: dict) -> tuple[str, ...]:
    held = [one.get("valueReference") for url in (QR_CONTEXT, QR_COVERAGE) for one in extensions(response, url)]
    return tuple(found for one in held if (found := reference(one)))


def _theirs(resource: dict, launched: Launched) -> dict:
    """Return the resource if it is of the patient for whom the app was launched."""
    whose = {reference(resource.get(name)) for name in ("subject", "patient", "for", "beneficiary")} - {None}
    mine = {f"Patient/{launched.patient}", f"{launched.iss}/Patient/{launched.patient}"}
    if whose - mine:
        raise WrongPatient
    return resource


def _choice(launched: Launched, ehr: HttpEhr) -> Choice:
    orders: list[dict] = []
    for one in _ASKED:
        with suppress(EhrUnavailable):
            orders += ehr.search(f"{one}?patient={launched.patient}&{_OPEN}")
    return Choice(_candidates(orders, launched, ehr), _coverages(launched, ehr))


def _coverages(launched: Launched, ehr: HttpEhr) -> tuple[Candidate, ...]:
    found = ehr.search(f"Coverage?patient={launched.patient}&status=active")
    return tuple(_coverage(one) for one in found if kind(one) == "Coverage")


def _candidates(orders: list[dict], launched: Launched, ehr: HttpEhr) -> tuple[Candidate, ...]:
    sent = {target for one in _responses(launched, ehr) if finished(one) for target in _context_of(one)}
    return tuple(_candidate(one, is_sent=local_reference(one) in sent) for one in orders)


def _candidate(order: dict, *, is_sent: bool) -> Candidate:
    concept = next((as_dict(order[name]) for name in _CODES if name in order), {})
    coded = next(iter(codings(concept)), None)
    words = text_of(concept.get("text")) or (coded and (coded.display or coded.code)) or kind(order)
    day = (text_of(order.get("authoredOn")) or "")[:10]
    said = [words, text_of(order.get("status")), day, "a form is sent" if is_sent else ""]
    return Candidate(local_reference(order), ", ".join(one for one in said if one))


def _coverage(coverage: dict) -> Candidate:
    plan = next((text_of(one.get("name")) or text_of(one.get("value")) for one in dicts(coverage.get("class"))), None)
    return Candidate(local_reference(coverage), plan or text_of(coverage.get("subscriberId")) or "Coverage")


def _type(target: str) -> str:
    return target.rsplit("/", 2)[-2] if "/" in target else ""
