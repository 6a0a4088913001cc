"""The disk of the history is full: a small file system in memory (the test runs this with mounts of its own)."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from typing import Any

import bpy
from inside import QUARTERS, answer, drawn, find, install, module, names, quick


def fill(folder: Path) -> Path:
    """A file that takes all the room that there is."""
    filler = folder / "filler"
    with filler.open("ab") as file, contextlib.suppress(OSError):
        while True:
            os.write(file.fileno(), b"\0" * 4096)
    return filler


def full_disk() -> dict[str, Any]:
    extension = install()
    quick()
    folder = extension.history.folder()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "relievo", str(folder)], check=True)
    return {"unplaced": unplaced(folder), "dismissed": dismissed(folder), "placed": placed(folder)}


def _unplaced_task(folder: Path) -> Any:
    """A result that has no place, for another file was opened, and no room on the disk."""
    jobs = module("jobs")
    jobs.start(bpy.context, QUARTERS, module("properties").engine_settings(bpy.context.scene.relievo))
    module("history").settle()
    fill(folder)
    bpy.ops.wm.read_homefile(use_empty=True)
    quick()
    jobs.finish()
    (task,) = jobs.tasks()
    return task


def unplaced(folder: Path) -> dict[str, Any]:
    task = _unplaced_task(folder)
    facts: dict[str, Any] = {
        "is_unplaced": task.is_unplaced,
        "panel": " ".join(drawn()),
        "told": module("notices").told()[-1],
        "record": module("records").Records(folder).find(task.key).state,
        "files": sorted(file.suffix for file in folder.iterdir() if file.suffix in (".result", ".png", ".part")),
        "objects": names(bpy.data.objects),
    }
    facts["answer"] = answer(bpy.ops.relievo.place, key=task.key)
    thing = find("quarters")
    facts["placed"] = [len(thing.data.polygons) > 100, bytes(thing["relievo_source"].packed_file.data)[:4].hex()]
    facts["queue"] = len(module("jobs").tasks())
    (folder / "filler").unlink()
    bpy.data.objects.remove(thing)
    return facts


def dismissed(folder: Path) -> Any:
    """Dismisses a job, which is then not offered to the next Blender."""
    task = _unplaced_task(folder)
    (folder / "filler").unlink()
    bpy.ops.relievo.dismiss(number=task.number)
    module("history").settle()
    return module("records").Records(folder).find(task.key)


def placed(folder: Path) -> dict[str, Any]:
    """An object that the history cannot have, though there is room for its record."""
    filler = fill(folder)
    with filler.open("r+b") as file:
        file.truncate(filler.stat().st_size - 24_000)
    said = answer(bpy.ops.relievo.generate, filepath=str(QUARTERS))
    history = module("history")
    history.reread()
    return {
        "answer": said,
        "objects": names(bpy.data.objects),
        "kept_source": "relievo_source" in find("quarters"),
        "told": module("notices").told()[-1],
        "entries": [[entry.name, entry.result_bytes] for entry in history.entries()],
    }
