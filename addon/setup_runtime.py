"""Gets LibTorch: from the wheels' public addresses, or from a zip that a person has. Knows nothing of Blender.

The file runtimes.json names what is fetched: addresses, sizes, checksums, and which libraries of the wheels are wanted.
A wheel is a zip. The folder with the libraries changes as a whole or not at all.
"""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import shutil
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from . import documents, zips
from .downloads import Download, Installation, Report, SetupError, fetch, sha256
from .store import StoreError, store, torch_version

TORCH = {"win32": "torch_cpu.dll", "darwin": "libtorch_cpu.dylib"}.get(sys.platform, "libtorch_cpu.so")
TORCH_CUDA = TORCH.replace("cpu", "cuda")
VERSION_FILE = "build-version"  # beside the libraries, as in LibTorch's own archives
# These are not wanted, though the patterns of a runtime match them: Python's modules and what belongs to them, and
# NVIDIA's libraries for clusters, which need libraries that no workstation has.
_NOT_WANTED = ["_*", "*.cpython-*", "*.pyd", "libtorch_python.*", "torch_python.*", "libshm.*", "shm.*"]
_NOT_WANTED += ["nvshmem_*", "libcufile_rdma.*", "libcusolverMg.*"]


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
    installed_bytes: int = 0  # 0: not stated

    @property
    def bytes(self) -> int:
        """Bytes to be fetched."""
        return sum(wheel.bytes for wheel in self.wheels)

    def wants(self, name: str) -> bool:
        if name in self.libraries:
            return True
        is_like = functools.partial(fnmatch.fnmatch, name)
        return any(map(is_like, self.libraries)) and not any(map(is_like, _NOT_WANTED))

    def missing(self, folder: Path) -> list[str]:
        """Returns the libraries that are named in full and are not there."""
        return [name for name in self.libraries if "*" not in name and not (folder / name).exists()]


def runtimes(file: Path | None = None) -> dict[str, Runtime]:
    """Reads the runtimes. The wheels are for Linux only; elsewhere LibTorch comes from a folder or a zip."""
    facts = documents.read((file or Path(__file__).with_name("runtimes.json")).read_text())["runtimes"]
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
            runtime.get("installed_bytes", 0),
        )
        for name, runtime in facts.items()
    }


def installed(folder: Path) -> str:
    """Returns the name of the runtime in the set-up's folder; empty where there is none."""
    if not (folder / TORCH).exists():
        return ""
    return "cuda" if (folder / TORCH_CUDA).exists() else "cpu"


def install_online(runtime: Runtime, folder: Path) -> Installation:
    """Fetches the wheels and unpacks their libraries into folder."""

    def work(installation: Installation) -> None:
        downloads = folder.parent / "downloads"
        # A lock is needed because two Blenders share this folder.
        with exclusive(folder.parent):
            zips.check_space(_bytes_needed(runtime, downloads), folder)
            files = [fetch_wheel(wheel, downloads, installation.report) for wheel in runtime.wheels]
            unpack(files, runtime, folder, installation.report)
            shutil.rmtree(downloads, ignore_errors=True)

    return Installation(work, runtime.bytes)


def install_zip(archive: Path, runtime: Runtime, folder: Path) -> Installation:
    """Unpacks the libraries of a zip: Relievo's offline zip, or wheels packed together."""
    total = archive.stat().st_size if archive.exists() else 0

    def work(installation: Installation) -> None:
        with exclusive(folder.parent):
            unpack([archive], runtime, folder, installation.report)

    return Installation(work, total)


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Holds the operating system's lock on an installation. Raises SetupError while another process has it."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = store.Lock(folder / ".relievo-setup.lock")
    except StoreError as error:
        raise SetupError(error.message, error.hint, error.code) from error
    try:
        yield
    finally:
        lock.release()


def find_in_folder(folder: Path, runtime: Runtime) -> Path:
    """Finds the folder with the libraries in or below this one. Raises SetupError, also for another version than
    ours."""
    places = [folder, folder / "runtime", folder / "torch" / "lib", folder / "lib"]
    if folder.is_dir():
        places += [found.parent for found in sorted(folder.glob(f"**/{TORCH}"))]
    found = [place for place in places if (place / TORCH).exists()]
    versions = {place: torch_version.version_of(place / TORCH) for place in dict.fromkeys(found)}
    for place, version in versions.items():
        if not torch_version.is_other_version(version):
            return place
    if found:
        raise _other_version(str(found[0]), versions[found[0]])
    raise SetupError(f"There is no LibTorch in {folder}.", f"Choose the folder that holds {TORCH}, or a zip with it.")


def fetch_wheel(wheel: Wheel, folder: Path, report: Report) -> Path:
    """Fetches and checks a wheel, continuing what an earlier attempt left. Raises SetupError."""
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
    """Unpacks the wanted libraries of these zips into the folder, without subfolders. The folder changes as a whole or
    not at all."""
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
                "Choose Relievo's offline zip, or install online.",
            )
        version = torch_version.version_of(beside / TORCH)
        if torch_version.is_other_version(version):
            raise _other_version(archives[-1].name, version)
        if version is not None:
            (beside / VERSION_FILE).write_text(f"{version}\n")
        shutil.rmtree(folder, ignore_errors=True)
        beside.replace(folder)
    except OSError as error:
        raise SetupError(f"Cannot write {folder}: {error}.", "Free some space on this disk.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _unpack_one(archive: Path, runtime: Runtime, folder: Path, report: Report) -> None:
    with zips.opened(archive) as wheel:
        wanted = []
        for member in wheel.infolist():
            parts = PurePosixPath(member.filename).parts
            if parts[-2:] == ("torch", "version.py") or parts[-1:] == (VERSION_FILE,):
                _note_version(archive, wheel, member, folder)
            elif parts and "relievo" not in parts[:-1] and runtime.wants(parts[-1]):
                wanted.append(member)
        zips.check_space(sum(member.file_size for member in wanted), folder)
        for member in wanted:
            path = folder / PurePosixPath(member.filename).name
            if not path.exists():
                zips.extract(wheel, member, path, lambda doing, done: report(doing, 0))


def _note_version(archive: Path, wheel: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    """Writes the version that the zip tells beside the libraries, which do not tell it quickly."""
    zips.extract(wheel, member, folder / VERSION_FILE, lambda doing, done: None)
    text = (folder / VERSION_FILE).read_text(errors="replace")
    version = torch_version.written_version(PurePosixPath(member.filename).name, text)
    if torch_version.is_other_version(version):
        raise _other_version(archive.name, version)
    if version is None:
        (folder / VERSION_FILE).unlink()
    else:
        (folder / VERSION_FILE).write_text(f"{version}\n")


def _other_version(place: str, version: str | None) -> SetupError:
    return SetupError(
        f"LibTorch in '{place}' has version {version}, and Relievo needs {torch_version.TORCH_VERSION}.",
        f"Install the runtime that the setup offers, or use LibTorch {torch_version.TORCH_VERSION}.",
    )


def _bytes_needed(runtime: Runtime, downloads: Path) -> int:
    """Returns the bytes to be fetched, less what is there, and room for what is unpacked, which is stated or about as
    large again."""
    there = sum(file.stat().st_size for file in downloads.iterdir()) if downloads.exists() else 0
    return max(0, runtime.bytes - there) + (runtime.installed_bytes or runtime.bytes)
