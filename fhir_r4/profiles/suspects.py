"""Which parts of a resource did its schema refuse?

The errors of a schema name places. What none of them names keeps to the schema, and only what a schema cannot say
is left to look at there (``watch``); the walk goes down to the places that are named.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from jsonschema_rs import ValidationError, ValidationErrorKind

_MOST = 300  # places; a body with more is walked as a whole
_Key = str | int


class Suspects:
    """The containers on the way to each place that was refused, each with the keys that lead on.

    A container that is not among them came to the walk because all of it is suspect.
    """

    def __init__(self, ways: dict[int, set[_Key]] | None = None) -> None:
        self._ways = ways or {}

    def inside(self, container: Any) -> set[_Key] | None:
        """Return the keys of the suspect members of an object or array; None where every member is suspect."""
        return self._ways.get(id(container))

    def accept(self, value: Any) -> None:
        """Note that the schema accepts ``value`` and all that is in it."""
        self._ways[id(value)] = set()


EVERYTHING = Suspects()


def accepted(value: dict) -> Suspects:
    """Return that nothing in ``value`` is suspect to its schema."""
    return Suspects({id(value): set()})


def refused(errors: Iterable[ValidationError], value: dict) -> Suspects:
    """Return the suspects that the errors of a schema name in ``value``, which it was given under a key."""
    root = _Place()
    for number, error in enumerate(errors):
        if number == _MOST:
            return EVERYTHING
        place = root
        for key in error.instance_path[1:]:
            place = place.below.setdefault(key, _Place())
        for key in _unexpected(error.kind):
            place.below.setdefault(key, _Place()).whole = True
        place.whole = place.whole or _is_opaque(error)
    ways: dict[int, set[_Key]] = {}
    _note(root, value, ways)
    return Suspects(ways)


@dataclass(slots=True)
class _Place:
    """A place on the way. ``whole``: the error says nothing of what below it is at fault."""

    below: dict[_Key, "_Place"] = field(default_factory=dict)
    whole: bool = False


def _note(place: _Place, value: Any, ways: dict[int, set[_Key]]) -> None:
    if place.whole or not isinstance(value, dict | list):
        return
    ways.setdefault(id(value), set()).update(place.below)
    members = value if isinstance(value, dict) else dict(enumerate(value))
    for key, below in place.below.items():
        _note(below, members[key], ways)


def _unexpected(kind: ValidationErrorKind) -> Iterable[str]:
    return kind.unexpected if isinstance(kind, ValidationErrorKind.AdditionalProperties) else ()


def _is_opaque(error: ValidationError) -> bool:
    """Tell whether the place as a whole was refused: by ``false``, or by every one of several schemas.

    That one of several properties has to be there (a choice) says nothing against those that are.
    """
    kind = error.kind
    if isinstance(kind, ValidationErrorKind.AnyOf):
        path = error.instance_path
        return not all(
            isinstance(one.kind, ValidationErrorKind.Required) and one.instance_path == path
            for branch in kind.context
            for one in islice(branch, 2)
        )
    return isinstance(kind, ValidationErrorKind.FalseSchema)
