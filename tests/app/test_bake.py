"""`relievo bake`: meshes of trimesh's, whose colors are known at each place, and the bake of Cycles beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from PIL import Image
from processes import ROOT
from test_cli import relievo

sys.path.append(str(ROOT / "benchmarks"))
from mesh_bake import ball, picture


def colour_at(points: NDArray[Any]) -> NDArray[np.float64]:
    """A color that tells the place, for places on the ball of radius 1."""
    return 0.5 + 0.35 * np.asarray(points)


def shown(points: NDArray[Any]) -> NDArray[np.uint8]:
    colours: NDArray[np.uint8] = np.round(255 * colour_at(points)).astype(np.uint8)
    return colours


def map_of_places(side: int = 512) -> Image.Image:
    """The color of each place of the ball, on its map of the world (mesh_bake.ball)."""
    v, u = (np.mgrid[:side, :side] + 0.5) / side
    polar, around = np.pi * v, 2 * np.pi * u
    places = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], -1)
    return Image.fromarray(shown(places))


def textured(rings: int = 60, texture: Image.Image | None = None) -> trimesh.Trimesh:
    """A ball that shows the places' colors; its vertices are split at its seam, as in files."""
    arrays = ball(rings)
    visuals: Any = trimesh.visual
    material = visuals.material.PBRMaterial(
        baseColorTexture=texture or map_of_places(), roughnessFactor=0.3, metallicFactor=0.6
    )
    visual = visuals.TextureVisuals(uv=arrays["corner_uv"].reshape(-1, 2), material=material)
    corners = arrays["vertices"][arrays["faces"].ravel()]
    return trimesh.Trimesh(corners, np.arange(len(corners)).reshape(-1, 3), visual=visual, process=False)


def saved(mesh: Any, path: Path) -> Path:
    mesh.export(path)
    return path


def made(*words: str | Path) -> tuple[dict[str, Any], subprocess.CompletedProcess[str]]:
    ended = relievo(*words, "--json")
    return (json.loads(ended.stdout) if ended.stdout else {}), ended


def loaded(file: str | Path) -> trimesh.Trimesh:
    mesh = trimesh.load(file, force="mesh")
    assert isinstance(mesh, trimesh.Trimesh)
    return mesh


def seen(mesh: trimesh.Trimesh) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The middles of all faces in the scene's axes, as unit vectors, and the colors 0..1 that the texture has there."""
    picture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB")) / 255
    uv = mesh.visual.uv[mesh.faces].mean(1)
    rows = ((1 - uv[:, 1]) * picture.shape[0]).astype(int).clip(0, picture.shape[0] - 1)
    columns = (uv[:, 0] * picture.shape[1]).astype(int).clip(0, picture.shape[1] - 1)
    x, y, z = mesh.triangles_center.T
    middles = np.stack([x, -z, y], -1)
    return middles / np.linalg.norm(middles, axis=1)[:, None], picture[rows, columns]


def turned(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """From Z up to glTF's Y up."""
    return mesh.apply_transform([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


def far_off(mesh: trimesh.Trimesh) -> NDArray[np.float64]:
    middles, colours = seen(mesh)
    off: NDArray[np.float64] = np.abs(colours - colour_at(middles)).max(1)
    return off


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(turned(textured()), tmp_path_factory.mktemp("source") / "world.glb")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ball of fewer faces, and without UVs."""
    plain = trimesh.creation.icosphere(subdivisions=3)
    return saved(turned(plain), tmp_path_factory.mktemp("target") / "plain.glb")


def test_each_place_of_the_target_shows_the_colour_of_the_source_there(
    source: Path, target: Path, tmp_path: Path
) -> None:
    report, ended = made("bake", source, target, "-o", tmp_path, "--texture-size", "512")
    assert ended.returncode == 0, ended.stderr
    mesh = loaded(report["files"][0])
    assert len(mesh.faces) == 1280
    assert np.percentile(far_off(mesh), 99) < 0.02
    material = mesh.visual.material
    assert (material.roughnessFactor, material.metallicFactor) == pytest.approx((0.3, 0.6))
    assert material.baseColorTexture.size == (512, 512)
    assert "unwrapped anew" in report["notes"][0]


def test_what_the_target_hides_is_told_in_a_normal_map(source: Path, target: Path, tmp_path: Path) -> None:
    """The map of a coarse ball bends its normals to those of the fine one: most at the edges between its faces, where
    the ball's own shading is off; and it bends none far."""
    report, _ = made("bake", source, target, "-o", tmp_path, "--texture-size", "512")
    normals = np.asarray(loaded(report["files"][0]).visual.material.normalTexture.convert("RGB")) / 127.5 - 1
    assert np.abs(np.linalg.norm(normals, axis=-1) - 1).max() < 0.02
    assert normals[..., 2].min() > 0.99
    report, _ = made("bake", source, target, "-o", tmp_path / "flat", "--texture-size", "512", "--no-normal-map")
    assert loaded(report["files"][0]).visual.material.normalTexture is None


def test_of_two_materials_each_face_gets_its_own(target: Path, tmp_path: Path) -> None:
    upper, lower = (
        turned(textured(texture=Image.new("RGB", (64, 64), colour))) for colour in ((250, 0, 0), (0, 0, 250))
    )
    upper.update_faces(upper.triangles_center[:, 1] > 0)
    lower.update_faces(lower.triangles_center[:, 1] <= 0)
    both = saved(trimesh.Scene([upper, lower]), tmp_path / "both.glb")
    report, ended = made("bake", both, target, "-o", tmp_path / "out")
    assert ended.returncode == 0, ended.stderr
    middles, colours = seen(loaded(report["files"][0]))
    clear = np.abs(middles[:, 2]) > 0.1
    expected = np.where(middles[clear, 2:] > 0, [[250, 0, 0]], [[0, 0, 250]]) / 255
    assert np.abs(colours[clear] - expected).max() < 0.02


def test_a_negative_scale_turns_no_face_inside_out(target: Path, tmp_path: Path) -> None:
    """The ball is symmetric, so mirrored it is the same ball with its colors exchanged."""
    scene = trimesh.Scene()
    scene.add_geometry(turned(textured()), transform=np.diag([-1, 1, 1, 1]))
    report, ended = made("bake", saved(scene, tmp_path / "mirrored.glb"), target, "-o", tmp_path / "out")
    assert ended.returncode == 0, ended.stderr
    middles, colours = seen(loaded(report["files"][0]))
    assert np.percentile(np.abs(colours - colour_at(middles * [-1, 1, 1])), 99) < 0.03


def test_polygons_of_many_corners_are_baked_onto(source: Path, tmp_path: Path) -> None:
    """A die of six squares with UVs, round the ball: from the middle of a side, the ball is found along the normal."""
    corners = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    sides = [(2, 4, 3, 1), (7, 8, 6, 5), (5, 6, 2, 1), (4, 8, 7, 3), (3, 7, 5, 1), (6, 8, 4, 2)]
    lines = [f"v {0.99 * x} {0.99 * y} {0.99 * z}" for x, y, z in corners]
    for number in range(6):
        u, v = number % 3 / 3, number // 3 / 2
        lines += [f"vt {u + 0.32 * a} {v + 0.48 * b}" for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))]
    for number, side in enumerate(sides):
        lines.append("f " + " ".join(f"{v}/{4 * number + i + 1}" for i, v in enumerate(side)))
    die = tmp_path / "die.obj"
    die.write_text("\n".join(lines))
    report, ended = made("bake", source, die, "-o", tmp_path / "out", "--reach", "0.3", "--uv", "keep")
    assert ended.returncode == 0, ended.stderr
    mesh = loaded(report["files"][0])
    assert len(mesh.faces) == 12
    shown_there = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB")) / 255
    for number, side in enumerate(sides):
        x, y, z = np.mean([corners[v - 1] for v in side], axis=0)  # Y up
        row, column = 1 - number // 3 / 2 - 0.24, number % 3 / 3 + 0.16
        there = shown_there[int(row * len(shown_there)), int(column * len(shown_there))]
        assert there == pytest.approx(colour_at(np.array([x, -z, y])), abs=0.03)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--reach", "0.0001"], "The two meshes do not meet"),
        (["--uv", "keep"], "The mesh's UVs cannot be kept: it has none."),
        (["--uv", "own"], "Unknown kind of UVs 'own'."),
        (["--texture-size", "13"], "Invalid texture size '13'."),
    ],
)
def test_what_cannot_be_baked_is_refused(words: list[str], said: str, source: Path, tmp_path: Path) -> None:
    away = trimesh.creation.icosphere(subdivisions=2, radius=0.5)
    ended = relievo("bake", source, saved(away, tmp_path / "away.glb"), "-o", tmp_path / "out", *words)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert not (tmp_path / "out").exists()


def test_cycles_bakes_the_same_texels(tmp_path: Path) -> None:
    """Where both bake: on 99 % of the texels, colors differ by 2 of 255 at most and normals by 1.5 degrees (a step of a
    normal map's bytes is 0.45)."""
    file = tmp_path / "maps.npz"
    script = ROOT / "benchmarks" / "mesh_bake.py"
    package = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build")) / "python"
    ended = subprocess.run(
        [sys.executable, script, "--size", "512", "--check", file],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(package)},
    )
    assert ended.returncode == 0, ended.stderr
    with np.load(file) as maps:
        ours, theirs = maps["albedo"] / 255, maps["cycles"]
        normals, their_normals = maps["normals"] / 127.5 - 1, 2 * maps["cycles_normals"][..., :3] - 1
    baked = theirs[..., :3].min(-1) > 10 / 255  # the picture has nothing that dark, and what is not baked is black
    assert baked.mean() > 0.5
    off = 255 * np.abs(ours - theirs[..., :3]).max(-1)[baked]
    assert np.percentile(off, 99) <= 2
    along = (normals * their_normals).sum(-1)[baked]
    lengths = np.linalg.norm(normals, axis=-1)[baked] * np.linalg.norm(their_normals, axis=-1)[baked]
    angles = np.degrees(np.arccos((along / lengths).clip(-1, 1)))
    assert np.percentile(angles, 99) <= 1.5


def test_the_pictures_waves_are_finer_than_the_error_that_is_allowed() -> None:
    """Moved by one texel, the picture of the comparison with Cycles would be too far off."""
    still = picture(512).astype(int)
    assert np.percentile(np.abs(still - np.roll(still, 1, axis=1)).max(-1), 50) > 3
