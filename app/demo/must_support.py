"""Which must-support elements do these answers show? By profile, counted from the answers themselves.

The list is made from the published packages (tests/must_support.py) and holds names and URLs only.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import Any

from fhir_r4.generations import Generation
from fhir_r4.resource import as_dict, codings, dicts

_Slices = Mapping[str, str]


def elements(generation: Generation) -> dict[str, dict[str, _Slices]]:
    """Return by profile the elements, each with what tells its slices from others."""
    listed: dict[str, dict[str, dict[str, _Slices]]] = json.loads(
        resources.files("app.demo").joinpath("must_support.json").read_text("utf-8")
    )
    return listed[generation]


def missing(generation: Generation, answers: Iterable[Any]) -> dict[str, tuple[int, list[str]]]:
    """Return by profile how many elements there are, and which of them no answer shows."""
    held = [one for answer in answers for one in _resources(answer)]
    return {profile: (len(listed), lacking(profile, listed, held)) for profile, listed in elements(generation).items()}


def lacking(profile: str, listed: Mapping[str, _Slices], held: Iterable[dict]) -> list[str]:
    """Return which elements of a profile none of its resources has."""
    mine = [one for one in held if _claims(one, profile)]
    return [path for path, told in listed.items() if not _shown(mine, path, told)]


def _claims(resource: dict, profile: str) -> bool:
    return any(str(one).endswith(f"/{profile}") for one in as_dict(resource.get("meta")).get("profile", []))


def _resources(answer: Any) -> Iterator[dict]:
    """Yield every resource of a Bundle, and of Bundles in Parameters."""
    for entry in dicts(as_dict(answer).get("entry")):
        yield from _within(entry)
    for parameter in dicts(as_dict(answer).get("parameter")):
        yield from _within(parameter)


def _within(held: dict) -> Iterator[dict]:
    resource = as_dict(held.get("resource"))
    yield resource
    yield from _resources(resource)


def _shown(held: Iterable[dict], path: str, told: _Slices) -> bool:
    nodes: list[Any] = list(held)
    walked: list[str] = [path.split(".", maxsplit=1)[0]]
    for step in path.split(".")[1:]:
        walked.append(step)
        name, _, slicing = step.partition(":")
        nodes = [one for node in nodes for one in _children(node, name)]
        if slicing and (mark := told.get(".".join(walked))):
            nodes = [one for one in nodes if _is(one, mark)]
    return bool(nodes)


def _children(node: Any, name: str) -> list[Any]:
    if name.endswith("[x]"):
        stem = name[:-3]
        found = [value for key, value in as_dict(node).items() if key.startswith(stem)]
    else:
        found = [as_dict(node).get(name), as_dict(node).get(f"_{name}")]  # a primitive's extensions stand beside it
    return [one for value in found if value is not None for one in (value if isinstance(value, list) else [value])]


def _is(element: Any, mark: str) -> bool:
    """Tell whether an element is of a slice: an extension by its url, an input by the code of its type or category."""
    held = as_dict(element)
    return held.get("url") == mark or any(
        one.code == mark for name in ("type", "category") for one in codings(held.get(name))
    )
