"""What did the clinic answer, as a reviewer reads it?"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_r4.resource import as_dict, dicts, link_of, text_of, value_of
from fhir_r4.systems import CPT, HCPCS, ICD_10_CM, ICD_10_PCS, LOINC, NDC, RXNORM, SNOMED
from questionnaires.catalog import Catalog, questions
from questionnaires.words import in_words

_PUBLIC = frozenset({CPT, HCPCS, ICD_10_CM, ICD_10_PCS, LOINC, NDC, RXNORM, SNOMED})


@dataclass(frozen=True, slots=True)
class Answered:
    """A question of the form with its answer, as a person reads them, and a code that others know too."""

    question: str
    answer: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """A form by its title, with its answers."""

    title: str
    answers: tuple[Answered, ...]


def filled(response: dict, catalog: Catalog) -> Filled:
    """Return a QuestionnaireResponse as it is read; questions that came without their words have those of our form."""
    form = catalog.form_of(response) or {}
    words = {link: said for link, one in questions(form).items() if (said := text_of(one.get("text")))}
    title = text_of(form.get("title")) or text_of(response.get("questionnaire")) or "without a name"
    return Filled(title, tuple(_answers(response, words)))


def _answers(parent: dict, words: Mapping[str, str], entry: tuple[int, ...] = ()) -> Iterator[Answered]:
    """Yield the answers below a form, an item or an answer; what comes several times says in which entry it is."""
    items = dicts(parent.get("item"))
    times, seen = Counter(map(link_of, items)), Counter[str]()
    for item in items:
        link = link_of(item)
        seen[link] += 1
        inner = (*entry, seen[link]) if times[link] > 1 else entry
        question, given = text_of(item.get("text")) or words.get(link, link), dicts(item.get("answer"))
        told = f"{question} (entry {'.'.join(map(str, inner))})" if inner else question
        for number, one in enumerate(given, 1):
            value = value_of(one)
            if value is not None:
                yield Answered(told, in_words(value), _public_code(value))
            yield from _answers(one, words, (*inner, number) if len(given) > 1 else inner)
        yield from _answers(item, words, inner)


def _public_code(value: Any) -> str:
    """Return the code of a coded answer beside its words; "" where it is the form's own and says nothing more."""
    coding = as_dict(value)
    return (text_of(coding.get("code")) or "") if coding.get("system") in _PUBLIC and coding.get("display") else ""
