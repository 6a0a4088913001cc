"""Gets LibTorch: from the wheels' public addresses, or from a zip that a person has. Knows nothing of Blender.

What is fetched stands in runtimes.json: addresses, sizes, checksums, and which libraries of the wheels are wanted. A
wheel is a zip. Nothing takes its final name before all of it was checked; a download that was cut off goes on where it
stopped.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import shutil
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .backend import Failure

CHUNK = 256 * 1024
TIMEOUT = 30  # seconds without a byte
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


@dataclass(frozen=True)
class Wheel:
    url: str
    bytes: int
    sha256: str

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Runtime:
    name: str
    title: str
    description: str
    libraries: tuple[str, ...]  # names or patterns
    wheels: tuple[Wheel, ...]

    @property
    def bytes(self) -> int:
        """To be fetched."""
        return sum(wheel.bytes for wheel in self.wheels)

    def wants(self, name: str) -> bool:
        return any(fnmatch.fnmatch(name, pattern) for pattern in self.libraries)

    def missing(self, folder: Path) -> list[str]:
        """Of the libraries that are named in full, those that are not there."""
        return [name for name in self.libraries if "*" not in name and not (folder / name).exists()]


def runtimes(file: Path | None = None) -> dict[str, Runtime]:
    facts = json.loads((file or Path(__file__).with_name("runtimes.json")).read_text())["runtimes"]
    return {
        name: Runtime(
            name,
            runtime["title"],
            runtime["description"],
            tuple(runtime["libraries"]),
            tuple(Wheel(**wheel) for wheel in runtime["wheels"]),
        )
        for name, runtime in facts.items()
    }


class Installation:
    """One installation on a thread of its own, which can be watched and cancelled from any thread."""

    def __init__(self, work: Callable[[Installation], None], total: int) -> None:
        self.total = max(total, 1)  # bytes
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
        return min(1.0, self.done / self.total)

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


def install_online(runtime: Runtime, folder: Path) -> Installation:
    """Fetches the wheels and unpacks their libraries into folder."""

    def work(installation: Installation) -> None:
        downloads = folder.parent / "downloads"
        downloads.mkdir(parents=True, exist_ok=True)
        files = [fetch(wheel, downloads, installation.report) for wheel in runtime.wheels]
        unpack(files, runtime, folder, installation.report)
        shutil.rmtree(downloads, ignore_errors=True)

    return Installation(work, runtime.bytes)


def install_zip(archive: Path, runtime: Runtime, folder: Path) -> Installation:
    """Unpacks the libraries of a zip: Relievo's offline zip, or wheels packed together."""
    total = archive.stat().st_size if archive.exists() else 0
    return Installation(lambda installation: unpack([archive], runtime, folder, installation.report), total)


def find_in_folder(folder: Path, runtime: Runtime) -> Path:
    """The folder with the libraries in or below it. Raises SetupError."""
    for found in (folder, folder / "runtime", folder / "torch" / "lib", folder / "lib"):
        if (found / "libtorch_cpu.so").exists():
            return found
    below = sorted(folder.glob("**/libtorch_cpu.so")) if folder.is_dir() else []
    if below:
        return below[0].parent
    raise SetupError(
        f"There is no LibTorch in {folder}.", "Choose the folder that holds libtorch_cpu.so, or a zip with it."
    )


def fetch(wheel: Wheel, folder: Path, report: Report) -> Path:
    """The checked file; goes on with what an earlier attempt left. Raises SetupError."""
    path = folder / wheel.name
    part = folder / (wheel.name + ".part")
    doing = f"Fetching {wheel.name.split('-')[0]}"
    if path.exists() and path.stat().st_size == wheel.bytes and _sha256(path, report, "Checking") == wheel.sha256:
        report(doing, wheel.bytes)
        return path
    begin = part.stat().st_size if part.exists() else 0
    if begin >= wheel.bytes:
        part.unlink()
        begin = 0
    request = urllib.request.Request(wheel.url, headers={"Range": f"bytes={begin}-"} if begin else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            goes_on = begin > 0 and answer.status == 206
            report(doing, begin if goes_on else 0)
            with part.open("ab" if goes_on else "wb") as file:
                _copy(answer, file, lambda done: report(doing, done), wheel.bytes - (begin if goes_on else 0))
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise SetupError(
            f"{wheel.name} cannot be fetched: {reason}.",
            "Check the connection and try again; what is there is kept. Or install from a folder or an offline zip.",
        ) from error
    except OSError as error:
        raise SetupError(f"Cannot write {part}: {error}.", "Free some space on this disk.") from error
    if part.stat().st_size < wheel.bytes:
        raise SetupError(f"{wheel.name} was cut off.", "Try again: what is there is kept.")
    if _sha256(part, report, "Checking") != wheel.sha256:
        part.unlink()
        raise SetupError(
            f"{wheel.name} is not the file that it should be: its checksum differs.",
            "Try again. If it happens again, something between you and the server changes files.",
        )
    part.replace(path)
    return path


def unpack(archives: list[Path], runtime: Runtime, folder: Path, report: Report) -> None:
    """The wanted libraries of these zips into folder, flat. The folder changes as a whole or not at all."""
    beside = folder.with_name(folder.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        for archive in archives:
            _unpack_one(archive, runtime, beside, report)
        missing = runtime.missing(beside)
        if missing or not (beside / "libtorch_cpu.so").exists():
            names = ", ".join(missing) or "libtorch_cpu.so"
            raise SetupError(
                f"{archives[-1].name} does not hold all of LibTorch: {names} is missing.",
                "Use the offline zip that `make zip-offline` writes, or install online.",
            )
        shutil.rmtree(folder, ignore_errors=True)
        beside.replace(folder)
    except OSError as error:
        raise SetupError(f"Cannot write {folder}: {error}.", "Free some space on this disk.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _unpack_one(archive: Path, runtime: Runtime, folder: Path, report: Report) -> None:
    try:
        with zipfile.ZipFile(archive) as wheel:
            for member in wheel.infolist():
                name = member.filename.rpartition("/")[2]
                if not runtime.wants(name) or "/libs/" in member.filename or (folder / name).exists():
                    continue
                with wheel.open(member) as source, (folder / name).open("wb") as target:
                    _copy(source, target, lambda _, name=name: report(f"Unpacking {name}", 0), member.file_size)
    except (zipfile.BadZipFile, FileNotFoundError, IsADirectoryError) as error:
        raise SetupError(f"{archive} cannot be read as a zip: {error}.", "Choose another file.") from error


def _copy(source: IO[bytes], target: IO[bytes], report: Callable[[int], None], most: int) -> None:
    for chunk in _chunks(source):
        most -= len(chunk)
        if most < 0:
            raise SetupError("There is more in a file than there should be.", "Try again.")
        target.write(chunk)
        report(len(chunk))


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _sha256(path: Path, report: Report, doing: str) -> str:
    digest: Any = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in _chunks(file):
            digest.update(chunk)
            report(f"{doing} {path.name.split('-')[0]}", 0)
    return str(digest.hexdigest())
