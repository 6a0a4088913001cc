"""`relievo check`: what it says of meshes, beside what trimesh says of the same files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from test_cli import disc, relievo


def check(*words: str | Path) -> tuple[subprocess.CompletedProcess[str], list[dict[str, Any]]]:
    ended = relievo("check", *words, "--json")
    return ended, [json.loads(line) for line in ended.stdout.splitlines()]


def without_a_face() -> trimesh.Trimesh:
    mesh: trimesh.Trimesh = trimesh.creation.torus(major_radius=2, minor_radius=0.5)
    mesh.update_faces(np.arange(len(mesh.faces)) != 5)
    return mesh


def with_a_turned_face() -> trimesh.Trimesh:
    mesh = trimesh.creation.icosphere(subdivisions=2)
    faces = mesh.faces.copy()
    faces[7] = faces[7][::-1]
    return trimesh.Trimesh(mesh.vertices, faces, process=False)


def beside(*meshes: trimesh.Trimesh, gap: float = 5.0) -> trimesh.Trimesh:
    together: trimesh.Trimesh = trimesh.util.concatenate(
        [m.copy().apply_translation([gap * i, 0, 0]) for i, m in enumerate(meshes)]
    )
    return together


def loaded(file: str | Path) -> trimesh.Trimesh:
    mesh = trimesh.load(file, force="mesh")
    assert isinstance(mesh, trimesh.Trimesh)
    return mesh


BOX, BALL = trimesh.creation.box(extents=[1, 2, 3]), trimesh.creation.icosphere(subdivisions=3, radius=2)
SHAPES: dict[str, trimesh.Trimesh] = {
    "box": BOX,
    "ball": BALL,
    "torus": trimesh.creation.torus(major_radius=2, minor_radius=0.5),
    "annulus": trimesh.creation.annulus(r_min=1, r_max=2, height=1),
    "without_a_face": without_a_face(),
    "with_a_turned_face": with_a_turned_face(),
    "inside_out": trimesh.Trimesh(BOX.vertices, BOX.faces[:, ::-1]),
    "three_pieces": beside(BOX, BALL, trimesh.creation.icosahedron()),
    "nested": beside(BALL, trimesh.creation.icosphere(subdivisions=2), gap=0),
}


def merged(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """As programs see it that merge vertices at one place."""
    mesh = mesh.copy()
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    return mesh


def pieces(mesh: trimesh.Trimesh) -> int:
    """Faces that hang together by trimesh's adjacency: its own count of them needs scipy."""
    roots = list(range(len(mesh.faces)))

    def root(face: int) -> int:
        while roots[face] != face:
            roots[face] = roots[roots[face]]
            face = roots[face]
        return face

    for first, second in mesh.face_adjacency:
        roots[root(first)] = root(second)
    return sum(root(face) == face for face in range(len(roots)))


def agree(told: dict[str, Any], mesh: trimesh.Trimesh) -> None:
    """Where both judge the same thing. trimesh counts pieces over edges of two faces, Relievo over all edges; these
    shapes have no others."""
    assert told["faces"] == len(mesh.faces)
    assert told["vertices"] == len(mesh.vertices)
    assert told["watertight"] == mesh.is_watertight
    assert told["consistent"] == mesh.is_winding_consistent
    assert told["components"] == pieces(mesh)
    assert told["euler"] == mesh.euler_number
    assert told["area"] == pytest.approx(mesh.area, rel=1e-4)
    if mesh.is_volume:  # no other surface encloses one, and each program's sum over its faces is another
        assert told["volume"] == pytest.approx(mesh.volume, rel=1e-4)
    assert told["low"] == pytest.approx(mesh.bounds[0].tolist(), abs=1e-5)
    assert told["size"] == pytest.approx(mesh.extents.tolist(), rel=1e-5)


@pytest.mark.parametrize("kind", ["glb", "obj", "ply"])
@pytest.mark.parametrize("shape", SHAPES)
def test_shape_is_judged_as_trimesh_judges_it(tmp_path: Path, shape: str, kind: str) -> None:
    file = tmp_path / f"{shape}.{kind}"
    SHAPES[shape].export(file)
    ended, (told,) = check(file)
    assert ended.returncode == 0, ended.stderr
    agree(told, merged(loaded(file)))
    assert told["inner_shells"] == (1 if shape == "nested" else 0)
    assert ("outward" in told["met"]) == (shape != "inside_out")


def test_results_of_relievo_are_sound_by_both(tmp_path: Path) -> None:
    (tmp_path / "cup.png").write_bytes(disc())
    words = ["--grid", "48", "--texture-size", "256", "--no-sheet", "--format", "glb,obj"]
    assert relievo("generate", tmp_path / "cup.png", "-o", tmp_path, *words).returncode == 0
    required = "watertight,manifold,consistent,outward,one-piece,no-debris,no-inner-shells,textured,no-uv-overlap"
    ended, told = check(tmp_path / "cup.glb", tmp_path / "cup.obj", "--require", required)
    assert ended.returncode == 0, ended.stderr
    for each in told:
        mesh: Any = loaded(each["file"])
        agree(each, merged(mesh))
        corners = mesh.visual.uv[mesh.faces]
        (ax, ay), (bx, by) = (np.moveaxis(corners[:, i] - corners[:, 0], -1, 0) for i in (1, 2))
        assert each["uv_coverage"] == pytest.approx(float(abs(ax * by - ay * bx).sum() / 2), rel=0.02)
        assert each["density_spread"] >= 1
    assert told[0]["charts"] == told[1]["charts"] > 0


def test_what_is_required_and_not_met_is_said_and_counts(tmp_path: Path) -> None:
    whole, open_ = tmp_path / "whole.ply", tmp_path / "open.ply"
    SHAPES["ball"].export(whole)
    SHAPES["without_a_face"].export(open_)
    ended, (told,) = check(open_, "--require", "watertight,one-piece")
    assert (ended.returncode, told["ok"], told["unmet"]) == (2, False, ["watertight"])
    assert f"{open_}: The mesh does not meet 'watertight' (an edge has not exactly two faces)." in ended.stderr
    ended, both = check(open_, whole, "--require", "watertight")
    assert (ended.returncode, [each["ok"] for each in both]) == (5, [False, True])
    assert check(whole, "--require", "watertight")[0].returncode == 0
    ended = relievo("check", whole, "--require", "waterproof")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Unknown requirement 'waterproof'." in ended.stderr and "no-inner-shells" in ended.stderr


def test_file_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    SHAPES["box"].export(tmp_path / "box.ply")
    (tmp_path / "text.glb").write_text("this is no mesh\n" * 20)
    (tmp_path / "points.obj").write_text("v 0 0 0\nv 1 0 0\n")
    names = ["text.glb", "points.obj", "none.ply", "box.stl", "box.ply"]
    ended, told = check(*(tmp_path / name for name in names))
    assert ended.returncode == 5
    codes = [each.get("error", {}).get("code") for each in told]
    assert codes == ["invalid_image", "invalid_image", "io", "invalid_settings", None]
    assert check(tmp_path / "none.ply")[0].returncode == 3


def test_table_has_a_row_for_each_file(tmp_path: Path) -> None:
    SHAPES["box"].export(tmp_path / "box.ply")
    SHAPES["nested"].export(tmp_path / "nested.glb")
    ended = relievo("check", tmp_path / "box.ply", tmp_path / "nested.glb")
    heading, box, nested = ended.stdout.splitlines()
    assert heading.split()[:5] == ["file", "faces", "pieces", "debris", "inner"]
    assert box.split()[1:5] == ["12", "1", "0", "0"] and box.endswith("1 x 2 x 3")
    assert nested.split()[2:5] == ["2", "0", "1"]
    assert heading.index("watertight") == box.index("yes") - len("watertight") + len("yes")
