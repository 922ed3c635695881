"""What does a profile say of one element?

An ``Element`` is a node of a snapshot without its prose: how often, of which type, with which value, bound to
which codes, cut into which slices. Equal nodes are one node (most of FHIR repeats itself), so a set of profiles
is a list of lines, each line one node that names others by their number; a node is read when it is first needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

PRIMITIVES = frozenset(
    {"base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer"}
    | {"markdown", "oid", "positiveInt", "string", "time", "unsignedInt", "uri", "url", "uuid", "xhtml"}
)

CODED = frozenset({"Coding", "Quantity", "Duration", "Age", "Count", "Distance"})  # a code of a system

BINDABLE = frozenset({"code", "string", "uri", "Coding", "CodeableConcept", "Quantity", "Duration", "Age"})


@dataclass(frozen=True, slots=True)
class Type:
    """One permitted type: its code, the profiles of the value itself and those of what a reference points at.

    Profiles are keys, ``url|version``, except where no package holds the target: then the bare canonical.
    """

    code: str
    profiles: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binding:
    """``strength`` is required or extensible; ``codes`` the key of a value set, empty where it cannot be enumerated."""

    strength: str
    codes: str


@dataclass(frozen=True, slots=True)
class Slicing:
    """How the entries of a list are told apart: pairs of discriminator type and path; closed or ordered or neither."""

    by: tuple[tuple[str, str], ...]
    closed: bool = False
    ordered: bool = False
    at_end: bool = False


@dataclass(frozen=True, eq=False)
class Element:
    """One node. ``many`` says whether JSON writes a list; ``high`` None is ``*``; ``same_as`` a path in the profile."""

    low: int = 0
    high: int | None = None
    many: bool = False
    types: tuple[Type, ...] = ()
    fixed: Any = None
    pattern: Any = None
    bindings: tuple[Binding, ...] = ()
    invariants: tuple[str, ...] = ()
    same_as: str | None = None
    longest: int | None = None
    least: Any = None
    most: Any = None
    slicing: Slicing | None = None
    pool: "Pool | None" = field(default=None, repr=False)
    child_numbers: Mapping[str, int] = field(default_factory=dict, repr=False)
    slice_numbers: Mapping[str, int] = field(default_factory=dict, repr=False)

    @cached_property
    def children(self) -> dict[str, "Element"]:
        """The elements below, by name as the snapshot spells it (``value[x]``)."""
        return {name: self._pool[number] for name, number in self.child_numbers.items()}

    @cached_property
    def slices(self) -> dict[str, "Element"]:
        return {name: self._pool[number] for name, number in self.slice_numbers.items()}

    @cached_property
    def needed(self) -> dict[str, "Element"]:
        """The children that must be there, or have a slice that must."""
        return {
            name: child
            for name, child in self.children.items()
            if child.low or any(slice_.low for slice_ in child.slices.values())
        }

    @cached_property
    def properties(self) -> dict[str, tuple[str, Type | None]]:
        """JSON property -> (child's name, type); a primitive's ``_name`` sibling is there under its own key."""
        found: dict[str, tuple[str, Type | None]] = {}
        for name, child in self.children.items():
            for spelling, type_ in spellings(name, child):
                found[spelling] = (name, type_)
                if type_ is not None and type_.code in PRIMITIVES and type_.code != "xhtml":
                    found[f"_{spelling}"] = (name, type_)
        return found

    def at(self, path: str) -> "Element":
        """Return the element at a path (``Questionnaire.item``, ``Provenance.agent:author``) below this root."""
        target = self
        for step in path.split(".")[1:]:
            name, _, slice_name = step.partition(":")
            target = target.children[name]
            target = target.slices[slice_name] if slice_name else target
        return target

    @property
    def _pool(self) -> "Pool":
        if self.pool is None:
            raise LookupError("an element outside a pool has no children")
        return self.pool


def spellings(name: str, element: Element) -> list[tuple[str, Type | None]]:
    """Return the JSON names of an element: one for each type of a choice.

    >>> spellings("value[x]", Element(types=(Type("string"), Type("Quantity"))))[1][0]
    'valueQuantity'
    """
    if name.endswith("[x]"):
        return [(name[:-3] + type_.code[:1].upper() + type_.code[1:], type_) for type_ in element.types]
    return [(name, element.types[0] if element.types else None)]


class Pool:
    """Nodes by number, parsed when first asked for."""

    def __init__(self, lines: Sequence[bytes], read: Any) -> None:
        self._lines = lines
        self._read = read
        self._seen: dict[int, Element] = {}

    def __getitem__(self, number: int) -> Element:
        found = self._seen.get(number)
        if found is None:  # two threads may read it, but it is one node: what is known of it is kept by its id
            found = self._seen.setdefault(number, element_from(self._read(self._lines[number]), self))
        return found

    def __len__(self) -> int:
        return len(self._lines)


def element_from(node: dict, pool: Pool) -> Element:
    """Return the element of one line; the short keys are written by ``snapshot.node``."""
    slicing = node.get("slicing")
    return Element(
        low=node.get("low", 0),
        high=node.get("high"),
        many=node.get("many", False),
        types=tuple(Type(t[0], tuple(t[1]), tuple(t[2])) for t in node.get("types", ())),
        fixed=node.get("fixed"),
        pattern=node.get("pattern"),
        bindings=tuple(Binding(*b) for b in node.get("bindings", ())),
        invariants=tuple(node.get("invariants", ())),
        same_as=node.get("same_as"),
        longest=node.get("longest"),
        least=node.get("least"),
        most=node.get("most"),
        slicing=Slicing(tuple((d[0], d[1]) for d in slicing[0]), *slicing[1:]) if slicing else None,
        pool=pool,
        child_numbers=node.get("children", {}),
        slice_numbers=node.get("slices", {}),
    )
