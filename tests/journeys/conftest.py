"""Whole houses for the journeys: service, sandbox, and where asked workers, Redis and PostgreSQL."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.demo.parties import loopback_door, running
from app.demo.run import open_house
from app.demo.story import chapters, tell_chapter
from app.demo.transcript import Transcript
from app.dtr.credentials import Credentials
from tests.journeys.servers import a_postgres, a_redis, two_free_ports


@dataclass
class Town:
    """Everybody who takes part, and what tells of them."""

    here: object
    folder: Path
    out: Transcript
    stack: ExitStack
    worker: object = None

    def tell(self, chapter):
        credentials = Credentials.in_folder(self.here.data / "dtr", "dtr-app")
        tell_chapter(chapter, self.here, credentials, loopback_door(), self.out)

    def chapters(self):
        return chapters(self.here)

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def start(self, *command, log, ready=None):
        """Start one more process of the service's."""
        return self.stack.enter_context(
            running(list(command), ready, self.folder / f"{log}.log", self.here.environment)
        )


@pytest.fixture(scope="session")
def redis_server():
    with a_redis() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server():
    with tempfile.TemporaryDirectory(prefix="priorauth-pg-") as folder, a_postgres(Path(folder) / "pg") as server:
        yield server


@pytest.fixture
def build_town(tmp_path):
    """Return a builder of towns: ``build_town(PRIORAUTH_DATABASE_URL=…, PRIORAUTH_BROKER_URL=…)``."""
    with ExitStack() as stack:

        def build(**settings):
            town = Town(None, tmp_path, Transcript(), stack)
            town.here = open_house(stack, tmp_path, two_free_ports(), town.out, settings)
            if "PRIORAUTH_BROKER_URL" in settings:
                town.worker = town.start("worker", log="worker")
            return town

        yield build
