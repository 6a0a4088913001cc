"""Files: whether there is one, and writing one that is either whole or not there. Knows nothing of Blender."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Raises OSError."""
    beside = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def is_file(path: Path) -> bool:
    """Returns whether there is such a file. Text of any origin may be far too long for a path."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
