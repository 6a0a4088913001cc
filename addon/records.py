"""Records of what was asked for and how it ended, in one SQLite file that all Blenders of a person share.

A record is queued, failed or made. Beside the database lie, by the record's key: KEY.source, the picture's own bytes;
KEY.png, a thumbnail; KEY.result, the finished mesh. Knows nothing of Blender.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from . import documents
from .owner import is_alive

DATABASE = "history.db"
OLD_HISTORY = "history.json"  # of version 0.1.0
ENDINGS = (".source", ".png", ".result")
MOST = 50  # finished results
MOST_RESULTS = 20  # finished results that have their mesh
MOST_RESULT_BYTES = 1_000_000_000
_SECONDS_TO_WAIT = 10.0  # to wait for another Blender that writes
_VERSION = 1  # version of the table
_TABLE = """CREATE TABLE IF NOT EXISTS records (
    key TEXT PRIMARY KEY, state TEXT NOT NULL, name TEXT NOT NULL, picture TEXT NOT NULL, settings TEXT NOT NULL,
    options TEXT NOT NULL, target TEXT NOT NULL, failure TEXT NOT NULL, owner TEXT NOT NULL, seconds REAL NOT NULL,
    created REAL NOT NULL, result_bytes INTEGER NOT NULL)"""
_OBJECTS = ("settings", "options", "target", "failure")  # stored as JSON
_NUMBERS = ("seconds", "created", "result_bytes")


@dataclass(frozen=True)
class Record:
    name: str
    picture: str  # pictures.Source.label
    settings: dict[str, Any]  # as the engine takes or writes them
    state: str = "queued"  # "failed", "made"
    options: dict[str, Any] = field(default_factory=dict)  # options of the import
    # The place where the result was to go.
    target: dict[str, Any] = field(default_factory=dict)
    failure: dict[str, Any] = field(default_factory=dict)
    owner: str = ""  # the Blender that works on it
    # Seconds that the job took.
    seconds: float = 0.0
    # Seconds since 1970.
    created: float = field(default_factory=time.time)
    result_bytes: int = 0  # bytes of the finished mesh's file; 0 where there is none
    key: str = field(default_factory=lambda: uuid.uuid4().hex)


_COLUMNS = tuple(each.name for each in fields(Record))


class Records:
    """The records. Every call opens the file for itself, so that any thread may call. Raises sqlite3.Error or
    OSError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, key: str, ending: str) -> Path:
        return self.folder / f"{key}{ending}"

    @property
    def owners(self) -> Path:
        return self.folder / "owners"

    def put(self, record: Record) -> None:
        """Writes a record, and replaces the one with this key if there is one."""
        with self._open() as database:
            _put(database, record)

    def change(self, key: str, **changes: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in changes)
        with self._open() as database:
            values = [_stored(name, value) for name, value in changes.items()]
            database.execute(f"UPDATE records SET {names} WHERE key = ?", [*values, key])

    def find(self, key: str) -> Record | None:
        found = self._select("WHERE key = ?", key)
        return found[0] if found else None

    def made(self) -> list[Record]:
        """Returns finished results, newest first."""
        return self._select("WHERE state = 'made' ORDER BY created DESC, rowid DESC")

    def left_behind(self) -> list[Record]:
        """Returns the jobs that were queued or had failed in Blenders that have ended, oldest first."""
        found = self._select("WHERE state != 'made' ORDER BY created, rowid")
        ended = {owner: not is_alive(self.owners, owner) for owner in {record.owner for record in found}}
        return [record for record in found if ended[record.owner]]

    def take_over(self, record: Record, owner: str) -> bool:
        """Makes a record this owner's; returns whether it is, and not another's who was quicker."""
        with self._open() as database:
            changed = database.execute(
                "UPDATE records SET owner = ? WHERE key = ? AND owner = ?", [owner, record.key, record.owner]
            )
            return changed.rowcount == 1

    def remove(self, keys: Sequence[str]) -> None:
        with self._open() as database:
            database.executemany("DELETE FROM records WHERE key = ?", [(key,) for key in keys])
        for key in keys:
            for ending in ENDINGS:
                self.file(key, ending).unlink(missing_ok=True)

    def trim(self) -> None:
        """Keeps the newest results within the limits; older ones first lose their mesh and later their record."""
        made = self.made()
        self.remove([record.key for record in made[MOST:]])
        total = 0
        for number, record in enumerate(record for record in made[:MOST] if record.result_bytes):
            total += record.result_bytes
            if number >= MOST_RESULTS or total > MOST_RESULT_BYTES:
                for ending in (".result", ".source"):
                    self.file(record.key, ending).unlink(missing_ok=True)
                self.change(record.key, result_bytes=0)

    def stamp(self) -> tuple[int, int]:
        """Returns a value that changes when the file was written to, by whichever Blender."""
        try:
            found = (self.folder / DATABASE).stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_size

    def _select(self, rest: str, *values: Any) -> list[Record]:
        with self._open() as database:
            rows = database.execute(f"SELECT {', '.join(_COLUMNS)} FROM records {rest}", values).fetchall()
        read = [_record(dict(zip(_COLUMNS, row, strict=True))) for row in rows]
        return [record for record in read if record is not None]

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Opens a transaction: all of it is written or nothing."""
        with contextlib.closing(self._connect()) as database, database:
            yield database

    def _connect(self) -> sqlite3.Connection:
        """Opens the database and makes the table where there is none. A file that is no database is kept aside."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / DATABASE
        database = sqlite3.connect(path, timeout=_SECONDS_TO_WAIT)
        try:
            version = _version_of(database)
        except sqlite3.OperationalError:  # it is locked, or cannot be read
            database.close()
            raise
        except sqlite3.DatabaseError:
            database.close()
            path.replace(path.with_suffix(".damaged"))
            database = sqlite3.connect(path, timeout=_SECONDS_TO_WAIT)
            version = 0
        if version < _VERSION:
            self._make(database)
        return database

    def _make(self, database: sqlite3.Connection) -> None:
        """Makes the table, and fills it with what version 0.1.0 has left."""
        with database:
            database.execute("BEGIN IMMEDIATE")  # keeps other Blenders out
            if _version_of(database) >= _VERSION:
                return
            database.execute(_TABLE)
            for record in _old_records(self.folder / OLD_HISTORY):
                _put(database, record)
            database.execute(f"PRAGMA user_version = {_VERSION}")


def _version_of(database: sqlite3.Connection) -> int:
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    return version


def _put(database: sqlite3.Connection, record: Record) -> None:
    values = [_stored(name, getattr(record, name)) for name in _COLUMNS]
    marks = ", ".join("?" * len(_COLUMNS))
    database.execute(f"INSERT OR REPLACE INTO records ({', '.join(_COLUMNS)}) VALUES ({marks})", values)


def _stored(name: str, value: Any) -> Any:
    return json.dumps(value) if name in _OBJECTS else value


def _record(row: dict[str, Any]) -> Record | None:
    """Reads a row; returns None where it is none of ours. An object in it that cannot be read becomes an empty one."""
    are_numbers = all(isinstance(row[name], int | float) for name in _NUMBERS)
    are_texts = all(isinstance(row[name], str) for name in _COLUMNS if name not in _NUMBERS)
    # Both of them name files.
    if not (are_numbers and are_texts and row["key"].isalnum() and (row["owner"] or "none").isalnum()):
        return None
    read: dict[str, Any] = {name: documents.read_object(row[name]) for name in _OBJECTS}
    return Record(**{**row, **read})


def _old_records(file: Path) -> list[Record]:
    """Reads the list of version 0.1.0; an entry that cannot be read is left out."""
    try:
        entries = documents.read(file.read_bytes())
    except (OSError, ValueError):
        return []
    found = []
    for entry in entries if isinstance(entries, list) else []:
        try:
            record = Record(
                str(entry["name"]),
                str(entry["picture"]),
                dict(entry["settings"]),
                state="made",
                seconds=float(entry["seconds"]),
                created=float(entry["when"]),
                key=str(entry["key"]),
            )
        except (KeyError, TypeError, ValueError):
            continue
        if record.key.isalnum():  # it names files
            found.append(record)
    return found[::-1]
