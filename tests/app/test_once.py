"""A key is made once, however many processes start at the same moment, and is never found in part."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from joserfc.jwk import ECKey

from app.dtr.credentials import Credentials
from app.once import write_once

MANY = 8


def test_processes_that_start_together_hold_the_same_key(tmp_path, monkeypatch):
    ready, make = threading.Barrier(MANY, timeout=10), ECKey.generate_key

    def together(*said):
        ready.wait()  # all have looked and found none
        return make(*said)

    monkeypatch.setattr(ECKey, "generate_key", together)
    with ThreadPoolExecutor(MANY) as pool:
        made = list(pool.map(lambda _: Credentials.in_folder(tmp_path, "dtr-app"), range(MANY)))
    assert len({one.key.thumbprint() for one in made}) == 1
    assert {file.name for file in tmp_path.iterdir()} == {"private-key.json", "jwks.json"}
    assert (tmp_path / "private-key.json").stat().st_mode & 0o777 == 0o600


def test_what_is_there_stays(tmp_path):
    write_once(tmp_path / "key", b"first")
    write_once(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"


def test_what_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.once.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_once(tmp_path / "key", b"a secret")
    assert list(tmp_path.iterdir()) == []
