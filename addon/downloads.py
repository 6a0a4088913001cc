"""How the store (relievo._store) reaches web servers in Blender, and installations that can be watched and cancelled.

Knows nothing of Blender. What a download is, when it is whole and right, and when a server is given up, the store
decides; here is Blender's own Python as its transport.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import queue
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .failure import Failure
from .store import StoreError, store

if TYPE_CHECKING:
    from relievo._store import Receiver, Transport

CHUNK = 256 * 1024
TIMEOUT = 30  # seconds without a byte
_INTERVAL = 0.25  # seconds between two looks at a server that sends nothing
_NETWORK = (OSError, http.client.HTTPException)
Report = Callable[[str, int], None]  # what is done, bytes of it since the last report


class SetupError(Exception):
    """As a relievo.Error is."""

    exit_status = 3

    def __init__(self, message: str, hint: str, code: str = "io") -> None:
        super().__init__(message)
        self.message, self.hint, self.code = message, hint, code


class CancelledError(SetupError):
    def __init__(self) -> None:
        super().__init__("Cancelled.", "", "cancelled")


@contextlib.contextmanager
def setup_errors() -> Iterator[None]:
    """The store's errors as SetupError."""
    try:
        yield
    except StoreError as error:
        raise SetupError(error.message, error.hint, error.code) from error


@dataclass
class DownloadSettings:
    """The person's preferences."""

    mirrors: list[str] = field(default_factory=list)  # addresses or folders, asked before all others
    certificates: str = ""  # a file of certificates (PEM) that are trusted besides the system's
    patience: float = TIMEOUT  # seconds after which a server that sends next to nothing is given up


settings = DownloadSettings()


class Installation:
    """One installation on a thread of its own, which can be watched and cancelled from any thread."""

    def __init__(self, work: Callable[[Installation], None], total: int = 0) -> None:
        self.total = total  # bytes; 0: not known (yet)
        self.done = 0
        self.doing = "Starting"
        self.failure: Failure | None = None
        self.is_over = False
        self._cancelled = threading.Event()
        self._work = work
        self._thread = threading.Thread(target=self._run, name="relievo set-up", daemon=True)
        self._thread.start()

    @property
    def fraction(self) -> float:
        return min(1.0, self.done / self.total) if self.total else 0.0

    def cancel(self) -> None:
        self._cancelled.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Whether it is over."""
        self._thread.join(seconds)
        return self.is_over

    def report(self, doing: str, done: int) -> None:
        """Called by the work; stops it when asked to."""
        self.show(doing, self.done + done, self.total)

    def show(self, doing: str, done: int, total: int) -> None:
        """The same, with all that is done, of how much."""
        self.doing, self.done, self.total = doing, done, total
        if self._cancelled.is_set():
            raise CancelledError

    def _run(self) -> None:
        try:
            self._work(self)
        except Exception as error:
            self.failure = Failure.of(error)
        self.is_over = True


@dataclass(frozen=True)
class Download:
    """A file that is wanted, and what is known of it."""

    url: str
    path: Path  # its folder is made
    bytes: int | None = None
    sha256: str | None = None

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


def fetch(download: Download, report: Report, doing: str) -> tuple[int, str]:
    """Fetches the file, or the rest of it; returns its size and SHA-256. Raises SetupError."""
    before = 0

    def tell(path: str, phase: str, done: int, total: int) -> None:
        nonlocal before
        if phase == "checking":
            report(f"Checking {download.name}", 0)
        else:
            report(doing, done - before)
            before = done

    with setup_errors():
        size, digest = store.fetch_file(
            [download.url],
            download.path,
            transport(),
            bytes=download.bytes,
            sha256=download.sha256,
            listener=tell,
            patience=settings.patience,
        )
        return int(size), str(digest)


def sha256(path: Path, report: Report, doing: str) -> str:
    """Of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            report(doing, 0)
    return digest.hexdigest()


# The transport


Ending = tuple[bool, str] | None  # None: all has come; else whether another try may succeed, and the reason


def transport(is_stopped: Callable[[], bool] = lambda: False) -> Transport:
    """With the person's certificates. Raises SetupError where these cannot be read."""
    try:
        context = ssl.create_default_context()
        if settings.certificates:
            context.load_verify_locations(settings.certificates)
    except OSError as error:
        raise SetupError(
            f"The certificates in '{settings.certificates}' cannot be read: {error}.",
            "Choose a file of certificates in PEM format in the preferences, or none.",
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
    """What the reading gives, to the receiver, until one of both ends it, or nobody wants it any more."""
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
    """One request on a thread of its own: a server that sends a line without end keeps only that thread waiting."""

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
    """Follows none: the store does, and never from https to anything else."""

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
    """The kind of connection, which adds its socket to the list."""

    class Connection(kind):
        def connect(self) -> None:
            super().connect()
            sockets.append(self.sock)

    return Connection
