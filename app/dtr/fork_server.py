"""Where do the processes come from in which forms' expressions run? From one that has imported everything and forks.

A child that is forked is there in milliseconds, and holds what that process holds: the interpreter, the engines for
FHIRPath and CQL, and nothing else. It gets no settings, no database, no network of ours, and one socket: its parent's.
(``multiprocessing`` has such a server too; its children run the program's main module again, which takes a second.)

``python -m app.dtr.fork_server FD`` is the server; it ends when whoever started it does.
"""

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

_FORK = b"f"


class ForkServer:
    """Starts the server when it is first needed, and again where it has died.

    Args:
        module: is imported by the server; its ``serve(Connection)`` is what a child does.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def child(self) -> Connection:
        """Return the channel to a new child; its first message is its process id. OSError where there is none."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._send(theirs.fileno())
        except BaseException:
            ours.close()
            raise
        return Connection(ours.detach())

    def _send(self, descriptor: int) -> None:
        with self._lock:
            try:
                socket.send_fds(self._running(), [_FORK], [descriptor])
            except OSError:
                self._forget()
                socket.send_fds(self._running(), [_FORK], [descriptor])

    def _running(self) -> socket.socket:
        """Return the line to the server; a process that was forked from ours starts its own."""
        if self._control is None or self._owner != os.getpid():
            ours, theirs = socket.socketpair()
            with theirs:
                command = [sys.executable, "-m", __name__, str(theirs.fileno()), self._module]
                self._server = subprocess.Popen(  # noqa: S603 ourselves
                    command,
                    pass_fds=[theirs.fileno()],
                    env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            self._control, self._owner = ours, os.getpid()
        return self._control

    def _forget(self) -> None:
        """Let go of a server that does not listen any more."""
        if self._control is not None:
            self._control.close()
        if self._server is not None and self._owner == os.getpid():
            self._server.kill()
            self._server.wait()
        self._control = self._server = None


def kill(process: int) -> None:
    """End a child that does not answer."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _serve(control: socket.socket, work: Callable[[Connection], None]) -> None:
    """Fork a child for each descriptor that comes, until the other side is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system buries the children
    gc.freeze()  # a child's first collection need not copy what it will never free
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        if os.fork() == 0:
            control.close()
            _child(descriptors[0], work)
        os.close(descriptors[0])


def _child(descriptor: int, work: Callable[[Connection], None]) -> None:
    """Do the work and end, whatever happens; what breaks it says nothing, since its words may quote the record."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        channel = Connection(descriptor)
        channel.send_bytes(str(os.getpid()).encode())
        work(channel)
    finally:
        os._exit(0)


if __name__ == "__main__":
    from importlib import import_module

    _serve(socket.socket(fileno=int(sys.argv[1])), import_module(sys.argv[2]).serve)
