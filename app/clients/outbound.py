"""How does the service call another system? The one door to the network.

Every address is somebody else's word (``fhirServer``, ``jku``, a webhook), so that the door is narrow: only bases
that were registered for the caller, compared piece by piece; https, or http to a loopback address where the
operator allows that; each address checked after the name is resolved, and the checked one connected to; no
redirects; limits on time and size; no proxies from the environment.

One deadline bounds a call in all: resolving the name, connecting, TLS, and each piece of headers and body.
"""

import io
import ipaddress
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import requests  # noqa: TID251 this is the one place
from requests.adapters import HTTPAdapter  # noqa: TID251
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.util.connection import create_connection

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PORTS = {"http": 80, "https": 443}
_INWARD = tuple(  # is_global passes these, and they lead inward or nowhere
    map(ipaddress.ip_network, ("192.0.0.0/24", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
)


class OutboundRefused(Exception):
    """We do not call there; the message names the rule, never the address."""


class OutboundFailed(Exception):
    """The other system did not answer as it should; the message names the kind of failure."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Door:
    """Sends requests to registered bases.

    Args:
        private: to private addresses as well: only for what the operator alone has named.
    """

    def __init__(
        self, *, allow_loopback_http: bool, timeout_seconds: float, limit_bytes: int, private: bool = False
    ) -> None:
        self._loopback = allow_loopback_http
        self._private = private
        self._timeout = timeout_seconds
        self._limit = limit_bytes
        self._local = threading.local()

    def send(
        self,
        method: str,
        url: str,
        *,
        allowed: Iterable[str],
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline: float | None = None,
    ) -> Reply:
        """Send one request and return the whole reply, whatever its status.

        Args:
            allowed: bases registered for whoever made us call; the URL is one of them or below one.
            deadline: ``time.monotonic()`` by which the reply is complete; None allows a generous multiple of the
                timeout.

        Raises:
            OutboundRefused: the URL is not allowed.
            OutboundFailed: no connection, too slow, too large, a redirect, not HTTP, or a header that it cannot carry.
        """
        if not any(below(url, base) for base in allowed):
            raise OutboundRefused("not under a registered base")
        self.check(url)
        ends = deadline if deadline is not None else time.monotonic() + 5 * self._timeout
        wait = min(self._timeout, ends - time.monotonic())
        if wait <= 0:
            raise OutboundFailed("no time left")
        _call.ends, _call.patience = ends, wait
        try:
            response = self._session().request(
                method,
                url,
                headers=dict(headers or {}),
                data=body,
                timeout=wait,
                allow_redirects=False,
                stream=True,
            )
            with response:
                if 300 <= response.status_code < 400:
                    raise OutboundFailed("a redirect")
                content = b"".join(self._pieces(response, ends))
                return Reply(response.status_code, response.headers, content)
        except (requests.RequestException, HTTPError, OSError, UnicodeError) as error:
            slow = time.monotonic() >= ends
            raise OutboundFailed("too slow" if slow else type(error).__name__) from None

    def check(self, url: str) -> None:
        """Raise OutboundRefused where a URL would never be called, before anybody relies on it."""
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            raise OutboundRefused("not a URL") from None
        if not host or parts.username is not None or parts.password is not None:
            raise OutboundRefused("not a plain URL")
        if parts.scheme != "https" and not (parts.scheme == "http" and self._loopback and _is_loopback(host)):
            raise OutboundRefused("not https")
        if _is_address(host) and not may_connect(host, loopback=self._loopback, private=self._private):
            raise OutboundRefused("an address that leads inward")

    def _pieces(self, response: requests.Response, ends: float) -> Iterator[bytes]:
        """Yield what has come, as it comes: one byte at a time is too slow as well."""
        total = 0
        while piece := response.raw.read1(65_536, decode_content=True):
            total += len(piece)
            if total > self._limit:
                raise OutboundFailed("the answer is too large")
            if time.monotonic() > ends:
                raise OutboundFailed("the answer is too slow")
            yield piece

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            session = requests.Session()
            session.trust_env = False
            adapter = _Adapter(loopback=self._loopback, private=self._private)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._local.session = session
        session = self._local.session
        assert isinstance(session, requests.Session)  # noqa: S101
        return session


def below(url: str, base: str) -> bool:
    """Tell whether ``url`` is ``base`` or below it: same origin, and the path begins with the base's segments.

    >>> below("https://ehr.example.org/fhir/Patient/1", "https://ehr.example.org/fhir")
    True
    >>> below("https://ehr.example.org.evil.test/fhir/x", "https://ehr.example.org/fhir")
    False
    >>> below("https://ehr.example.org/fhir/../admin", "https://ehr.example.org/fhir")
    False
    """
    try:
        one, other = urlsplit(url), urlsplit(base)
        same = _origin(one) == _origin(other)
    except ValueError:
        return False
    if not same or one.username is not None or one.password is not None or one.fragment:
        return False
    path, root = unquote(one.path).split("/"), other.path.rstrip("/").split("/")
    return ".." not in path and "\\" not in one.path and path[: len(root)] == root


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme, 0)


def may_connect(address: str, *, loopback: bool, private: bool = False) -> bool:
    """Tell whether a resolved address is one that we connect to.

    >>> may_connect("169.254.169.254", loopback=False), may_connect("64:ff9b::a9fe:a9fe", loopback=False)
    (False, False)
    """
    ip: Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if ip.is_loopback:
        return loopback
    if private and ip.is_private and not (ip.is_link_local or ip.is_multicast or ip.is_reserved or ip.is_unspecified):
        return True
    inward = any(ip in network for network in _INWARD if network.version == ip.version)
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not inward


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Adapter(HTTPAdapter):
    """An adapter whose connections go to checked addresses only."""

    def __init__(self, *, loopback: bool, private: bool) -> None:
        self._pools = dict(zip(("http", "https"), _POOLS[loopback, private], strict=True))
        super().__init__(pool_connections=16, pool_maxsize=4, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools


_call = threading.local()
"""Of the call that this thread is making, ``ends``: when it has to be over; ``patience``: for one step, in seconds."""

_resolvers = ThreadPoolExecutor(8, thread_name_prefix="resolve")
"""Nothing in the standard library ends a look-up early: it is left behind on a thread of its own."""


def _left() -> float:
    """Return the seconds to wait for what is next in the call at hand; raise TimeoutError where there are none."""
    left: float = _call.ends - time.monotonic()
    if left <= 0:
        raise TimeoutError("no time left")
    patience: float = _call.patience
    return min(left, patience)


def _addresses(host: str, port: int) -> list[str]:
    if _is_address(host):
        return [host]
    try:
        found = _resolvers.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM).result(_left())
    except TooLate:
        raise TimeoutError("the name is not resolved in time") from None
    return [str(info[4][0]) for info in found]


class _Timed(io.RawIOBase):
    """A socket's bytes: each wait is for what is left of the whole call, not for a timeout of its own."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._kept = connected.makefile("rb", 0)  # whoever closes the socket meanwhile closes it after us

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._kept.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(_left())
        return self._socket.recv_into(buffer)


class _TimedSocket:
    """A connected socket of which http.client reads answers within the call's time."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_Timed(self._socket))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class _Checked:
    """Resolves once, checks every address, and connects to one that was checked: no second look-up to fool."""

    loopback = private = False

    def connect(self) -> None:
        connection: Any = self
        super().connect()  # type: ignore[misc]  # urllib3's, of the class this one is mixed into
        connection.sock = _TimedSocket(connection.sock)

    def _new_conn(self) -> socket.socket:
        connection: Any = self
        host, port = connection._dns_host, connection.port  # noqa: SLF001 urllib3's own name for it
        try:
            found = _addresses(host, port)
            if not found or not all(map(self._may_connect, found)):
                raise NewConnectionError(connection, "the address is not one we connect to")
            return create_connection((found[0], port), _left(), None, connection.socket_options)
        except OSError as error:
            raise NewConnectionError(connection, type(error).__name__) from error

    def _may_connect(self, address: str) -> bool:
        return may_connect(address, loopback=self.loopback, private=self.private)


class _Http(_Checked, HTTPConnection):
    pass


class _Https(_Checked, HTTPSConnection):
    pass


def _pools(*, loopback: bool, private: bool) -> tuple[type[HTTPConnectionPool], type[HTTPSConnectionPool]]:
    """Return pools whose connections reach that far."""
    reach = {"loopback": loopback, "private": private}
    plain = type("_HttpPool", (HTTPConnectionPool,), {"ConnectionCls": type("_ReachingHttp", (_Http,), reach)})
    secure = type("_HttpsPool", (HTTPSConnectionPool,), {"ConnectionCls": type("_ReachingHttps", (_Https,), reach)})
    return plain, secure


_POOLS = {(one, other): _pools(loopback=one, private=other) for one in (False, True) for other in (False, True)}
