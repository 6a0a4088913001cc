"""Fetching files on a thread that can be watched and cancelled. Knows nothing of Blender.

Nothing takes its final name before it was checked; a download that was cut off goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .failure import Failure

CHUNK = 256 * 1024
TIMEOUT = 30  # seconds without a byte
_NETWORK = (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException)
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
        self.doing = doing
        self.done += done
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


def fetch(
    download: Download, report: Report, doing: str, on_total: Callable[[int], None] = lambda total: None
) -> tuple[int, str]:
    """Fetches the file, or the rest of it; returns its size and SHA-256. Raises SetupError.

    `on_total` is told how large the whole file is, once that is known. What is there already goes on only where a
    digest will tell whether the parts belong together, or the server says that the file is still the same.
    """
    part, note = (download.path.with_name(download.path.name + ending) for ending in (".part", ".part.json"))
    redirects = _Redirects()
    total = 0
    try:
        download.path.parent.mkdir(parents=True, exist_ok=True)
        begin = part.stat().st_size if part.exists() else 0
        version = _noted(note, download.url)
        if not (download.sha256 or version) or (download.bytes and begin >= download.bytes):
            begin = 0
        headers = {"User-Agent": "Relievo"}
        if begin:
            headers["Range"] = f"bytes={begin}-"
            if not download.sha256:
                headers["If-Range"] = version
        request = urllib.request.Request(download.url, headers=headers)
        with urllib.request.build_opener(redirects).open(request, timeout=TIMEOUT) as answer:
            begin = begin if answer.status == 206 else 0
            total = begin + int(answer.headers.get("Content-Length") or 0)
            note.write_text(json.dumps({"url": download.url, "version": answer.headers.get("ETag", "")}))
            on_total(download.bytes or total)
            report(doing, begin)
            with part.open("ab" if begin else "wb") as file:
                copy(answer, file, lambda done: report(doing, done), (download.bytes or 1 << 62) - begin)
    except _NETWORK as error:
        reason = getattr(error, "reason", None) or error
        raise SetupError(
            f"{download.name} cannot be fetched: {reason}.",
            "Check the connection and try again; what is there is kept. Or install from a folder or a zip.",
        ) from error
    except OSError as error:
        raise SetupError(f"Cannot write {part}: {error}.", "Free some space on this disk.") from error
    if (size := part.stat().st_size) < (download.bytes or total):
        raise SetupError(f"{download.name} was cut off.", "Try again: what is there is kept.")
    digest = sha256(part, report, f"Checking {download.name}")
    note.unlink(missing_ok=True)
    if {download.sha256, redirects.sha256} - {None, digest}:
        part.unlink()
        raise SetupError(
            f"{download.name} is not the file that it should be: its checksum differs.",
            "Try again. If it happens again, something between you and the server changes files.",
        )
    part.replace(download.path)
    return size, digest


def size_of(url: str, seconds: float = 10.0) -> int | None:
    """How large the server says that a file is, without fetching it; None where it does not say."""
    redirects = _Redirects()
    request = urllib.request.Request(
        url, headers={"User-Agent": "Relievo", "Accept-Encoding": "identity"}, method="HEAD"
    )
    try:
        with urllib.request.build_opener(redirects).open(request, timeout=seconds) as answer:
            told = redirects.size or answer.headers.get("Content-Length") or ""
    except (*_NETWORK, OSError, ValueError):
        return None
    return int(told) if str(told).isdigit() and int(told) > 0 else None


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Remembers the digest and the size that huggingface.co sends along when it points to a large file."""

    sha256: str | None = None
    size: str = ""

    def redirect_request(self, request: Any, file: Any, code: int, message: str, headers: Any, url: str) -> Any:
        told = str(headers.get("X-Linked-ETag", "")).strip('"')
        if re.fullmatch("[0-9a-f]{64}", told):
            self.sha256 = told
        self.size = str(headers.get("X-Linked-Size", "")).strip() or self.size
        following = super().redirect_request(request, file, code, message, headers, url)
        if following is not None:
            following.method = request.get_method()  # Python makes a GET of a HEAD
        return following


def _noted(note: Path, url: str) -> str:
    """The server's name for the version of the file that the part is of; empty where it has given none."""
    try:
        noted = json.loads(note.read_text())
        version = str(noted["version"]) if noted["url"] == url else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return "" if version.startswith("W/") else version  # a weak one does not promise equal bytes


def copy(source: IO[bytes], target: IO[bytes], report: Callable[[int], None], most: int) -> None:
    for chunk in chunks(source):
        most -= len(chunk)
        if most < 0:
            raise SetupError("There is more in a file than there should be.", "Try again.")
        target.write(chunk)
        report(len(chunk))


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def sha256(path: Path, report: Report, doing: str) -> str:
    digest: Any = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in chunks(file):
            digest.update(chunk)
            report(doing, 0)
    return str(digest.hexdigest())
