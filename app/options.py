"""Which options do the operator's commands share?"""

from pathlib import Path

import click

DATA = click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of payer.yaml and the database; else PRIORAUTH_DATA."
)
