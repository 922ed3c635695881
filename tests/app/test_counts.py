"""The folder in which web processes count goes with them, also where they were killed."""

import os
import signal
import tempfile
import time

import pytest

from app.counts import Counts


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_what_a_killed_service_has_left_is_taken_away_by_the_next_to_start(tmp_path):
    left = tmp_path / "priorauth-counted-left"
    left.mkdir()
    (left / "counter_7.db").write_bytes(b"")
    counts = Counts()
    assert list(tmp_path.iterdir()) == [counts.folder]
    counts.end()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_which_somebody_counts_stays(tmp_path):
    first, second = Counts(), Counts()
    assert set(tmp_path.iterdir()) == {first.folder, second.folder}


def test_a_folder_is_held_by_the_processes_that_were_forked_too(tmp_path):
    counts = Counts()
    worker = os.fork()
    if worker == 0:
        time.sleep(60)
        os._exit(0)
    os.close(counts._lock)  # as if the first had been killed
    assert Counts().folder != counts.folder
    assert counts.folder.exists()
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    Counts()
    assert not counts.folder.exists()


def test_what_is_no_folder_of_ours_is_left_alone(tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "priorauth-counted-link").symlink_to(tmp_path / "target")
    (tmp_path / "priorauth-counted-file").write_bytes(b"")
    Counts()
    assert {"target", "priorauth-counted-link"} <= {one.name for one in tmp_path.iterdir()}
