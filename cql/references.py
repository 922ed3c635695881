"""How does one expression use another: a define, a function, a parameter, a message, an age?

Source: ELM 1.5, "Reusing Logic", ExpressionRef, FunctionRef, ParameterRef, Message, CalculateAge.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cql.dates import precision_of
from cql.durations import duration_between
from cql.errors import CqlError
from cql.fhir_helpers import HELPERS
from cql.scope import Build, Frame, Scope, Thunk, operands
from cql.specifiers import spelt
from cql.temporal import DAY, TEMPORAL, Date
from fhir_r4.resource import as_dict

if TYPE_CHECKING:
    from cql.library import Function

_WITHOUT_SYNTAX = frozenset({"Subsumes", "SubsumedBy"})
"""Operators of CQL that the translator leaves as calls of a function that no library has."""


def _expression(node: dict, scope: Scope) -> Thunk:
    define = scope.library.define(node)

    def run(frame: Frame) -> Any:
        return frame[0].value_of(define)

    return run


def _parameter(node: dict, scope: Scope) -> Thunk:
    parameter = scope.library.parameter(node)
    return lambda frame: frame[0].value_of_parameter(parameter)


def _function(node: dict, scope: Scope) -> Thunk:
    arguments = scope.compile_all(node.get("operand"))
    name = str(node.get("name"))
    if scope.library.is_helpers(node) and name in HELPERS and len(arguments) == 1:
        return _helper(HELPERS[name], arguments[0])
    candidates = [one for one in scope.library.functions(node) if len(one.operands) == len(arguments)]
    if not candidates and not node.get("libraryName") and name in _WITHOUT_SYNTAX:
        return scope.nodes[name](node, scope)
    if not candidates:
        raise CqlError(f"there is no function '{name}' of {len(arguments)} operands", "a function of the library")
    if len(candidates) == 1:
        return _call(lambda _values: candidates[0], arguments)
    signature = [spelt(one) for one in node.get("signature", ())]
    chosen = [one for one in candidates if [spelt(operand) for operand in one.specifiers] == signature]
    if chosen:
        return _call(lambda _values: chosen[0], arguments)
    return _call(lambda values: _fitting(candidates, values, name), arguments)


def _helper(convert: Callable[[Any, Any], Any], argument: Thunk) -> Thunk:
    def run(frame: Frame) -> Any:
        value = argument(frame)
        return None if value is None else convert(frame[0], value)

    return run


def _call(choose: Callable[[list[Any]], "Function"], arguments: list[Thunk]) -> Thunk:
    def run(frame: Frame) -> Any:
        values = [argument(frame) for argument in arguments]
        return frame[0].call(choose(values), values)

    return run


def _fitting(candidates: list["Function"], values: list[Any], name: str) -> "Function":
    """Choose an overload by the values, where the translator wrote no signature; null fits any type."""
    for one in candidates:
        if all(value is None or test(value) for test, value in zip(one.tests(), values, strict=True)):
            return one
    raise CqlError(f"no function '{name}' takes these operands", "operands of the types of one overload")


def _message(node: dict, scope: Scope) -> Thunk:
    """Answer the source; an Error stops the define. The text is kept for the Run's reader and put in no error."""
    parts = ("source", "condition", "code", "severity", "message")
    source, condition, code, severity, text = (scope.compile_or_null(node.get(part)) for part in parts)
    literal = as_dict(node.get("code"))
    written = f", code {literal.get('value')}" if literal.get("type") == "Literal" else ""

    def run(frame: Frame) -> Any:
        value = source(frame)
        if condition(frame) is not True:
            return value
        level = severity(frame) or "Message"
        frame[0].tell(code(frame), level, text(frame))
        if level == "Error":
            raise CqlError(f"the logic stopped with its own error{written}")
        return value

    return run


def _age(birth: Any, at: Any, precision: int | None) -> Any:
    return duration_between(birth, at, precision or 1)


def _calculate_age(node: dict, scope: Scope) -> Thunk:
    (operand,) = scope.compile_all(operands(node))
    precision = precision_of(node)

    def run(frame: Frame) -> Any:
        birth = operand(frame)
        if birth is None:
            return None
        return _age(birth, frame[0].today if type(birth) is Date else frame[0].now, precision)

    return run


def _calculate_age_at(node: dict, scope: Scope) -> Thunk:
    birth, at = scope.compile_all(operands(node))
    precision = precision_of(node)

    def run(frame: Frame) -> Any:
        born, when = birth(frame), at(frame)
        if type(born) not in TEMPORAL or type(when) not in TEMPORAL:
            return None
        return _age(born, Date(when.fields[:DAY]) if type(born) is Date else when, precision)

    return run


NODES: dict[str, Build] = {
    "ExpressionRef": _expression,
    "FunctionRef": _function,
    "ParameterRef": _parameter,
    "Message": _message,
    "CalculateAge": _calculate_age,
    "CalculateAgeAt": _calculate_age_at,
}
