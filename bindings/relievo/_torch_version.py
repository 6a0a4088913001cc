"""Finds the version of a LibTorch from its files: another one than Relievo is built for must not be opened."""

from __future__ import annotations

import functools
import mmap
import re
from pathlib import Path

TORCH_VERSION = "2.11.0"  # same as in packaging/runtime-cpu.txt

_NUMBER = re.compile(r"\d+\.\d+\.\d+[\w.]*")
# In the library, the version stands among the texts of torch's ONNX exporter, which writes it into its files.
_NEIGHBOUR = b"GraphEncoder\0"
_IN_LIBRARY = re.compile(rb"\0([12]\.\d+\.\d+(?:[a-z+][\w.+-]*)?)\0")
_NEAR = 4096  # bytes


def is_other_version(version: str | None) -> bool:
    """Returns whether it is known to be another version than the one that Relievo is built for."""
    return version is not None and version != TORCH_VERSION


def version_of(library: Path) -> str | None:
    """Returns the version of libtorch_cpu, without what follows a plus sign (2.11.0+cu130: 2.11.0); None where no file
    tells."""
    places = dict.fromkeys(place.parent for place in (library, library.resolve()))
    for folder in places:
        files = [folder / "build-version"]
        if folder.name == "lib":
            files.append(folder.parent / "build-version")
        if folder.parent.name == "torch":
            files.append(folder.parent / "version.py")
        for file in files:
            if (version := written_version(file.name, _start_of(file))) is not None:
                return version
    try:
        status = library.stat()
        return _in_library(library, status.st_size, status.st_mtime_ns)
    except (OSError, ValueError):
        return None


def written_version(name: str, text: str) -> str | None:
    """Returns the version that a file states: `build-version` as LibTorch's own archives have it, `version.py` as
    torch's package has it."""
    if name.endswith(".py"):
        line = re.search(r"^__version__ *= *['\"]([^'\"]+)", text, re.MULTILINE)
        text = line[1] if line else ""
    found = _NUMBER.match(text.strip())
    return found[0] if found else None


def _start_of(file: Path) -> str:
    try:
        with file.open(errors="replace") as stream:
            return stream.read(10000)
    except OSError:
        return ""


@functools.cache
def _in_library(library: Path, size: int, time: int) -> str | None:
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        place = content.find(_NEIGHBOUR)
        if place < 0:
            return None
        near = content[max(0, place - _NEAR) : place + _NEAR]
    found = _IN_LIBRARY.search(near)
    return found[1].decode().partition("+")[0] if found else None
