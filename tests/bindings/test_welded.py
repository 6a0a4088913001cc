"""A mesh is sound where a program welds its vertices, judged by trimesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import relievo
import trimesh
from numpy.typing import NDArray
from relievo import Picture

PICTURES = Path(__file__).parents[1] / "data" / "pictures"
SIDE = 384


def drawn(covered: NDArray[np.bool_]) -> NDArray[np.uint8]:
    picture = np.zeros((SIDE, SIDE, 4), np.uint8)
    picture[covered] = (120, 80, 40, 255)
    return picture


def fence() -> NDArray[np.uint8]:
    y, x = np.mgrid[:SIDE, :SIDE]
    inside = (x > 24) & (x < 360) & (y > 40) & (y < 344)
    return drawn(inside & ((x % 24 < 8) | (abs(y - 100) < 5) | (abs(y - 280) < 5)))


def chair() -> NDArray[np.uint8]:
    y, x = np.mgrid[:SIDE, :SIDE]
    legs = (y > 220) & (y < 370) & (x > 80) & (x < 300) & ((x - 80) % 69 < 9)
    back = (y > 20) & (y < 210) & (x > 80) & (x < 300) & (((x - 80) % 36 < 7) | (y < 34))
    return drawn(legs | back | ((abs(y - 215) < 9) & (x > 70) & (x < 310)))


def hexagons() -> NDArray[np.uint8]:
    y, x = np.mgrid[:SIDE, :SIDE] / 48.0
    row = np.round(y / 0.87)
    across = (x + (row % 2) / 2) % 1 - 0.5
    down = y - row * 0.87
    from_middle = np.maximum(abs(across), abs(across) / 2 + abs(down) * 0.87)
    return drawn((from_middle > 0.4) & (abs(x - 4) < 3.4) & (abs(y - 4) < 3.4))


def balls() -> NDArray[np.uint8]:
    y, x = np.mgrid[:SIDE, :SIDE]
    covered = (x - 192) ** 2 + (y - 240) ** 2 < 110**2
    for k in range(8):
        covered |= (x - 30 - 46 * k) ** 2 + (y - 60) ** 2 < (6 + k) ** 2
    return drawn(covered)


# The pictures, each with its mask.
SUBJECTS: dict[str, tuple[Picture, Path | str]] = {
    "fence": (fence(), "alpha"),
    "chair": (chair(), "alpha"),
    "hexagons": (hexagons(), "alpha"),
    "balls": (balls(), "alpha"),
    "chicken_cut_out": (PICTURES / "chicken_cut_out.png", "alpha"),
    **{name: (PICTURES / name, "auto") for name in ("chelsea.png", "coffee.jpg", "flower.jpg", "rocket.jpg")},
    **{
        name: (PICTURES / f"{name}.jpg", PICTURES / f"{name}_mask.png")
        for name in ("armchair", "cactus", "chicken", "desk_lamp", "teddy")
    },
}


@pytest.mark.parametrize("faces", [200, 500, 2000, 20000])
@pytest.mark.parametrize("subject", list(SUBJECTS))
def test_a_mesh_is_closed_where_its_vertices_are_welded(subject: str, faces: int) -> None:
    picture, mask = SUBJECTS[subject]
    result = relievo.generate(picture, mask=mask, grid=112, texture_size=64, faces=faces, debris=0)
    mesh = trimesh.Trimesh(result.mesh.vertices, result.mesh.faces, process=False)
    vertices = len(mesh.vertices)
    mesh.merge_vertices()
    assert len(mesh.vertices) == vertices
    faces_of_edge = np.bincount(mesh.edges_unique_inverse)
    assert set(faces_of_edge) == {2}
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0
    report = result.mesh.report
    assert report.watertight and report.manifold
    assert report.volume == pytest.approx(mesh.volume, rel=1e-4)
    assert report.euler == mesh.euler_number
    assert len(mesh.faces) <= faces or any(f"so {len(mesh.faces)} were kept" in note for note in result.notes)
    # The shape was not destroyed: it has as many parts and holes as without --faces.
    whole = relievo.generate(picture, mask=mask, grid=112, texture_size=64, debris=0).mesh.report
    assert report.components == whole.components and report.euler == whole.euler
    assert report.volume > 0.8 * whole.volume


def test_a_report_sees_what_trimesh_sees(tmp_path: Path) -> None:
    """The corners of a GLB and an OBJ file are split at seams, and welding must make them whole."""
    result = relievo.generate(fence(), name="fence", mask="alpha", grid=96, texture_size=64, faces=1500)
    for file in result.save(tmp_path, ["glb", "obj", "ply"]):
        if file.suffix not in (".glb", ".obj", ".ply"):
            continue
        mesh = trimesh.load_mesh(file, process=False)
        mesh.merge_vertices(merge_tex=True, merge_norm=True)
        assert len(mesh.vertices) == len(result.mesh.vertices), file
        assert mesh.is_watertight, file
