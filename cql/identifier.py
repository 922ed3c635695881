"""Which define does a form's ``text/cql-identifier`` expression mean?

Source: DTR 2.0.1 and SDC, CQL in Questionnaires: the expression is ``"Library".Define``, ``Library."The define"`` or a
bare define of the form's only library; quotes are CQL's own.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_NAME = r'(?:"(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z0-9_]*)'
_REFERENCE = re.compile(rf"\s*(?:({_NAME})\s*\.\s*)?({_NAME})\s*")


@dataclass(frozen=True, slots=True)
class Reference:
    """A define by name; ``library`` is empty where the expression names none."""

    library: str
    define: str


@lru_cache(maxsize=4096)
def read_identifier(expression: str) -> Reference | None:
    """Return the define that the expression names, or None where it is any other CQL.

    >>> read_identifier('"PapPrepop".LatestAHI')
    Reference(library='PapPrepop', define='LatestAHI')
    >>> read_identifier('"First line"'), read_identifier("1 + 1")
    (Reference(library='', define='First line'), None)
    """
    found = _REFERENCE.fullmatch(expression)
    return Reference(_unquoted(found[1] or ""), _unquoted(found[2])) if found else None


def _unquoted(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if name.startswith('"') else name
