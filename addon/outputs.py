"""Where results are written: the folder, and that nothing there is an input. Knows nothing of Blender."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from .batch import RefusedError
from .words import Task

_ENDINGS_OF_OBJ = (".mtl", "_albedo.png", "_normal.png")


def file_names(name: str, options: Namespace) -> list[str]:
    """All that is written for a result of this name, but for a turntable's frames, which have a folder of their own."""
    names = [f"{name}.{kind}" for kind in options.format]
    if "obj" in options.format:
        names += [name + ending for ending in _ENDINGS_OF_OBJ]
    if options.sheet:
        names.append(f"{name}_sheet.png")
    if options.exr:
        names.append(f"{name}.exr")
    if options.turntable:
        names.append(f"{name}_turntable.webp")
    return names


def prepare(tasks: Sequence[Task], options: Namespace) -> None:
    """Makes the folder, tries whether it can be written to, and that no result takes the place of an input.

    Raises RefusedError.
    """
    folder: Path = options.output
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".relievo."):
            pass
    except OSError as error:
        hint = "Choose a folder that you may write to."
        raise RefusedError("io", f"Cannot write to the folder '{folder}': {error}.", hint, 3) from error
    inputs = [Path(path) for task in tasks for path in _inputs(task)]
    known = {_identity(path) for path in inputs} - {None}
    for task in tasks:
        for name in file_names(task.name, options):
            if _identity(folder / name) in known:
                raise _would_overwrite(folder / name)
        frames = _identity(folder / f"{task.name}_turntable")
        for path in inputs:
            if options.turntable and frames is not None and _identity(path.parent) == frames:
                raise _would_overwrite(path)


def _would_overwrite(path: Path) -> RefusedError:
    message = f"The result would overwrite the input '{path}'."
    return RefusedError("invalid_settings", message, "Choose another folder with -o.", 2)


def _inputs(task: Task) -> Iterator[str | Path]:
    yield task.picture
    if task.settings["mask"] not in ("auto", "alpha"):
        yield task.settings["mask"]
    for views in task.settings["views"]:
        yield views
        if Path(views).is_dir():
            yield from Path(views).iterdir()


def _identity(path: Path) -> tuple[int, int] | None:
    """The same for all names of a file; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
