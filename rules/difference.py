"""What is another in a newer version? Sentences by section, as policy staff read them, not lines of a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from rules.policy import Policy
from rules.reading import Section, Statement, reading


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed in one section."""

    section: str
    sentences: tuple[str, ...]


def difference(before: Policy, after: Policy) -> tuple[Changes, ...]:
    """Return the sections in which two versions differ; none where they say the same."""
    both = zip(reading(before), reading(after), strict=True)
    told = (Changes(old.title, tuple(_told(old, new))) for old, new in both)
    return tuple(one for one in told if one.sentences)


def _told(old: Section, new: Section) -> Iterator[str]:
    return _in_order(old.statements, new.statements) if new.ordered else _by_name(old.statements, new.statements)


def _by_name(old: tuple[Statement, ...], new: tuple[Statement, ...]) -> Iterator[str]:
    before, after = ({one.name: one.words for one in statements} for statements in (old, new))
    for name, words in after.items():
        if name not in before:
            yield f"New: {_named(name, words)}"
        elif before[name] != words:
            yield f"Changed: {name} was: {before[name]}. Now: {words}."
    for name, words in before.items():
        if name not in after:
            yield f"Gone: {_named(name, words)}"


def _in_order(old: tuple[Statement, ...], new: tuple[Statement, ...]) -> Iterator[str]:
    """Tell of rows; a row that stands elsewhere has moved, which matters where the first that holds wins."""
    before, after = [one.words for one in old], [one.words for one in new]
    gone: dict[str, int] = {}
    came: dict[str, int] = {}
    sentences: list[str] = []
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        pairs = min(i2 - i1, j2 - j1)
        for i, j in zip(range(i1, i1 + pairs), range(j1, j1 + pairs), strict=True):
            sentences.append(f"Row {j + 1} was: {before[i]} Now: {after[j]}")
        gone |= {before[i]: i + 1 for i in range(i1 + pairs, i2)}
        came |= {after[j]: j + 1 for j in range(j1 + pairs, j2)}
    yield from sentences
    for words, number in came.items():
        was = gone.pop(words, None)
        yield f"Row {number} stood at {was} before: {words}" if was else f"Row {number} is new: {words}"
    yield from (f"Gone is what was row {number}: {words}" for words, number in gone.items())


def _named(name: str, words: str) -> str:
    return f"{name}, {words}" if words else name
