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
    """Read the forms that belong to the item and are the policy's; forms that disagree are left to a person."""
    if policy.at_order_time.questionnaire is None:
        return Said()
    wanted = catalog.named(policy.at_order_time.questionnaire)
    sent = [form for form in forms if form.belongs_to(item) and _is_of(form.response, wanted, catalog)]
    asked_for = [form for form in sent if not form.sequence][-1:]  # stands for what was sent before it
    responses = [form.response for form in asked_for or sent]
    if not responses:
        return Said(notes=("the policy's form, in the version it asks for, was not sent",))
    counted = [response for response in responses if not _ahead(response, now)]
    if not counted:
        return Said(notes=("the form is dated ahead",))
    answered = [(response, _answers(response, catalog)) for response in counted if finished(response)]
    complete = [(*one, found) for one in answered if (found := plain_facts(one[1], policy.facts)[0])]
    if not complete:
        return Said(notes=() if finished(counted[0]) else ("the form is not completed",))
    response, answers, found = complete[0]
    disagree = any(other != found for *_, other in complete)
    notes = tuple(_not_asked(response, answers, policy))
    return Said(answers, notes, ("Forms that were sent disagree.",) if disagree else ())


def _is_of(response: dict, wanted: dict, catalog: Catalog) -> bool:
    """Tell whether a response answers the form, in its version: all at once, or its twin a few questions at a time."""
    form = catalog.form_of(response)
    return form is not None and asks_the_same(form, wanted)


def _answers(response: dict, catalog: Catalog) -> Answers:
    """Return the answers by question; none to what the form does not ask as its other answers stand.

    An adaptive form has put each of its questions.
    """
    form = catalog.form_of(response)
    return (
        asked_answers(catalog.outline(form), response)
        if form and not is_adaptive(form)
        else answers_by_question(response)
    )


def _not_asked(response: dict, answers: Answers, policy: Policy) -> Iterator[str]:
    """Say which facts were answered although the form does not ask for them."""
    given = answers_by_question(response)
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
