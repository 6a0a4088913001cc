"""The file in which an asset library names its catalogs. Knows nothing of Blender."""

from __future__ import annotations

import uuid
from pathlib import Path

from .files import write_atomically

FILE = "blender_assets.cats.txt"
_HEAD = """# This is an Asset Catalog Definition file for Blender.
#
# Empty lines and lines starting with `#` will be ignored.
# The first non-ignored line should be the version indicator.
# Other lines are of the format "UUID:catalog/path/for/assets:simple catalog name"

VERSION 1

"""


def catalog(library: Path, path: str) -> str:
    """Returns the number of a catalog, `characters/heroes`, of the library in this folder. One that is not there yet is
    written into the library's file, which keeps all others. Raises OSError."""
    path = clean(path)
    file = library / FILE
    text = file.read_text("utf-8") if file.is_file() else _HEAD
    if not any(line.strip().startswith("VERSION") for line in text.splitlines()):
        text += "VERSION 1\n\n"
    known = _known(text)
    added = ""
    parts = path.split("/")
    for i in range(1, len(parts) + 1):  # with those that it lies in, as Blender writes them
        part = "/".join(parts[:i])
        if part not in known:
            known[part] = str(uuid.uuid4())
            added += f"{known[part]}:{part}:{part.replace('/', '-')}\n"
    if added:
        write_atomically(file, (text if text.endswith("\n") else f"{text}\n").encode() + added.encode())
    return known[path]


def clean(path: str) -> str:
    """Returns the path without what a catalog's line gives a meaning to."""
    parts = [" ".join(part.replace(":", "-").replace("\\", "-").split()) for part in path.split("/")]
    return "/".join(part for part in parts if part) or "Relievo"


def _known(text: str) -> dict[str, str]:
    """Returns the numbers of catalogs by their paths."""
    known = {}
    for line in text.splitlines():
        number, _, rest = line.strip().partition(":")
        try:
            known[rest.partition(":")[0]] = str(uuid.UUID(number))
        except ValueError:  # a comment, the version, or what a later Blender writes
            continue
    return known
