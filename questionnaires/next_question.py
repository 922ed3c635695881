"""Which questions come next in an adaptive form? Only those on which the policy's decision still depends.

::

    first call      what the form asks beside the policy's facts, and the facts of the first row that is open
    each call       the facts of the first decision row that is still open
    decided         nothing new: the response comes back completed

Rows are read down as the policy is weighed: one that cannot hold any more is passed over, one that holds ends the
questions. What was asked and left blank stays missing. Nothing is kept of what is sent (DTR 2.2.0 sec-10).

Source: SDC 4.0.0, operation Questionnaire-next-question; DTR 2.0.1 @218, @219; DTR 2.2.0 spec-36, spec-39, spec-147.
"""

from collections.abc import Iterable
from datetime import date

from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest, Issue
from fhir_r4.resource import as_dict, contained, dicts, kind, link_of, text_of
from questionnaires.adaptive import LAST, SUFFIX, contained_form, is_adaptive
from questionnaires.answers import every_item, facts_from
from questionnaires.asked import is_group
from questionnaires.catalog import Catalog, questions
from questionnaires.check_answers import faults
from questionnaires.draft import ADAPT_PROFILE
from rules.book import PolicyBook
from rules.evaluate import evaluate
from rules.policy import Policy


def read_response(body: dict) -> dict:
    """Return the QuestionnaireResponse: bare, or the parameter ``questionnaire-response``; InvalidRequest."""
    if kind(body) == "Parameters":
        named = (one for one in dicts(body.get("parameter")) if one.get("name") == "questionnaire-response")
        body = as_dict(next(named, {}).get("resource"))
    if kind(body) != "QuestionnaireResponse":
        where = "Parameters.parameter.where(name = 'questionnaire-response').resource"
        raise InvalidRequest(
            Issue("structure", "there must be a QuestionnaireResponse, bare or as that parameter", where)
        )
    return body


def next_questions(
    response: dict, catalog: Catalog, book: PolicyBook, today: date, generation: Generation, base: str
) -> dict:
    """Return the response with more questions in its contained form, or completed.

    Raises:
        InvalidRequest: no contained form of ours, or answers that the form does not allow; every fault at once.
    """
    form = _form_of(response, catalog)
    asked = _asked(response, form)
    if issues := faults(form, response, asked, catalog.value_sets):
        raise InvalidRequest(*issues)
    if response.get("status") == "completed":
        return response
    policy = _policy_for(form, book, today)
    new, is_last = _wanted(form, policy, response, asked, today)
    shown = [link for link in questions(form) if link in asked | new]
    items = _items(form["item"], set(shown))
    grown = response | {"item": _answered(items, response)} | _profile(generation)
    if not new:
        return grown | {"status": "completed"} | contained_form(form, generation, base, items)
    told = [*items, LAST] if is_last else items
    return grown | {"status": "in-progress"} | contained_form(form, generation, base, told)


def _form_of(response: dict, catalog: Catalog) -> dict:
    """Return our adaptive form that the response answers."""
    form = catalog.form_of(response)
    if form is None or not is_adaptive(form):
        text = "a contained adaptive form, derivedFrom url|version of one of ours"
        raise InvalidRequest(Issue("not-found", text, "QuestionnaireResponse.questionnaire"))
    return form


def _asked(response: dict, form: dict) -> set[str]:
    """Return which of our questions the contained form has; what else it has is not ours."""
    held = contained(response, text_of(response.get("questionnaire")) or "#")
    return askable(form) & questions(held).keys()


def askable(form: dict) -> set[str]:
    """Return the linkIds of what can be answered: neither groups nor words."""
    return {link for link, item in questions(form).items() if item.get("type") not in {"group", "display"}}


def _policy_for(form: dict, book: PolicyBook, today: date) -> Policy | None:
    """Return the policy whose facts the form asks for: one in force, else the newest that names it."""
    names = {f"{form['id']}|{form['version']}", f"{form['id'].removesuffix(SUFFIX)}|{form['version']}"}
    found = [entry for entry in book.entries if entry.questionnaire in names]
    newest = max(found, key=lambda one: (one.in_force(today), one.rank), default=None)
    return newest.open() if newest else None


def _wanted(form: dict, policy: Policy | None, response: dict, asked: set[str], today: date) -> tuple[set[str], bool]:
    """Return the linkIds to be asked now, and whether the policy has no others after them."""
    every = askable(form)
    if policy is None:
        return every - asked, True
    of_facts = {fact.question for fact in policy.facts if fact.question}
    beside = every - of_facts - asked
    facts, _ = facts_from(response | {"status": "completed"}, policy.facts)
    needed = {
        fact.question for fact in policy.facts if fact.question and fact.name in _open(policy, facts, asked, today)
    } & every
    new = beside | needed
    return new, bool(new) and of_facts & every <= asked | new


def _open(policy: Policy, facts: dict, asked: set[str], today: date) -> set[str]:
    """Return the facts, not asked for yet, on which it depends whether the first open row holds.

    What no question asks (the plan, the order, what is on file) is not known here: a row that hangs on it alone is
    passed over, and the rows after it are asked for too.
    """
    about = {one.name: one.facts for one in policy.criteria}
    question = {fact.name: fact.question for fact in policy.facts}
    said = evaluate(policy, facts, today, today)
    for row in policy.rows:
        told = row.asks_for(said.answers, said.facts, about)
        if told is None:
            continue
        wanted = told & question.keys()  # criteria also speak of days, such as %authored
        if new := {name for name in wanted if question[name] and question[name] not in asked}:
            return new
        if row.holds(said.answers, said.facts) and all(question[name] for name in wanted):
            return set()
    return set()


def _items(items: Iterable[dict], shown: set[str]) -> list[dict]:
    """Return the questions that are shown, in their groups and with the words beside them.

    What is asked is needed, so nothing enables it.
    """
    kept = []
    for item in items:
        below = _items(dicts(item.get("item")), shown)
        if below or item.get("linkId") in shown or (_is_words(item) and "enableWhen" not in item):
            bare = {key: value for key, value in item.items() if key not in {"item", "enableWhen", "enableBehavior"}}
            kept.append(bare | ({"item": below} if below else {}))
    return [] if all(map(_is_words, kept)) else kept


def _is_words(item: dict) -> bool:
    return item.get("type") == "display"


def _answered(items: list[dict], given: dict) -> list[dict]:
    """Return the items of a response with the answers that it has, wherever they stand in it.

    A group that repeats comes once for each entry that has answers, and those stay in it.

    Args:
        given: the response, or one entry of a group.
    """
    held = list(every_item(given))
    answers = {link_of(one): one["answer"] for one in reversed(held) if one.get("answer")}
    made: list[dict] = []
    for item in items:
        link, below = item["linkId"], dicts(item.get("item"))
        bare = {"linkId": link, "text": item["text"]}
        if is_group(item):
            of_its_own = [one for one in held if link_of(one) == link and _has_answers(one)] or [{}]
            entries = of_its_own if item.get("repeats") is True else [given]
            made += [bare | {"item": _answered(below, one)} for one in entries]
        elif not _is_words(item):
            made.append(bare | ({"answer": answers[link]} if link in answers else {}))
    return made


def _has_answers(entry: dict) -> bool:
    return any(one.get("answer") for one in every_item(entry))


def _profile(generation: Generation) -> dict:
    return {"meta": {"profile": [ADAPT_PROFILE]}} if generation is Generation.V2_2 else {}
