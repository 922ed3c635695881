"""How is YAML read so that every value knows its line?

As YAML 1.2's core schema reads it: ``yes``, ``no`` and dates stay the words they are, and an unquoted ``72148``
or ``2026.1`` is a number, to be caught where a code or a version belongs.
"""

import re
from dataclasses import dataclass
from typing import Any

import yaml

Where = tuple[str | int, ...]
"""The way to a value: keys and indexes from the top."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend in a file. ``line`` counts from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class FaultyFile(ValueError):
    """The file cannot be used; ``faults`` are all that was found in it."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("\n".join(map(str, faults)))


class _CoreSchema(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's idea of what is a number, a boolean and nothing."""


_CoreSchema.yaml_implicit_resolvers = {}
_CoreSchema.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(?:~|null|)$"), ["~", "n", ""])
_CoreSchema.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)$"), list("tf"))
_CoreSchema.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"-?(?:0|[1-9]\d*)$"), list("-0123456789"))
_CoreSchema.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"-?(?:0|[1-9]\d*)\.\d+$"), list("-0123456789"))


@dataclass(frozen=True, slots=True)
class Document:
    """A file's data, and where in it each value stands."""

    file: str
    data: Any
    lines: dict[Where, int]

    def fault(self, where: Where, message: str) -> Fault:
        """Return a fault at ``where``, or at the nearest thing above it that has a line."""
        while where and where not in self.lines:
            where = where[:-1]
        return Fault(self.file, self.lines.get(where, 1), message)


def read_yaml(text: str, file: str) -> Document:
    """Return the document of ``text``; FaultyFile with the line where it is not YAML, or uses an alias."""
    try:
        for event in yaml.parse(text, _CoreSchema):
            if isinstance(event, yaml.AliasEvent):
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise FaultyFile([Fault(file, line, "write it out: aliases are not read here")])
        node = yaml.compose(text, _CoreSchema)
        data = yaml.load(text, _CoreSchema)  # noqa: S506 a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        message = f"not YAML: {getattr(error, 'problem', None) or 'unreadable'}"
        raise FaultyFile([Fault(file, mark.line + 1 if mark else 1, message)]) from None
    lines: dict[Where, int] = {}
    _note_lines(node, (), lines)
    return Document(file, data, lines)


def _note_lines(node: Any, where: Where, lines: dict[Where, int]) -> None:
    if node is None:
        return
    lines[where] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _note_lines(value, (*where, key.value), lines)
            lines[(*where, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*where, index), lines)
