"""``priorauth purge`` and ``priorauth hold``: what was kept for long enough goes, and what must stay stays.

Heavy rooms are imported by the command that needs them, so that ``--help`` is quick.
"""
# ruff: noqa: PLC0415

from functools import partial
from pathlib import Path

import click

from app.config import Config
from app.options import DATA, ROW


@click.command()
@DATA
def purge(data: Path | None) -> None:
    """Take away what has been kept for long enough. A running service does it once a day."""
    from app.clock import now
    from app.retention import purge as take_away
    from app.storage.database import Database

    config = Config.from_env(data=data)
    done = take_away(Database(config.database), config, "operator", now())
    if done.held:
        raise click.ClickException("a legal hold is on everything; nothing was taken away")
    click.echo(
        f"{done.hooks} hook calls, {done.cases} cases, {done.submissions} refused submissions, {done.audit} events"
    )


@click.group()
def hold() -> None:
    """Legal holds: what is held is not purged."""


@hold.command()
@click.option("--case", "case", metavar="NUMBER", help="One case, by any number of it.")
@click.option("--member-of", metavar="NUMBER", help="The member of that case, with all cases and promises.")
@click.option("--everything", is_flag=True, help="All that is kept: nothing is purged while this stands.")
@click.option("--reason", required=True, help="Such as the matter's number; no names.")
@DATA
def place(case: str | None, member_of: str | None, reason: str, data: Path | None, *, everything: bool) -> None:
    """Place a hold on one of: a case, a member, everything."""
    from app.clock import now
    from app.storage import events, holds
    from app.storage.database import Database

    if [bool(case), bool(member_of), everything].count(True) != 1:
        raise click.UsageError("one of --case, --member-of and --everything")
    reach = "case" if case else "member" if member_of else "everything"
    try:
        with Database(Config.from_env(data=data).database).writing() as connection:
            placed, of_case = holds.place(connection, reach, case or member_of, reason, "operator", now())
            said = partial(events.record, actor="operator", at=now(), authorization_id=of_case)
            said(connection, "hold.placed", hold=placed, reach=reach)
    except holds.NoSuchCase as unknown:
        raise click.ClickException(str(unknown)) from None
    click.echo(f"hold {placed} stands")


@hold.command("list")
@DATA
def list_(data: Path | None) -> None:
    """Show the holds that stand."""
    from app.storage import holds
    from app.storage.database import Database

    with Database(Config.from_env(data=data).database).reading() as connection:
        standing = holds.standing(connection)
        for one in standing:
            what = f"case {one.authorization_id}" if one.reach == "case" else one.reach
            click.echo(f"{one.id}  {what}  {one.reason}  by {one.placed_by}, {one.placed_at:%F}")
        if not standing:
            click.echo("no hold stands")


@hold.command()
@click.argument("identity", type=ROW)
@DATA
def lift(identity: int, data: Path | None) -> None:
    """Lift a hold; the next purge takes what it held. IDENTITY is its number in 'hold list'."""
    from app.clock import now
    from app.storage import events, holds
    from app.storage.database import Database

    with Database(Config.from_env(data=data).database).writing() as connection:
        if not holds.lift(connection, identity, "operator", now()):
            raise click.ClickException("no such hold stands")
        events.record(connection, "hold.lifted", actor="operator", at=now(), hold=identity)
    click.echo(f"hold {identity} is lifted")
