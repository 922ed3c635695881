"""How long has a client to send its request, and to take the answer? gunicorn's threads, with an end to their patience.

gunicorn waits without end for a body that does not come and for an answer that is not taken, and lingers on the thread
that accepts while a connection is closed: a few clients that dawdle would keep everybody out for good. Here each keeps
a thread for some seconds. Against thousands there is only a proxy that reads requests whole before it passes them on.
"""

import select
import socket
import time
from errno import ECONNRESET
from typing import Any

from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker
from werkzeug.exceptions import ClientDisconnected

from app.evenly import Place

AT_ONCE = 0.2
"""Seconds for the first byte; who has sent none by then waits without a thread, and not for long."""
SENDING = 10.0
RATE = 20_000
"""Seconds for a request; each so many bytes of it give one more."""
TAKING = 60.0
"""Seconds for an answer, or a piece of a long one."""
LINGERING = 0.5
"""Seconds for the client to close once we have."""


class Gone(ClientDisconnected, ConnectionResetError):
    """The client is too slow: to gunicorn as if it had broken off, to Flask a bad request."""

    errno = ECONNRESET


class Timed:
    """A client's connected socket: reading and writing have an end, after which the client is ``Gone``.

    What counts is how long we wait for the client; how long it waits for us, for the database say, does not.

    Attributes:
        is_over: its time ran out; what may still come belongs to no request of its.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._left = 0.0
        self.is_over = False

    def begin(self, seconds: float) -> None:
        """Wait for so long, in all, for what is read next."""
        self._left = seconds

    def recv(self, size: int, *flags: int) -> bytes:
        """Return what has come; Gone once the time is over."""
        if self._left <= 0 or self.is_over:
            raise self._gone()
        limit, began = self._socket.gettimeout(), time.monotonic()
        self._socket.settimeout(self._left if limit is None else min(limit, self._left))
        try:
            received = self._socket.recv(size, *flags)
        except TimeoutError:
            raise self._gone() from None
        self._left += len(received) / RATE - (time.monotonic() - began)
        return received

    def sendall(self, data: bytes, *flags: int) -> None:
        """Send all of it; Gone where it is not taken in time."""
        self._socket.settimeout(TAKING)
        try:
            self._socket.sendall(data, *flags)
        except TimeoutError:
            raise self._gone() from None

    def setblocking(self, flag: bool) -> None:
        """As of any socket; nothing of one that is closed, which gunicorn would take for a second client that left."""
        if self._socket.fileno() >= 0:
            self._socket.setblocking(flag)

    def _gone(self) -> Gone:
        self.is_over = True
        return Gone()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's worker with threads: its connections are ``Timed``, it leaves clients to workers that have fewer, and
    ends with nobody left at its door.
    """

    _accepting = False
    _connections = 0

    def __init__(self, age: int, *others: Any) -> None:
        self.place = Place(age)
        super().__init__(age, *others)

    @property
    def nr_conns(self) -> int:
        """How many connections there are; gunicorn counts them here."""
        return self._connections

    @nr_conns.setter
    def nr_conns(self, connections: int) -> None:
        self._connections = connections
        if self._accepting:
            self.place.tell(connections)

    def accept(self, listener: Any) -> None:
        if not (self.alive and self.place.leaves_it_to_another()):
            super().accept(listener)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Let clients in, or no more of them; at the end those who wait come in and the door is shut for good.

        gunicorn leaves it open while requests end: who came meanwhile would wait, and be dropped.
        """
        super().set_accept_enabled(enabled)
        if enabled:
            self.place.tell(self.nr_conns)
            return
        self.place.leave()
        if self.alive:
            return
        for listener in self.sockets:
            listener.setblocking(False)
            while select.select([listener], [], [], 0)[0] and self.nr_conns < self.worker_connections:
                self.accept(listener)
            listener.close()

    def handle(self, conn: TConn) -> Any:
        """Serve one request, on a thread; tell whether the connection stays open."""
        if not isinstance(conn.sock, Timed):
            conn.sock = Timed(conn.sock)
        if not conn.initialized and not conn.wait_for_data(AT_ONCE):
            return _DEFER
        conn.sock.begin(SENDING)
        stays = super().handle(conn)
        if stays and not conn.sock.is_over:
            return stays
        conn.sock.begin(LINGERING)
        conn.close(graceful=True)  # here, and not where others wait to be let in
        return False
