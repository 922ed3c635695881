"""How is a criterion read aloud? FHIRPath over named facts, in words that a nurse reviewer uses.

Only the operators that policies are made of have words; whatever else stands there is shown as it is written.
"""

import re
from collections.abc import Collection, Mapping

_TOKEN = re.compile(
    r"%(?P<name>[A-Za-z_]\w*)|(?P<text>'(?:[^'\\]|\\.)*')|@(?P<day>\d{4}-\d{2}-\d{2})|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<sign><=|>=|!=|!~|[<>=~|&()+\-*/,.{}\[\]])|(?P<word>[A-Za-z_]\w*)|(?P<other>\S)"
)
_BEGINS = re.compile(r"\.startsWith\(\s*('(?:[^'\\]|\\.)*')\s*\)")
_SIGNS = {"<=": "is at most", ">=": "is at least", "<": "is below", ">": "is above", "=": "is", "!=": "is not"}
_SIGNS |= {"~": "is like", "!~": "is not like", "-": "minus", "+": "plus", "*": "times", "/": "divided by", "|": "or"}
_DAY_SIGNS = {"<=": "is on or before", ">=": "is on or after", "<": "is before", ">": "is after"}
_WORDS = {"in": "is one of", "xor": "or else", "implies": "means that", "contains": "has"}
_KNOWN = {"authored": "the day of the order", "received": "the day of the request", "service": "the day of service"}
_TIGHT_BEFORE = frozenset(").,]}")
_TIGHT_AFTER = frozenset("(.[{")
_COMPARED = frozenset({"<=", ">=", "<", ">", "=", "!="})


def spoken(name: str) -> str:
    """Return a name as it is said.

    >>> spoken("care_weeks")
    'care weeks'
    """
    return name.replace("_", " ").replace("-", " ")


def in_words(question: str, units: Mapping[str, str | None], days: Collection[str] = ()) -> str:
    """Return a criterion's question in words.

    Args:
        question: FHIRPath over facts, ``%spo2 <= 88``.
        units: the UCUM unit of each fact that has one; a number that the fact is compared with gets it.
        days: the facts that are days, which are before and after each other rather than more or less.

    >>> in_words("%spo2 <= 88 or %pao2 <= 55", {"spo2": "%", "pao2": "mm[Hg]"})
    'spo2 is at most 88 % or pao2 is at most 55 mm Hg'
    >>> in_words("%tested >= %authored - 30 days", {}, {"tested"})
    'tested is on or after the day of the order minus 30 days'
    >>> in_words("%seen <= %service", {}, {"seen"})
    'seen is on or before the day of service'
    >>> in_words("%plan.startsWith('ACME-')", {})
    'plan begins with “ACME-”'
    """
    said: list[str] = []
    unit, before, day = None, "", False
    for found in _TOKEN.finditer(_BEGINS.sub(r" begins with \1", question)):
        token = found[0]
        if name := found["name"]:
            unit, day = units.get(name), name in days or name in _KNOWN
            said.append(_KNOWN.get(name, spoken(name)))
        elif found["number"] and before in _COMPARED and unit:
            said.append(f"{token} {spoken_unit(unit)}")
        elif text := found["text"]:
            said.append(f"“{text[1:-1]}”")
        else:
            signs = _SIGNS | _DAY_SIGNS if day else _SIGNS
            said.append(found["day"] or signs.get(token) or _WORDS.get(token) or token)
        before = token
    return _joined(said)


def spoken_unit(unit: str) -> str:
    """Return a UCUM code as it is said.

    >>> spoken_unit("mm[Hg]"), spoken_unit("kg/m2")
    ('mm Hg', 'kg/m²')
    """
    said = re.sub(r"\[([^]]*)]", r" \1", unit).replace("m2", "m²").replace("{", "").replace("}", "")
    return " ".join(said.replace("_", " ").split())


def listed(words: list[str], last: str = "and") -> str:
    """Return words as a list is said.

    >>> listed(["A", "B", "C"])
    'A, B and C'
    """
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _joined(said: list[str]) -> str:
    line = ""
    for word in said:
        tight = (
            word in _TIGHT_BEFORE
            or line[-1:] in _TIGHT_AFTER
            or (word == "(" and line[-1:].isalpha() and not _op(line))
        )
        line += word if tight or not line else f" {word}"
    return line


def _op(line: str) -> bool:
    """Tell whether a bracket that follows opens a group rather than a function's arguments."""
    return line.rpartition(" ")[2] in {
        "and",
        "or",
        "not",
        "is",
        "of",
        "that",
        "most",
        "least",
        "below",
        "above",
        "else",
    }
