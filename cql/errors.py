"""What can go wrong with a form's logic, in words its author can act on?

* CqlError        an expression that has no value; everything else raised here is a fault of this package
  - Unsupported   the library asks for something that this engine does not have; the node is named
  - Exhausted     a limit of :class:`cql.Limits` was reached; the define is not to be tried again

A define that fails is told as a :class:`Failure`, a value, so that the others can be told beside it.
"""

from dataclasses import dataclass
from typing import Any


class CqlError(Exception):
    """An expression has no value. The message speaks of the expression and never quotes the record (PHI)."""

    def __init__(self, message: str, expected: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.place: Place | None = None


class Unsupported(CqlError):
    """The ELM is well-formed, but this engine does not know the node, the type or the function."""


class Exhausted(CqlError):
    """A limit on steps, depth, sizes or time was reached."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the logic: ``locator`` is the translator's ``line:column-line:column``, empty where ELM has none."""

    library: str
    define: str
    locator: str = ""

    def __str__(self) -> str:
        return f"{self.library}.{self.define}" + (f" at {self.locator}" if self.locator else "")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a define has no value. ``place`` is where the reason lies, which may be a define that this one uses."""

    library: str
    define: str
    message: str
    expected: str
    place: Place

    def __str__(self) -> str:
        told = f"{self.library}.{self.define}: {self.message}"
        told += f"; expected {self.expected}" if self.expected else ""
        return f"{told} ({self.place})"


def said(value: Any) -> str:
    """Name the kind of a value for a message, without telling the value.

    >>> said(None), said([1]), said("Oster")
    ('null', 'a list', 'a string')
    """
    names = {bool: "a Boolean", int: "an integer", str: "a string", list: "a list", type(None): "null"}
    kind = getattr(value, "type", type(value))
    return names.get(type(value), f"a value of type {getattr(kind, 'name', None) or type(value).__name__}")
