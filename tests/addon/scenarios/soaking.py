"""Very many generations in one Blender."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import addon_utils
import bpy
from inside import MODULE, PICTURE, install, wait_for


def status_of_process(word: str) -> int:
    """A number of /proc/self/status: VmRSS in KiB, Threads."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(word)).split()[1])


def soak() -> dict[str, Any]:
    """A hundred generations of a real picture with the mask's network, each object removed again."""
    extension = install()
    bpy.context.preferences.edit.undo_steps = 2
    memory: list[float] = []
    threads: list[int] = []
    threads_before = status_of_process("Threads")
    for _ in range(int(os.environ.get("RELIEVO_SOAK", "100"))):
        bpy.context.scene.relievo.grid = 64
        bpy.context.scene.relievo.texture_size = 512
        bpy.ops.relievo.generate(filepath=str(PICTURE.with_name("chicken.jpg")))
        bpy.data.batch_remove(bpy.data.objects[:])
        bpy.ops.outliner.orphans_purge(do_recursive=True)
        memory.append(round(status_of_process("VmRSS") / 1024, 1))
        threads.append(status_of_process("Threads"))
    bpy.ops.relievo.unload()
    wait_for(lambda: not extension.runtime.engine().loaded)
    unloaded = status_of_process("VmRSS") / 1024
    addon_utils.disable(MODULE)
    return {
        "memory_mib": memory,
        "threads_before": threads_before,
        "threads": threads,
        "unloaded_mib": unloaded,
        "threads_when_disabled": status_of_process("Threads"),
    }
