"""Makes results of many pictures into one folder."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

from . import _native
from ._engine import Engine, Settings, shared_engine
from ._errors import Error, IoError
from ._native import BatchTask, Job, Result
from ._types import PathLike


@dataclass(frozen=True)
class BatchOutcome:
    """The outcome of one picture."""

    picture: str
    result: Result | None = None  # None when it failed
    files: list[Path] = field(default_factory=list)
    error: Error | None = None
    report: str = ""  # the JSON object that the command prints, from run_on_cluster()


class Batch:
    """Pictures of a folder or a manifest into one folder. What is made already is not made again.

        with relievo.Batch("pictures", "out", formats=["glb"], grid=64) as batch:
            for outcome in batch.run():
                print(outcome.picture, outcome.files, outcome.error)

    What was made counts as long as the content of the picture, the mask and the views, the settings, the formats and
    the files themselves are the same. recursive takes the pictures of subfolders in; sides makes one object
    of a folder's pictures that are called cup_front.png, cup_back.png and so on; again makes everything anew;
    only_failed makes what failed the last time; dry_run writes nothing. required are words of `relievo check`: a mesh
    that does not meet them is no result, but a failure. report writes what write_report() shows in 3D as soon as each
    result is made, and not only then. One batch at a time may write into a folder; lock=False is for
    file systems that have no locks. Raises InvalidSettingsError and IoError.
    """

    def __init__(
        self,
        source: PathLike,
        folder: PathLike,
        *,
        formats: Sequence[str] = ("glb",),
        contact_sheet: bool = False,
        turntable: int = 0,
        exr: bool = False,
        recursive: bool = False,
        sides: bool = True,
        again: bool = False,
        only_failed: bool = False,
        lock: bool = True,
        dry_run: bool = False,
        required: Sequence[str] = (),
        report: bool = False,
        **settings: Unpack[Settings],
    ) -> None:
        self._formats = list(formats)
        self._renders: dict[str, Any] = {"sheet": contact_sheet, "turntable": turntable, "exr": exr}
        self._is_dry = dry_run
        self._required = list(required)
        self._journal = _native.open_batch(
            source,
            folder,
            formats=self._formats,
            contact_sheet=contact_sheet,
            turntable=turntable,
            exr=exr,
            recursive=recursive,
            sides=sides,
            again=again,
            only_failed=only_failed,
            lock=lock,
            dry_run=dry_run,
            required=self._required,
            report=report,
            **settings,
        )

    @property
    def notes(self) -> list[str]:
        """Sentences that say what is left out, by kind and number, and what else one should know."""
        return self._journal.notes

    @property
    def left(self) -> list[BatchTask]:
        """The tasks that have to be made."""
        return self._journal.left

    @property
    def made_before(self) -> list[dict[str, Any]]:
        """The reports of the pictures whose results exist already."""
        return [json.loads(report) for report in self._journal.made_before]

    @property
    def pictures(self) -> int:
        """The number of pictures that the folder or manifest names."""
        return self._journal.pictures

    @property
    def summary(self) -> str:
        """Says how many are made, existed already, have failed and are left."""
        return self._journal.summary

    @property
    def is_recorded(self) -> bool:
        """Whether the journal has all that happened so far. What it has not is made again the next time."""
        return self._journal.is_recorded

    def begin(self, place: int) -> None:
        """Records that the task at that place in `left` has begun. This is for callers that make results themselves;
        run() does it by itself."""
        _recorded(self._journal.begin, place)

    def finish(self, place: int, report: str, files: Sequence[PathLike], thumbnail: bytes = b"") -> None:
        """Records that all its files are written. report is the text of report_of(), thumbnail that of
        thumbnail_of()."""
        _recorded(self._journal.finish, place, report, files, thumbnail)

    def fail(
        self,
        place: int,
        code: str,
        message: str,
        hint: str = "",
        files: Sequence[PathLike] = (),
        thumbnail: bytes = b"",
    ) -> None:
        """Records that it failed, with the code of a relievo.Error."""
        _recorded(self._journal.fail, place, code, message, hint, files, thumbnail)

    def write_report(self) -> Path:
        """Writes relievo-report.html, a gallery of all results that the folder's journal knows, and the same facts as
        relievo-metrics.jsonl and relievo-metrics.csv. Returns the first. Raises IoError."""
        return self._journal.write_report()

    def estimate(self, **machine: Any) -> dict[str, Any]:
        """Tells what making the tasks that are left would take: pictures, expected_seconds, devices with their
        peak_bytes, and whether costs are measured or estimated. machine are devices, strategy, policy and lossy, as
        Engine has them."""
        report, _ = _native._estimate(self.left, **machine)
        told: dict[str, Any] = json.loads(report)
        return told

    def run(self, engine: Engine | None = None, until: str = "") -> Iterator[BatchOutcome]:
        """Makes the tasks that are left one after the other, and saves results while the next are made; a failure
        stops nothing. None is begun after the time of day until, such as "07:00"."""
        if self._is_dry:
            return
        engine = engine or shared_engine()
        tasks = self.left
        waiting: deque[Job | Error] = deque()
        # So many jobs are submitted that nothing waits while results are written, and no more, because results take
        # memory until then.
        ahead = 2 * len(engine.workers)
        savers = max(1, min(len(engine.workers), (os.cpu_count() or 2) // 2))
        saving: deque[Future[BatchOutcome]] = deque()
        end = _native._until(until) if until else None
        with ThreadPoolExecutor(savers, "relievo saver") as pool:
            try:
                for place, task in enumerate(tasks):
                    if end is not None and time.time() >= end:
                        break
                    while len(waiting) <= ahead and place + len(waiting) < len(tasks):
                        waiting.append(_submitted(engine, tasks[place + len(waiting)]))
                    self.begin(place)
                    if not isinstance(waiting[0], Error):
                        waiting[0].wait()
                    saving.append(pool.submit(self._ended, place, task, waiting.popleft()))
                    while saving and (saving[0].done() or len(saving) > savers):
                        yield saving.popleft().result()
                while saving:
                    yield saving.popleft().result()
            finally:
                for job in waiting:
                    if not isinstance(job, Error):
                        job.cancel()

    def run_on_cluster(self, address: str, until: str = "", **machine: Any) -> Iterator[BatchOutcome]:
        """Does the same on a Ray cluster (pip install 'relievo[cluster]'), in the order in which they are done.
        Outcomes have files and no results. machine are the options that Engine has, for each node's own."""
        from . import _cluster

        if not self._is_dry:
            yield from _cluster.run(self, address, machine, until)

    def _ended(self, place: int, task: BatchTask, job: Job | Error) -> BatchOutcome:
        files: list[Path] = []
        thumbnail = b""
        met: list[str] | None = None
        try:
            if isinstance(job, Error):
                raise job
            thumbnail = _native.thumbnail_of(job)
            if job.error is not None:
                raise job.error
            result = job.take()
            assert result is not None
            if self._required:
                met = _native.require(result, self._required)
            files += result.save(task.folder, self._formats, former=task.former, named=True)
            files += result.save_renders(task.folder, **self._renders, former=task.former, named=True)
        except Error as error:
            self.fail(place, error.code, error.message, error.hint, files, thumbnail)
            return BatchOutcome(task.picture, files=files, error=error)
        self.finish(place, _native.report_of(task.picture, result, files, met), files, thumbnail)
        return BatchOutcome(task.picture, result, files)

    def close(self) -> None:
        """Closes the batch, so that others may write into the folder."""
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _recorded(record: Callable[..., None], *facts: Any) -> None:
    """Writes to the journal. A failure stops nothing: the picture is only made again the next time."""
    try:
        record(*facts)
    except IoError as error:
        warnings.warn(str(error), RuntimeWarning, stacklevel=4)


def _submitted(engine: Engine, task: BatchTask) -> Job | Error:
    if task.error is not None:
        return task.error
    try:
        return engine.submit(task.picture, name=task.name, **task.settings)
    except Error as error:
        return error
