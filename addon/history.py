"""The records of this person's Blenders: finished results, each with a thumbnail, and jobs that were left undone.

Nothing here may fail a generation: a record that cannot be written or read is left out, and a result that cannot be
written is said to be in this Blender alone. Panels draw from memory, which refresh() renews.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
from numpy.typing import NDArray

from . import documents, notices, pending, stored_result, thumbnails
from .files import write_atomically
from .owner import Owner
from .records import Record, Records

if TYPE_CHECKING:
    from .import_mesh import AnyResult
    from .stored_result import StoredResult

_SECONDS_BETWEEN_LOOKS = 1.0
_NEVER = (-1, -1)

_owner: Owner | None = None
_made: list[Record] = []
_left: list[Record] = []
_stamp = _NEVER
_writers: dict[str, threading.Thread] = {}  # by record


def folder() -> Path:
    return Path(bpy.utils.extension_path_user(__package__, path="history", create=True))


def _records() -> Records:
    return Records(folder())


# Reading


def entries() -> list[Record]:
    """Returns the finished results, newest first."""
    return _made


def left_behind() -> list[Record]:
    """Returns the jobs that Blenders that have ended had not finished."""
    return _left


def find(key: str) -> Record | None:
    return next((record for record in entries() if record.key == key), None)


def icon(record: Record) -> int:
    """Returns the thumbnail's icon, 0 where there is none."""
    return thumbnails.icon(record.key)


def thumbnail(record: Record) -> Path:
    return _records().file(record.key, ".png")


def refresh() -> bool:
    """Reads what has changed, by this Blender or others; returns whether anything has."""
    global _made, _left, _stamp
    records = _records()
    if records.stamp() == _stamp:
        return False
    _stamp = (0, 0)
    with _forgiven():
        _made, _left = records.made(), records.left_behind()
        _stamp = records.stamp()
    for record in _made:
        if (file := thumbnail(record)).is_file():
            thumbnails.load(record.key, file)
    return True


def reread() -> None:
    """Reads everything again."""
    global _stamp
    _stamp = _NEVER
    refresh()


def look() -> float:
    """The timer's function: it makes results of other Blenders appear."""
    if refresh():
        pending.redraw()
    return _SECONDS_BETWEEN_LOOKS


# Writing is done on threads, because the window must not wait for a disk. What belongs to one record is written in
# order.


def owner() -> str:
    """This Blender's name, which is under a lock; empty where there can be none."""
    global _owner
    if _owner is None:
        with contextlib.suppress(OSError):
            _owner = Owner(_records().owners)
    return "" if _owner is None else _owner.name


def queue(record: Record, save_source: Callable[[Path], None]) -> None:
    """Records a job and its picture until it is made or dismissed."""
    records = _records()

    def work() -> None:
        records.put(record)
        save_source(records.file(record.key, ".source"))

    _write(record.key, work)


def change(key: str, **changes: Any) -> None:
    records = _records()
    _write(key, lambda: records.change(key, **changes))


class Keeping:
    """A result that is being written into the history, as the timer looks at it."""

    def __init__(self, name: str, result: AnyResult, is_placed: bool) -> None:
        self.result: AnyResult | None = result  # kept until it is in the history
        self.failure = ""  # why it cannot be in the history
        self.is_over = False
        self._name, self._is_placed = name, is_placed

    def look(self, turn: pending.Turn) -> bool:
        if self.is_over and self.failure:
            what = (
                "is not in the history" if self._is_placed else "waits in this Blender alone: place it before you quit"
            )
            notices.tell(f"'{self._name}' {what}. {self.failure}.")
        return self.is_over

    def cancel(self) -> None:
        """Does nothing: a finished result is kept."""


def finish(
    record: Record, result: AnyResult, seconds: float, shaded: NDArray[np.uint8] | None, is_placed: bool
) -> Keeping:
    """Records the finished result: from now on it is in the history, with its mesh. A job whose result can be neither
    kept nor placed yet stays unfinished, to be made again by a later Blender."""
    records, key = _records(), record.key
    settings = documents.read_object(result.mesh.provenance.settings)
    made = replace(
        record,
        state="made",
        name=result.name,
        settings=settings,
        seconds=seconds,
        created=time.time(),
        failure={},
        owner="",
    )
    keeping = Keeping(record.name, result, is_placed)

    def keep() -> None:
        size = stored_result.save(result, records.file(key, ".result"))
        if shaded is not None:
            write_atomically(records.file(key, ".png"), thumbnails.png(shaded))
        records.put(replace(made, result_bytes=size))

    def work() -> None:
        try:
            keep()
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or error
            keeping.failure = f"It cannot be written to the disk: {reason}"
            records.file(key, ".result").unlink(missing_ok=True)
            if is_placed:
                records.put(made)
        else:
            keeping.result = None
            records.trim()
        finally:
            keeping.is_over = True

    _write(key, work)
    return keeping


def source_file(key: str) -> Path:
    """The file into which queue() has written the picture's bytes, if it has."""
    _wait(key)
    return _records().file(key, ".source")


def load_result(key: str) -> StoredResult:
    """Loads a finished result. Raises UnreadableResultError."""
    _wait(key)
    refresh()
    return stored_result.load(_records().file(key, ".result"))


def take_over(record: Record) -> bool:
    """Makes a record this Blender's; returns whether it is now."""
    with _forgiven():
        return _records().take_over(record, owner())
    return False


def remove(*keys: str) -> None:
    global _made, _left
    if not keys:
        return
    _made, _left = ([record for record in known if record.key not in keys] for known in (_made, _left))
    for key in keys:
        thumbnails.forget(key)
    records, before = _records(), [_writers[key] for key in keys if key in _writers]

    def work() -> None:
        for thread in before:
            thread.join()
        records.remove(keys)

    _write(keys[0], work)


def clear() -> None:
    """Removes all finished results."""
    remove(*(record.key for record in entries()))


def settle() -> None:
    """Waits until everything is written."""
    for key in list(_writers):
        _wait(key)
    refresh()


def close() -> None:
    """Waits until everything is written, and leaves unfinished jobs to a later Blender."""
    global _owner, _stamp
    settle()
    if _owner is not None:
        _owner.close()
        _owner = None
    _stamp = _NEVER


def _write(key: str, work: Callable[[], None]) -> None:
    before = _writers.get(key)

    def run() -> None:
        if before is not None:
            before.join()
        with _forgiven():
            work()

    for other in [other for other, thread in _writers.items() if not thread.is_alive()]:
        del _writers[other]
    _writers[key] = threading.Thread(target=run, name="relievo history", daemon=True)
    _writers[key].start()


def _wait(key: str) -> None:
    if (thread := _writers.pop(key, None)) is not None:
        thread.join(60)


@contextlib.contextmanager
def _forgiven() -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error, ValueError) as error:
        print(f"Relievo's history: {error}")
