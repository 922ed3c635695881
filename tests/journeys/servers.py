"""Real servers for journeys: Redis and PostgreSQL, started here where they are installed.

Locally a test that needs an absent server is skipped and says so; where CI is set, nothing is skipped.
"""

import os
import shutil
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import redis

from tests.waiting import until

_BELOW = 32_768  # from here on Linux takes ports for outgoing connections, which may come between asking and listening
_ports = cycle(range(10_000, _BELOW, 2))
for _ in range(os.getpid() * 499 % 11_384):  # test processes begin apart
    next(_ports)


def free_port():
    return two_free_ports()


def two_free_ports():
    """Return a port whose next one is free as well; this process gives neither out again for a long time."""
    return next(port for port in _ports if _is_free(port) and _is_free(port + 1))


def _is_free(port):
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: what has just ended is no hindrance
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _absent(what):
    if os.environ.get("CI"):  # noqa: TID251 the test run's own environment
        pytest.fail(f"{what} is not installed, and in CI nothing is skipped")
    pytest.skip(f"{what} is not installed")


@dataclass
class Redis:
    """One Redis server, without persistence: it may lose everything."""

    port: int
    process: subprocess.Popen = None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        command = [shutil.which("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd="/tmp")  # noqa: S108
        until(lambda: redis.Redis(port=self.port).ping(), redis.exceptions.ConnectionError, seconds=15)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()


@dataclass
class Postgres:
    """One PostgreSQL cluster; as root it runs as the user postgres."""

    port: int
    bin: Path
    data: Path

    def start(self):
        log = self.data / "log"
        options = f"-p {self.port} -k {self.data} -c listen_addresses=127.0.0.1"
        self._run("pg_ctl", "-D", str(self.data / "cluster"), "-o", options, "-l", str(log), "-w", "start")
        return self

    def create(self):
        self._run("initdb", "-D", str(self.data / "cluster"), "-U", "priorauth", "-A", "trust", "--no-sync")
        return self.start()

    def kill(self):
        """End it as a power cut would."""
        self._run("pg_ctl", "-D", str(self.data / "cluster"), "-m", "immediate", "stop")

    def demote(self):
        """Start it anew as a standby, which only reads."""
        self.kill()
        shutil.copy(self.data / "cluster" / "PG_VERSION", self.data / "cluster" / "standby.signal")
        self.start()

    def promote(self):
        self._run("pg_ctl", "-D", str(self.data / "cluster"), "-w", "promote")

    def new_database(self):
        name = f"t{uuid4().hex[:12]}"
        with psycopg.connect(f"{self._dsn}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"{self._dsn}/{name}".replace("postgresql://", "postgresql+psycopg://")

    @property
    def _dsn(self):
        return f"postgresql://priorauth@127.0.0.1:{self.port}"

    def _run(self, tool, *words):
        command = [str(self.bin / tool), *words]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=self.data)
        assert done.returncode == 0, done.stderr + done.stdout


@contextmanager
def a_redis():
    if shutil.which("redis-server") is None:
        _absent("redis-server")
    server = Redis(free_port()).start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def a_postgres(folder):
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        _absent("postgresql")
    folder.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        for one in (folder, *folder.parents[:3]):
            one.chmod(0o755)
        shutil.chown(folder, "postgres")
    server = Postgres(free_port(), found[-1].parent, folder).create()
    try:
        yield server
    finally:
        server.kill()
