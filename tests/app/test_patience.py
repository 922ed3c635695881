"""Who dawdles is let go, and keeps nobody else waiting."""

import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPConnection

import pytest
from flask import Flask, request
from gunicorn.app.base import BaseApplication

from app import evenly, patience
from app.patience import Gone, Timed, Worker
from tests.app.fixtures import ROOT
from tests.journeys.servers import free_port
from tests.waiting import until


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield Timed(ours), theirs
    ours.close()
    theirs.close()


def test_what_comes_in_time_is_read(pair):
    ours, theirs = pair
    ours.begin(1)
    theirs.sendall(b"abc")
    assert ours.recv(8) == b"abc"
    assert not ours.is_over


def test_who_sends_nothing_is_gone_when_the_time_is_over_and_does_not_come_back(pair):
    """What comes late would be taken for a request of its own."""
    ours, theirs = pair
    ours.begin(0.05)
    with pytest.raises(Gone):
        ours.recv(8)
    theirs.sendall(b"GET / HTTP/1.1\r\n\r\n")
    ours.begin(1)
    with pytest.raises(Gone):
        ours.recv(8)
    assert ours.is_over


def test_who_sends_a_byte_now_and_then_is_gone_as_well(pair):
    ours, theirs = pair

    def slowly():
        for _ in range(100):
            theirs.sendall(b"a")
            time.sleep(0.01)

    def read():
        for _ in range(100):
            ours.recv(1)

    ours.begin(0.1)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(slowly)
        with pytest.raises(Gone):
            read()


def test_who_waits_for_us_is_not_gone_for_that(pair):
    """A database that takes its time is no reason to call a request a bad one."""
    ours, theirs = pair
    theirs.sendall(b"a" * 100)
    ours.begin(0.1)
    ours.recv(50)
    time.sleep(0.2)
    assert ours.recv(50) == b"a" * 50


def test_who_sends_much_has_longer(pair, monkeypatch):
    monkeypatch.setattr(patience, "RATE", 10)
    ours, theirs = pair
    ours.begin(0.05)
    theirs.sendall(b"a" * 100)  # ten seconds more
    ours.recv(100)
    time.sleep(0.1)
    theirs.sendall(b"b")
    assert ours.recv(1) == b"b"


def test_who_does_not_take_the_answer_is_gone(pair, monkeypatch):
    monkeypatch.setattr(patience, "TAKING", 0.05)
    ours, _ = pair
    with pytest.raises(Gone):
        ours.sendall(b"a" * 10_000_000)
    assert ours.is_over


def _slow():
    time.sleep(2)
    return "done"


def _inside():
    return json.dumps({"process": os.getpid(), "clients": [one - 1 for one in evenly.crowds if one]})


class _Served(BaseApplication):
    """Processes with two threads each and little patience; they tell how long a body was, and how many are inside."""

    def __init__(self, port, workers):
        self._port, self._workers = port, workers
        super().__init__()

    def load_config(self):
        for name, value in {
            "bind": f"127.0.0.1:{self._port}",
            "workers": self._workers,
            "threads": 2,
            "worker_class": Worker,
        }.items():
            self.cfg.set(name, value)

    def load(self):
        app = Flask("patient")
        app.add_url_rule("/slow", view_func=_slow)
        app.add_url_rule("/inside", view_func=_inside)
        app.add_url_rule("/", view_func=lambda: str(len(request.get_data())), methods=["GET", "POST"])
        return app


@contextmanager
def serving(workers=1):
    port = free_port()
    command = [sys.executable, "-m", __name__, str(port), str(workers)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    address = ("127.0.0.1", port)
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        with suppress(OSError):
            if len(inside(address)["clients"]) == workers:
                break
        time.sleep(0.05)
    try:
        yield process, address
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def server():
    with serving() as served:
        yield served


@pytest.fixture
def address(server):
    return server[1]


def inside(address):
    """Which process was asked, and how many clients each of them has, who asks among them."""
    with closing(HTTPConnection(*address)) as connection:
        connection.request("GET", "/inside", headers={"Connection": "close"})
        return json.loads(connection.getresponse().read())


def ask(connection, head="GET / HTTP/1.1", more="", body=b""):
    connection.sendall(f"{head}\r\nHost: x\r\n{more}\r\n".encode() + body)


def answer(connection):
    connection.settimeout(10)
    with suppress(ConnectionResetError):
        return connection.recv(65_536)
    return b""


BEGUN = {
    "nothing": b"",
    "a head": b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    "a body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\na",
    "chunks": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
    "no closing": b"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("begun", BEGUN.values(), ids=BEGUN)
def test_those_who_dawdle_keep_nobody_out(address, begun):
    """Ten of them, where two threads serve; each is a fifth of a second to the server, or less."""
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(socket.create_connection(address)).sendall(begun)
        other = stack.enter_context(socket.create_connection(address))
        ask(other)
        assert answer(other).startswith(b"HTTP/1.1 200")


def test_what_comes_after_the_time_is_no_request_of_its_own(address):
    """Behind a proxy it would be one in somebody else's name."""
    with socket.create_connection(address) as connection:
        ask(connection, "POST / HTTP/1.1", "Content-Length: 1000\r\n")
        received = answer(connection)
        with suppress(OSError):
            ask(connection)
        while more := answer(connection):
            received += more
        assert received.startswith(b"HTTP/1.1 400")
        assert received.count(b"HTTP/1.1") == 1


def test_a_connection_stays_open_for_further_requests(address):
    connection = HTTPConnection(*address)
    connection.connect()
    first = connection.sock
    for size in (0, 10, 2_000_000):
        connection.request("POST", "/", b"a" * size)
        assert connection.getresponse().read() == str(size).encode()
        assert connection.sock is first


def test_at_the_end_who_is_served_is_served_who_waits_comes_in_and_nobody_else_is_let_in(server):
    """Without that, who comes meanwhile waits for nothing until the last request has ended."""
    process, address = server
    with ExitStack() as stack:
        inside = [stack.enter_context(socket.create_connection(address)) for _ in range(4)]
        for one in inside:
            ask(one, "GET /slow HTTP/1.1")  # two threads: the others wait
        time.sleep(0.5)
        process.terminate()
        time.sleep(0.5)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        assert [answer(one)[:12] for one in inside] == [b"HTTP/1.1 200"] * 4


def test_who_has_gone_is_counted_no_more(address):
    """However they went: by themselves, by our patience, by theirs."""
    process = inside(address)["process"]
    for begun in (*BEGUN.values(), b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
        with socket.create_connection(address) as connection:
            connection.sendall(begun)
            answer(connection)
    until(lambda: inside(address) == {"process": process, "clients": [1]}, seconds=10)


def test_clients_come_to_each_process_alike():
    with ExitStack() as stack:
        _, address = stack.enter_context(serving(workers=2))
        for _ in range(12):
            one = stack.enter_context(socket.create_connection(address))
            ask(one)
            answer(one)
        until(lambda: sorted(inside(address)["clients"]) in ([5, 8], [6, 7]), seconds=10)


if __name__ == "__main__":
    patience.SENDING, patience.LINGERING = 0.4, 0.1
    _Served(sys.argv[1], int(sys.argv[2])).run()
