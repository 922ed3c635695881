"""How is the showcase run? A house is opened, requests go over HTTP, a reviewer decides in a browser; then a table."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from app.clients.outbound import Door
from app.clock import now
from app.demo.parties import HOUSE, DidNotStart, Parties, end_on_sigterm, loopback_door
from app.demo.reviewer import Browser
from app.demo.run import open_house
from app.demo.showcase import NOT_SHOWN, Row, answers, marked, table
from app.demo.transcript import Transcript
from app.sandbox.records import Records
from fhir_r4.generations import Generation
from fhir_r4.wire import read_object, write_json

REVIEWER, PASSWORD = "dr-show", "a-password-of-the-showcase"


@dataclass
class OverHttp:
    """The showcase's desk: a client with an operator's token, and a reviewer with a browser."""

    here: Parties
    door: Door
    token: str
    browser: Browser
    out: Transcript

    def submit(self, generation: Generation, bundle: dict) -> Any:
        return self._post(generation, "Claim/$submit", bundle)

    def inquire(self, generation: Generation, bundle: dict) -> Any:
        return self._post(generation, "Claim/$inquire", bundle)

    def review(self, reference: str, form: dict[str, Any]) -> None:
        self.browser.decide(self.browser.find(reference), form)

    def ask(self, reference: str, form: dict[str, Any]) -> None:
        self.browser.ask(self.browser.find(reference), form)

    def _post(self, generation: Generation, operation: str, body: dict) -> Any:
        url = f"{self.here.service}/fhir/{generation}/{operation}"
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/fhir+json"}
        reply = self.door.send("POST", url, allowed=[url], headers=headers, body=write_json(body))
        self.out.expect(f"{operation} on /fhir/{generation} is answered with 200", reply.status == 200)
        return read_object(reply.body)


def show(*, port: int, keep: Path | None) -> int:
    """Run the showcase and return the exit code; ``keep`` is a folder for the answers as they came."""
    out = Transcript()
    end_on_sigterm()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="priorauth-showcase-")))
        try:
            here = open_house(stack, folder, port, out)
        except DidNotStart as failed:
            out.expect(str(failed), False)
            return out.summary()
        desk = _desk(here, out)
        for generation in Generation:
            out.chapter(f"Every must-support element, PAS {generation}")
            _show(desk, generation, out, keep)
    return out.summary()


def _desk(here: Parties, out: Transcript) -> OverHttp:
    who = ["--role", "reviewer", "--licence", "NY/123456", "--npi", "1234567893", "--specialty", "207RP1001X"]
    link = here.operate("staff", "add", REVIEWER, *who)
    browser = Browser(here.service, "Reviewer", out)
    browser.set_password(link, PASSWORD)
    browser.log_in(REVIEWER, PASSWORD)
    token = here.operate("client", "token", "riverside-ehr").splitlines()[-1].strip()
    return OverHttp(here, loopback_door(), token, browser, out)


def _show(desk: OverHttp, generation: Generation, out: Transcript, keep: Path | None) -> None:
    records = Records.load(HOUSE / "fixtures" / "ehr", now().date())
    told = answers(desk, generation, records, f"{desk.here.ehr}/fhir", now())
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        for number, answer in enumerate(told, start=1):
            (keep / f"{generation}-{number}.json").write_bytes(write_json(answer))
    rows = table(generation, told)
    out.console.print(_as_table(rows))
    out.expect(f"{marked(generation)} elements, each shown or reasoned", not any(row.missing for row in rows))


def _as_table(rows: list[Row]) -> Table:
    shown = Table(title="Must-support elements in the answers", title_justify="left")
    for heading in ("profile", "marked", "shown", "missing", "never, and why"):
        shown.add_column(heading)
    for row in rows:
        present = row.total - len(row.missing) - len(row.reasoned)
        why = {NOT_SHOWN[one] for one in row.reasoned}
        reasons = f"{len(row.reasoned)}: {'; '.join(sorted(why))}" if why else ""
        shown.add_row(row.profile, str(row.total), str(present), ", ".join(row.missing), reasons)
    return shown
