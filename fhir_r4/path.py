"""How is FHIRPath evaluated? Only this module and ``path_functions`` import fhirpathpy.

The R4 model is always passed in: without it ``answer.value`` finds no ``valueDecimal`` and quietly answers
empty. Compiling costs 2 to 3 ms and 14 KB an expression, so what was compiled is kept; evaluating a compiled
expression takes 20 to 200 µs.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from itertools import chain
from typing import Any

from antlr4 import CommonTokenStream, InputStream, ParseTreeWalker, Token
from antlr4.atn.PredictionMode import PredictionMode
from antlr4.error.ErrorListener import ErrorListener
from fhirpathpy import apply_parsed_path, set_paths  # type: ignore[attr-defined]  # noqa: TID251 the one place
from fhirpathpy.engine.nodes import ResourceNode  # noqa: TID251
from fhirpathpy.models import models  # noqa: TID251
from fhirpathpy.parser.ASTPathListener import ASTPathListener  # noqa: TID251
from fhirpathpy.parser.generated.FHIRPathLexer import FHIRPathLexer  # noqa: TID251
from fhirpathpy.parser.generated.FHIRPathParser import FHIRPathParser  # noqa: TID251

from fhir_r4.path_functions import FUNCTIONS

_R4 = models["r4"]
_OURS = {"userInvocationTable": FUNCTIONS}
_UNBOUNDED = re.compile(r"\b(matches|matchesFull|replaceMatches|repeat|aggregate)\s*\(")
_STRINGS = re.compile(r"'(?:[^'\\]|\\.)*'")

Evaluate = Callable[[Any, Mapping[str, Any]], list[Any]]


class PathError(ValueError):
    """The expression does not compile, or could run without bound; the message quotes the expression only."""


@lru_cache(maxsize=4096)
def compiled(expression: str) -> Evaluate:
    """Return the expression as a function ``(resource, variables) -> list``.

    Raises:
        PathError: it does not parse. What evaluation itself raises comes from fhirpathpy as a bare Exception.

    >>> compiled("name.given")({"resourceType": "Patient", "name": [{"given": ["Ada"]}]}, {})
    ['Ada']
    """
    return from_tree(tree(expression))


def from_tree(parsed: Any) -> Evaluate:
    """Return a parsed expression as a function; costs nothing, so that what ``tree`` gave may be kept on disk."""
    options = {"parsedPath": parsed, "model": _R4, "options": _OURS}
    evaluate: Evaluate = set_paths(apply_parsed_path, **options)  # type: ignore[no-untyped-call]
    return evaluate


def part(value: dict, path: str) -> Any:
    """Return a part of a resource as a variable that knows where it stands, so that ``value`` finds its value[x].

    >>> answered = {"linkId": "1", "answer": [{"valueBoolean": True}]}
    >>> compiled("%context.answer.value")({}, {"context": part(answered, "QuestionnaireResponse.item")})
    [True]
    """
    return ResourceNode.create_node(value, path)  # type: ignore[no-untyped-call]


class _Strict(ErrorListener):  # type: ignore[misc]  # antlr4 has no types
    def syntaxError(self, *_: Any) -> None:  # noqa: N802 antlr4's name
        raise SyntaxError


@lru_cache(maxsize=256)
def tree(expression: str) -> Any:
    """Return all of the expression parsed, as plain JSON: fhirpathpy's own parser passes over what it does not know.

    Raises:
        PathError: it does not parse.
    """
    try:
        return _parsed(expression, PredictionMode.SLL)  # twice as fast; what it parses, LL parses to the same
    except PathError:
        return _parsed(expression, PredictionMode.LL)


def _parsed(expression: str, mode: Any) -> Any:
    lexer = FHIRPathLexer(InputStream(expression))
    tokens = CommonTokenStream(lexer)
    parser = FHIRPathParser(tokens)
    parser._interp.predictionMode = mode  # noqa: SLF001 antlr4 has no other way to say it
    for recognizer in (lexer, parser):
        recognizer.removeErrorListeners()
        recognizer.addErrorListener(_Strict())
    listener = ASTPathListener()  # type: ignore[no-untyped-call]
    try:
        parsed = parser.expression()
        ParseTreeWalker().walk(listener, parsed)
    except (SyntaxError, RecursionError):
        raise PathError(f"not FHIRPath: {expression}") from None
    if tokens.LA(1) != Token.EOF:
        raise PathError(f"not FHIRPath to its end: {expression}")
    return listener.parentStack[0]


@cache
def elements(resource_type: str) -> frozenset[str]:
    """Return what the elements of a type of resource are called in R4, a choice without its type; of no type nothing.

    >>> sorted(one for one in elements("Encounter") if one.startswith("p"))
    ['partOf', 'participant', 'period', 'priority']
    """
    paths = chain(_R4["path2Type"], _R4["choiceTypePaths"], _R4["pathsDefinedElsewhere"])
    return frozenset(step[1] for path in paths if (step := path.split("."))[0] == resource_type and step[1:])


def bounded(expression: str) -> Evaluate:
    """Compile an expression of our own policies and forms.

    Refuses the functions that Python cannot bound: ``matches`` and ``replaceMatches`` (backtracking without
    limit: 24 characters took 2.6 s), ``repeat`` and ``aggregate``.

    >>> bounded("name.where(matches('(a+)+$'))")
    Traceback (most recent call last):
    fhir_r4.path.PathError: matches() cannot be bounded: name.where(matches('(a+)+$'))
    """
    found = _UNBOUNDED.search(_STRINGS.sub("''", expression))
    if found:
        raise PathError(f"{found[1]}() cannot be bounded: {expression}")
    return compiled(expression)
