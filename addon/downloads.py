"""The store's errors and settings in Blender, and installations that can be watched and cancelled.

Knows nothing of Blender. The store (relievo._store) decides when a download is complete and right, and when a server is
given up; relievo._web is its transport.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .failure import Failure
from .store import StoreError, store, web

if TYPE_CHECKING:
    from relievo._store import Transport

CHUNK = 256 * 1024
Report = Callable[[str, int], None]  # is told what is done, and its bytes since the last report


class SetupError(Exception):
    """Has the fields of a relievo.Error."""

    exit_status = 3

    def __init__(self, message: str, hint: str, code: str = "io") -> None:
        super().__init__(message)
        self.message, self.hint, self.code = message, hint, code


class CancelledError(SetupError):
    def __init__(self) -> None:
        super().__init__("Cancelled.", "", "cancelled")


@contextlib.contextmanager
def setup_errors() -> Iterator[None]:
    """Raises the store's errors as SetupError."""
    try:
        yield
    except StoreError as error:
        raise SetupError(error.message, error.hint, error.code) from error


@dataclass
class DownloadSettings:
    """The person's preferences for downloads."""

    mirrors: list[str] = field(default_factory=list)  # addresses or folders, asked before all others
    certificates: str = ""  # a file of certificates (PEM) that are trusted besides the system's
    patience: float = web.TIMEOUT  # seconds after which a server that sends next to nothing is given up


settings = DownloadSettings()


class Installation:
    """One installation on a thread of its own, which can be watched and cancelled from any thread."""

    def __init__(self, work: Callable[[Installation], None], total: int = 0) -> None:
        self.total = total  # bytes; 0 where not known yet
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
        """Waits; returns whether it is over."""
        self._thread.join(seconds)
        return self.is_over

    def report(self, doing: str, done: int) -> None:
        """Is called by the work, and stops it when that was asked for."""
        self.show(doing, self.done + done, self.total)

    def show(self, doing: str, done: int, total: int) -> None:
        """Is called by the work with all bytes that are done, and of how many."""
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
    """A file that is wanted, and the facts that are known about it."""

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
    """Returns a file's SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            report(doing, 0)
    return digest.hexdigest()


def transport(is_stopped: Callable[[], bool] = lambda: False) -> Transport:
    """Makes a transport with the person's certificates. Raises SetupError where these cannot be read."""
    with setup_errors():
        made: Transport = web.transport(settings.certificates, is_stopped)
    return made
