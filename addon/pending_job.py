"""A job of the engine's that may be asked for before LibTorch is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import bpy

from .failure import Failure
from .runtime import runtime

if TYPE_CHECKING:
    import relievo

is_patient = bool(bpy.app.background)  # there is no window that must not stand still


@dataclass
class LoadingStatus:
    """As relievo.JobStatus, while LibTorch is being loaded."""

    state: str = "loading"
    stage: str = "loading"
    fraction: float = 0.0
    seconds: float = 0.0
    seconds_left: float | None = None


class PendingJob:
    """A job of the engine's that may be asked for before LibTorch is loaded. As relievo.Job."""

    def __init__(self, submit: Callable[[], relievo.Job]) -> None:
        """Raises relievo.Error where the engine is there and refuses."""
        self._submit = submit
        self._status = LoadingStatus()
        self._error: Any = None
        self.job: relievo.Job | None = None
        if is_patient or runtime.is_ready:
            self.job = submit()
        else:
            runtime.load()

    @property
    def status(self) -> relievo.JobStatus | LoadingStatus:
        return self._status if self.job is None else self.job.status

    @property
    def previews(self) -> list[relievo.Preview]:
        return [] if self.job is None else self.job.previews

    @property
    def error(self) -> Any:
        return self._error if self.job is None else self.job.error

    def cancel(self) -> None:
        if self.job is not None:
            self.job.cancel()
        elif self._status.state == "loading":
            self._status.state = "cancelled"

    def wait(self, seconds: float) -> bool:
        """Whether it is over. Submits it when LibTorch is loaded."""
        if self.job is None and self._status.state == "loading" and not runtime.is_loading():
            self._submit_now()
        return self._status.state != "loading" if self.job is None else self.job.wait(seconds)

    def _submit_now(self) -> None:
        try:
            if runtime.failure is not None:
                self._error = runtime.failure
            else:
                self.job = self._submit()
        except Exception as error:
            self._error = error
        if self._error is not None:
            self._status.state = "failed"

    def failure(self) -> Failure | None:
        """Why there is no result, unless it was cancelled."""
        is_failed = self.error is not None and getattr(self.error, "code", "") != "cancelled"
        if not is_failed:
            return None
        return self.error if isinstance(self.error, Failure) else Failure.of(self.error)
