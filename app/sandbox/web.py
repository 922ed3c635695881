"""SANDBOX. How does the EHR call others? Plain HTTP to the payer that it was told of, each call noted for the story."""

import time
from dataclasses import dataclass, field
from typing import Any

import requests  # noqa: TID251 the sandbox is a stranger and has its own way out

from fhir_r4.wire import read_json, write_json

TIMEOUT_SECONDS = 20


@dataclass
class Exchange:
    """One call as the story tells it."""

    who: str
    method: str
    url: str
    what: str
    status: int
    milliseconds: float
    answer: Any
    sent: Any = None

    def to_json(self) -> dict:
        return {
            "who": self.who,
            "method": self.method,
            "url": self.url,
            "what": self.what,
            "status": self.status,
            "milliseconds": self.milliseconds,
            "answer": self.answer,
            "sent": self.sent,
        }


@dataclass
class Caller:
    """Calls the payer and remembers what was said."""

    who: str
    exchanges: list[Exchange] = field(default_factory=list)

    def get(self, url: str, what: str) -> Any:
        return self._note("GET", url, what, None, {"Accept": "application/json, application/fhir+json"}, None)

    def post(self, url: str, what: str, body: Any, token: str | None, kind: str = "application/fhir+json") -> Any:
        headers = {"Content-Type": kind, "Accept": kind} | ({"Authorization": f"Bearer {token}"} if token else {})
        return self._note("POST", url, what, body, headers, write_json(body))

    def post_form(self, url: str, what: str, form: dict[str, str]) -> Any:
        return self._note("POST", url, what, None, {"Accept": "application/json"}, form)

    def _note(self, method: str, url: str, what: str, sent: Any, headers: dict[str, str], data: Any) -> Any:
        started = time.perf_counter()
        response = requests.request(
            method, url, headers=headers, data=data, timeout=TIMEOUT_SECONDS, allow_redirects=False
        )
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        answer = read_json(response.content) if response.content else None
        self.exchanges.append(Exchange(self.who, method, url, what, response.status_code, milliseconds, answer, sent))
        return answer
