"""What can an operator say? ``priorauth``, one group of verbs for each thing that is looked after.

Heavy rooms are imported by the command that needs them, so that ``--help`` is quick.
"""
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Any

import click

from app import deliveries_cli, hooks_cli, mendable, policies_cli, profiles_cli, retention_cli, staff_cli
from app.config import Config
from app.logging import configure
from app.options import DATA

_PORT = click.IntRange(1, 65_535)
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


class _Group(click.Group):
    """Says what is wrong in a sentence where the operator can mend it."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if said := mendable.said(error):
                raise click.ClickException(said) from None
            raise


@click.group(cls=_Group)
@click.version_option(package_name="priorauth")
def main() -> None:
    """Da Vinci prior authorization for payers: CRD, DTR and PAS."""
    configure()


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is every one.")
@click.option("--port", default=8000, show_default=True, type=_PORT, help="Port to listen on.")
@DATA
def serve(host: str, port: int, data: Path | None) -> None:
    """Run the service; SIGTERM lets requests in flight end."""
    from app.payers import load_payers
    from app.security.staff import secret_key
    from app.server import Server, try_address
    from app.storage import revision
    from app.storage.database import Database
    from app.storage.sealing import read_keys

    config, host = Config.from_env(data=data), host.strip("[]")  # some write an IPv6 address so
    if config.base_url == Config().base_url and host in {"127.0.0.1", "localhost"}:
        config = Config.from_env(data=data, base_url=f"http://127.0.0.1:{port}")  # as it is reached
    if revision.is_behind(Database(config.database)):
        raise click.ClickException("the database is not at this version yet: run 'priorauth migrate' first")
    load_payers(config.data / "payer.yaml")  # what is wrong there is said once, before there are web processes
    read_keys(config.encryption_keys, config.encryption_key_file).seal(b"", "start")  # or says that there is no key
    secret_key(config)
    try:
        try_address(host, port)
    except OSError as error:
        raise click.ClickException(f"look at --host and --port: {error.strerror}") from None
    Server(config, host, port).run()


@main.command()
@click.option("--concurrency", default=2, show_default=True, type=click.IntRange(min=1), help="Processes that do jobs.")
@DATA
def worker(concurrency: int, data: Path | None) -> None:
    """Do jobs as a Celery worker. It needs PRIORAUTH_BROKER_URL, which the web processes have, too."""
    config = Config.from_env(data=data)
    if not config.broker_url:
        raise click.ClickException("PRIORAUTH_BROKER_URL is not set: jobs run on threads of the web processes")
    from app.jobs.worker import run

    run(config, concurrency)


@main.command()
@DATA
def migrate(data: Path | None) -> None:
    """Bring the database to this version."""
    from app.security.staff import make_secret_key
    from app.storage.database import Database
    from app.storage.migrate import migrate as run
    from app.storage.sealing import make_key

    config = Config.from_env(data=data)
    try:
        config.data.mkdir(parents=True, exist_ok=True)
        if not config.secret_key:
            make_secret_key(config.secret_key_file)
        if not config.encryption_keys:
            make_key(config.encryption_key_file)
    except OSError as error:
        said = "set PRIORAUTH_SECRET_KEY and PRIORAUTH_ENCRYPTION_KEYS where nothing may be written to the data folder"
        raise click.ClickException(f"no key could be written ({error.strerror}): {said}") from None
    click.echo(f"the database is at {run(Database(config.database))}")


@main.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@DATA
def copy(file: Path, data: Path | None) -> None:
    """Fill an empty database with what SQLite held. FILE is SQLite's; stop all processes first."""
    from app.storage import revision
    from app.storage.copying import NotEmpty
    from app.storage.copying import copy as run
    from app.storage.database import Database

    source = Database(f"sqlite:///{file.absolute()}")
    if revision.current(source) != revision.newest():
        raise click.ClickException(f"{file} is not at this version: run 'priorauth migrate' on it first")
    try:
        count = run(source, Database(Config.from_env(data=data).database))
    except NotEmpty:
        raise click.ClickException("there is something in the database; look at PRIORAUTH_DATABASE_URL") from None
    click.echo(f"{count} rows are copied")


@main.group()
def directory() -> None:
    """Members and providers."""


@directory.command("load")
@DATA
def directory_load(data: Path | None) -> None:
    """Replace members and providers, all or nothing. They are members.csv and providers.csv of the data folder."""
    from app.payers import load_payers
    from app.storage.database import Database
    from app.storage.directory import BadTable, load

    config = Config.from_env(data=data)
    payers = load_payers(config.data / "payer.yaml")
    try:
        counts = load(Database(config.database), config.data, payers)
    except BadTable as bad:
        raise click.ClickException(str(bad)) from None
    click.echo(", ".join(f"{count} {what}" for what, count in counts.items()))


@main.group()
def client() -> None:
    """Systems that may call us."""


@client.command("add")
@click.argument("name")
@click.option(
    "--organization",
    "organizations",
    multiple=True,
    metavar="SYSTEM|VALUE",
    help="In whose name it asks; bare: an NPI. May be repeated.",
)
@click.option("--jwks", metavar="FILE_OR_URL", help="Its public keys, for the token endpoint.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    help="What its tokens open, such as system/Claim.crus. May be repeated, or hold several.",
)
@click.option("--hook-issuer", metavar="URL", help="It fires hooks: the iss of their JWTs.")
@click.option("--hook-jwks", metavar="FILE_OR_URL", help="Its public keys, for the JWTs of hooks.")
@click.option(
    "--ehr",
    "ehrs",
    multiple=True,
    metavar="BASE_URL",
    help="FHIR server to read with the hook's token. May be repeated.",
)
@click.option("--dtr/--no-dtr", "has_dtr", default=True, help="Without DTR, hooks ask for forms by a Task.")
@click.option(
    "--strict/--lenient", default=False, help="Refuse what breaks its profile, or note it. [default: lenient]"
)
@click.option(
    "--repeats-identifiers", is_flag=True, help="Different requests come under one Bundle.identifier (test kits)."
)
@DATA
def client_add(scopes: tuple[str, ...], data: Path | None, **said: Any) -> None:
    """Register a client, or replace what was registered so. NAME is its client_id."""
    from app.registration import BadRegistration, Registration, addresses, doubts, register

    every = tuple(scope for given in scopes for scope in given.split())
    config = Config.from_env(data=data)
    try:
        wanted = Registration(scopes=every, **said)
        active = register(config, wanted)
    except BadRegistration as bad:
        raise click.ClickException(str(bad)) from None
    click.echo(f"client {said['name']} is registered; tell its operator:")
    for what, where in addresses(config.base_url, hooks=bool(said["hook_issuer"])):
        click.echo(f"  {what:<8} {where}")
    for doubt in doubts(wanted):
        click.echo(f"warning: {doubt}", err=True)
    if not active:
        click.echo(f"warning: it is suspended still; 'priorauth client resume {said['name']}' lets it in", err=True)


@client.command("list")
@DATA
def client_list(data: Path | None) -> None:
    """Show who is registered."""
    from app.storage import clients
    from app.storage.database import Database

    with Database(Config.from_env(data=data).database).reading() as connection:
        registered = clients.everyone(connection)
    for one in registered:
        state = (" (strict)" if one.strict else "") + ("" if one.active else " (suspended)")
        click.echo(f"{one.id}{state}  {' '.join(one.scopes) or 'no scopes'}  {one.hook_issuer or 'fires no hooks'}")
    if not registered:
        click.echo("no client is registered")


@client.command("token")
@click.argument("name")
@click.option("--minutes", default=60, show_default=True, type=click.IntRange(1, 1440), help="How long it is good for.")
@DATA
def client_token(name: str, minutes: int, data: Path | None) -> None:
    """Issue a bearer token for all of the client's scopes. It is shown once, and not kept."""
    from app import registration

    try:
        token = registration.operator_token(Config.from_env(data=data), name, minutes)
    except registration.BadRegistration as bad:
        raise click.ClickException(str(bad)) from None
    click.echo(token)


@client.command("suspend")
@click.argument("name")
@DATA
def client_suspend(name: str, data: Path | None) -> None:
    """Refuse a client from its next request on; its tokens are void."""
    _set_active(name, data, active=False)
    click.echo(f"client {name} is suspended")


@client.command("resume")
@click.argument("name")
@DATA
def client_resume(name: str, data: Path | None) -> None:
    """Let a suspended client in again; it asks for new tokens."""
    _set_active(name, data, active=True)
    click.echo(f"client {name} may call again")


def _set_active(name: str, data: Path | None, *, active: bool) -> None:
    from app import registration

    try:
        registration.set_active(Config.from_env(data=data), name, active=active)
    except registration.BadRegistration as bad:
        raise click.ClickException(str(bad)) from None


@main.command()
@click.option("--port", default=8001, show_default=True, type=_PORT, help="Port to listen on.")
@click.option("--payer", default="http://127.0.0.1:8000", show_default=True, help="Address of the service to call.")
@click.option("--records", type=_FOLDER, help="Folder of synthetic FHIR resources; else the sources' own.")
def sandbox(port: int, payer: str, records: Path | None) -> None:
    """Run an EHR with synthetic patients. It is the other side of the counter, for demos and tests."""
    from app.sandbox.records import BadRecords
    from app.sandbox.server import run

    try:
        run(port, payer, records)
    except BadRecords as bad:
        raise click.ClickException(str(bad)) from None


@main.command("sandbox-back-end")
@click.option("--port", default=8002, show_default=True, type=_PORT, help="Port to listen on.")
@click.option("--tables", required=True, type=_FOLDER, help="Folder of members.csv and providers.csv.")
@click.option("--token", required=True, help="Bearer token that callers send.")
def sandbox_back_end(port: int, tables: Path, token: str) -> None:
    """Run a payer's own systems, faked. They are for demos and tests of docs/back-end.md."""
    from app.sandbox.back_end import run

    run(port, tables, token)


@main.command()
@click.option("--once", is_flag=True, help="End after the story: exit code 0, or 1 when a step did not go as told.")
@click.option(
    "--port", default=8000, show_default=True, type=_PORT, help="The service's; the sandbox takes the next one."
)
@click.option("--showcase", is_flag=True, help="Bring out every must-support element of the answers, with a table.")
@click.option("--keep", type=click.Path(path_type=Path), help="With --showcase: a folder for the answers as they came.")
def demo(once: bool, port: int, showcase: bool, keep: Path | None) -> None:
    """Tell the whole story: service and sandbox, over HTTP."""
    if showcase:
        from app.demo.showcase_run import show

        raise SystemExit(show(port=port, keep=keep))
    from app.demo.run import tell

    raise SystemExit(tell(once=once, port=port))


main.add_command(policies_cli.policies)
main.add_command(profiles_cli.profiles)
main.add_command(profiles_cli.validate)
main.add_command(hooks_cli.hooks)
main.add_command(deliveries_cli.deliveries)
main.add_command(deliveries_cli.secrets)
main.add_command(retention_cli.purge)
main.add_command(retention_cli.hold)
main.add_command(staff_cli.staff)


if __name__ == "__main__":
    main()
