"""What was compiled, and how is it kept on disk?

Three texts: ``nodes`` (one element a line), ``codes`` (one value set or code system a line) and ``index``. Lines
are parsed when they are first needed, so loading costs what is used.
"""

from collections.abc import Collection, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field

import orjson

from fhir_r4.profiles.elements import Element, Pool


@dataclass(frozen=True, slots=True)
class Profile:
    """What stands above the elements of one definition.

    Attributes:
        key: ``url|version``.
        derived: it constrains a type; otherwise it defines one.
        number: its root element.
        contexts: where an extension may stand: (``element``, ``Claim.item``), (``extension``, its url).
    """

    key: str
    type: str
    kind: str
    derived: bool
    abstract: bool
    base: str | None
    number: int
    contexts: tuple[tuple[str, str], ...] = ()

    @property
    def url(self) -> str:
        return self.key.partition("|")[0]


@dataclass
class Facts:
    """Everything compiled from a set of packages.

    Attributes:
        codes: value set -> system -> its codes (None: any); None for a value set that cannot be enumerated.
        systems: complete code system -> all its codes.
        generations: name -> canonical -> key.
        missing: canonicals that no package holds, with the packages that name them.
        left_out: invariants (key, expression) that no function stands for, with the definitions that state them.
    """

    nodes: list[bytes] = field(default_factory=list)
    profiles: dict[str, Profile] = field(default_factory=dict)
    codes: dict[str, dict[str, list[str] | None] | None] = field(default_factory=dict)
    systems: dict[str, list[str]] = field(default_factory=dict)
    generations: dict[str, dict[str, str]] = field(default_factory=dict)
    missing: dict[str, set[str]] = field(default_factory=dict)
    left_out: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    unusable: set[str] = field(default_factory=set)

    def written(self) -> dict[str, bytes]:
        """Return the three texts, by file name."""
        code_keys = sorted(key for key, codes in self.codes.items() if codes is not None)
        system_keys = sorted(self.systems)
        index = {
            "profiles": {
                p.key: [p.type, p.kind, p.derived, p.abstract, p.base, p.number, p.contexts]
                for p in sorted(self.profiles.values(), key=lambda p: p.key)
            },
            "codes": code_keys,
            "systems": system_keys,
            "generations": self.generations,
            "missing": {canonical: sorted(by) for canonical, by in sorted(self.missing.items())},
        }
        lines = [orjson.dumps(self.codes[key]) for key in code_keys]
        lines += [orjson.dumps(self.systems[key]) for key in system_keys]
        return {
            "nodes.jsonl": b"\n".join(self.nodes) + b"\n",
            "codes.jsonl": b"\n".join(lines) + b"\n",
            "index.json": orjson.dumps(index, option=orjson.OPT_SORT_KEYS) + b"\n",
        }


_CORE = "http://hl7.org/fhir/StructureDefinition/"


class Definitions:
    """The facts of one generation, as the two readers of them ask for them.

    ``systems`` holds all codes of each complete code system; of one that is not there nothing is known. ``resources``
    holds the definition of each type of resource that there can be.
    ``taken``: a value set's URL, a system, and a code that is taken although the set has it not.
    """

    def __init__(self, texts: Mapping[str, bytes], generation: str, taken: Iterable[tuple[str, str, str]] = ()) -> None:
        index = orjson.loads(texts["index.json"])
        self._pool = Pool(texts["nodes.jsonl"].splitlines(), orjson.loads)
        self._profiles = {
            key: Profile(key, p[0], p[1], p[2], p[3], p[4], p[5], tuple((c[0], c[1]) for c in p[6]))
            for key, p in index["profiles"].items()
        }
        self._generations: dict[str, dict[str, str]] = index["generations"]
        self._canonicals: dict[str, str] = {}
        self._by_url: dict[str, Profile] = {}
        self._speak(generation)
        self._types = {p.type: p for p in self._profiles.values() if p.key == f"{_CORE}{p.type}|4.0.1"}
        self.resources = {t: p for t, p in self._types.items() if p.kind == "resource" and not p.abstract}
        lines = texts["codes.jsonl"].splitlines()
        self._code_lines = dict(zip(index["codes"], lines, strict=False))
        known = zip(index["systems"], lines[len(index["codes"]) :], strict=False)
        self.systems: dict[str, frozenset[str]] = {system: frozenset(orjson.loads(line)) for system, line in known}
        self._codes: dict[str, dict[str, frozenset[str] | None]] = {}
        self._implied: dict[str, list[str]] = {}
        self._taken = tuple(taken)
        self.missing: dict[str, list[str]] = index["missing"]

    def _speak(self, generation: str) -> None:
        """Settle what the canonicals of an instance mean."""
        self._canonicals = self._generations.get(generation, {})
        self._by_url = {url: self._profiles[key] for url, key in self._canonicals.items() if key in self._profiles}

    def under(self, generation: str) -> "Definitions":
        """Return the same definitions, with canonicals as another generation understands them."""
        other = copy(self)
        other._speak(generation)  # noqa: SLF001 our own
        return other

    @property
    def keys(self) -> list[str]:
        return list(self._profiles)

    @property
    def canonicals(self) -> list[str]:
        """Every canonical that an instance of this generation may name."""
        return list(self._canonicals)

    def profile(self, canonical: str) -> Profile | None:
        """Return the profile of a key, or of a canonical as this generation understands it."""
        found = self._profiles.get(canonical) or self._by_url.get(canonical)
        if found is None and "|" in canonical:
            url, _, version = canonical.partition("|")
            known = self._by_url.get(url)
            found = known if known is not None and version in ("", known.key.partition("|")[2]) else None
        return found

    def type(self, code: str) -> Profile | None:
        """Return the definition of a resource type or datatype."""
        return self._types.get(code)

    def root(self, profile: Profile) -> Element:
        return self._pool[profile.number]

    def implied(self, profile: Profile) -> Collection[str]:
        """Return the keys of what a profile is derived from, abstract types aside: what keeps to it keeps to those."""
        if profile.key not in self._implied:
            above: list[str] = []
            base = self._profiles.get(profile.base or "")
            while base is not None and not base.abstract and base.key not in above:
                above.append(base.key)
                base = self._profiles.get(base.base or "")
            self._implied[profile.key] = above
        return self._implied[profile.key]

    def codes(self, key: str) -> dict[str, frozenset[str] | None]:
        """Return a value set as system -> codes; None stands for all codes of a system."""
        found = self._codes.get(key)
        if found is None:
            listed = orjson.loads(self._code_lines[key])
            for url, system, code in self._taken:
                if url == key.partition("|")[0] and listed.get(system) is not None:
                    listed[system].append(code)
            found = {system: None if codes is None else frozenset(codes) for system, codes in listed.items()}
            self._codes[key] = found
        return found
