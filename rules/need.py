"""Does a sentence refuse care because it is not needed? That is a clinician's verdict, and no policy's or list's.

Only the words are looked for: what they stand on is for the people who approve a policy.
"""

import re
from collections.abc import Iterator
from typing import Any

from rules.yaml_lines import Finding, Where

_NEED = re.compile(
    r"\b(medical(ly)? (un)?necess|(not |un)necessary|necessity|experimental|investigational|unproven)", re.IGNORECASE
)
_HERE = "coverage-information"


def speaks_of_need(sentence: str) -> bool:
    """Tell whether a sentence says that something is not necessary, or not proven.

    >>> speaks_of_need("Not medically necessary."), speaks_of_need("The plan covers twenty visits a year.")
    (True, False)
    """
    return _NEED.search(sentence) is not None


def need_findings(data: dict[str, Any]) -> Iterator[Finding]:
    """Yield each sentence that tells why something is not covered, and speaks of need."""
    rows = [(("decisions", index), row) for index, row in enumerate(data["decisions"])]
    for where, says in [((), data), *rows]:
        yield from _in(says, where)


def _in(says: dict[str, Any], where: Where) -> Iterator[Finding]:
    ordering = says.get(_HERE, {})
    refuses = says.get("then") == "not-covered"
    told: list[tuple[Where, str]] = [((*where, "say"), says.get("say", ""))] if refuses else []
    if refuses or ordering.get("covered") == "not-covered":
        told.append(((*where, _HERE, "reason"), ordering.get("reason", "")))
    for place, sentence in told:
        if speaks_of_need(sentence):
            say = "not-covered is for what the plan does not buy; that something is not needed is a clinician's verdict"
            line = f"{says['table']}: " if "table" in says else ""
            yield Finding(place, f"{line}{say}", "write 'then: pend', or say what the plan does not cover")
