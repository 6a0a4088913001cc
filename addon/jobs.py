"""The jobs of this Blender and what becomes of their results.

A job belongs to the file in which it was started: loading another one cancels it. Undo cannot harm it, since it holds
nothing of Blender's but plain numbers until it is done.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from . import history, import_mesh, pending, pictures, thumbnails
from .failure import Failure
from .import_mesh import ImportOptions
from .pending_job import PendingJob
from .pictures import Source
from .runtime import runtime

if TYPE_CHECKING:
    import relievo

_numbers = itertools.count(1)


@dataclass(eq=False)
class Task:
    """A job and where its object is to stand."""

    job: PendingJob
    name: str
    scene: int  # session_uid
    location: tuple[float, float, float]
    source: str = ""  # pictures.Source.label
    options: ImportOptions = field(default_factory=ImportOptions)
    replaces: int = 0  # session_uid of the object that gets the new mesh; 0: a new object
    shown: int = 0  # how many of the job's previews are in the thumbnails
    number: int = field(default_factory=lambda: next(_numbers))

    @property
    def thumbnail(self) -> str:
        return f"job {self.number}"

    def cancel(self) -> None:
        self.job.cancel()

    def look(self, turn: pending.Turn) -> bool:
        previews = self.job.previews
        if len(previews) > self.shown:
            self.shown = len(previews)
            thumbnails.put(self.thumbnail, previews[-1].pixels)
        if not self.job.wait(0):
            return False
        is_result = self.job.status.state == "done"
        if is_result and (_is_user_busy() or not turn.take()):
            return False
        _tasks.remove(self)
        thumbnails.forget(self.thumbnail)
        if is_result:
            try:
                _take_in(self)
            except Exception as error:  # the timer must go on with the next job
                fail(error)
        elif (failure := self.job.failure()) is not None:
            fail(failure)
        return True


_tasks: list[Task] = []  # in the order in which they run
_last_failure: Failure | None = None


def start(
    context: bpy.types.Context,
    picture: Path | Source,
    settings: Any,
    options: ImportOptions | None = None,
    replaces: bpy.types.Object | None = None,
) -> Task:
    """Puts a picture in the queue. Its object will stand at the 3D cursor, or be the one that it replaces the mesh of.

    Raises relievo.Error.
    """
    global _last_failure
    _last_failure = None
    source = picture if isinstance(picture, Source) else pictures.from_file(picture)

    def submit() -> relievo.Job:
        return runtime.engine().submit(source.picture, name=source.name, source=source.label, **settings)

    job = PendingJob(submit)
    location = tuple(replaces.location if replaces else context.scene.cursor.location)
    uid = replaces.session_uid if replaces else 0
    scene = context.scene.session_uid
    task = Task(job, source.name, scene, location, source.label, options or ImportOptions(), uid)
    _tasks.append(task)
    pending.watch(task)
    return task


poll = pending.poll


def finish() -> Failure | None:
    """Waits for all jobs and takes them in; returns the last failure."""
    pending.finish()
    return _last_failure


def tasks() -> list[Task]:
    return _tasks


def find(number: int) -> Task | None:
    return next((task for task in _tasks if task.number == number), None)


def cancel() -> None:
    """Cancels everything. The timer then finds the jobs ended."""
    for task in _tasks:
        task.cancel()


def move(task: Task, step: int) -> None:
    """Up (-1) or down (1) among those that wait."""
    waiting = [other for other in _tasks if other.job.status.state == "waiting"]
    if task not in waiting or task.job.job is None:
        return
    place = min(max(waiting.index(task) + step, 0), len(waiting) - 1)
    if runtime.engine().move(task.job.job, place):
        waiting.remove(task)
        waiting.insert(place, task)
        _tasks[:] = [other for other in _tasks if other not in waiting] + waiting


def drop() -> None:
    """Cancels everything and forgets it."""
    global _last_failure
    cancel()
    for task in _tasks:
        thumbnails.forget(task.thumbnail)
        pending.forget(task)
    _tasks.clear()
    pending.rest()
    _last_failure = None


def current() -> Task | None:
    """The job that runs, or is next."""
    return _tasks[0] if _tasks else None


def waiting() -> int:
    """How many jobs are behind the current one."""
    return max(0, len(_tasks) - 1)


def last_failure() -> Failure | None:
    return _last_failure


def fail(error: Exception | Failure) -> Failure:
    """Remembers why something did not work, for the panel."""
    global _last_failure
    _last_failure = error if isinstance(error, Failure) else Failure.of(error)
    return _last_failure


def dismiss_failure() -> None:
    global _last_failure
    _last_failure = None


def _take_in(task: Task) -> None:
    assert task.job.job is not None
    result = task.job.job.take()
    assert result is not None
    scenes = {scene.session_uid: scene for scene in bpy.data.scenes}
    scene = scenes.get(task.scene, bpy.context.scene)
    shaded = next((preview.pixels for preview in task.job.previews if preview.name == "shaded"), None)
    old = next((thing for thing in bpy.data.objects if thing.session_uid == task.replaces), None)
    if task.replaces and old is not None and old.type == "MESH" and old.mode == "OBJECT":
        import_mesh.replace_mesh(old, result, task.options)
        thing = old
    else:
        thing = import_mesh.add_object(result, scene, task.location, task.options)
    if task.options.asset:
        import_mesh.mark_asset(thing, shaded)
    # In another mode, the person works on an object that must stay the active one.
    if bpy.context.mode == "OBJECT" and bpy.context.scene == scene:
        layer = bpy.context.view_layer
        if thing.name in layer.objects:
            for selected in layer.objects.selected[:]:
                selected.select_set(False)
            thing.select_set(True)
            layer.objects.active = thing
    history.add(result.name, task.source, json.loads(result.mesh.provenance.settings), task.job.status.seconds, shaded)
    bpy.ops.ed.undo_push(message=f"Relievo: {task.name}")


def _is_user_busy() -> bool:
    """In the middle of a change, such as moving an object by hand, that new data or an undo step would break."""
    windows = bpy.context.window_manager.windows
    return any("UNDO" in operator.bl_options for window in windows for operator in window.modal_operators)
