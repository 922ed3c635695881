"""``priorauth deliveries`` and ``priorauth secrets``: what could not be told, and the keys of what is sealed.

Heavy rooms are imported by the command that needs them, so that ``--help`` is quick.
"""
# ruff: noqa: PLC0415

from pathlib import Path

import click

from app.config import Config
from app.options import DATA, ROW
from fhir_r4.problems import Unknown


@click.group()
def deliveries() -> None:
    """What could not be delivered."""


@deliveries.command("list")
@DATA
def list_(data: Path | None) -> None:
    """Show jobs that were given up, and subscriptions that lag behind."""
    from app.deliveries import deliveries as found_in
    from app.storage.database import Database

    found = found_in(Database(Config.from_env(data=data).database))
    for one in found.dead:
        click.echo(f"{one.id}  {one.kind} {one.subject}  {one.attempts} attempts, {one.fault}, {one.dead_at:%F %R}")
    for lag in found.lagging:
        since = f" since {lag.oldest:%F %R}" if lag.oldest else ""
        events = "1 event waits" if lag.waiting == 1 else f"{lag.waiting or 'no'} events wait"
        held, fault = lag.subscription, f"; {lag.subscription.error}" if lag.subscription.error else ""
        click.echo(f"subscription {held.id} of {held.client_id}: {held.status}, {events}{since}{fault}")
    if not (found.dead or found.lagging):
        click.echo("nothing was given up, and no subscription lags behind")


@deliveries.command()
@click.argument("job", type=ROW)
@DATA
def retry(job: int, data: Path | None) -> None:
    """Take up a dead letter anew. JOB is its number in 'deliveries list'; what is running does it within seconds."""
    from app.clock import now
    from app.deliveries import retry as take_up
    from app.storage.database import Database

    try:
        take_up(Database(Config.from_env(data=data).database), job, "operator", now())
    except Unknown as unknown:
        raise click.ClickException(unknown.issues[0].diagnostics) from None
    click.echo(f"job {job} is tried again")


@click.group()
def secrets() -> None:
    """Keys that seal other people's secrets."""


@secrets.command("new-key")
def new_key_() -> None:
    """Print a new key for PRIORAUTH_ENCRYPTION_KEYS. It is kept nowhere."""
    from app.storage.sealing import new_key

    click.echo(new_key())


@secrets.command()
@DATA
def rotate(data: Path | None) -> None:
    """Seal with the first key what another has sealed. Then the other keys can go."""
    from app.storage.database import Database
    from app.storage.sealing import NoKey, read_keys
    from app.storage.subscriptions import seal_anew

    config = Config.from_env(data=data)
    try:
        keyring = read_keys(config.encryption_keys, config.encryption_key_file)
        with Database(config.database).writing() as connection:
            count = seal_anew(connection, keyring)
    except NoKey as missing:
        raise click.ClickException(str(missing)) from None
    click.echo(f"{count} sealed anew")
