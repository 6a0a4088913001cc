"""Compares a result with its picture as seen from the front: a small software rasteriser and the masks beside it.

The view from the front is orthographic, along +Y, and shows x and z in -1..1: the square that the engine cut out of the
picture (`crop`). All views are `[side, side]` with row 0 at the top.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class FrontView:
    """The first hit of a ray along +Y through each pixel's centre."""

    face: NDArray[np.int64]  # [side, side], -1 where there is nothing
    weights: NDArray[np.float64]  # [side, side, 3] barycentric

    @property
    def outline(self) -> Bools:
        return self.face >= 0


def front_view(vertices: Floats, faces: NDArray[np.int32], side: int) -> FrontView:
    """Rasterises vertices `[V, 3]` (scene axes) and faces `[F, 3]`."""
    corners = vertices[faces].astype(np.float64)  # [F, 3, 3]
    x = (corners[..., 0] + 1) / 2 * side - 0.5  # pixel centres are whole numbers
    y = (1 - corners[..., 2]) / 2 * side - 0.5
    area = _twice_area(x[:, 0], y[:, 0], x[:, 1], y[:, 1], x[:, 2], y[:, 2])
    first_column, last_column = np.ceil(x.min(axis=1)).astype(int), np.floor(x.max(axis=1)).astype(int)
    first_row, last_row = np.ceil(y.min(axis=1)).astype(int), np.floor(y.max(axis=1)).astype(int)
    columns, rows = last_column - first_column + 1, last_row - first_row + 1
    todo = np.flatnonzero((columns > 0) & (rows > 0) & (area != 0))

    # Faces with boxes of one size go together, so that the loop is over pixels of a box, not over faces.
    hits: list[tuple[NDArray[Any], ...]] = []
    for column in range(columns[todo].max(initial=0)):
        wide = todo[columns[todo] > column]
        for row in range(rows[wide].max(initial=0)):
            f = wide[rows[wide] > row]
            px, py = first_column[f] + column, first_row[f] + row
            a = _twice_area(px, py, x[f, 1], y[f, 1], x[f, 2], y[f, 2]) / area[f]
            b = _twice_area(x[f, 0], y[f, 0], px, py, x[f, 2], y[f, 2]) / area[f]
            c = 1 - a - b
            inside = (a >= 0) & (b >= 0) & (c >= 0) & (px >= 0) & (px < side) & (py >= 0) & (py < side)
            weights = np.stack([a, b, c], axis=1)[inside]
            f = f[inside]
            depth = (weights * corners[f, :, 1]).sum(axis=1)
            hits.append(((py * side + px)[inside], depth, f, weights))

    face = np.full(side * side, -1, dtype=np.int64)
    all_weights = np.zeros((side * side, 3))
    if hits:
        pixel, depth, f, weights = (np.concatenate(part) for part in zip(*hits, strict=True))
        far_to_near = np.argsort(-depth, kind="stable")  # the last write to a pixel wins
        face[pixel[far_to_near]] = f[far_to_near]
        all_weights[pixel[far_to_near]] = weights[far_to_near]
    return FrontView(face.reshape(side, side), all_weights.reshape(side, side, 3))


def _twice_area(ax: Any, ay: Any, bx: Any, by: Any, cx: Any, cy: Any) -> Any:
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


def front_colours(view: FrontView, corner_uv: Floats, albedo: NDArray[np.uint8]) -> Floats:
    """The albedo `[H, W, 3]` seen from the front, `[side, side, 3]` in 0..1; black where there is nothing.

    corner_uv is `[F, 3, 2]` with its origin at the bottom left. Nearest texel.
    """
    uv = (view.weights[..., None] * corner_uv[view.face]).sum(axis=2)
    height, width = albedo.shape[:2]
    column = np.clip((uv[..., 0] * width).astype(int), 0, width - 1)
    row = np.clip(((1 - uv[..., 1]) * height).astype(int), 0, height - 1)
    colours = albedo[row, column, :3].astype(np.float32) / 255
    colours[~view.outline] = 0
    return colours


def place(picture: Floats, crop: tuple[int, int, int], side: int) -> Floats:
    """Resamples the square `crop` (x, y, side in pixels of the picture) of `[H, W, ...]`; zero outside the picture."""
    x, y, crop_side = crop
    steps = (np.arange(side) + 0.5) * crop_side / side - 0.5
    rows = _interpolate(picture, y + steps, 0)
    return _interpolate(rows, x + steps, 1)


def _interpolate(values: Floats, at: NDArray[np.float64], axis: int) -> Floats:
    low = np.floor(at).astype(int)
    shape = [1] * values.ndim
    shape[axis] = -1
    part = (at - low).astype(np.float32).reshape(shape)

    def pick(index: NDArray[np.int64]) -> Floats:
        inside = ((index >= 0) & (index < values.shape[axis])).reshape(shape)
        picked: Floats = np.take(values, np.clip(index, 0, values.shape[axis] - 1), axis=axis) * inside
        return picked

    between: Floats = pick(low) * (1 - part) + pick(low + 1) * part
    return between


def inner_part(mask: Bools, margin: int) -> Bools:
    """The pixels that are at least `margin` steps along rows and columns from the mask's border; outside is border."""
    for _ in range(margin):
        around = np.pad(mask, 1)
        mask = mask & around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return mask


def iou(a: Bools, b: Bools) -> float:
    """Intersection over union."""
    return float((a & b).sum() / (a | b).sum())


def mean_difference(a: Floats, b: Floats, where: Bools) -> float:
    """Mean absolute difference of colours `[side, side, 3]` over the pixels of `where`."""
    return float(np.abs(a - b)[where].mean())
