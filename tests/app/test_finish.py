"""`relievo finish`: its files read back by trimesh, on shapes whose measures are known."""

from __future__ import annotations

import itertools
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from PIL import Image
from test_bake import far_off, loaded, made, saved, seen, textured, turned
from test_cli import relievo


def json_of(glb: str | Path) -> dict[str, Any]:
    data = Path(glb).read_bytes()
    (length,) = struct.unpack("<I", data[12:16])
    document: dict[str, Any] = json.loads(data[20 : 20 + length])
    return document


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(turned(textured()), tmp_path_factory.mktemp("finish") / "world.glb")


def plain(mesh: trimesh.Trimesh, path: Path) -> Path:
    return saved(turned(mesh.copy()), path)


def merged(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    mesh = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    mesh.merge_vertices()
    return mesh


def uv_at(mesh: trimesh.Trimesh, spot: NDArray[np.float64]) -> NDArray[np.float64]:
    """The UV of a place on a face."""
    a, b, c = mesh.triangles.transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    size = (normal**2).sum(1)
    w1 = (np.cross(spot - a, c - a) * normal).sum(1) / size
    w2 = (np.cross(b - a, spot - a) * normal).sum(1) / size
    off = np.abs(((spot - a) * normal).sum(1)) / np.sqrt(size)
    inside = (off < 1e-4) & (w1 >= -1e-6) & (w2 >= -1e-6) & (w1 + w2 <= 1 + 1e-6)
    face = int(np.flatnonzero(inside)[0])
    weights = np.array([1 - w1[face] - w2[face], w1[face], w2[face]])
    uv: NDArray[np.float64] = weights @ mesh.visual.uv[mesh.faces[face]]
    return uv


def test_nothing_asked_for_nothing_changed(world: Path, tmp_path: Path) -> None:
    report, ended = made("finish", world, "-o", tmp_path)
    assert ended.returncode == 0, ended.stderr
    before, after = loaded(world), loaded(report["files"][0])
    assert len(after.faces) == len(before.faces)
    first, second = (np.asarray(mesh.visual.material.baseColorTexture.convert("RGB")) for mesh in (before, after))
    assert np.array_equal(first, second)
    assert np.percentile(far_off(after), 99) < 0.02
    assert report["notes"] == []


def test_fewer_faces_show_the_same_colours(world: Path, tmp_path: Path) -> None:
    report, ended = made("finish", world, "-o", tmp_path, "--faces", "800")
    assert ended.returncode == 0, ended.stderr
    mesh = loaded(report["files"][0])
    assert 700 <= len(mesh.faces) <= 800
    assert merged(mesh).is_watertight
    assert np.percentile(far_off(mesh), 99) < 0.03
    assert mesh.visual.material.normalTexture is not None


def test_levels_of_detail_in_one_file_are_linked_and_outside_of_the_scene(world: Path, tmp_path: Path) -> None:
    report, ended = made("finish", world, "-o", tmp_path, "--faces", "4000", "--lods", "4", "--uv", "new")
    assert ended.returncode == 0, ended.stderr
    faces = report["faces"]
    assert len(faces) == 4
    for finer, coarser in itertools.pairwise(faces):
        assert 0.4 * finer <= coarser <= 0.65 * finer
    document = json_of(report["files"][0])
    names = [node["name"] for node in document["nodes"]]
    assert sorted(names) == ["world", *(f"world_LOD{level}" for level in range(4))]
    full = names.index("world_LOD0")
    root = document["nodes"][document["scenes"][0]["nodes"][0]]
    assert (root["name"], root["children"]) == ("world", [full])
    ids = document["nodes"][full]["extensions"]["MSFT_lod"]["ids"]
    assert [names[node] for node in ids] == ["world_LOD1", "world_LOD2", "world_LOD3"]
    assert len(document["nodes"][full]["extras"]["MSFT_screencoverage"]) == 4
    assert document["extensionsUsed"] == ["MSFT_lod"]
    assert len(document["materials"]) == 1
    counts = [document["accessors"][mesh["primitives"][0]["indices"]]["count"] // 3 for mesh in document["meshes"]]
    assert sorted(counts, reverse=True) == faces
    assert {mesh["name"] for mesh in document["meshes"]} == {f"world_LOD{level}" for level in range(4)}


def test_levels_of_detail_as_files_show_one_texture(world: Path, tmp_path: Path) -> None:
    words = ("finish", world, "-o", tmp_path / "out", "--faces", "4000", "--lods", "3", "--separate")
    report, ended = made(*words)
    assert ended.returncode == 0, ended.stderr
    assert [Path(file).name for file in report["files"]] == [f"world_LOD{level}.glb" for level in range(3)]
    pictures = []
    for file, faces in zip(report["files"], report["faces"], strict=True):
        mesh = loaded(file)
        assert len(mesh.faces) == faces
        assert merged(mesh).is_watertight
        assert np.percentile(far_off(mesh), 95) < 0.06
        pictures.append(np.asarray(mesh.visual.material.baseColorTexture))
    assert np.array_equal(pictures[0], pictures[2])


@pytest.mark.parametrize(("side", "sign"), [("right", 1), ("left", -1)])
def test_one_half_is_mirrored(side: str, sign: int, tmp_path: Path) -> None:
    """A ball with a nose on its right; both sides get it, or none, and the colors with it."""
    ball = textured()
    nose = ball.vertices[:, 0] > 0.95
    ball.vertices[nose] *= 1.3
    lopsided = saved(turned(ball), tmp_path / "lopsided.glb")
    report, ended = made("finish", lopsided, "-o", tmp_path / "out", "--mirror", side)
    assert ended.returncode == 0, ended.stderr
    mesh = loaded(report["files"][0])
    low, high = mesh.bounds[:, 0]
    assert low == pytest.approx(-high, abs=1e-5)
    assert high == pytest.approx(1.3 if side == "right" else 1.0, abs=0.02)
    whole = merged(mesh)
    assert whole.is_watertight
    assert whole.volume > 0
    vertices = {tuple(np.round(v, 4)) for v in whole.vertices}
    assert all((round(-x, 4) + 0.0, y, z) in vertices for x, y, z in vertices)
    middles, colours = seen(mesh)
    kept = np.abs(middles) * [1, 0, 0] * sign + middles * [0, 1, 1]
    assert np.percentile(np.abs(colours - (0.5 + 0.35 * kept)).max(1), 97) < 0.05


def test_a_flat_base_is_closed_and_as_large_as_the_cut(tmp_path: Path) -> None:
    """A ball of 60 mm that loses its lowest 10: the base is a disc with the radius sqrt(30² - 20²) mm."""
    ball = plain(trimesh.creation.icosphere(subdivisions=5, radius=3), tmp_path / "ball.glb")
    report, ended = made("finish", ball, "-o", tmp_path / "out", "--print-size", "60", "--flat-base", "10")
    assert ended.returncode == 0, ended.stderr
    mesh = merged(loaded(report["files"][0]))
    assert mesh.is_watertight
    assert mesh.bounds[:, 1] == pytest.approx([0, 0.05], abs=1e-4)
    base = mesh.face_normals[:, 1] < -0.999
    base &= mesh.triangles_center[:, 1] < 1e-6
    assert mesh.area_faces[base].sum() == pytest.approx(np.pi * (0.03**2 - 0.02**2), rel=0.01)
    assert mesh.volume == pytest.approx(np.pi * (4 / 3 * 0.03**3 - 0.01**2 * (0.03 - 0.01 / 3)), rel=0.01)
    print_ = report["print"]
    assert (print_["printable"], print_["closed"], print_["pieces"]) == (True, True, 1)
    assert print_["size"] == pytest.approx([60, 60, 50], abs=0.1)


def test_a_base_through_a_tube_keeps_its_hole(tmp_path: Path) -> None:
    tube = trimesh.creation.annulus(r_min=1, r_max=2, height=4, sections=64)
    report, ended = made("finish", plain(tube, tmp_path / "tube.glb"), "-o", tmp_path / "out", "--flat-base", "1000")
    assert ended.returncode == 0, ended.stderr
    mesh = merged(loaded(report["files"][0]))
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(tube.volume * 3 / 4, rel=1e-3)
    assert mesh.euler_number == 0


def test_the_thinnest_wall_and_the_overhang_are_measured(tmp_path: Path) -> None:
    """A box of 60 mm with walls of 2, closed: its hollow is not seen from outside. Of a ball, a share of
    (1 - cos 45°) / 2 hangs over."""
    outer = trimesh.creation.box(extents=[60, 60, 60]).subdivide().subdivide()
    inner = trimesh.creation.box(extents=[56, 56, 56]).subdivide().subdivide()
    inner.invert()
    hollow = plain(trimesh.util.concatenate([outer, inner]), tmp_path / "hollow.glb")
    report, ended = made("finish", hollow, "-o", tmp_path / "out", "--print-size", "60")
    assert ended.returncode == 0, ended.stderr
    assert report["print"]["least_wall"] == pytest.approx(2, abs=0.01)
    assert report["print"]["pieces"] == 2
    assert not report["print"]["printable"]

    ball = plain(trimesh.creation.icosphere(subdivisions=5), tmp_path / "ball.glb")
    report, _ = made("finish", ball, "-o", tmp_path / "out", "--print-size", "30")
    assert report["print"]["overhang"] == pytest.approx((1 - np.cos(np.pi / 4)) / 2, abs=0.01)
    assert report["print"]["least_wall"] == pytest.approx(30, abs=0.5)

    thin = plain(trimesh.creation.box(extents=[30, 30, 0.5]), tmp_path / "thin.glb")
    report, _ = made("finish", thin, "-o", tmp_path / "out", "--print-size", "30")
    assert report["print"]["least_wall"] == pytest.approx(0.5, abs=0.01)
    assert any("thinnest wall is 0.50 mm" in note for note in report["notes"])


def test_occlusion_is_dark_in_a_corner_and_white_on_a_ball(tmp_path: Path) -> None:
    """At the middle of the inner edge of two walls at a right angle, half the sky is hidden (all but the ends)."""
    ball = plain(trimesh.creation.icosphere(subdivisions=4), tmp_path / "ball.glb")
    report, ended = made("finish", ball, "-o", tmp_path / "out", "--occlusion", "--texture-size", "128")
    assert ended.returncode == 0, ended.stderr
    assert np.asarray(loaded(report["files"][0]).visual.material.occlusionTexture).min() >= 250

    corner = np.array([(0, 0), (3, 0), (3, 1), (1, 1), (1, 3), (0, 3)], float)
    angle = turned(trimesh.Trimesh(*_prism(corner, 12.0), process=False))
    corners, own = angle.triangles.reshape(-1, 3), np.repeat(angle.face_normals, 3, axis=0)  # its edges are sharp
    sharp = trimesh.Trimesh(corners, np.arange(len(corners)).reshape(-1, 3), vertex_normals=own, process=False)
    sharp.export(tmp_path / "angle.glb", include_normals=True)
    words = ("--occlusion", "--texture-size", "512")
    report, ended = made("finish", tmp_path / "angle.glb", "-o", tmp_path / "out", *words)
    assert ended.returncode == 0, ended.stderr
    mesh = loaded(report["files"][0])
    shade = np.asarray(mesh.visual.material.occlusionTexture.convert("L")) / 255
    # The floor of the angle at a distance d from the wall of height 2 sees (1 + d / sqrt(4 + d²)) / 2 of the sky.
    for distance in (0.25, 1.0, 1.75):
        spot = np.array([1 + distance, 6.0, -1.0])  # (x, z up, -y) of the middle of its length
        u, v = uv_at(mesh, spot)
        seen_share = shade[int((1 - v) * 512), int(u * 512)]
        assert seen_share == pytest.approx((1 + distance / np.hypot(2, distance)) / 2, abs=0.06)


def _prism(outline: Any, height: float) -> tuple[Any, Any]:
    """An L of six corners, extruded along z, cut into faces that no T-junction parts."""
    lower, upper = (np.column_stack([outline, np.full(len(outline), z)]) for z in (0.0, height))
    count = len(outline)
    faces = []
    for i in range(count):
        j = (i + 1) % count
        faces += [(i, j, count + j), (i, count + j, count + i)]
    for a, b, c in ((0, 1, 2), (0, 2, 3), (0, 3, 4), (0, 4, 5)):
        faces += [(a, c, b), (count + a, count + b, count + c)]
    return np.concatenate([lower, upper]), np.array(faces)


def test_roughness_and_metal_are_plain_numbers(world: Path, tmp_path: Path) -> None:
    report, _ = made("finish", world, "-o", tmp_path, "--roughness", "0.25", "--metallic", "1")
    (material,) = json_of(report["files"][0])["materials"]
    factors = material["pbrMetallicRoughness"]
    assert (factors["roughnessFactor"], factors.get("metallicFactor", 1)) == (0.25, 1)
    report, _ = made("finish", world, "-o", tmp_path / "as_it_was")
    factors = json_of(report["files"][0])["materials"][0]["pbrMetallicRoughness"]
    assert (factors["roughnessFactor"], factors["metallicFactor"]) == pytest.approx((0.3, 0.6))


def test_a_finished_file_never_replaces_the_one_it_is_made_of(world: Path, tmp_path: Path) -> None:
    given = tmp_path / "world.glb"
    given.write_bytes(world.read_bytes())
    for _ in range(2):  # the second time, the first time's own file is replaced
        report, ended = made("finish", given, "-o", tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert [Path(file).name for file in report["files"]] == ["world_2.glb"]
    assert given.read_bytes() == world.read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--mirror", "top"], "Unknown side to mirror 'top'."),
        (["--lods", "5"], "Invalid --lods '5'."),
        (["--faces", "50"], "Invalid number of faces '50'."),
        (["--roughness", "1.5"], "Invalid --roughness '1.5'."),
        (["--flat-base", "9000"], "A flat base of 9000 mm cuts off all of the mesh"),
    ],
)
def test_what_cannot_be_done_is_refused(words: list[str], said: str, world: Path, tmp_path: Path) -> None:
    ended = relievo("finish", world, "-o", tmp_path / "out", *words)
    assert ended.returncode == 2
    assert said in ended.stderr


def test_an_open_mesh_has_no_body_to_cut(tmp_path: Path) -> None:
    sheet = plain(trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 0, 1]], [[0, 1, 2]]), tmp_path / "sheet.glb")
    ended = relievo("finish", sheet, "-o", tmp_path / "out", "--flat-base", "10")
    assert ended.returncode == 2
    assert "not closed" in ended.stderr


def test_one_bad_mesh_of_several_stops_none(world: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.glb"
    bad.write_bytes(b"no mesh")
    ended = relievo("finish", bad, world, "-o", tmp_path / "out", "--json")
    reports = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 5
    assert [report["ok"] for report in reports] == [False, True]


def test_python_has_the_same_result(world: Path, tmp_path: Path) -> None:
    import relievo as package

    shares: list[float] = []
    result = package.finish(world, faces=1000, levels=2, progress=shares.append)
    assert shares == sorted(shares)
    assert len(result.mesh.faces) <= 1000
    assert len(result.mesh.levels) == 1
    (file,) = result.save(tmp_path / "own.glb")
    assert len(json_of(file)["meshes"]) == 2
    files = package.save_levels(result, tmp_path)
    assert [each.name for each in files] == ["world_LOD0.glb", "world_LOD1.glb"]
    arrays: Any = {
        "vertices": result.mesh.vertices,
        "faces": result.mesh.faces,
        "corner_uv": result.mesh.corner_uv,
        "materials": [{"texture": result.mesh.albedo, "roughness": 0.5}],
    }
    again = package.bake(arrays, {"vertices": result.mesh.vertices, "faces": result.mesh.faces}, texture_size=256)
    assert again.mesh.albedo.shape == (256, 256, 3)
    assert again.mesh.roughness == 0.5
    arrays["faces"] = result.mesh.faces + len(result.mesh.vertices)
    with pytest.raises(package.InvalidSettingsError, match="do not fit together"):
        package.finish(arrays)


def test_a_picture_without_a_mesh_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "cup.png")
    ended = relievo("finish", tmp_path / "cup.png", "-o", tmp_path / "out")
    assert ended.returncode == 2
    assert "does not end in .glb" in ended.stderr
