"""``priorauth profiles compile`` and ``priorauth validate``: profiles for people at a terminal."""

from pathlib import Path

import click

from app.profiles import FOLDER, compile_all, compile_committed, folder_profiles, read_folder, read_package, write
from fhir_r4.problems import InvalidRequest
from fhir_r4.profiles.check import Profiles, committed
from fhir_r4.resource import kind
from fhir_r4.wire import read_object

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.group()
def profiles() -> None:
    """FHIR profiles."""


@profiles.command("compile")
@click.argument("packages", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", type=_DIRECTORY, required=True, help="Where the compiled facts are written.")
@click.option("--committed", "reach", is_flag=True, help="Only what this service's operations reach, both generations.")
def compile_(packages: tuple[Path, ...], out: Path, *, reach: bool) -> None:
    """Compile PACKAGES (.tgz files, or folders of them) to facts."""
    read = [
        p
        for path in packages
        for p in (read_folder(path) if path.is_dir() else [read_package(path.read_bytes(), path.name)])
    ]
    compilation = compile_committed(read) if reach else compile_all(read)
    write(compilation, out)
    for fault in compilation.faults:
        click.echo(f"left out: {fault}", err=True)
    facts = compilation.facts
    for canonical, by in sorted(facts.missing.items()):
        click.echo(f"in no package: {canonical} (named in {', '.join(sorted(by))})", err=True)
    size = sum(len(text) for text in facts.written().values())
    click.echo(
        f"{len(facts.profiles)} definitions, {len(facts.missing)} canonicals that no package holds, {size:,} bytes"
    )


@click.command()
@click.argument("file", type=_FILE)
@click.option("--profile", help="Canonical of the profile to check against, besides those the resource claims.")
@click.option(
    "--generation", type=click.Choice(["2.0", "2.2"]), default="2.2", show_default=True, help="Of the guides."
)
@click.option("--packages", type=_DIRECTORY, help="A folder of packages to check against instead.")
@click.option(
    "--cache",
    type=_DIRECTORY,
    default=Path("data/profiles"),
    show_default=True,
    help="Where --packages are kept compiled.",
)
@click.option("--open", "open_", is_flag=True, help="References may lead out of the file.")
def validate(
    file: Path, profile: str | None, generation: str, packages: Path | None, cache: Path, *, open_: bool
) -> None:
    """Check FILE against its FHIR profiles. Exit code 1 where it has errors."""
    checker = _checker(generation, packages, cache)
    try:
        body = read_object(file.read_bytes())
        issues = checker.check(body, profile, references="open" if open_ else "closed")
    except InvalidRequest as refused:
        body, issues = {}, list(refused.issues)
    except LookupError as error:
        raise click.UsageError(str(error)) from None
    for issue in issues:
        click.echo(f"{issue.severity:11} {issue.expression or file.name}: {issue.diagnostics} [{issue.code}]")
    for line in second_opinion(body) if body else ():
        click.echo(f"fhir.resources: {line}")
    errors = sum(issue.severity == "error" for issue in issues)
    click.echo(f"{errors} errors, {len(issues) - errors} warnings")
    if errors:
        raise SystemExit(1)


def _checker(generation: str, packages: Path | None, cache: Path) -> Profiles:
    if packages is None:
        return committed(generation)
    checker, faults = folder_profiles(packages, cache / FOLDER)
    for fault in faults:
        click.echo(f"left out: {fault}", err=True)
    return checker


def second_opinion(body: dict) -> list[str]:
    """Return what fhir.resources (R4B) says of a resource's shape, without values, where it is installed."""
    try:
        from fhir.resources.R4B import get_fhir_model_class  # noqa: PLC0415 slow, and not always there
        from pydantic import ValidationError  # noqa: PLC0415
    except ImportError:
        return ["not installed"]
    try:
        get_fhir_model_class(kind(body)).model_validate(body)
    except ValidationError as error:  # a ValueError too
        return [f"{'.'.join(map(str, one['loc']))}: {one['type']}" for one in error.errors(include_input=False)]
    except (KeyError, ValueError):
        return ["no such resource"]
    return []
