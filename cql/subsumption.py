"""Is one code a kind of another?

Two codes that are the same need no CodeSystem; for any others it must be there: what nobody knows is never "no".

Source: CQL 1.5 appendix B, "Subsumes", "SubsumedBy".
"""

from typing import Any

from cql.compare import equivalent
from cql.errors import CqlError, said
from cql.scope import Build, Frame, Scope, Thunk, operands
from cql.terminology import coded
from cql.types import Code, CodeSystem


def _subsumes(run: Any, ancestor: Any, descendant: Any) -> bool:
    """Any code of the first is equivalent to, or above, any code of the second."""
    return any(_is_above(run, one, other) for one in _codes(ancestor) for other in _codes(descendant))


def _codes(value: Any) -> list[Code]:
    found = coded(value)
    if any(type(one) is not Code for one in found):
        raise CqlError(f"{said(value)} is in no hierarchy of codes", "a Code or a Concept")
    return found


def _is_above(run: Any, ancestor: Code, descendant: Code) -> bool:
    if equivalent(ancestor, descendant):
        return True
    if ancestor.system != descendant.system:
        return False
    answer: bool = run.terminology.subsumes(
        CodeSystem(ancestor.system or "", ancestor.version), ancestor.code or "", descendant.code or ""
    )
    return answer


def _node(*, reversed_: bool) -> Build:
    def build(node: dict, scope: Scope) -> Thunk:
        first, second = scope.compile_all(operands(node))
        above, below = (second, first) if reversed_ else (first, second)

        def run(frame: Frame) -> bool | None:
            ancestor, descendant = above(frame), below(frame)
            return None if ancestor is None or descendant is None else _subsumes(frame[0], ancestor, descendant)

        return run

    return build


NODES: dict[str, Build] = {"Subsumes": _node(reversed_=False), "SubsumedBy": _node(reversed_=True)}
