"""What is wrong with an expression over facts? It does not compile, could run away, or asks about something else.

Facts are plain values behind ``%``. A name without it is an element of nothing, and never there; a type is asked in
vain; and what hangs on the clock would be weighed otherwise each time that a decision is explained.
"""

import re
from collections.abc import Iterator, Sequence

from fhir_r4.path import PathError, bounded
from rules.build import asked_about
from rules.read_codes import nearest
from rules.yaml_lines import Finding, Where

_LITERALS = re.compile(r"'(?:[^'\\]|\\.)*'|@[\dT:.+Z-]+")
_CLOCK = re.compile(r"\b(today|now|timeOfDay)\s*\(")
_TYPED = re.compile(r"\b(is|as)\s+[A-Za-z]")
_PART_OF_A_SPAN = re.compile(r"\d\.\d+\s*(years?|months?|weeks?|days?)\b")
_BARE = re.compile(r"(?<![\w%$.`])[A-Za-z_]\w*\b(?!\s*\()")
_SPANS = {f"{one}{plural}" for one in ("year", "month", "week", "day", "hour", "minute") for plural in ("", "s")}
_WORDS = {"and", "or", "xor", "implies", "in", "contains", "div", "mod", "true", "false", *_SPANS}
_SLIPS = (  # what authors write, and what FHIRPath wants
    (re.compile("[\u2018-\u201f]"), "use straight quotes: '11'"),
    (re.compile("[\u2260\u2264\u2265]"), "write <=, >= or !="),
    (re.compile(r'"'), "put a code in single quotes: '11'"),
    (re.compile(r"=="), "write one ="),
    (re.compile(r"=[<>]|<>"), "write <=, >= or !="),
    (re.compile(r"&&|\|\|"), "write 'and' or 'or'"),
    (re.compile(r"\b(AND|OR|IN)\b"), "write 'and', 'or' and 'in' in small letters"),
    (re.compile(r"\bbetween\b", re.IGNORECASE), "write both bounds: %weeks >= 6 and %weeks <= 12"),
    (re.compile(r"\bwithin\b", re.IGNORECASE), "compare days: %tested >= %service - 30 days"),
    (re.compile(r"\bnot\b", re.IGNORECASE), "compare it with false, or let the row ask for 'no'"),
)


def expression_findings(expression: str, where: Where, known: Sequence[str]) -> Iterator[Finding]:
    """Yield what is wrong with one expression; ``known`` are the facts and days that it may ask about."""
    plain = _LITERALS.sub("''", expression)
    try:
        bounded(expression)
    except PathError as error:
        instead = "compare with = or startsWith() instead" if "cannot be bounded" in str(error) else _meant(plain)
        yield Finding(where, str(error), instead)
    else:
        yield from clock_findings(expression, where)
        yield from (Finding(where, *said) for said in _beside_the_facts(plain, known))
    for name in asked_about(expression):
        if name not in known:
            yield Finding(where, f"no fact is called '{name}'", nearest(name, list(known)))


def clock_findings(expression: str, where: Where) -> Iterator[Finding]:
    """Yield where an expression, of a fact's place as well, asks what time it is."""
    if clock := _CLOCK.search(_LITERALS.sub("''", expression)):
        say = f"{clock[1]}() is another one each time that it is asked"
        yield Finding(where, say, "let a criterion compare with %received, %service or %authored")


def _meant(plain: str) -> str:
    return next((instead for slip, instead in _SLIPS if slip.search(plain)), "")


def _beside_the_facts(plain: str, known: Sequence[str]) -> Iterator[tuple[str, str]]:
    if typed := _TYPED.search(plain):
        yield (
            f"'{typed[1]}' asks for a type; facts are plain values",
            "missing is an answer: let a row's 'when' ask for it",
        )
        return
    if _PART_OF_A_SPAN.search(plain):
        yield "a part of a year or month is no length of time", "write a whole number: 6 months"
    for name in dict.fromkeys(_BARE.findall(plain)):
        if name not in _WORDS:
            say = f"'{name}' is no fact: facts begin with %"
            yield say, f"write %{name}" if name in known else nearest(f"%{name}", [f"%{one}" for one in known])
