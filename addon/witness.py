"""Finds how a mesh has moved in its own space since it was made: applied scale and rotation, a moved origin.

A few vertices are remembered as they were. Where they are now tells how the person has moved the mesh, and a new one is
moved likewise.
"""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

# The mesh's property: x, y, z of some vertices, as they were.
_PROPERTY = "relievo_witness"
_VERTICES = 24
_EXACT = 1e-3  # share of the mesh's size

Points = NDArray[np.float32]


def remember(mesh: bpy.types.Mesh, vertices: Points) -> None:
    mesh[_PROPERTY] = vertices[_chosen(len(vertices))].ravel().astype(float).tolist()


def as_moved(vertices: Points, old: bpy.types.Mesh) -> Points:
    """The vertices of a new mesh, moved as the old one was."""
    if len(vertices) == 0 or len(old.vertices) == 0:
        return vertices
    now = np.empty(3 * len(old.vertices), np.float32)
    old.vertices.foreach_get("co", now)
    now = now.reshape(-1, 3)
    witnesses = np.asarray(old.get(_PROPERTY, ()), np.float32).reshape(-1, 3)
    chosen = _chosen(len(now))
    if len(witnesses) == len(chosen) and len(witnesses):
        if (motion := _motion(witnesses, now[chosen])) is not None:
            return _moved(vertices, motion)
        return _in_place_of(vertices, now)
    # The version that made this mesh remembered nothing, but the same settings give the same vertices.
    if len(vertices) == len(now) and (motion := _motion(vertices, now)) is not None:
        return _moved(vertices, motion)
    return _in_place_of(vertices, now)


def _chosen(count: int) -> NDArray[np.int64]:
    return np.linspace(0, count - 1, min(count, _VERTICES)).astype(np.int64)


def _motion(before: Points, now: Points) -> NDArray[np.float64] | None:
    """The affine motion `[4, 3]` between the two; None where single vertices have been moved."""
    extended = np.concatenate([before, np.ones((len(before), 1))], axis=1).astype(float)
    motion, _, rank, _ = np.linalg.lstsq(extended, now.astype(float), rcond=None)
    size = float(np.ptp(now, axis=0).max()) or 1.0
    is_exact = rank == 4 and float(np.abs(extended @ motion - now).max()) < _EXACT * size
    return motion if is_exact else None


def _moved(vertices: Points, motion: NDArray[np.float64]) -> Points:
    if np.allclose(motion, np.eye(4)[:, :3], atol=1e-5):
        return vertices  # the vertices stay as they were made, to the bit
    moved: Points = (vertices @ motion[:3] + motion[3]).astype(np.float32)
    return moved


def _in_place_of(vertices: Points, now: Points) -> Points:
    """Places the vertices where the old mesh is, as long as it and on the same ground; for a mesh whose shape was
    edited."""
    (low, high), (new_low, new_high) = ((p.min(axis=0), p.max(axis=0)) for p in (now, vertices))
    scale = float((high - low).max()) / (float((new_high - new_low).max()) or 1.0)
    ground, new_ground = (
        np.array([*(a[:2] + b[:2]) / 2, a[2]], np.float32) for a, b in ((low, high), (new_low, new_high))
    )
    moved: Points = ((vertices - new_ground) * np.float32(scale) + ground).astype(np.float32)
    return moved
