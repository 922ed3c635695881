"""Whom did the app call, and what came back? For whoever tells the story."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.clients.outbound import Reply
from fhir_r4.problems import InvalidRequest
from fhir_r4.wire import read_object


@dataclass(frozen=True, slots=True)
class Told:
    """One call to the payer or the EHR."""

    whom: str
    method: str
    url: str
    what: str
    status: int
    milliseconds: float
    answer: Any


Teller = Callable[[Told], None]


def timed(tell: Teller, whom: str, method: str, url: str, what: str, call: Callable[[], Reply]) -> Reply:
    """Make a call, tell of it and return its reply."""
    started = time.perf_counter()
    reply = call()
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    try:
        answer: Any = read_object(reply.body)
    except InvalidRequest:
        answer = None
    tell(Told(whom, method, url, what, reply.status, milliseconds, answer))
    return reply


def nobody(_: Told) -> None:
    """Tell nobody."""
