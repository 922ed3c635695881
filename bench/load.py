"""How is a server loaded, and what does that cost it? A round of requests on kept-alive connections over loopback.

Counted is the CPU time of the web processes, user and system, by their own clocks: the one figure on which the
client and the neighbours on a small machine have little hold.
"""

import http.client
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 4
_PAGE = os.sysconf("SC_PAGE_SIZE")


class NotAnswered(Exception):
    """A request was not answered as a request of a measurement has to be."""


@dataclass(frozen=True, slots=True)
class Request:
    """One POST; all of it is made before the round begins."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request took, on the average of a round.

    Attributes:
        cpu_ms: of all web processes together.
        per_second: requests, with the client on the same cores.
    """

    cpu_ms: float
    per_second: float


@dataclass(frozen=True, slots=True)
class Web:
    """A gunicorn on loopback: its port, and the process id of its master."""

    port: int
    master: int

    def cpu_seconds(self) -> float:
        """Return the CPU time that the web processes have had so far."""
        return sum(time.clock_gettime(_clock_of(pid)) for pid in self._processes())

    def resident_mb(self) -> float:
        """Return the resident memory of the largest web process, in millions of bytes."""
        return max(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._processes()) * _PAGE / 1e6

    def _processes(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.master}/task/{self.master}/children").read_text().split()]


def run(web: Web, requests: Sequence[Request], proof: bytes) -> Cost:
    """Send all requests and return what one of them cost.

    Args:
        proof: stands in every answer of a server that works.

    Raises:
        NotAnswered: an answer is not 200 or lacks the proof; a round that fails measures nothing.
    """
    shares = [requests[first::CONNECTIONS] for first in range(CONNECTIONS)]
    cpu, started = web.cpu_seconds(), time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(lambda share: sum(1 for _ in answers(web.port, share, proof)), shares))
    seconds = time.perf_counter() - started
    return Cost((web.cpu_seconds() - cpu) * 1000 / len(requests), len(requests) / seconds)


def answers(port: int, requests: Iterable[Request], proof: bytes) -> Iterator[bytes]:
    """Send one request after another on one connection and yield what is answered; NotAnswered as ``run`` raises it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for one in requests:
        connection.request("POST", one.path, one.body, one.headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or proof not in body:
            raise NotAnswered(f"{one.path}: {answer.status} {body[:300]!r}")
        yield body
    connection.close()


def _clock_of(pid: int) -> int:
    """Return the clock of a process's CPU time, as Linux numbers it (clock_getcpuclockid, 3); /proc counts in 10 ms."""
    return ~pid << 3 | 2
