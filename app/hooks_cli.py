"""What can an operator ask of hooks? To find a call in a dispute, and to take out the measures."""
# ruff: noqa: PLC0415

import csv
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from app.config import Config
from app.options import DATA
from fhir_r4.wire import write_json

_DAY = click.DateTime(["%Y-%m-%d"])
COLUMNS = (
    "client", "hookInstance", "hookType", "requestTime", "responseTime", "httpResponse", "tokenUse", "type", "codes",
    "covered", "paNeeded", "docNeeded", "infoNeeded", "questionnaire", "assertionId", "satisfiedId", "cards",
    "engagement",
)  # fmt: skip


@click.group()
def hooks() -> None:
    """CRD: calls that were kept, and their measures."""


@hooks.command("find")
@click.option("--instance", "hook_instance", help="hookInstance of the call.")
@click.option("--assertion", help="A coverage-assertion-id that was issued.")
@click.option("--order", help="Type/id of what the call was about.")
@click.option("--member", help="Member number.")
@click.option("--who", required=True, help="Who looks; it is recorded.")
@click.option("--whole", is_flag=True, help="With request and answer.")
@DATA
def find(data: Path | None, who: str, whole: bool, **wanted: str | None) -> None:
    """Show the calls that match, the newest first, as JSON lines. At most 100 are shown, and who looked is recorded."""
    from app.clock import now
    from app.storage import events, hook_records
    from app.storage.database import Database

    search = hook_records.Search(**wanted)
    if not search.words:
        raise click.ClickException("say what to look for: --instance, --assertion, --order or --member")
    with Database(Config.from_env(data=data).database).writing() as connection:
        found = hook_records.found(connection, search)
        calls = [one.id for one in found]
        events.record(connection, "hooks.searched", actor=who, at=now(), by=search.words, calls=calls, whole=whole)
        shown = [hook_records.whole(connection, one) for one in calls] if whole else found
    for one in shown:
        click.echo(write_json(_shown(one)))


def _shown(row: Any) -> dict:
    return {str(name): _plain(value) for name, value in row._mapping.items()}  # noqa: SLF001 SQLAlchemy's name for it


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.decode() if isinstance(value, bytes) else value


@hooks.command("metrics")
@click.option(
    "--format", "shape", type=click.Choice(["ndjson", "csv"]), default="ndjson", show_default=True, help="How."
)
@click.option("--since", type=_DAY, default="2000-01-01", help="First day, in UTC.")
@click.option("--until", type=_DAY, default="2999-01-01", help="The day after the last, in UTC.")
@DATA
def metrics(shape: str, since: datetime, until: datetime, data: Path | None) -> None:
    """Write CRDMetricData. It is NDJSON, a record in the guide's shape for each call, or CSV, a row for each order and
    coverage of a call.
    """
    from app.storage import hook_records
    from app.storage.database import Database

    with Database(Config.from_env(data=data).database).reading() as connection:
        fates = hook_records.fates(connection)
        rows = hook_records.measures(connection, since.replace(tzinfo=UTC), until.replace(tzinfo=UTC))
        if shape == "csv":
            _write_csv(rows, fates)
            return
        for client, told in rows:
            click.echo(write_json(_of_generation(told, _of_client(fates, client))))


def _of_client(fates: dict[tuple[str, str], str], client: str) -> dict[str, str]:
    return {card: outcome for (who, card), outcome in fates.items() if who == client}


def _of_generation(told: dict, fates: dict[str, str]) -> dict:
    from cds_hooks.metrics import engaged, flat, modelled

    whole = {name: value for name, value in modelled(engaged(told, fates)).items() if name != "generation"}
    return flat(whole) if told.get("generation") == "2.0" else whole


def _write_csv(rows: Iterable[tuple[str, dict]], fates: dict[tuple[str, str], str]) -> None:
    from cds_hooks.metrics import engaged

    writer = csv.writer(sys.stdout)
    writer.writerow(COLUMNS)
    for client, told in rows:
        for line in _lines(client, engaged(told, _of_client(fates, client))):
            writer.writerow([_cell(line.get(name, "")) for name in COLUMNS])


def _cell(value: Any) -> Any:
    """Return a value that a spreadsheet takes for words: an EHR chose some of them, and could write a formula."""
    value = " ".join(map(str, value)) if isinstance(value, list) else value
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _lines(client: str, told: dict) -> Iterator[dict]:
    """Yield a line for each order, and one more for each further coverage of its; an order's cards are counted once."""
    shared = {name: told[name] for name in COLUMNS if name in told} | {"client": client}
    for request in told.get("request", []) or [{}]:
        answers = request.get("response", [])
        codes = " ".join(f"{one['system']}|{one['code']}" for one in request.get("orderDetail", {}).get("coding", []))
        cards = [one for one in answers if "engagement" in one]
        shown = {
            "cards": " ".join(str(one["type"]) for one in cards),
            "engagement": " ".join(one["engagement"] for one in cards),
        }
        for said in [one for answer in answers for one in answer.get("coverageInfo", [])] or [{}]:
            forms = " ".join(one["reference"] for one in said.get("questionnaire", []))
            yield shared | said | shown | {"type": request.get("type", ""), "codes": codes, "questionnaire": forms}
            shown = {}
