"""How does a reviewer decide in the story? As in a browser: link, login, worklist, case page, verdict form."""

import html
import re
import time
from dataclasses import dataclass, field

import requests  # noqa: TID251 a person's browser is none of the service's calls

from app.demo.transcript import Transcript

_CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')
_SEEN = re.compile(r'name="seen" value="(\d+)"')
_CASE = re.compile(r'href="(/authorizations/[^"]+)">([^<]+)</a>')
TIMEOUT = 20


class PageBroken(Exception):
    """A page was not what the person expected."""


@dataclass
class Browser:
    """One person's browser: keeps cookies, follows redirects, fills forms."""

    base: str
    who: str
    out: Transcript
    session: requests.Session = field(default_factory=requests.Session)

    def set_password(self, link: str, password: str) -> None:
        page = self._get(link)
        self._post(link, "set a password by the one-time link", {"csrf_token": _token(page), "password": password})

    def log_in(self, name: str, password: str) -> None:
        page = self._get(f"{self.base}/login")
        form = {"csrf_token": _token(page), "name": name, "password": password}
        self._post(f"{self.base}/login", "log in", form)

    def find(self, reference: str) -> str:
        """Return the address of the case with this reference on the worklist."""
        found = {text: href for href, text in _CASE.findall(self._get(f"{self.base}/worklist", "the worklist"))}
        if reference not in found:
            raise PageBroken("the case is not on the worklist")
        return f"{self.base}{found[reference]}"

    def decide(self, case: str, verdict: dict[str, str]) -> str:
        """Fill the verdict form of a case page and return the page that follows."""
        return self._fill(case, f"{case}/verdict", "the verdict", verdict)

    def ask(self, case: str, more: dict[str, str]) -> str:
        """Fill the form that asks for more, and return the page that follows."""
        return self._fill(case, f"{case}/ask", "more is asked for", more)

    def _fill(self, case: str, url: str, what: str, form: dict[str, str]) -> str:
        page = self._get(case, "the case")
        seen = _SEEN.search(page)
        if seen is None:
            raise PageBroken("the case has no form")
        return self._post(url, what, {"csrf_token": _token(page), "seen": seen[1], "sequence": "1"} | form)

    def _get(self, url: str, what: str | None = None) -> str:
        started = time.perf_counter()
        answer = self.session.get(url, timeout=TIMEOUT)
        if what:
            self._tell("GET", url, what, answer.status_code, started)
        return answer.text

    def _post(self, url: str, what: str, form: dict[str, str]) -> str:
        started = time.perf_counter()
        answer = self.session.post(url, data=form, timeout=TIMEOUT)
        self._tell("POST", url.replace(self.base, ""), what, answer.status_code, started)
        if answer.status_code != 200:
            raise PageBroken(f"status {answer.status_code}")
        return html.unescape(answer.text)

    def _tell(self, method: str, url: str, what: str, status: int, started: float) -> None:
        shown = url.partition("/staff/link/")[0] + ("/staff/link/…" if "/staff/link/" in url else "")
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        self.out.call(
            self.who,
            "payer",
            {"method": method, "url": shown, "what": what, "status": status, "milliseconds": milliseconds},
        )


def _token(page: str) -> str:
    found = _CSRF.search(page)
    if found is None:
        raise PageBroken("the page has no form")
    return found[1]
