"""The queue of this Blender: jobs that run or wait, jobs that have failed, and results that wait to be placed.

Undo cannot harm a job, since it holds nothing of Blender's but plain numbers until it is done. A job goes on when
another file is opened; its result then waits for the person to place it.
"""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from . import history, messages, notices, pending, pictures, placing, redo, sources, taking_in, thumbnails
from .failure import Failure
from .import_mesh import ImportOptions
from .pending_job import LoadingStatus, PendingJob
from .pictures import Source
from .records import Record
from .runtime import runtime

if TYPE_CHECKING:
    import relievo
    from relievo import Picture

_numbers = itertools.count(1)
_file = 0  # how many files were opened before this one


@dataclass(eq=False)
class Task:
    """A picture that was asked for, and the state that its job is in."""

    source: Source
    settings: dict[str, Any]
    options: ImportOptions
    target: taking_in.Target
    # Number of the file that was open when it was asked for.
    file: int
    record: Record
    job: PendingJob | None = None
    failure: Failure | None = None
    is_unplaced: bool = False  # made, and there was no place for it
    keeping: history.Keeping | None = None  # set while the result is written into the history
    shown: int = 0  # number of the job's previews that are in the thumbnails
    number: int = field(default_factory=lambda: next(_numbers))

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def key(self) -> str:
        """The key of its record."""
        return self.record.key

    @property
    def thumbnail(self) -> str:
        return f"job {self.number}"

    @property
    def status(self) -> relievo.JobStatus | LoadingStatus:
        return LoadingStatus("failed", "") if self.job is None else self.job.status

    @property
    def is_active(self) -> bool:
        return self.failure is None and not self.is_unplaced

    def cancel(self) -> None:
        if self.job is not None:
            self.job.cancel()

    def look(self, turn: pending.Turn) -> bool:
        assert self.job is not None
        previews = self.job.previews
        if len(previews) > self.shown:
            self.shown = len(previews)
            thumbnails.put(self.thumbnail, previews[-1].pixels)
        if not self.job.wait(0):
            return False
        if self.job.status.state == "done":
            return self._take_in(turn)
        if (failure := self.job.failure()) is not None:
            self.fail(failure)
        else:
            forget(self)
        return True

    def _take_in(self, turn: pending.Turn) -> bool:
        if not turn.take():
            return False
        if self.file == _file and taking_in.must_wait(self.target):
            turn.wait_for_person()
            return False
        try:
            self._place()
        except Exception as error:  # the timer must go on with the next job
            self.fail(messages.in_blender(Failure.of(error)))
        return True

    def _place(self) -> None:
        """Places the result. Raises relievo.Error."""
        assert self.job is not None
        result, why = taking_in.take_in(self.job, self.key, self.source, self.options, self.target, self.file == _file)
        seconds, shaded = self.job.status.seconds, taking_in.shaded(self.job)
        self.keeping = history.finish(self.record, result, seconds, shaded, is_placed=not why)
        pending.watch(self.keeping)
        if why:
            self.is_unplaced = True
            notices.tell(f"'{self.name}' is made and not placed: {why}.")
        else:
            _tasks.remove(self)
            thumbnails.forget(self.thumbnail)

    @property
    def unkept(self) -> str:
        """Says why the result is in this Blender alone; empty where it is not, or where that is not known yet."""
        return self.keeping.failure if self.keeping is not None else ""

    def fail(self, failure: Failure) -> None:
        """Keeps the task in the queue with the reason."""
        self.failure = failure
        history.change(self.key, state="failed", failure=asdict(failure))
        notices.tell(f"{self.name}: {failure.message}")


_tasks: list[Task] = []  # in the order in which they run
# Failure of a job that could not even be begun.
_last_failure: Failure | None = None


def start(
    context: bpy.types.Context,
    picture: Path | Source,
    settings: Any,
    options: ImportOptions | None = None,
    replaces: bpy.types.Object | None = None,
    target: taking_in.Target | None = None,
) -> Task:
    """Puts a picture in the queue. Its object will stand at the 3D cursor or the target, or be the one that it replaces
    the mesh of.

    Raises relievo.Error, CannotRedoError, NoPlaceError.
    """
    dismiss_failure()
    source = picture if isinstance(picture, Source) else pictures.from_file(picture)
    if replaces is not None:
        redo.check(replaces)
    else:
        placing.check(context.scene)
    target = target or taking_in.Target.of(context, replaces)
    record = Record(
        source.name,
        source.label,
        dict(settings),
        options=asdict(options or ImportOptions()),
        target=target.as_record(),
        owner=history.owner(),
    )
    task = Task(source, dict(settings), options or ImportOptions(), target, _file, record)
    task.job = _submit(task)
    history.queue(record, lambda file: sources.save(source, file))
    _add(task)
    return task


def _submit(task: Task) -> PendingJob:
    """Submits a task. Raises relievo.Error where the engine is loaded and refuses."""
    source, settings = task.source, task.settings

    def submit(picture: Picture) -> relievo.Job:
        return runtime.engine().submit(picture, name=source.name, source=source.label, **settings)

    return PendingJob(submit, source.picture, source.otherwise)


def _add(task: Task) -> None:
    if task not in _tasks:
        _tasks.append(task)
    if task.job is not None:
        pending.watch(task)


def retry(task: Task) -> None:
    """Submits a task again. Raises relievo.Error."""
    if task.failure is None:
        return
    task.job, task.failure, task.shown = _submit(task), None, 0
    history.change(task.key, state="queued", failure={}, owner=history.owner())
    _add(task)


def take_up() -> None:
    """Continues the jobs that were left by Blenders that have ended. A job that fails at once stays in the queue."""
    for record in list(history.left_behind()):
        if not history.take_over(record):
            continue
        options = ImportOptions.of(record.options)
        target = taking_in.Target.of_record(bpy.context, record.target)
        source = Source(b"", record.picture, record.name)
        task = Task(source, record.settings, options, target, _file, record)
        try:
            task.source = sources.load(history.source_file(record.key), record.picture, record.name)
            if record.state == "failed":
                task.failure = Failure(**record.failure)
            else:
                task.job = _submit(task)
        except Exception as error:
            task.fail(messages.in_blender(Failure.of(error)))
        _add(task)
    history.refresh()


def leave() -> None:
    """Dismisses the jobs that were left."""
    history.remove(*(record.key for record in history.left_behind()))


poll = pending.poll


def finish() -> Failure | None:
    """Waits for all jobs and takes them in; returns the last failure of these."""
    before = [task.number for task in failed()]
    pending.finish()
    history.settle()
    return next((task.failure for task in reversed(failed()) if task.number not in before), None)


def tasks() -> list[Task]:
    return _tasks


def failed() -> list[Task]:
    return [task for task in _tasks if task.failure is not None]


def active() -> list[Task]:
    """Returns the tasks that run or wait."""
    return [task for task in _tasks if task.is_active]


def find(number: int) -> Task | None:
    return next((task for task in _tasks if task.number == number), None)


def cancel() -> None:
    """Cancels everything. The timer then finds the jobs ended."""
    for task in active():
        task.cancel()


def move(task: Task, step: int) -> None:
    """Moves a task up (-1) or down (1) among those that wait."""
    waiting = [each for each in active() if each.job is not None and each.job.status.state == "waiting"]
    if task not in waiting or task.job is None or task.job.job is None:
        return
    place = min(max(waiting.index(task) + step, 0), len(waiting) - 1)
    if runtime.engine().move(task.job.job, place):
        waiting.remove(task)
        waiting.insert(place, task)
        _tasks[:] = [other for other in _tasks if other not in waiting] + waiting


def place(key: str, context: bpy.types.Context) -> bpy.types.Object:
    """Places a finished result at the 3D cursor, without computing. Raises UnreadableResultError, NoPlaceError."""
    task = next((task for task in _tasks if task.is_unplaced and task.key == key), None)
    if task is None:
        return taking_in.place_again(key, history.find(key), history.load_result(key), b"", context)
    held = task.keeping.result if task.keeping is not None else None
    result = history.load_result(key) if held is None else held
    thing = taking_in.place_again(key, task.record, result, sources.bytes_of(task.source), context)
    forget(task)
    return thing


def forget(task: Task) -> None:
    """Takes a task out of the queue. A finished result stays in the history, if it is there."""
    task.cancel()
    pending.forget(task)
    _tasks.remove(task)
    thumbnails.forget(task.thumbnail)
    if not task.is_unplaced or task.unkept:
        history.remove(task.key)


def file_opened() -> None:
    """Tells the queue that another file was opened. The jobs go on, but their results have no place in the new file
    until the person wants it."""
    global _file
    _file += 1


def stop() -> None:
    """Cancels everything. Unfinished jobs can be continued later."""
    cancel()
    for task in _tasks:
        thumbnails.forget(task.thumbnail)
        pending.forget(task)
    _tasks.clear()
    dismiss_failure()


def current() -> Task | None:
    """Returns the task that runs, or is next."""
    return next(iter(active()), None)


def waiting() -> int:
    """Returns how many tasks are behind the current one."""
    return max(0, len(active()) - 1)


def last_failure() -> Failure | None:
    """Returns why the last click had no effect, else the failure of the last job that failed."""
    return _last_failure or next((task.failure for task in reversed(failed())), None)


def click_failure() -> Failure | None:
    """Returns why the last click had no effect."""
    return _last_failure


def fail(error: Exception | Failure) -> Failure:
    """Remembers why something did not work, for the panel."""
    global _last_failure
    _last_failure = messages.in_blender(error if isinstance(error, Failure) else Failure.of(error))
    return _last_failure


def dismiss_failure() -> None:
    global _last_failure
    _last_failure = None
