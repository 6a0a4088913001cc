"""The store's transport to web servers by Python's own standard library, in Blender and for the command of the wheel.

The store (relievo._store) decides everything else about downloads: when one is complete and right, and when a server is
given up.
"""

from __future__ import annotations

import contextlib
import http.client
import queue
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._errors import IoError

if TYPE_CHECKING:
    from ._store import Receiver, Transport
    from ._types import PathLike

CHUNK = 256 * 1024
TIMEOUT = 30  # seconds without a byte
_INTERVAL = 0.25  # seconds between two looks at a server that sends nothing
_NETWORK = (OSError, http.client.HTTPException)
Ending = tuple[bool, str] | None  # None: all has come; else whether another try may succeed, and the reason


def transport(
    certificates: PathLike = "", is_stopped: Callable[[], bool] = lambda: False, *, alone: bool = False
) -> Transport:
    """Makes a transport. `certificates` is a file of certificates (PEM) that are trusted besides the system's, or in
    place of them.

    Raises IoError where it cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=certificates if certificates and alone else None)
        if certificates and not alone:
            context.load_verify_locations(certificates)
    except OSError as error:
        raise IoError(
            f"The certificates in '{certificates}' cannot be read: {error}.",
            "Choose a file of certificates in PEM format, or none.",
        ) from error

    def transfer(method: str, address: str, headers: list[tuple[str, str]], receiver: Receiver) -> Ending:
        request = urllib.request.Request(address, headers={"User-Agent": "Relievo", **dict(headers)}, method=method)
        reading = _Reading(request, context)
        try:
            return _hand_over(reading, receiver, is_stopped)
        finally:
            reading.stop()

    return transfer


def _hand_over(reading: _Reading, receiver: Receiver, is_stopped: Callable[[], bool]) -> Ending:
    """Hands over to the receiver what the reading gives, until one of both ends it or it is stopped."""
    while True:
        if is_stopped():
            return False, "stopped"
        try:
            item = reading.items.get(timeout=_INTERVAL)
        except queue.Empty:
            goes_on = receiver.wait()
        else:
            if isinstance(item, bytes):
                goes_on = receiver.body(item)
            elif isinstance(item, _Head):
                goes_on = receiver.begin(item.status, item.headers)
            else:
                return item.ending
        if not goes_on:
            return None


@dataclass(frozen=True)
class _Head:
    status: int
    headers: list[tuple[str, str]]


@dataclass(frozen=True)
class _End:
    ending: Ending


class _Reading:
    """One request on a thread of its own, so that a server that sends a line without end keeps only that thread
    waiting."""

    def __init__(self, request: urllib.request.Request, context: ssl.SSLContext) -> None:
        self.items: queue.Queue[_Head | bytes | _End] = queue.Queue(maxsize=8)
        self._request = request
        self._sockets: list[socket.socket] = []
        self._is_stopped = threading.Event()
        self._opener = urllib.request.build_opener(_Redirects(), _Http(self._sockets), _Https(self._sockets, context))
        threading.Thread(target=self._run, name="relievo download", daemon=True).start()

    def stop(self) -> None:
        """Ends the thread, whatever it waits for."""
        self._is_stopped.set()
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        try:
            self._read()
            ending: Ending = None
        except ValueError as error:  # no address
            ending = (False, str(error))
        except _NETWORK as error:
            reason = getattr(error, "reason", None) or error
            ending = (not isinstance(reason, ssl.SSLCertVerificationError), str(reason) or type(reason).__name__)
        self._put(_End(ending))

    def _read(self) -> None:
        try:
            answer: Any = self._opener.open(self._request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:  # any status but those of success: the store judges it
            answer = error
        with answer:
            self._put(_Head(answer.status, list(answer.headers.items())))
            if answer.status >= 300:
                return
            while not self._is_stopped.is_set() and (content := answer.read1(CHUNK)):
                self._put(content)

    def _put(self, item: _Head | bytes | _End) -> None:
        while not self._is_stopped.is_set():
            with contextlib.suppress(queue.Full):
                self.items.put(item, timeout=_INTERVAL)
                return


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, because the store does, and never from https to anything else."""

    def redirect_request(self, *_: Any) -> None:
        return None


class _Http(urllib.request.HTTPHandler):
    """Notes the sockets of its connections, so that they can be closed from outside."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        super().__init__()
        self._sockets = sockets

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_noting(http.client.HTTPConnection, self._sockets), request)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, sockets: list[socket.socket], context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._sockets, self._tls = sockets, context

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_noting(http.client.HTTPSConnection, self._sockets), request, context=self._tls)


def _noting(kind: Any, sockets: list[socket.socket]) -> Any:
    """Returns the kind of connection with one change: it adds its socket to the list."""

    class Connection(kind):  # type: ignore[misc]  # a plain or a TLS connection
        def connect(self) -> None:
            super().connect()
            sockets.append(self.sock)

    return Connection
