"""What do the names in a piece of ELM mean while it is compiled, and what does compiling yield?

Every ELM node becomes a :data:`Thunk`, a function of one argument, the frame: a list whose first member is the
:class:`cql.run.Run` and whose others are the values of operands, aliases and lets, each in a slot that was chosen
when the node was compiled. Nothing is looked up by name when an expression runs.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cql.errors import CqlError, Unsupported

if TYPE_CHECKING:
    from cql.library import Library

Frame = list[Any]
Thunk = Callable[[Frame], Any]
Build = Callable[[dict, "Scope"], Thunk]


class Layout:
    """How many slots the frame of one define or function needs."""

    def __init__(self) -> None:
        self.size = 1  # slot 0 is the Run

    def slot(self) -> int:
        self.size += 1
        return self.size - 1


class Scope:
    """The names in sight of a node. A child sees its parent's names and shares its layout."""

    def __init__(
        self,
        library: "Library",
        nodes: Mapping[str, Build],
        layout: Layout | None = None,
        slots: Mapping[str, int] | None = None,
    ) -> None:
        self.library = library
        self.nodes = nodes
        self.layout = layout or Layout()
        self.slots = dict(slots or {})

    def child(self) -> "Scope":
        return Scope(self.library, self.nodes, self.layout, self.slots)

    def declare(self, name: str) -> int:
        """Give ``name`` a slot of its own, hiding an outer one of the same name."""
        self.slots[name] = self.layout.slot()
        return self.slots[name]

    def slot_of(self, name: str) -> int:
        if name not in self.slots:
            raise CqlError(f"'{name}' is not in sight here", "an alias, a let or an operand of this expression")
        return self.slots[name]

    def compile(self, node: Any) -> Thunk:
        """Return the node as a Thunk; a CqlError names the node that cannot be one."""
        if not isinstance(node, dict) or not isinstance(node.get("type"), str):
            raise CqlError("an expression is missing", "an ELM node with a type")
        build = self.nodes.get(node["type"])
        if build is None:
            raise Unsupported(f"the ELM node {node['type']} is not known", "a node of ELM 1.5")
        try:
            return self.library.located(node, build(node, self))
        except CqlError as error:
            self.library.locate(error, node)
            raise

    def compile_or_null(self, node: Any) -> Thunk:
        return null if node is None else self.compile(node)

    def compile_all(self, nodes: Any) -> list[Thunk]:
        return [self.compile(node) for node in nodes or ()]


def null(_frame: Frame) -> None:
    return None


def constant(value: Any) -> Thunk:
    return lambda _frame: value


def operands(node: dict) -> list[Any]:
    """Return the operands of a node; ELM writes one operand bare and aggregates call theirs ``source``."""
    found = node.get("operand", node.get("source"))
    return found if isinstance(found, list) else [found]


def strict(function: Callable[..., Any]) -> Build:
    """Make an operator of a function that is null as soon as one of its operands is."""

    def build(node: dict, scope: Scope) -> Thunk:
        thunks = scope.compile_all(operands(node))
        if len(thunks) == 1:
            return _strict_unary(function, *thunks)
        if len(thunks) == 2:
            return _strict_binary(function, *thunks)

        def run(frame: Frame) -> Any:
            values = [thunk(frame) for thunk in thunks]
            return None if None in values else function(*values)

        return run

    return build


def _strict_unary(function: Callable[[Any], Any], operand: Thunk) -> Thunk:
    def run(frame: Frame) -> Any:
        value = operand(frame)
        return None if value is None else function(value)

    return run


def _strict_binary(function: Callable[[Any, Any], Any], left: Thunk, right: Thunk) -> Thunk:
    def run(frame: Frame) -> Any:
        first, second = left(frame), right(frame)
        return None if first is None or second is None else function(first, second)

    return run


def lenient(function: Callable[..., Any]) -> Build:
    """Make an operator of a function that is handed null operands too."""

    def build(node: dict, scope: Scope) -> Thunk:
        thunks = scope.compile_all(operands(node))
        if len(thunks) == 2:
            left, right = thunks
            return lambda frame: function(left(frame), right(frame))
        return lambda frame: function(*[thunk(frame) for thunk in thunks])

    return build


def named(function: Callable[..., Any], *names: str, needs: int | None = None) -> Build:
    """Make an operator whose operands have names of their own, such as Substring's; null if one needed is null.

    The first ``needs`` operands (all, where it is left out) must not be null; an absent one is null.
    """
    needed = len(names) if needs is None else needs

    def build(node: dict, scope: Scope) -> Thunk:
        thunks = [scope.compile_or_null(node.get(name)) for name in names]

        def run(frame: Frame) -> Any:
            values = [thunk(frame) for thunk in thunks]
            return None if None in values[:needed] else function(*values)

        return run

    return build
