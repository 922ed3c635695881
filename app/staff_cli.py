"""``priorauth staff``: who of the payer's people may log in.

Heavy rooms are imported by the command that needs them, so that ``--help`` is quick.
"""
# ruff: noqa: PLC0415

from pathlib import Path

import click

from app.config import Config
from app.options import DATA


@click.group()
def staff() -> None:
    """The payer's own people."""


@staff.command("add")
@click.argument("name")
@click.option(
    "--role", required=True, type=click.Choice(["reviewer", "auditor", "admin"]), help="What they may see and do."
)
@click.option("--licence", metavar="STATE/NUMBER", help="Of a clinician; without one nobody refuses care.")
@click.option("--npi", help="Of a clinician; told with the decision in 2.2.")
@click.option("--specialty", metavar="CODE", help="Of a clinician, NUCC taxonomy; told with the decision in 2.2.")
@DATA
def staff_add(
    name: str, role: str, licence: str | None, npi: str | None, specialty: str | None, data: Path | None
) -> None:
    """Add a person, or let one set a new password. It prints a link for that, good once and for a day."""
    from app.clock import now
    from app.security.staff import invite
    from app.storage.staff import Person

    config = Config.from_env(data=data)
    try:
        click.echo(invite(config, Person(name, role, licence, npi, specialty), now()))
    except ValueError as error:
        raise click.ClickException(str(error)) from None


@staff.command("list")
@DATA
def list_(data: Path | None) -> None:
    """Show who may log in, as what, and who could once."""
    from app.storage.database import Database
    from app.storage.staff import everyone

    with Database(Config.from_env(data=data).database).reading() as connection:
        added = everyone(connection)
    for person, state in added:
        click.echo(f"{person.name} ({state})  {person.role}  {person.licence or 'no licence'}")
    if not added:
        click.echo("nobody was added")


@staff.command()
@click.argument("name")
@DATA
def suspend(name: str, data: Path | None) -> None:
    """Shut a person out from their next click on. 'staff add' lets them in again, with a new password."""
    from app.clock import now
    from app.security import staff as security

    try:
        security.suspend(Config.from_env(data=data), name, now())
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{name} is suspended")
