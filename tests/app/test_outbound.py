"""The one door to the network is narrow."""

import gzip
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clients.outbound import Door, OutboundFailed, OutboundRefused, below, may_connect
from tests.app.subscribers import Endpoint, drop_by_drop

BASE = "https://ehr.example.org/fhir"


class _Server(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/base/redirect":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1/elsewhere")
            self.end_headers()
        elif self.path == "/base/large":
            self._send(b"x" * 300_000)
        elif self.path == "/base/bomb":
            self._send(gzip.compress(b"0" * 5_000_000), gzip=True)
        elif self.path == "/base/slow":
            self.send_response(200)
            self.end_headers()
            for _ in range(50):
                self.wfile.write(b"x")
                time.sleep(0.1)
        elif self.path == "/base/garbage":
            self.wfile.write(b"\x00\x01 not http\r\n\r\n")
        else:
            self._send(b"hello")

    def _send(self, body, *, gzip=False):
        self.send_response(200)
        if gzip:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    held = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=held.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{held.server_port}/base"
    held.shutdown()


@pytest.fixture
def door():
    return Door(allow_loopback_http=True, timeout_seconds=1, limit_bytes=100_000)


def test_a_registered_base_is_called(door, server):
    reply = door.send("GET", f"{server}/ok", allowed=[server])
    assert (reply.status, reply.body) == (200, b"hello")


@pytest.mark.parametrize(
    "url",
    [
        "https://ehr.example.org.evil.test/fhir/Patient/1",
        "https://evil.test/fhir",
        "https://good@evil.test/fhir",
        "https://ehr.example.org@evil.test/fhir/x",
        "https://user:pw@ehr.example.org/fhir/x",
        "https://ehr.example.org/fhirX/Patient",
        "https://ehr.example.org/fhir/../admin",
        "https://ehr.example.org/fhir/%2e%2e/admin",
        "https://ehr.example.org/fhir/x\\..\\..",
        "https://ehr.example.org:8443/fhir/x",
        "http://ehr.example.org/fhir/x",
        "https://ehr.example.org/",
        "https://ehr.example.org/fhir#x",
        "https://ehr.example.org:99999/fhir",
        "file:///etc/passwd",
        "",
    ],
)
def test_nothing_but_a_registered_base_is(door, url):
    with pytest.raises(OutboundRefused):
        door.send("GET", url, allowed=[BASE])


@pytest.mark.parametrize("url", [BASE, f"{BASE}/Patient/1", f"{BASE}/Patient?_id=1", f"{BASE}/"])
def test_what_is_below_a_base_is_below_it(url):
    assert below(url, BASE)
    assert below(url, f"{BASE}/")


@given(st.text())
def test_no_url_breaks_the_comparison(url):
    assert below(url, BASE) in {True, False}


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255",
        "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "fe80::1%eth0",
        "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2001:0:1::", "ff02::1", "::",
    ],
)  # fmt: skip
def test_an_address_that_leads_inward_is_not_connected_to(address):
    assert not may_connect(address, loopback=False)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_a_public_address_is(address):
    assert may_connect(address, loopback=False)


def test_a_name_that_resolves_inward_is_not_connected_to(monkeypatch):
    """Each address is checked after the name is resolved; one bad among good is enough."""
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    strict = Door(allow_loopback_http=False, timeout_seconds=1, limit_bytes=1000)
    with pytest.raises(OutboundFailed):
        strict.send("GET", f"{BASE}/x", allowed=[BASE])


def test_plain_http_is_refused_even_to_loopback_unless_the_operator_allows_it(server):
    strict = Door(allow_loopback_http=False, timeout_seconds=1, limit_bytes=1000)
    with pytest.raises(OutboundRefused):
        strict.send("GET", f"{server}/ok", allowed=[server])


def test_plain_http_to_a_name_is_refused(door):
    with pytest.raises(OutboundRefused):
        door.send("GET", "http://localhost/x", allowed=["http://localhost"])


@pytest.mark.parametrize("path", ["redirect", "large", "bomb", "garbage"])
def test_redirects_and_what_is_too_large_or_no_http_end_in_failure(door, server, path):
    with pytest.raises(OutboundFailed):
        door.send("GET", f"{server}/{path}", allowed=[server])


def test_one_byte_at_a_time_ends_at_the_deadline(door, server):
    started = time.monotonic()
    with pytest.raises(OutboundFailed):
        door.send("GET", f"{server}/slow", allowed=[server], deadline=started + 0.5)
    assert time.monotonic() - started < 3


def test_a_name_that_is_resolved_too_slowly_ends_at_the_deadline(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(20) or [])
    strict = Door(allow_loopback_http=False, timeout_seconds=5, limit_bytes=1000)
    started = time.monotonic()
    with pytest.raises(OutboundFailed):
        strict.send("GET", f"{BASE}/x", allowed=[BASE], deadline=started + 0.3)
    over.set()
    assert time.monotonic() - started < 3


def test_a_kept_connection_is_used_again_within_the_next_call_s_own_time(door, server):
    for _ in range(3):
        assert door.send("GET", f"{server}/ok", allowed=[server], deadline=time.monotonic() + 2).body == b"hello"


def test_no_call_is_begun_when_no_time_is_left(door, server):
    with pytest.raises(OutboundFailed):
        door.send("GET", f"{server}/ok", allowed=[server], deadline=time.monotonic() - 1)


def test_a_dead_server_is_a_failure(door):
    with pytest.raises(OutboundFailed):
        door.send("GET", "http://127.0.0.1:9/x", allowed=["http://127.0.0.1:9"])


def test_a_head_that_comes_byte_by_byte_ends_at_the_deadline_too(door):
    """A socket's own timeout begins anew with each byte."""
    endpoint = Endpoint()
    endpoint.manner = drop_by_drop
    started = time.monotonic()
    with pytest.raises(OutboundFailed, match="slow"):
        door.send("POST", endpoint.url, allowed=[endpoint.url], body=b'{"entry":[]}', deadline=started + 0.3)
    assert len(endpoint.received) == 1
    endpoint.server.shutdown()
