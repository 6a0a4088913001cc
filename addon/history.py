"""The last results, with a thumbnail and the settings each: a folder that outlives Blender and its files.

Nothing here may fail a generation: what cannot be written or read is left out.
"""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from . import thumbnails
from .atomic_file import write_atomically

MOST = 50
_FILE = "history.json"
_entries: list[Entry] | None = None  # newest first; None: not read yet


@dataclass(frozen=True)
class Entry:
    key: str
    name: str
    picture: str  # pictures.Source.label
    settings: dict[str, Any]  # as the engine writes them
    seconds: float
    when: float  # since 1970

    @property
    def thumbnail(self) -> Path:
        return folder() / f"{self.key}.png"


def picture_and_settings(picture: str, settings: str) -> tuple[str, dict[str, Any]] | None:
    """What an object remembers, where it can be read."""
    try:
        stored = json.loads(settings)
    except ValueError:
        return None
    return (picture, stored) if isinstance(stored, dict) else None


def folder() -> Path:
    return Path(bpy.utils.extension_path_user(__package__, path="history", create=True))


def entries() -> list[Entry]:
    global _entries
    if _entries is None:
        try:
            _entries = [Entry(**entry) for entry in json.loads((folder() / _FILE).read_text())]
        except (OSError, ValueError, TypeError):
            _entries = []
    return _entries


def find(key: str) -> Entry | None:
    return next((entry for entry in entries() if entry.key == key), None)


def add(
    name: str, picture: str, settings: dict[str, Any], seconds: float, thumbnail: NDArray[np.uint8] | None
) -> Entry:
    entry = Entry(uuid.uuid4().hex, name, picture, settings, seconds, time.time())
    known = entries()
    known.insert(0, entry)
    try:
        if thumbnail is not None:
            entry.thumbnail.write_bytes(thumbnails.png(thumbnail))
    except OSError:
        pass
    _drop(known[MOST:])
    del known[MOST:]
    _write()
    return entry


def remove(key: str) -> None:
    gone = [entry for entry in entries() if entry.key == key]
    _drop(gone)
    for entry in gone:
        entries().remove(entry)
    _write()


def clear() -> None:
    _drop(entries())
    entries().clear()
    _write()


def forget() -> None:
    """Reads the folder again when it is next asked for."""
    global _entries
    _entries = None


def icon(entry: Entry) -> int:
    """0 where there is no thumbnail."""
    return thumbnails.load(entry.key, entry.thumbnail) if entry.thumbnail.exists() else 0


def _drop(gone: list[Entry]) -> None:
    for entry in gone:
        thumbnails.forget(entry.key)
        entry.thumbnail.unlink(missing_ok=True)


def _write() -> None:
    with contextlib.suppress(OSError):
        write_atomically(folder() / _FILE, json.dumps([asdict(entry) for entry in entries()]).encode())
