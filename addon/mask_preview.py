"""The preview of the mask: it shows what is taken for the subject, before anything is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

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
        global _preview, _failure, _subjects
        if not self._job.wait(0):
            return False
        _preview = None
        if self._job.error is not None:
            thumbnails.forget(THUMBNAIL)
            _failure = self._job.failure()
        for preview in self._job.previews:
            if preview.name == "foreground":
                thumbnails.put(THUMBNAIL, preview.pixels)
            elif preview.name == "mask":
                _subjects = runtime.package()._native._count_subjects(np.ascontiguousarray(preview.pixels[..., 0]))
        _notes[:] = self._job.notes
        return True


_preview: _Preview | None = None  # the preview that is being computed
_failure: Failure | None = None
_notes: list[str] = []  # what is worth knowing before anything is made
_subjects = 0  # separate subjects in the mask


def show(source: Source, settings: Any) -> None:
    """Cuts the subject out, before all jobs that wait. Raises relievo.Error."""
    global _preview, _failure

    def submit(picture: Picture) -> relievo.Job:
        # All subjects are shown and counted, whichever one was chosen.
        words = {**settings, "subject": 0} if not settings.get("sheet") else settings
        return runtime.engine().submit(picture, source=source.label, only_foreground=True, shows_mask=True, **words)

    _stop()
    _failure = None
    _forget()
    _preview = _Preview(PendingJob(submit, source.picture, source.otherwise))
    pending.watch(_preview)


def hide() -> None:
    global _failure
    _stop()
    _failure = None
    _forget()
    thumbnails.forget(THUMBNAIL)


def is_coming() -> bool:
    return _preview is not None


def is_shown() -> bool:
    return _preview is not None or _failure is not None or thumbnails.has(THUMBNAIL)


def failure() -> Failure | None:
    return _failure


def notes() -> list[str]:
    """Returns what was told of the picture that is shown."""
    return _notes


def subjects() -> int:
    """Returns how many separate subjects the picture that is shown has; 0 where that is not known."""
    return _subjects


def _forget() -> None:
    global _subjects
    _notes.clear()
    _subjects = 0


def _stop() -> None:
    global _preview
    if _preview is not None:
        _preview.cancel()
        pending.forget(_preview)
        _preview = None
