"""The jobs of this Blender, polled by one timer: the only place that touches Blender's data while a job runs.

A job belongs to the file in which it was started: loading another one cancels it. Undo cannot harm it, since it holds
nothing of Blender's but plain numbers until it is done.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from . import backend, history, import_mesh, pictures, thumbnails
from .backend import Failure
from .import_mesh import ImportOptions
from .pictures import Source

if TYPE_CHECKING:
    import relievo

INTERVAL = 0.1  # seconds between two looks at the jobs
MASK = "mask"  # the thumbnail of the mask preview


@dataclass
class LoadingStatus:
    """As relievo.JobStatus."""

    state: str = "loading"
    stage: str = "loading"
    fraction: float = 0.0
    seconds: float = 0.0
    seconds_left: float | None = None


class LoadingJob:
    """Stands in for a job while LibTorch is being loaded."""

    _numbers = itertools.count(-1, -1)

    def __init__(self) -> None:
        self.number = next(self._numbers)
        self.status = LoadingStatus()
        self.previews: list[relievo.Preview] = []
        self.error: Any = None

    def cancel(self) -> None:
        self.status.state = "cancelled"

    def fail(self, error: Any) -> None:
        self.status.state, self.error = "failed", error

    def wait(self, seconds: float) -> bool:
        return self.status.state != "loading"


@dataclass(eq=False)
class Task:
    """A job and where its object is to stand."""

    job: relievo.Job | LoadingJob
    submit: Callable[[], relievo.Job]
    name: str
    scene: int  # session_uid
    location: tuple[float, float, float]
    source: str = ""  # pictures.Source.label
    options: ImportOptions = field(default_factory=ImportOptions)
    replaces: int = 0  # session_uid of the object that gets the new mesh; 0: a new object
    shown: int = 0  # how many of the job's previews are in the thumbnails

    @property
    def thumbnail(self) -> str:
        return f"job {self.job.number}"


is_patient = bool(bpy.app.background)  # there is no window that must not stand still
_tasks: list[Task] = []  # in the order in which they run
_mask_job: relievo.Job | None = None
_wanted_mask: Callable[[], relievo.Job] | None = None  # while LibTorch is being loaded
_mask_failure: Failure | None = None
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
        return backend.engine().submit(source.picture, name=source.name, source=source.label, **settings)

    job = submit() if _may_submit() else LoadingJob()
    location = tuple(replaces.location if replaces else context.scene.cursor.location)
    uid = replaces.session_uid if replaces else 0
    scene = context.scene.session_uid
    task = Task(job, submit, source.name, scene, location, source.label, options or ImportOptions(), uid)
    _tasks.append(task)
    _watch()
    return task


def _may_submit() -> bool:
    """Whether the engine is there. Begins to load LibTorch where it is not."""
    if is_patient or backend.is_ready():
        return True
    backend.load()
    return False


def _watch() -> None:
    if not bpy.app.timers.is_registered(poll):
        # Persistent: loading a file must not stop it before the jobs are put away.
        bpy.app.timers.register(poll, first_interval=INTERVAL, persistent=True)


def poll() -> float | None:
    """The timer: takes in what is done. Also what headless code calls, where timers do not fire."""
    if not backend.is_loading():
        _submit_what_waited()
    _look_at_mask()
    for task in _tasks:
        _look_at_previews(task)
    for task in _tasks[:]:
        if not task.job.wait(0):
            continue
        is_result = task.job.status.state == "done"
        if is_result and _is_user_busy():
            continue
        _tasks.remove(task)
        _finish(task)
        if is_result:
            break  # one a time: the window must not stand still
    redraw()
    return INTERVAL if _tasks or _mask_job is not None or _wanted_mask is not None else None


def _submit_what_waited() -> None:
    """For LibTorch, which is loaded now, or cannot be."""
    global _wanted_mask, _mask_job, _mask_failure
    failure = backend.loading_failure()
    for task in _tasks:
        loading = task.job
        if not isinstance(loading, LoadingJob) or loading.wait(0):
            continue
        if failure is not None:
            loading.fail(failure)
            continue
        try:
            task.job = task.submit()
        except Exception as error:
            loading.fail(error)
    if _wanted_mask is not None:
        submit, _wanted_mask = _wanted_mask, None
        try:
            _mask_failure = failure
            _mask_job = None if failure else submit()
        except Exception as error:
            _mask_failure = Failure.of(error)


def finish() -> Failure | None:
    """Waits for all jobs and takes them in; returns the last failure."""
    while poll() is not None:
        time.sleep(INTERVAL / 2)
    return _last_failure


def tasks() -> list[Task]:
    return _tasks


def find(number: int) -> Task | None:
    return next((task for task in _tasks if task.job.number == number), None)


def cancel() -> None:
    """Cancels everything. The timer then finds the jobs ended."""
    for task in _tasks:
        task.job.cancel()


def move(task: Task, step: int) -> None:
    """Up (-1) or down (1) among those that wait."""
    waiting = [other for other in _tasks if other.job.status.state == "waiting"]
    if task not in waiting or isinstance(task.job, LoadingJob):
        return
    place = min(max(waiting.index(task) + step, 0), len(waiting) - 1)
    if backend.engine().move(task.job, place):
        waiting.remove(task)
        waiting.insert(place, task)
        _tasks[:] = [other for other in _tasks if other not in waiting] + waiting


def drop() -> None:
    """Cancels everything and forgets it."""
    global _last_failure, _mask_failure
    cancel()
    hide_mask()
    for task in _tasks:
        thumbnails.forget(task.thumbnail)
    _tasks.clear()
    _last_failure = _mask_failure = None
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


def dismiss_failure() -> None:
    global _last_failure
    _last_failure = None


# The mask's preview


def show_mask(source: Source, settings: Any) -> None:
    """Cuts the subject out, before all jobs that wait. Raises relievo.Error."""
    global _mask_job, _mask_failure, _wanted_mask
    if _mask_job is not None:
        _mask_job.cancel()
    _mask_job = _mask_failure = None

    def submit() -> relievo.Job:
        return backend.engine().submit(source.picture, source=source.label, only_foreground=True, **settings)

    if _may_submit():
        _mask_job = submit()
    else:
        _wanted_mask = submit
    _watch()


def hide_mask() -> None:
    global _mask_job, _mask_failure, _wanted_mask
    if _mask_job is not None:
        _mask_job.cancel()
    _mask_job = _mask_failure = _wanted_mask = None
    thumbnails.forget(MASK)


def is_mask_shown() -> bool:
    is_coming = _mask_job is not None or _wanted_mask is not None
    return is_coming or _mask_failure is not None or thumbnails.has(MASK)


def mask_failure() -> Failure | None:
    return _mask_failure


def _look_at_mask() -> None:
    global _mask_job, _mask_failure
    if _mask_job is None or not _mask_job.wait(0):
        return
    job, _mask_job = _mask_job, None
    if job.error is not None:
        thumbnails.forget(MASK)
        if job.error.code != "cancelled":
            _mask_failure = Failure.of(job.error)
        return
    for preview in job.previews:
        thumbnails.put(MASK, preview.pixels)


# Taking in


def redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "IMAGE_EDITOR"):
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
            elif area.type == "PREFERENCES":
                area.tag_redraw()


def _look_at_previews(task: Task) -> None:
    previews = task.job.previews
    if len(previews) > task.shown:
        task.shown = len(previews)
        thumbnails.put(task.thumbnail, previews[-1].pixels)


def _finish(task: Task) -> None:
    thumbnails.forget(task.thumbnail)
    if task.job.status.state != "done":
        if task.job.error is not None and getattr(task.job.error, "code", "") != "cancelled":
            fail(task.job.error)
        return
    try:
        _take_in(task)
    except Exception as error:  # the timer must go on with the next job
        fail(error)


def _take_in(task: Task) -> None:
    assert not isinstance(task.job, LoadingJob)
    result = task.job.take()
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
