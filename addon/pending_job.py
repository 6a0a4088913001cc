"""A job of the engine's that may be asked for before LibTorch is loaded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import bpy

from . import messages
from .failure import Failure
from .runtime import runtime

if TYPE_CHECKING:
    import relievo
    from relievo import Picture

is_patient = bool(bpy.app.background)  # there is no window that must not stand still


@dataclass
class LoadingStatus:
    """Has the fields of relievo.JobStatus while LibTorch is being loaded."""

    state: str = "loading"
    stage: str = "loading"
    fraction: float = 0.0
    seconds: float = 0.0
    seconds_left: float | None = None


class PendingJob:
    """A job of the engine's that may be asked for before LibTorch is loaded. It has the methods of relievo.Job."""

    def __init__(
        self, submit: Callable[[Picture], relievo.Job], picture: Picture, otherwise: Callable[[], Picture] | None = None
    ) -> None:
        """Asks for a job. Where the engine cannot read the picture, it gets what otherwise() makes of it.

        Raises relievo.Error where the engine is there and refuses.
        """
        self._submit, self._picture, self._otherwise = submit, picture, otherwise
        self._status = LoadingStatus()
        self._error: Any = None
        self.job: relievo.Job | None = None
        if is_patient or runtime.is_ready:
            self.job = submit(picture)
        else:
            runtime.load()

    @property
    def status(self) -> relievo.JobStatus | LoadingStatus:
        return self._status if self.job is None else self.job.status

    @property
    def previews(self) -> list[relievo.Preview]:
        return [] if self.job is None else self.job.previews

    @property
    def notes(self) -> list[str]:
        return [] if self.job is None else self.job.notes

    @property
    def error(self) -> Any:
        return self._error if self.job is None else self.job.error

    def cancel(self) -> None:
        if self.job is not None:
            self.job.cancel()
        elif self._status.state == "loading":
            self._status.state = "cancelled"

    def wait(self, seconds: float) -> bool:
        """Returns whether the job is over. Submits it when LibTorch is loaded."""
        if self.job is None and self._status.state == "loading" and not runtime.is_loading():
            self._submit_now()
        if self.job is None:
            return self._status.state != "loading"
        return self.job.wait(seconds) and not self._is_tried_otherwise()

    def _submit_now(self) -> None:
        try:
            if runtime.failure is not None:
                self._error = runtime.failure
            else:
                self.job = self._submit(self._picture)
        except Exception as error:
            self._error = error
        if self._error is not None:
            self._status.state = "failed"

    def _is_tried_otherwise(self) -> bool:
        """Returns whether the job goes on with the picture as Blender reads it. Where that fails too, the first failure
        counts."""
        otherwise, self._otherwise = self._otherwise, None
        if otherwise is None or getattr(self.error, "code", "") != "invalid_image":
            return False
        with contextlib.suppress(Exception):
            self.job = self._submit(otherwise())
            return True
        return False

    def failure(self) -> Failure | None:
        """Says why there is no result, unless the job was cancelled."""
        is_failed = self.error is not None and getattr(self.error, "code", "") != "cancelled"
        if not is_failed:
            return None
        failure = self.error if isinstance(self.error, Failure) else Failure.of(self.error)
        return messages.in_blender(failure)
