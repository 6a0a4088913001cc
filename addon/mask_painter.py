"""Mending a mask by hand: what was painted on the picture, and the mask that follows from it.

The window that a person paints in is operators/mask.py; mask_view.py draws it.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import files, thumbnails
from .failure import Failure
from .pending_job import PendingJob
from .pictures import Source
from .runtime import runtime

if TYPE_CHECKING:
    import relievo
    from relievo import Picture

Point: TypeAlias = tuple[float, float]  # right and down, in pixels of the picture as it is shown
Stroke: TypeAlias = tuple[bool, list[Point], float]  # whether it is on the subject, its points, the brush's radius


class Painting:
    """A picture, its mask as it was found, and the strokes that mend it. look() takes in what was computed."""

    latest: ClassVar[Painting | None] = None  # for who looks on: tests in a window

    def __init__(self, source: Source, settings: dict[str, Any]) -> None:
        """Raises relievo.Error."""

        def submit(picture: Picture) -> relievo.Job:
            words = {**settings, "views": [], "sheet": "", "subject": 0}
            return runtime.engine().submit(picture, source=source.label, only_foreground=True, shows_mask=True, **words)

        self.name = source.name
        self.failure: Failure | None = None
        self.picture: NDArray[np.uint8] | None = None  # [H, W, 3]
        self.mask: NDArray[np.uint8] | None = None  # [H, W]
        self.strokes: list[Stroke] = []
        self._before: NDArray[np.uint8] | None = None  # the mask without strokes
        self._job: PendingJob | None = PendingJob(submit, source.picture, source.otherwise)
        self._mending: Any = None
        self._ended: list[Any] = []  # computations that were cancelled, until they are over
        Painting.latest = self

    @property
    def is_busy(self) -> bool:
        return self._job is not None or self._mending is not None

    def look(self) -> bool:
        """Takes in what has come; returns whether there is something new."""
        self._ended = [mending for mending in self._ended if not mending.wait(0)]
        if self._job is not None:
            return self._look_at_job(self._job)
        if self._mending is None or not self._mending.wait(0):
            return False
        mending, self._mending = self._mending, None
        try:
            self.mask = np.array(mending.mask)
        except Exception as error:
            self.failure = Failure.of(error)
        return True

    def _look_at_job(self, job: PendingJob) -> bool:
        if not job.wait(0):
            return False
        self._job = None
        shown = {preview.name: np.array(preview.pixels) for preview in job.previews}
        if job.error is not None or not {"picture", "mask"} <= shown.keys():
            self.failure = job.failure() or Failure("no_subject", "The picture has no mask to mend.", "", 2, "mask")
            # Where no subject was found, the picture is there and a person can paint it.
            if getattr(job.error, "code", "") != "no_subject" or "picture" not in shown:
                return True
            self.failure = None
            shown["mask"] = np.zeros_like(shown["picture"])
        self.picture = shown["picture"]
        self._before = self.mask = np.ascontiguousarray(shown["mask"][..., 0])
        return True

    def begin(self, is_subject: bool, point: Point, radius: float) -> None:
        self.strokes.append((is_subject, [point], radius))

    def add(self, point: Point) -> None:
        self.strokes[-1][1].append(point)

    def end(self) -> None:
        """Computes the mask anew, of all strokes."""
        self._stop()
        if self.picture is None:
            return
        if not self.strokes:
            self.mask = self._before
            return
        mending = runtime.package()._native.Mending
        self._mending = mending(self.picture, self._before, self.strokes)

    def undo(self) -> None:
        if self.strokes:
            self.strokes.pop()
            self.end()

    def cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self._stop()

    def _stop(self) -> None:
        if self._mending is not None:
            self._mending.cancel()
            self._ended.append(self._mending)
            self._mending = None

    def save(self, folder: Path) -> Path:
        """Writes the mask as a picture whose name tells its content; returns the file. Raises OSError."""
        assert self.mask is not None
        png = thumbnails.png(np.repeat(self.mask[..., None], 3, axis=2))
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}_mask_{zlib.crc32(png):08x}.png"
        files.write_atomically(path, png)
        return path


def shown(picture: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Returns `[H, W, 4]`, row 0 at the bottom: the background dark and red, the subject as it is, a line around it."""
    inside = mask.astype(np.float32)[..., None] / 255
    colours = picture.astype(np.float32) / 255
    ground = 0.3 * colours + np.array([0.25, 0.0, 0.0], np.float32)
    made = np.ones((*mask.shape, 4), np.float32)
    made[..., :3] = colours * inside + ground * (1 - inside)
    is_in = mask >= 128
    is_edge = np.zeros_like(is_in)
    is_edge[1:] |= is_in[1:] != is_in[:-1]
    is_edge[:, 1:] |= is_in[:, 1:] != is_in[:, :-1]
    made[is_edge, :3] = (1.0, 0.85, 0.2)
    return np.ascontiguousarray(made[::-1])
