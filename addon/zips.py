"""Reads zips that people have, so that faults in one are told as such. Knows nothing of Blender."""

from __future__ import annotations

import contextlib
import lzma
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from .downloads import CHUNK, Report, SetupError

# The exceptions that Python raises for a zip that is damaged, for an unknown method, for a version that it does not
# know, and for an encrypted one.
_WRONG = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Opens the zip. A fault in it, even one that is found while it is read, is a SetupError."""
    try:
        archive = zipfile.ZipFile(path)
    except (*_WRONG, OSError) as error:
        raise _unreadable(path, error) from error
    with archive:
        yield archive


def extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, report: Report) -> None:
    """Extracts the member as the file `path`, whose folder is made; it never gets larger than the zip says."""
    source_path = Path(archive.filename or "")
    if member.flag_bits & 1:
        raise SetupError(
            f"'{source_path}' cannot be read as a zip: '{member.filename}' in it is encrypted.",
            "Unpack it with its password, and choose the folder.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            source = stack.enter_context(archive.open(member))
        except (*_WRONG, OSError) as error:
            raise _unreadable(source_path, error) from error
        target = stack.enter_context(path.open("wb"))
        left = member.file_size
        while True:
            try:
                chunk = source.read(CHUNK)
            except (*_WRONG, OSError) as error:
                raise _unreadable(source_path, error) from error
            if not chunk:
                return
            left -= len(chunk)
            if left < 0:
                raise _unreadable(source_path, ValueError(f"'{member.filename}' is larger than it says"))
            target.write(chunk)
            report(f"Unpacking {path.name}", len(chunk))


def inner_path(member: zipfile.ZipInfo) -> PurePosixPath:
    """Returns the member's path without the parts that would lead out of a folder."""
    parts = [part for part in PurePosixPath(member.filename).parts if part not in ("/", "..")]
    return PurePosixPath(*parts[-8:])


def check_space(needed: int, folder: Path) -> None:
    """Raises SetupError when the folder's disk has no room for so many bytes."""
    place = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    free = shutil.disk_usage(place).free
    if needed > free:
        raise SetupError(
            f"'{folder}' needs {needed / 1e9:.2f} GB more, and {free / 1e9:.2f} GB are free.",
            "Free some space, or choose a folder on another disk.",
        )


def _unreadable(path: Path, error: Exception) -> SetupError:
    reason = str(error).rstrip(".") or type(error).__name__
    return SetupError(f"'{path}' cannot be read as a zip: {reason}.", "Choose another file, or fetch this one again.")
