"""Which options do the operator's commands share?"""

from pathlib import Path

import click

DATA = click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of payer.yaml and the database; else PRIORAUTH_DATA."
)
ROW = click.IntRange(1, 2**31 - 1)
"""A row that is known by its number."""
