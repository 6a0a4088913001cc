"""Tells whose jobs a record belongs to: a Blender holds a lock for as long as it lives, which ends even when it
crashes."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import IO

if os.name == "nt":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        """Locks the file. Raises OSError where another process holds it."""
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        """Locks the file. Raises OSError where another process holds it."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Owner:
    """This Blender. The operating system releases the lock when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Takes the lock. Raises OSError where there can be none: then nothing is offered to a later Blender."""
        folder.mkdir(parents=True, exist_ok=True)
        self.name = uuid.uuid4().hex
        self._path = folder / self.name
        self._file: IO[bytes] | None = self._path.open("wb")
        _lock(self._file)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            self._path.unlink(missing_ok=True)


def is_alive(folder: Path, name: str) -> bool:
    """Returns whether the Blender of this name still runs. The lock file of one that does not is removed."""
    path = folder / name
    try:
        with path.open("r+b") as file:
            _lock(file)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    path.unlink(missing_ok=True)
    return False
