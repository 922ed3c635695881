"""How is YAML read so that every value knows its line?

As YAML 1.2's core schema reads it: ``yes``, ``no`` and dates stay the words they are, and an unquoted ``72148``
or ``2026.1`` is a number, to be caught where a code or a version belongs.
"""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

_DEEPEST = 30

Where = tuple[str | int, ...]
"""The way to a value: keys and indexes from the top."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend in a file.

    Attributes:
        line: counts from 1.
        suggestion: what to write instead, where that can be told.
        warning: to be looked at; the file is used all the same.
    """

    file: str
    line: int
    message: str
    suggestion: str = ""
    warning: bool = False

    def __str__(self) -> str:
        said = f"{self.file}:{self.line}: {'warning: ' if self.warning else ''}{self.message}"
        return f"{said}; {self.suggestion}" if self.suggestion else said


class Finding(NamedTuple):
    """A fault before its file and line are known."""

    where: Where
    message: str
    suggestion: str = ""
    warning: bool = False


def told_by(error: Exception) -> tuple[str, str]:
    """Return what an error says is wrong, and what it says behind a semicolon: what to write instead."""
    message, _, suggestion = str(error).partition("; ")
    return message, suggestion


class FaultyFile(ValueError):
    """The file cannot be used; ``faults`` are all that was found in it."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("\n".join(map(str, faults)))


class _CoreSchema(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml's where it is there
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

    def fault(self, where: Where, message: str, suggestion: str = "", warning: bool = False) -> Fault:
        """Return a fault at ``where``, or at the nearest thing above it that has a line."""
        while where and where not in self.lines:
            where = where[:-1]
        return Fault(self.file, self.lines.get(where, 1), message, suggestion, warning)


def read_yaml(text: str, file: str) -> Document:
    """Return the document of ``text``; FaultyFile with the line where it is not YAML, or uses an alias."""
    try:
        _refuse_deep_and_aliased(text, file)
        loader = _CoreSchema(text)
        try:
            node = loader.get_single_node()
            data = loader.construct_document(node) if node else None
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "unreadable"
        line = min(mark.line + 1, text.count("\n") + 1) if mark else 1  # libyaml may point behind the end
        raise FaultyFile([Fault(file, line, f"not YAML: {problem}", _instead(problem, text, line))]) from None
    lines: dict[Where, int] = {}
    twice: list[Where] = []
    _note_lines(node, (), lines, twice)
    document = Document(file, data, lines)
    if twice:
        raise FaultyFile([document.fault(where, f"'{where[-1]}' stands here twice", "keep one") for where in twice])
    return document


def _instead(problem: str, text: str, line: int) -> str:
    """Return what to write where a line is not YAML, as far as that can be told from what the parser stumbled over."""
    written = (text.splitlines() or [""])[line - 1 : line]
    if any("\t" in one[: len(one) - len(one.lstrip())] for one in written):
        return "indent with blanks, not with tabs"
    return next((instead for said, instead in _MENDING.items() if said in problem), "")


_COLUMN = "begin what belongs together in the same column"
_MENDING = {  # what the parsers say, and what mostly helps
    "mapping values": f"put a text that has a colon in it in quotes; {_COLUMN}",
    "cannot start any token": "put a text that begins with %, @ or ` in quotes",
    "expected '-' indicator": f"{_COLUMN}; each entry of a list begins with a dash",
    "expected key": f"{_COLUMN}; nothing stands behind the last quote or brace",
    "expected <block end>": f"{_COLUMN}; nothing stands behind the last quote or brace",
    "expected ',' or": "part entries by commas, close the bracket or brace, or put a text that has one in quotes",
    "expected ':'": "write a key, a colon and a blank, or put the text in quotes",
    "unexpected end of stream": "close the quote",
}


def _refuse_deep_and_aliased(text: str, file: str) -> None:
    """Go through the text as events, which needs no stack, before anything is built of it."""
    depth = 0
    for event in yaml.parse(text, _CoreSchema):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise FaultyFile([Fault(file, line, "aliases are not read here", "write it out")])
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise FaultyFile([Fault(file, line, f"lists and mappings stand more than {_DEEPEST} deep", "flatten them")])


def _note_lines(node: Any, where: Where, lines: dict[Where, int], twice: list[Where]) -> None:
    if node is None:
        return
    lines[where] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*where, key.value)
            if below in lines:
                twice.append(below)
            _note_lines(value, below, lines, twice)
            lines[below] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*where, index), lines, twice)
