"""Where is a PostgreSQL for the measurement? A cluster of its own in the folder; none where none is installed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BUILDS = Path("/usr/lib/postgresql")
_SETTINGS = (
    "-c listen_addresses=127.0.0.1 -c fsync=off -c max_wal_size=8GB -c shared_buffers=256MB"  # filled once, kept never
)


@contextmanager
def a_postgres(folder: Path, port: int) -> Iterator[str | None]:
    """Run a cluster and yield its SQLAlchemy URL; as root it runs as the user postgres."""
    found = sorted(_BUILDS.glob("*/bin/initdb"))
    if not found:
        yield None
        return
    folder.mkdir(mode=0o755)
    if os.getuid() == 0:
        folder.parent.chmod(0o755)
        shutil.chown(folder, "postgres")
    programs, cluster = found[-1].parent, folder / "cluster"
    _run(programs / "initdb", "-D", str(cluster), "-U", "priorauth", "-A", "trust", "--no-sync")
    options = f"-p {port} -k {folder} {_SETTINGS}"
    _run(programs / "pg_ctl", "-D", str(cluster), "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield f"postgresql+psycopg://priorauth@127.0.0.1:{port}/postgres"
    finally:
        _run(programs / "pg_ctl", "-D", str(cluster), "-m", "immediate", "stop")


def _run(program: Path, *words: str) -> None:
    command = [str(program), *words]
    if os.getuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")  # noqa: S603 what is installed
