"""`relievo check` beside 3dqa, another program that judges meshes: what both judge, and where they mean other things.

3dqa's own differences: an open edge is no fault of its "manifold edges", which count edges of three faces and more;
debris are to it pieces of at most 2 % of the faces that stand apart by 1 % of the main piece's diagonal, and to Relievo
pieces of less than 1 % of the area, wherever they are. It knows neither vertices that join what does not belong
together, nor shells inside, charts, overlap, density and black texels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geometry_linter
import pytest
import trimesh
from test_check import BALL, SHAPES, beside, check
from test_cli import disc, relievo


def judged_by_3dqa(file: Path) -> dict[str, Any]:
    """Its findings by name, each with its metrics."""
    certificate = geometry_linter.lint_file(str(file))
    return {finding["check"]: finding for finding in certificate["findings"]}


def agree(told: dict[str, Any], other: dict[str, Any]) -> None:
    assert told["faces"] == other["polygon_budget"]["metrics"]["faces"]
    assert told["watertight"] == other["watertight"]["passed"]
    assert told["components"] == other["floating_clusters"]["metrics"]["components"]
    assert told["consistent"] == other["face_normals"]["metrics"]["winding_consistent"]
    if told["watertight"] and told["consistent"]:  # else there is no inside to look out of
        assert ("outward" in told["met"]) == (not other["face_normals"]["metrics"]["globally_inverted"])
    if told["manifold"]:  # which is more than what 3dqa judges
        assert other["manifold_edges"]["passed"]
    assert (told["charts"] is not None) == other["uv_coordinates"]["metrics"]["has_uv"]
    assert told["textured"] == other["appearance"]["metrics"]["has_texture"]


@pytest.mark.parametrize("kind", ["glb", "obj", "ply"])
@pytest.mark.parametrize("shape", SHAPES)
def test_shape_is_judged_as_3dqa_judges_it(tmp_path: Path, shape: str, kind: str) -> None:
    file = tmp_path / f"{shape}.{kind}"
    SHAPES[shape].export(file)
    _, (told,) = check(file)
    agree(told, judged_by_3dqa(file))


def test_results_of_relievo_are_sound_by_both(tmp_path: Path) -> None:
    (tmp_path / "cup.png").write_bytes(disc())
    words = ["--grid", "48", "--texture-size", "256", "--no-sheet", "--format", "glb,obj"]
    assert relievo("generate", tmp_path / "cup.png", "-o", tmp_path, *words).returncode == 0
    for kind in ("glb", "obj"):
        _, (told,) = check(tmp_path / f"cup.{kind}")
        other = judged_by_3dqa(tmp_path / f"cup.{kind}")
        agree(told, other)
        assert all(finding["passed"] for finding in other.values())


def test_debris_is_small_to_relievo_and_of_few_faces_far_away_to_3dqa(tmp_path: Path) -> None:
    speck = trimesh.creation.icosphere(subdivisions=0, radius=0.05)
    block = trimesh.creation.box(extents=[2, 2, 2])
    cases = {
        "speck far away": (beside(BALL, speck), 1, 1),
        "speck inside": (beside(BALL, speck, gap=0), 1, 0),
        "block of few faces": (beside(BALL, block), 0, 1),
        "ball as large": (beside(BALL, BALL), 0, 0),
    }
    for name, (mesh, ours, theirs) in cases.items():
        file = tmp_path / f"{name}.ply"
        mesh.export(file)
        _, (told,) = check(file)
        metrics = judged_by_3dqa(file)["floating_clusters"]["metrics"]
        assert (told["debris"], metrics["debris_components"]) == (ours, theirs), name
