"""What do the forms that were sent say to a policy about one item?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fhir_r4.resource import text_of
from prior_auth.requested_item import Form, RequestedItem
from questionnaires.adaptive import asks_the_same, is_adaptive
from questionnaires.answers import answers_by_question, finished, plain_facts
from questionnaires.asked import asked_answers
from questionnaires.catalog import Catalog
from rules.evidence import Answers
from rules.policy import Policy


@dataclass(frozen=True, slots=True)
class Said:
    """What the forms say: answers by question, notes on what does not count, and what a person has to look at."""

    answers: Answers = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def said_in(forms: Iterable[Form], policy: Policy, item: RequestedItem, catalog: Catalog, now: datetime) -> Said:
    """Read the forms that belong to the item and are the policy's, in its version, all at once or as the adaptive twin.

    Forms of one case add to each other; where they disagree, that is left to a person.
    """
    if policy.at_order_time.questionnaire is None:
        return Said()
    wanted = catalog.named(policy.at_order_time.questionnaire)
    read = ((one, catalog.form_of(one.response)) for one in forms if one.belongs_to(item))
    sent = [(one, form) for one, form in read if form and asks_the_same(form, wanted)]
    if not sent:
        return Said(notes=("the policy's form, in the version it asks for, was not sent",))
    asked_for = [pair for pair in sent if not pair[0].sequence][-1:]  # stands for what was sent before it
    counted = [(one.response, form) for one, form in asked_for or sent if not _ahead(one.response, now)]
    if not counted:
        return Said(notes=("the form is dated ahead",))
    complete = [(response, form) for response, form in counted if finished(response)]
    if not complete:
        return Said(notes=("the form is not completed",))
    said = [_answers(response, form, catalog) for response, form in complete]
    answers = {link: given for one in reversed(said) for link, given in one.items()}
    notes = tuple(_not_asked([response for response, _ in complete], answers, policy))
    return Said(answers, notes, ("Forms that were sent disagree.",) if _disagree(said, answers, policy) else ())


def _disagree(said: list[Answers], answers: Answers, policy: Policy) -> bool:
    """Tell whether a form says something else than all together; one that lacks a fact says nothing of it."""
    facts, _ = plain_facts(answers, policy.facts)
    each = (plain_facts(one, policy.facts)[0] for one in said)
    return any(facts.get(name) != value for found in each for name, value in found.items())


def _answers(response: dict, form: dict, catalog: Catalog) -> Answers:
    """Return the answers by question; none to what the form does not ask as its other answers stand.

    An adaptive form has put each of its questions.
    """
    return answers_by_question(response) if is_adaptive(form) else asked_answers(catalog.outline(form), response)


def _not_asked(responses: list[dict], answers: Answers, policy: Policy) -> Iterator[str]:
    """Say which facts were answered although the form does not ask for them."""
    given = set[str]().union(*map(answers_by_question, responses))
    for fact in policy.facts:
        if fact.question in given and fact.question not in answers:
            yield f"{fact.words}: the form does not ask for it, as its other answers stand"


def _ahead(form: dict, now: datetime) -> bool:
    """Tell whether a form says that it was completed after it reached us; an hour is left for clocks."""
    try:
        authored = datetime.fromisoformat(text_of(form.get("authored")) or "")
    except ValueError:
        return False
    return authored.tzinfo is not None and authored > now + timedelta(hours=1)
