"""Which chapters has the story, and in which order are they told?"""

from typing import Protocol

from app.clients.outbound import Door
from app.demo.bath_chair import BathChair
from app.demo.home_oxygen import HomeOxygen
from app.demo.lumbar_mri import LumbarMri
from app.demo.parties import Parties
from app.demo.scenes import Scenes
from app.demo.transcript import Transcript
from app.dtr.credentials import Credentials
from fhir_r4.generations import Generation


class Chapter(Protocol):
    """One part of the story, about one order, in one generation."""

    @property
    def generation(self) -> Generation: ...

    @property
    def order(self) -> str: ...

    @property
    def title(self) -> str: ...

    def tell(self, scenes: Scenes) -> None:
        """Act it out and say what is expected at each step."""


def chapters(here: Parties) -> tuple[Chapter, ...]:
    at_rest = {"2.4": {"valueBoolean": True}}
    known = frozenset({"1.1", "1.2", "1.3", "1.4", "2.1", "2.3"})
    return (
        HomeOxygen(
            Generation.V2_0,
            "Amy Baxter, saturation 87 %",
            "DeviceRequest/home-oxygen",
            at_rest,
            known,
            months=12,
        ),
        HomeOxygen(
            Generation.V2_2,
            "Bernard Okoye, saturation 89 % and a hematocrit of 57.8 %",
            "DeviceRequest/home-oxygen-okoye",
            at_rest | {"3.2": {"valueBoolean": False}},
            known | {"3.1"},
            months=3,
        ),
        LumbarMri(Generation.V2_0, "Amy Baxter", "ServiceRequest/lumbar-mri-baxter", certified=True, here=here),
        LumbarMri(Generation.V2_2, "Bernard Okoye", "ServiceRequest/lumbar-mri", certified=False, here=here),
        BathChair(Generation.V2_0, "DeviceRequest/bath-chair"),
    )


def tell_chapter(chapter: Chapter, here: Parties, credentials: Credentials, door: Door, out: Transcript) -> None:
    """Tell one chapter; a step that breaks is a step that did not go as told."""
    out.chapter(chapter.title)
    scenes = Scenes(here.ehr, here.service, credentials, door, out, chapter.generation, chapter.order)
    try:
        chapter.tell(scenes)
    except Exception as broken:  # noqa: BLE001
        out.expect(f"the chapter came to its end ({type(broken).__name__}: {broken})", False)
