"""What does a scope allow? SMART v2, with v1's words and DTR's lower-case spelling understood.

Source: SMART App Launch 2.2 "Scopes for requesting FHIR Resources"; DTR 2.2 prints ``system/questionnaire.rs``.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

_SCOPE = re.compile(r"system/(\*|[A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)")
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}
_TYPES = (
    *("Bundle", "Claim", "ClaimResponse", "Communication", "Library", "Questionnaire", "QuestionnaireResponse"),
    *("Subscription", "Task", "ValueSet"),
)
_CANONICAL = {name.lower(): name for name in _TYPES}
SUPPORTED = (
    "system/Bundle.r",
    "system/Claim.cruds",
    "system/ClaimResponse.rs",
    "system/Questionnaire.rs",
    "system/Library.rs",
    "system/ValueSet.rs",
    "system/Subscription.cruds",
)


@lru_cache(maxsize=256)
def rights(scopes: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    """Return (resource type, one letter of cruds) for all that the scopes allow; unreadable ones allow nothing.

    One that is narrowed by a search (``system/Claim.rs?status=active``) is unreadable: who asks for a part is not
    given the whole.

    >>> sorted(rights(("system/questionnaire.read",)))
    [('Questionnaire', 'r'), ('Questionnaire', 's')]
    """
    found: set[tuple[str, str]] = set()
    for scope in scopes:
        if match := _SCOPE.fullmatch(scope):
            letters = _V1.get(match[2], match[2])
            kinds = _CANONICAL.values() if match[1] == "*" else [_CANONICAL.get(match[1].lower(), match[1])]
            found |= {(one, letter) for one in kinds for letter in letters}
    return frozenset(found)


def granted(requested: Iterable[str], registered: Iterable[str]) -> tuple[str, ...]:
    """Return the part of what is asked for that the client is registered for, in v2's canonical spelling.

    >>> granted(["system/questionnaire.rs", "system/Claim.d"], ["system/Questionnaire.rs", "system/Claim.c"])
    ('system/Questionnaire.rs',)
    """
    both = rights(tuple(requested)) & rights(tuple(registered))
    kinds = dict.fromkeys(kind for kind, _ in sorted(both))
    return tuple(f"system/{one}.{''.join(letter for letter in 'cruds' if (one, letter) in both)}" for one in kinds)
