"""How is ``docs/prepopulation.md`` made? ``python -m tests.questionnaires.prepopulation``: every patient, every form.

Each of the payer's forms is packaged, searched for and filled as the DTR app does it, over the record of each of the
sandbox EHR's patients, who were written down before the forms. Every question of the form counts, also one that is
for the clinician alone; answered is one that the record answers by itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.dtr.expressions import Expressions
from app.sandbox.records import Records
from fhir_r4.generations import Generation
from fhir_r4.resource import Coding, as_dict, codings, dicts, extension, kind, link_of, local_reference, reference
from fhir_r4.systems import INFORMATION_ORIGIN
from fhir_r4.wire import read_object, write_json
from questionnaires.adaptive import is_adaptive
from questionnaires.asked import asked, disabled
from questionnaires.catalog import questions
from questionnaires.dialects import CLIENT_ORIGIN
from questionnaires.logic import Clinical, Logic
from questionnaires.populate import information_origin, populate
from rules.policy import Policy
from tests.given import BOOK, CATALOG, NOW, ROOT, TODAY, a_record
from tests.questionnaires.given import answered

PAGE = ROOT / "docs" / "prepopulation.md"
GENERATION = Generation.V2_2
ROUNDS = 4
AIM = 0.7
_CONCEPTS = ("code", "codeCodeableConcept", "medicationCodeableConcept")
_HEAD = """# How many questions the record answers

Made by `python -m tests.questionnaires.prepopulation`; do not edit.

Each form, as a DTR client gets it on `/fhir/2.2`, is filled from the record of each of the sandbox EHR's 20 synthetic
patients ([who they are](../fixtures/ehr/README.md)). The records were written before the forms. **Every question
counts**, also those that only a clinician can answer; answered is a question that the record answers by itself, with
its source. The aim is {aim:.0%} on each form's fullest patient. A form also has questions that other cases call for:
the last two columns count those that are asked as the form then stands.

What no record is asked for, on purpose: whether something is *not* so, as a record that does not name it has not
denied it; the text of notes, as more than the minimum necessary; and what each clinic keeps under codes of its own.

| form | questions | fullest patient | answered | share | asked then | answered of these |
|---|--:|---|--:|--:|--:|--:|
"""
_WHY = """
## Why not more

Of the forms that stay below {aim:.0%}, what only a person knows. Nothing was guessed, and no question was added, to
bring more: a form asks for what its policy weighs or its reviewers read.

| form | share | why |
|---|--:|---|
"""
WHY = {
    "brca-testing": (
        "1.2, 2.1 to 2.3, 2.7 and 3.1 ask what for most is not so, and only a finding is on file, never its absence; "
        "of the three cancers of 2.1 to 2.3 a record has none or one. 3.2, ancestry, has no standard code. 3.3 is a "
        "judgment of how much is known."
    ),
    "cpap": (
        "It is one form for three cases: of a first device with a clear test 10 questions are asked. 3.2, 3.4 and 3.5 "
        "are for mild apnea and ask what need not be so; 4.1 to 4.4 are for a device in use, with which this patient "
        "cannot have been seen. 2.5, the events counted in all, is in the laboratory's report."
    ),
    "eyelid-surgery": (
        "2.1, 3.2 and 3.3 are measured and kept under each clinic's own codes, as there are no standard ones. 1.1 is "
        "the surgeon's own word, on which an exclusion hangs. 1.2, 2.2 and 2.3 are seen and told, not coded; 1.3 asks "
        "what for most is not so."
    ),
    "infliximab": (
        "2.2 and 2.3 are filled where the order has milligrams for each kilogram and a timing; here it has "
        "milligrams, which may be whole vials, and words. 1.2, 3.5 and 5.2 ask what for most is not so, 4.1 where it "
        "will be given. 1.3, 2.4, 3.3 and 4.2 are for other cases."
    ),
    "lumbar-mri": (
        "No patient with an order has anything of the back on file. 1.1 is examined; 1.2 to 1.4 ask for what for most "
        "is not so; 2.1 counts what was done for the back; 2.2 is how the patient fares."
    ),
    "physical-therapy": (
        "2.2 is a signature, 2.3 and 2.6 are the plan's aims in the therapist's words. For 3.4 nobody but the "
        "therapist knows which note was a progress report. 2.7 is for therapy that maintains."
    ),
    "power-wheelchair": (
        "All of 2.1 to 2.6 and 3.2 to 3.4 is what the patient can do and wants, in this home. It was examined and "
        "stands in notes; scores on file say how much help is needed, and not for what."
    ),
    "skilled-nursing": (
        "2.1 is at the stay by reference alone. 3.1 to 3.3, 3.5 and 3.6 are a judgment of what care is needed, and why "
        "in a facility. 4.1 is a physician's certification. 4.2 counts days of the whole benefit period, wherever they "
        "were spent."
    ),
}
"""Of each form whose fullest patient is below the aim: which questions are left, and why."""
_ORDERS = """
## For whom an order is drafted

| form | patient | answered | left to the clinician |
|---|---|--:|---|
"""
_EVERYONE = """
## Every patient

Questions answered. In bold: an order of that kind is drafted; elsewhere there is none, and what an order answers is
empty.

"""


@dataclass(frozen=True, slots=True)
class Row:
    """One form over one record: how many questions, and which were answered from it, by linkId.

    Attributes:
        asked: those that are asked, as the form stands with these answers.
    """

    form: str
    patient: str
    order: str
    questions: int
    answered: frozenset[str]
    left: tuple[str, ...]
    asked: frozenset[str]

    @property
    def share(self) -> float:
        return len(self.answered) / self.questions


@cache
def record() -> Records:
    return a_record()


def forms() -> list[dict]:
    return [form for form in CATALOG if not is_adaptive(form) and policy_of(form)]


def policy_of(form: dict) -> Policy | None:
    """Return the policy that names the form; what no policy names is no form of the payer's policies."""
    name = f"{form['id']}|{form['version']}"
    return next((one for one in BOOK if one.at_order_time.questionnaire == name), None)


@cache
def rows() -> tuple[Row, ...]:
    """Return every form over every patient, in the order of their names."""
    return tuple(_filled(form, patient) for form in forms() for patient in patients())


def patients() -> list[dict]:
    return sorted((one for one in record() if kind(one) == "Patient"), key=name_of)


def name_of(patient: dict) -> str:
    name = patient["name"][0]
    return f"{' '.join(name['given'])} {name['family']}"


def _filled(form: dict, patient: dict) -> Row:
    order = _order(form, patient)
    context = dict(_context(patient, order))
    package = _package(form, context)
    (held,) = (one for one in package if kind(one) == "Questionnaire")
    draft = next(one for one in package if kind(one) == "QuestionnaireResponse")
    context |= _searched(Expressions(held, package), context | {"resource": draft})
    clinical = Clinical.over(Logic(package).of(held), context, NOW)
    origin = information_origin(CLIENT_ORIGIN[GENERATION])
    response, _ = populate(held, draft, context, lambda: origin, clinical)
    every = [link for link, one in questions(held).items() if one.get("type") not in {"group", "display"}]
    answered_ones = frozenset(_from_the_record(response))
    left = tuple(link for link in every if link not in answered_ones)
    shown = frozenset(link_of(one.item) for one in asked(held, response, disabled(held, response)))
    target = local_reference(order) if order else ""
    return Row(form["id"], name_of(patient), target, len(every), answered_ones, left, shown & frozenset(every))


def _order(form: dict, patient: dict) -> dict | None:
    """Return the patient's drafted order that the form's policy is for."""
    policy = policy_of(form)
    mine = [one for one in record() if one.get("status") == "draft" and _is_of(one, patient)]
    return next(
        (one for one in mine if policy and any(policy.applies_to.codes.has(code, TODAY) for code in _codes(one))), None
    )


def _codes(order: dict) -> list[Coding]:
    return [one for name in _CONCEPTS for one in codings(order.get(name))]


def _is_of(order: dict, patient: dict) -> bool:
    return reference(order.get("subject")) == local_reference(patient)


def _context(patient: dict, order: dict | None) -> Iterator[tuple[str, Any]]:
    """Yield what a launch has read: patient, coverage, and the order with who wrote it."""
    records = record()
    yield "patient", patient
    yield "coverage", records.search("Coverage", f"patient={patient['id']}")[0]
    if order:
        requester = records.get(reference(order["requester"]) or "")
        yield "order", order
        yield "user", requester
        entry = [{"resource": requester}]
        yield "requester", {"resourceType": "Bundle", "type": "searchset", "entry": entry}


def _package(form: dict, context: dict[str, Any]) -> list[dict]:
    """Return what came with the form: asked for by name, with the order where there is one."""
    given = [
        {"name": "coverage", "resource": _ours(context["coverage"])},
        {"name": "questionnaire", "valueCanonical": f"{form['url']}|{form['version']}"},
    ]
    given += [{"name": "order", "resource": context["order"]}] if "order" in context else []
    answer = answered(GENERATION, *given, order=False, coverage=False)
    bundles = (as_dict(one.get("resource")) for one in answer["parameter"])
    wanted = (one for one in bundles if kind(one) == "Bundle")
    resources = ([as_dict(entry["resource"]) for entry in dicts(one["entry"])] for one in wanted)
    return next(one for one in resources if any(each.get("url") == form["url"] for each in one))


def _ours(coverage: dict) -> dict:
    return coverage | {"payor": [{"identifier": dicts((record().get("Organization/acme") or {})["identifier"])[0]}]}


def _searched(expressions: Expressions, context: dict[str, Any]) -> dict[str, dict]:
    """Return what the form's searches find, round by round, as the app asks the EHR."""
    found: dict[str, dict] = {}
    for _ in range(ROUNDS):
        asked = expressions.queries({"variables": context | found})
        new = {name: query for name, query in asked.items() if name not in found}
        if not new:
            break
        for name, query in new.items():
            entry = [{"resource": one} for one in record().search(*query.split("?", 1))]
            found[name] = {"resourceType": "Bundle", "type": "searchset", "entry": entry}
    return {name: read_object(write_json(one)) for name, one in found.items()}


def _from_the_record(response: dict) -> Iterator[str]:
    """Yield the questions whose answers the app found, and not the payer."""
    waiting = dicts(response.get("item"))
    while waiting:
        item = waiting.pop()
        waiting += dicts(item.get("item"))
        if any(_source(one) == CLIENT_ORIGIN[GENERATION] for one in dicts(item.get("answer"))):
            yield item["linkId"]


def _source(answer: dict) -> str:
    parts = dicts(extension(answer, INFORMATION_ORIGIN).get("extension"))
    return next((str(one.get("valueCode")) for one in parts if one.get("url") == "source"), "")


def fullest(form: str) -> Row:
    """Return the patient with an order of whom the most is known."""
    return max((one for one in rows() if one.form == form and one.order), key=lambda one: one.share)


def page() -> str:
    names = [form["id"] for form in forms()]
    best = "".join(map(_best, map(fullest, names)))
    drafted = "".join(
        _line(one.form, one.patient, f"{len(one.answered)} of {one.questions}", ", ".join(one.left) or "-")
        for one in rows()
        if one.order
    )
    why = "".join(_line(name, f"{fullest(name).share:.0%}", WHY[name]) for name in names if fullest(name).share < AIM)
    parts = _HEAD.format(aim=AIM), best, _WHY.format(aim=AIM), why, _ORDERS, drafted, _EVERYONE, *_matrix(names)
    return "".join(parts)


def _best(one: Row) -> str:
    of_asked = len(one.answered & one.asked) / len(one.asked)
    counted = one.questions, one.patient, len(one.answered), f"{one.share:.0%}"
    return _line(one.form, *counted, len(one.asked), f"{of_asked:.0%}")


def _matrix(names: list[str]) -> Iterator[str]:
    held = {(one.form, one.patient): one for one in rows()}
    yield _line("patient", *(f"{name} ({fullest(name).questions})" for name in names))
    yield "|---|" + "--:|" * len(names) + "\n"
    for patient in map(name_of, patients()):
        of = [held[name, patient] for name in names]
        yield _line(patient, *(f"**{len(one.answered)}**" if one.order else len(one.answered) for one in of))


def _line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
