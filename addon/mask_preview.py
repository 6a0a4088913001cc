"""The preview of the mask: it shows what is taken for the subject, before anything is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import pending, thumbnails
from .failure import Failure
from .pending_job import PendingJob
from .pictures import Source
from .runtime import runtime

if TYPE_CHECKING:
    import relievo
    from relievo import Picture

THUMBNAIL = "mask"


class _Preview:
    def __init__(self, job: PendingJob) -> None:
        self._job = job

    def cancel(self) -> None:
        self._job.cancel()

    def look(self, turn: pending.Turn) -> bool:
        global _preview, _failure
        if not self._job.wait(0):
            return False
        _preview = None
        if self._job.error is not None:
            thumbnails.forget(THUMBNAIL)
            _failure = self._job.failure()
        for preview in self._job.previews:
            thumbnails.put(THUMBNAIL, preview.pixels)
        return True


_preview: _Preview | None = None  # the preview that is being computed
_failure: Failure | None = None


def show(source: Source, settings: Any) -> None:
    """Cuts the subject out, before all jobs that wait. Raises relievo.Error."""
    global _preview, _failure

    def submit(picture: Picture) -> relievo.Job:
        return runtime.engine().submit(picture, source=source.label, only_foreground=True, **settings)

    _stop()
    _failure = None
    _preview = _Preview(PendingJob(submit, source.picture, source.otherwise))
    pending.watch(_preview)


def hide() -> None:
    global _failure
    _stop()
    _failure = None
    thumbnails.forget(THUMBNAIL)


def is_coming() -> bool:
    return _preview is not None


def is_shown() -> bool:
    return _preview is not None or _failure is not None or thumbnails.has(THUMBNAIL)


def failure() -> Failure | None:
    return _failure


def _stop() -> None:
    global _preview
    if _preview is not None:
        _preview.cancel()
        pending.forget(_preview)
        _preview = None
