"""Gets LibTorch: from the wheels' public addresses, or from a zip that a person has. Knows nothing of Blender.

What is fetched stands in runtimes.json: addresses, sizes, checksums, and which libraries of the wheels are wanted. A
wheel is a zip. The folder with the libraries changes as a whole or not at all.
"""

from __future__ import annotations

import fnmatch
import functools
import json
import shutil
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .downloads import Download, Installation, Report, SetupError, copy, fetch, sha256

TORCH = {"win32": "torch_cpu.dll", "darwin": "libtorch_cpu.dylib"}.get(sys.platform, "libtorch_cpu.so")
TORCH_CUDA = TORCH.replace("cpu", "cuda")
# Of what the patterns of a runtime mean, these are not LibTorch: Python's modules, and what is for them.
_NOT_WANTED = ("_*", "*.cpython-*", "*.pyd", "libtorch_python.*", "torch_python.*", "libshm.*", "shm.*")


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
        if name in self.libraries:
            return True
        is_like = functools.partial(fnmatch.fnmatch, name)
        return any(map(is_like, self.libraries)) and not any(map(is_like, _NOT_WANTED))

    def missing(self, folder: Path) -> list[str]:
        """Of the libraries that are named in full, those that are not there."""
        return [name for name in self.libraries if "*" not in name and not (folder / name).exists()]


def runtimes(file: Path | None = None) -> dict[str, Runtime]:
    """The wheels are Linux' own; elsewhere there is only what a folder or a zip holds."""
    facts = json.loads((file or Path(__file__).with_name("runtimes.json")).read_text())["runtimes"]
    if sys.platform != "linux":
        for runtime in facts.values():
            runtime.update(libraries=["*.dll", "*.dylib"], wheels=[])
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


def install_online(runtime: Runtime, folder: Path) -> Installation:
    """Fetches the wheels and unpacks their libraries into folder."""

    def work(installation: Installation) -> None:
        downloads = folder.parent / "downloads"
        downloads.mkdir(parents=True, exist_ok=True)
        files = [fetch_wheel(wheel, downloads, installation.report) for wheel in runtime.wheels]
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
        if (found / TORCH).exists():
            return found
    below = sorted(folder.glob(f"**/{TORCH}")) if folder.is_dir() else []
    if below:
        return below[0].parent
    raise SetupError(f"There is no LibTorch in {folder}.", f"Choose the folder that holds {TORCH}, or a zip with it.")


def fetch_wheel(wheel: Wheel, folder: Path, report: Report) -> Path:
    """The checked file; goes on with what an earlier attempt left. Raises SetupError."""
    path = folder / wheel.name
    library = wheel.name.split("-")[0]
    doing = f"Fetching {library}"
    is_there = path.exists() and path.stat().st_size == wheel.bytes
    if is_there and sha256(path, report, f"Checking {library}") == wheel.sha256:
        report(doing, wheel.bytes)
    else:
        fetch(Download(wheel.url, path, wheel.bytes, wheel.sha256), report, doing)
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
        if missing or not (beside / TORCH).exists():
            names = ", ".join(missing) or TORCH
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
                is_ours = "relievo" in PurePosixPath(member.filename).parts[:-1]
                if is_ours or not runtime.wants(name) or (folder / name).exists():
                    continue
                with wheel.open(member) as source, (folder / name).open("wb") as target:
                    told = functools.partial(_tell_unpacking, report, name)
                    copy(source, target, told, member.file_size)
    except (zipfile.BadZipFile, FileNotFoundError, IsADirectoryError) as error:
        raise SetupError(f"{archive} cannot be read as a zip: {error}.", "Choose another file.") from error


def _tell_unpacking(report: Report, name: str, done: int) -> None:
    report(f"Unpacking {name}", 0)
