"""How often does a group come, and which member of its list does each repetition see?

As often as the list of the record has members, until a person has answered in one of them: then the repetitions are
theirs, and see their members only while there are as many as the list has.

Source: SDC 4.0.0, itemPopulationContext.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fhir_r4.resource import dicts, link_of

NOTHING: list[Any] = []
"""What a repetition sees that has no member: an empty collection."""


def repeated(
    items: list[dict], lists: Mapping[str, list[Any]], repeats: Callable[[str], bool], is_ours: Callable[[dict], bool]
) -> Iterator[dict]:
    """Yield the items, each group with a list as often as its list has members; one without any stays as it is.

    Args:
        repeats: tells of a linkId whether the form lets it repeat.
        is_ours: tells of an item whether no person has answered it.
    """
    done: set[str] = set()
    for item in items:
        link = link_of(item)
        several = [one for one in items if one.get("linkId") == link]
        if not lists.get(link) or not repeats(link) or not all(_is_untouched(one, is_ours) for one in several):
            yield item
        elif link not in done:
            done.add(link)
            yield from [_emptied(item)] * len(lists[link])


def members(
    items: list[dict], lists: Mapping[str, list[Any]], repeats: Callable[[str], bool]
) -> Iterator[tuple[dict, Any]]:
    """Yield each item with the member of its list that it sees; ``NOTHING`` for one that has no list or no member."""
    places: dict[str, int] = {}
    for item in items:
        link = link_of(item)
        found, place = lists.get(link, []), places.get(link, 0)
        places[link] = place + 1
        fits = not repeats(link) or len(found) == sum(one.get("linkId") == link for one in items)
        yield item, found[place] if fits and place < len(found) else NOTHING


def _is_untouched(item: dict, is_ours: Callable[[dict], bool]) -> bool:
    return is_ours(item) and all(_is_untouched(one, is_ours) for one in dicts(item.get("item")))


def _emptied(item: dict) -> dict:
    below = {"item": [_emptied(one) for one in dicts(item.get("item"))]} if item.get("item") else {}
    return {name: part for name, part in item.items() if name != "answer"} | below
