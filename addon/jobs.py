"""The jobs of this Blender, polled by one timer: the only place that touches Blender's data while a job runs.

A job belongs to the file in which it was started: loading another one cancels it. Undo cannot harm it, since it holds
nothing of Blender's but plain numbers until it is done.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from . import backend, import_mesh
from .backend import Failure

if TYPE_CHECKING:
    import relievo

INTERVAL = 0.1  # seconds between two looks at the jobs


@dataclass(frozen=True)
class Task:
    """A job and where its object is to stand."""

    job: relievo.Job
    name: str
    scene: int  # session_uid
    location: tuple[float, float, float]


_tasks: list[Task] = []  # in the order in which they run
_last_failure: Failure | None = None


def start(context: bpy.types.Context, picture: Path, settings: relievo.Settings) -> None:
    """Puts a picture in the queue. Its object will stand at the 3D cursor. Raises relievo.Error."""
    global _last_failure
    _last_failure = None
    job = backend.engine().submit(picture, **settings)
    _tasks.append(Task(job, picture.stem, context.scene.session_uid, tuple(context.scene.cursor.location)))
    if not bpy.app.timers.is_registered(poll):
        # Persistent: loading a file must not stop it before the jobs are put away.
        bpy.app.timers.register(poll, first_interval=INTERVAL, persistent=True)


def poll() -> float | None:
    """The timer: takes in what is done. Also what headless code calls, where timers do not fire."""
    while _tasks and not _is_user_busy() and _tasks[0].job.wait(0):
        _finish(_tasks.pop(0))
    redraw()
    return INTERVAL if _tasks else None


def finish() -> Failure | None:
    """Waits for all jobs and takes them in; returns the last failure."""
    while poll() is not None:
        time.sleep(INTERVAL / 2)
    return _last_failure


def cancel() -> None:
    """Cancels everything. The timer then finds the jobs ended."""
    for task in _tasks:
        task.job.cancel()


def drop() -> None:
    """Cancels everything and forgets it."""
    global _last_failure
    cancel()
    _tasks.clear()
    _last_failure = None
    if bpy.app.timers.is_registered(poll):
        bpy.app.timers.unregister(poll)


def current() -> Task | None:
    """The job that runs, or is next."""
    return _tasks[0] if _tasks else None


def waiting() -> int:
    """How many jobs are behind the current one."""
    return max(0, len(_tasks) - 1)


def last_failure() -> Failure | None:
    return _last_failure


def fail(error: Exception) -> Failure:
    """Remembers why something did not work, for the panel."""
    global _last_failure
    _last_failure = Failure.of(error)
    return _last_failure


def redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


def _finish(task: Task) -> None:
    if task.job.error is not None:
        if task.job.error.code != "cancelled":
            fail(task.job.error)
        return
    try:
        _take_in(task)
    except Exception as error:  # the timer must go on with the next job
        fail(error)


def _take_in(task: Task) -> None:
    assert task.job.result is not None
    scenes = {scene.session_uid: scene for scene in bpy.data.scenes}
    scene = scenes.get(task.scene, bpy.context.scene)
    thing = import_mesh.add_object(task.job.result, scene, task.location)
    # In another mode, the person works on an object that must stay the active one.
    if bpy.context.mode == "OBJECT" and bpy.context.scene == scene:
        layer = bpy.context.view_layer
        if thing.name in layer.objects:
            for selected in layer.objects.selected[:]:
                selected.select_set(False)
            thing.select_set(True)
            layer.objects.active = thing
    bpy.ops.ed.undo_push(message=f"Relievo: {task.name}")


def _is_user_busy() -> bool:
    """In the middle of a change, such as moving an object by hand, that new data or an undo step would break."""
    windows = bpy.context.window_manager.windows
    return any("UNDO" in operator.bl_options for window in windows for operator in window.modal_operators)
