"""The baseline of `relievo-bench atlas`: xatlas from PyPI, called as it is."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import xatlas
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def flat_areas(uv: Floats) -> Floats:
    """Returns the areas of triangles `[F, 3, 2]`."""
    a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    return np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2


def mean_stretch(corners: Floats, uv: Floats) -> float:
    """L2 of Sander et al. 2001, 1 where every face keeps its shape and scale."""
    e1, e2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.linalg.norm(np.cross(e1, e2), axis=1) / 2
    (u1, v1), (u2, v2) = (uv[:, 1] - uv[:, 0]).T, (uv[:, 2] - uv[:, 0]).T
    determinant = u1 * v2 - u2 * v1
    good = np.abs(determinant) > 1e-20
    along_u = (v2[good, None] * e1[good] - v1[good, None] * e2[good]) / determinant[good, None]
    along_v = (u1[good, None] * e2[good] - u2[good, None] * e1[good]) / determinant[good, None]
    squared = ((along_u**2).sum(1) + (along_v**2).sum(1)) / 2
    return float(np.sqrt((squared * area[good]).sum() / area.sum()) * np.sqrt(flat_areas(uv).sum() / area.sum()))


def main() -> None:
    arguments = json.loads(sys.argv[1])
    folder = Path(arguments["folder"])
    vertices = np.fromfile(folder / "vertices", np.float32).reshape(-1, 3)
    faces = np.fromfile(folder / "faces", np.int32).reshape(-1, 3).astype(np.uint32)
    begin = time.perf_counter()
    atlas = xatlas.Atlas()
    atlas.add_mesh(vertices, faces)
    atlas.generate()
    _, indices, uv = atlas[0]
    seconds = time.perf_counter() - begin
    corner_uv = uv[indices].astype(np.float64) * [atlas.width, atlas.height]
    result = {
        "seconds": seconds,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "charts": atlas.chart_count,
        "coverage": float(flat_areas(corner_uv).sum() / (atlas.width * atlas.height)),
        "mean_stretch": mean_stretch(vertices[faces].astype(np.float64), corner_uv),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
