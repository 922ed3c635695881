"""Does each entry of a list keep to its slice, and may each extension stand where it does?"""

from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from fhir_r4.profiles.elements import Element
from fhir_r4.profiles.findings import times
from fhir_r4.profiles.scope import Here, Spot
from fhir_r4.profiles.slices import Asked, Entry
from fhir_r4.resource import as_dict, text_of

if TYPE_CHECKING:
    from fhir_r4.profiles.walk import Walk


class Slices:
    """The sliced lists, and the extensions, of one check."""

    def __init__(self, walk: "Walk") -> None:
        self._walk = walk
        self._findings = walk.findings

    def check(self, element: Element, entries: list[Entry], here: Here, suspect: AbstractSet[str]) -> set[int]:
        """Check each entry against its slice, and the slices' counts and order; return the ids of those in one.

        ``suspect`` holds the paths of the entries that the schema does not vouch for.
        """
        if not element.slices or element.slicing is None:
            return set()
        names = list(element.slices)
        found: dict[str, list[Entry]] = {name: [] for name in names}
        order: list[int] = []
        for entry in entries:
            name = self._walk.slicer.slice_of(element, entry, self._asked(here))
            if name is not None:
                found[name].append(entry)
                order.append(names.index(name))
            elif element.slicing.closed:
                self._findings.say("structure", f"one of the slices {', '.join(names)}", entry.path)
        at = entries[0].path.rpartition("[")[0] if element.many else entries[0].path
        if element.slicing.ordered and order != sorted(order):
            self._findings.say("structure", f"slices in the order {', '.join(names)}", at)
        for name, slice_ in element.slices.items():
            if self._walk.slicer.decides(element, slice_, resolving=self._walk.targets.closed):
                self._slice(name, slice_, found[name], at, here, suspect)
        return {id(entry.value) for own in found.values() for entry in own}

    def _asked(self, here: Here) -> Asked:
        return Asked(
            lambda one: self._walk.targets.target_of(one, here.scope),
            lambda one, key: self._walk.values.keeps(one, key, here.scope),
        )

    def _slice(
        self, name: str, slice_: Element, own: list[Entry], at: str, here: Here, suspect: AbstractSet[str]
    ) -> None:
        if len(own) < slice_.low:
            self._findings.say("required", f"{times(slice_.low, slice_.high)} of the slice {name}", at)
        elif slice_.high is not None and len(own) > slice_.high:
            self._findings.say("structure", f"{times(slice_.low, slice_.high)} of the slice {name}", own[-1].path)
        for entry in own:
            self._walk.values.check(entry, slice_, here, accepted=entry.path not in suspect)
        if own:
            self.check(slice_, own, here, suspect)

    def extensions(self, holder: dict, name: str, entries: list[Entry], sliced: set[int] | None, spot: Spot) -> None:
        """Check what only an extension must keep to: a URL that someone defined, at a place it was defined for.

        ``sliced`` are the ids of those in slices, which alone may have relative URLs; None where the definition
        at hand does not say what they are (that of the extension around does).
        """
        for entry in entries:
            url = text_of(as_dict(entry.value).get("url"))
            if url is None:
                continue
            profile = self._walk.definitions.profile(url)
            if ":" not in url:
                if sliced is not None and id(entry.value) not in sliced:
                    said = "an absolute URL, or one that the extension around defines"
                    self._findings.say("extension", said, f"{entry.path}.url")
            elif profile is None:
                if name == "modifierExtension":
                    self._findings.say("extension", "a modifier extension that is known here", entry.path)
            elif not spot.allows(profile, holder.get("url")) and not self._walk.deviations.allows(
                profile.url, spot.names() | {str(holder.get("url"))}
            ):
                self._findings.say("extension", "a place that the extension is defined for", entry.path)
