"""The parts of a result: views into the engine's memory, files."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import struct
import weakref
from pathlib import Path

import numpy as np
import pytest
import relievo
from shapes import QUICK, disc, png


@pytest.fixture(scope="module")
def result() -> relievo.Result:
    return relievo.generate(
        disc(), name="cup", vertex_colours=True, grid=QUICK["grid"], texture_size=QUICK["texture_size"]
    )


def test_arrays_have_the_documented_shapes_and_types(result: relievo.Result) -> None:
    mesh = result.mesh
    n = len(mesh.faces)
    assert (mesh.vertices.shape[1:], mesh.vertices.dtype.name) == ((3,), "float32")
    assert (mesh.faces.shape[1:], mesh.faces.dtype.name) == ((3,), "int32")
    assert (mesh.corner_uv.shape[1:], mesh.corner_uv.dtype.name) == ((3, 2), "float32")
    assert len(mesh.corner_uv) == n > 100
    assert mesh.albedo.dtype == np.uint8
    assert mesh.albedo.shape[0] == QUICK["texture_size"]
    assert mesh.albedo.shape[2] == 3
    assert result.foreground.shape[2] == 4
    assert result.foreground.dtype == np.uint8
    assert mesh.normal_map is None
    assert mesh.vertex_colours is not None
    assert mesh.vertex_colours.shape == mesh.vertices.shape
    assert mesh.vertex_colours.dtype == np.float32


def test_colours_at_the_vertices_are_there_when_asked_for() -> None:
    assert relievo.generate(disc(), **QUICK).mesh.vertex_colours is None


def test_faces_are_of_its_vertices(result: relievo.Result) -> None:
    faces = result.mesh.faces
    assert faces.min() == 0
    assert faces.max() == len(result.mesh.vertices) - 1


def test_arrays_are_the_results_own_memory(result: relievo.Result) -> None:
    for name in ("vertices", "faces", "corner_uv", "albedo"):
        first, second = getattr(result.mesh, name), getattr(result.mesh, name)
        assert first.__array_interface__["data"] == (second.__array_interface__["data"][0], True)


@pytest.mark.parametrize("name", ["vertices", "faces", "corner_uv", "albedo"])
def test_arrays_cannot_be_written(result: relievo.Result, name: str) -> None:
    with pytest.raises(ValueError, match="read-only"):
        getattr(result.mesh, name)[0] = 0


def test_array_keeps_its_mesh_alive_and_nothing_longer() -> None:
    result = relievo.generate(disc(), **QUICK)
    mesh = result.mesh
    alive = weakref.ref(mesh)
    vertices = mesh.vertices
    values = vertices.copy()
    del result, mesh
    gc.collect()
    assert alive() is not None
    assert (vertices == values).all()
    del vertices
    gc.collect()
    assert alive() is None


def test_png_is_bytes_like_and_as_large_as_the_albedo(result: relievo.Result) -> None:
    png = bytes(result.albedo_png)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    height, width = result.mesh.albedo.shape[:2]
    assert struct.unpack(">II", png[16:24]) == (width, height)


def test_report_and_provenance_are_told(result: relievo.Result) -> None:
    report = result.mesh.report
    assert (report.watertight, report.manifold, report.components, report.euler) == (True, True, 1, 2)
    assert result.mesh.provenance.picture == result.name == "cup"
    assert result.mesh.provenance.version == relievo.__version__
    assert [stage.name for stage in result.stages] == ["foreground", "reconstruct", "surface", "simplify", "texture"]
    for stage in result.stages:  # torch's allocator keeps memory on a GPU alone
        assert (stage.fragmentation is not None) == stage.device.startswith("cuda")
    assert result.plan


def test_the_texture_is_reported(result: relievo.Result) -> None:
    told = result.mesh.texture_report
    assert 0 < told.charts < len(result.mesh.faces) / 20
    assert 0.3 < told.coverage < 1 and 0.99 < told.mean_stretch < 1.5 and 0 < told.gap < 0.02


def test_crop_is_the_disc_at_0_85_of_the_square(result: relievo.Result) -> None:
    x, y, side = result.crop
    assert side == pytest.approx(0.8 * 96 / 0.85, abs=3)
    assert x + side / 2 == pytest.approx(48, abs=1)
    assert y + side / 2 == pytest.approx(48, abs=1)


@pytest.mark.parametrize("kind", ["glb", "obj", "ply"])
def test_save_to_a_file_takes_its_name(result: relievo.Result, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "new" / f"my.object.{kind}"
    assert path in result.save(path)
    assert {file.stem.removesuffix("_albedo") for file in path.parent.iterdir()} == {"my.object"}


def test_save_to_a_folder_writes_glb_under_the_results_name(result: relievo.Result, tmp_path: Path) -> None:
    assert result.save(str(tmp_path / "new")) == [tmp_path / "new" / "cup.glb"]


def test_folder_that_is_called_like_a_file_is_a_folder(result: relievo.Result, tmp_path: Path) -> None:
    (tmp_path / "old.glb").mkdir()
    assert result.save(tmp_path / "old.glb") == [tmp_path / "old.glb" / "cup.glb"]


def test_folder_that_is_not_there_is_named_with_a_slash(result: relievo.Result, tmp_path: Path) -> None:
    assert result.save(f"{tmp_path}/out.v2/") == [tmp_path / "out.v2" / "cup.glb"]


@pytest.mark.parametrize("name", ["cup.dae", "cup.STEP", "cup.gltf", "cup.v2"])
def test_ending_that_is_no_format_is_refused_and_makes_no_folder(
    result: relievo.Result, tmp_path: Path, name: str
) -> None:
    with pytest.raises(relievo.InvalidSettingsError, match=name) as caught:
        result.save(tmp_path / name)
    assert all(ending in caught.value.hint for ending in (".glb", ".obj", ".ply", "slash"))
    with pytest.raises(relievo.InvalidSettingsError):
        result.save(tmp_path / name, ["glb"])
    with pytest.raises(relievo.InvalidSettingsError, match="ply"):
        result.save(tmp_path / "cup.glb", ["ply"])
    assert list(tmp_path.iterdir()) == []


def test_source_picture_is_never_written_over(tmp_path: Path) -> None:
    photo = tmp_path / "cup.png"
    photo.write_bytes(png(disc()))
    before = photo.read_bytes()
    files = relievo.generate(photo, **QUICK).save(tmp_path / "cup.obj")
    assert photo.read_bytes() == before
    assert {file.name for file in files} == {"cup.obj", "cup.mtl", "cup_albedo.png"}


def test_what_others_wrote_is_kept_and_the_result_is_numbered(result: relievo.Result, tmp_path: Path) -> None:
    for name in ("cup.glb", "cup_2.glb", "cup.mtl", "cup_sheet.png"):
        (tmp_path / name).write_text("mine")
    assert result.save(tmp_path / "cup.glb") == [tmp_path / "cup_3.glb"]
    assert {file.name for file in result.save(tmp_path, ["obj"])} == {"cup_2.obj", "cup_2.mtl", "cup_2_albedo.png"}
    assert result.save_renders(tmp_path, sheet=True) == [tmp_path / "cup_2_sheet.png"]
    assert all((tmp_path / name).read_text() == "mine" for name in ("cup.glb", "cup_2.glb", "cup.mtl", "cup_sheet.png"))


def test_result_of_the_same_picture_is_replaced_and_that_of_another_is_not(tmp_path: Path) -> None:
    shallow: relievo.Settings = {**QUICK, "depth": 0.5}
    first = relievo.generate(disc(), name="cup", **QUICK)
    again = relievo.generate(disc(), name="cup", **shallow)
    other = relievo.generate(disc(80), name="cup", **QUICK)

    def save(result: relievo.Result) -> list[Path]:
        return result.save(tmp_path, ["glb", "obj", "ply"]) + result.save_renders(
            tmp_path, sheet=True, turntable=2, exr=True
        )

    files = save(first)
    assert save(again) == files
    kept = {file: file.read_bytes() for file in files}
    assert not set(save(other)) & set(files)
    assert {file: file.read_bytes() for file in files} == kept
    assert other.save(tmp_path, ["glb"], former=[first.mesh.provenance.checksum]) == [tmp_path / "cup.glb"]


def write_blend(file: Path) -> None:
    """What Blender compresses begins like this."""
    file.write_bytes(b"\x28\xb5\x2f\xfd some compressed data")


def test_blend_replaces_that_of_its_picture_and_no_other(tmp_path: Path) -> None:
    first, other = (relievo.generate(disc(size), name="cup", **QUICK) for size in (96, 80))
    assert first.save_by_blender(tmp_path, "blend", write_blend) == tmp_path / "cup.blend"
    assert first.save_by_blender(tmp_path, "blend", write_blend) == tmp_path / "cup.blend"
    assert other.save_by_blender(tmp_path, "blend", write_blend) == tmp_path / "cup_2.blend"
    former = [first.mesh.provenance.checksum]
    assert other.save_by_blender(tmp_path, "blend", write_blend, former=former) == tmp_path / "cup.blend"
    assert {file.name for file in tmp_path.iterdir()} == {"cup.blend", "cup_2.blend"}


def test_blend_takes_no_name_that_another_got_while_it_was_written(tmp_path: Path) -> None:
    places = []

    def write_late(file: Path) -> None:
        write_blend(file)
        places.append(file.parent)
        (tmp_path / "disc.blend").write_text("mine")

    result = relievo.generate(disc(), name="disc", **QUICK)
    assert result.save_by_blender(tmp_path, "blend", write_late, named=True) == tmp_path / "disc_2.blend"
    assert (tmp_path / "disc.blend").read_text() == "mine"
    assert places == [tmp_path] * 2  # which paths in a .blend are relative to
    assert {file.name for file in tmp_path.iterdir()} == {"disc.blend", "disc_2.blend"}


def test_blend_that_cannot_be_written_leaves_nothing(result: relievo.Result, tmp_path: Path) -> None:
    def fail(file: Path) -> None:
        write_blend(file)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        result.save_by_blender(tmp_path, "blend", fail)
    with pytest.raises(relievo.IoError):
        result.save_by_blender(tmp_path, "blend", lambda file: None)  # which writes nothing
    assert list(tmp_path.iterdir()) == []


def test_checksum_is_that_of_the_pictures_bytes(tmp_path: Path) -> None:
    photo = tmp_path / "cup.png"
    photo.write_bytes(png(disc()))
    expected = hashlib.sha256(photo.read_bytes()).hexdigest()
    assert relievo.picture_checksum(photo) == expected
    assert relievo.generate(photo, **QUICK).mesh.provenance.checksum == expected
    assert relievo.generate(photo.read_bytes(), **QUICK).mesh.provenance.checksum == expected
    assert relievo.generate(disc(), **QUICK).mesh.provenance.checksum not in ("", expected)


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("CON", "CON_"),
        ("a\0b/c", "a_b_c"),
        (" cup. ", "cup"),
        ("x" * 255, "x" * 190),
        ("\N{HOT BEVERAGE}" * 80, "\N{HOT BEVERAGE}" * 63),
    ],
)
def test_names_are_cleaned_before_anything_is_written(tmp_path: Path, name: str, cleaned: str) -> None:
    result = relievo.generate(disc(), name=name, **QUICK)
    assert result.name == cleaned
    assert result.save(tmp_path) == [tmp_path / f"{cleaned}.glb"]


def test_name_that_is_no_text_is_cleaned(tmp_path: Path) -> None:
    photo = tmp_path / os.fsdecode(b"caf\xe9.png")
    photo.write_bytes(png(disc()))
    result = relievo.generate(photo, **QUICK)
    assert result.name == "caf_"
    assert result.mesh.provenance.picture == str(photo)
    assert result.save(tmp_path) == [tmp_path / "caf_.glb"]


def test_files_for_others_name_no_folder(tmp_path: Path) -> None:
    home = tmp_path / "home" / "jane.doe"
    home.mkdir(parents=True)
    photo, mask = home / "cup.png", home / "mask.png"
    photo.write_bytes(png(disc()))
    mask.write_bytes(png(disc()))
    settings: relievo.Settings = {**QUICK, "mask": mask, "normal_map": True}
    result = relievo.generate(photo, **settings)
    out = tmp_path / "out"
    files = result.save(out, ["glb", "obj", "ply"]) + result.save_renders(out, sheet=True, turntable=1, exr=True)
    assert len(files) >= 8
    for file in files:
        assert b"jane.doe" not in file.read_bytes(), file
    assert result.mesh.provenance.picture == str(photo)


def test_vertex_colours_are_in_obj_and_ply_and_said_to_be_missing_in_glb(tmp_path: Path) -> None:
    settings: relievo.Settings = {**QUICK, "vertex_colours": True}
    result = relievo.generate(disc(), name="cup", **settings)
    result.save(tmp_path, ["glb", "obj"])
    rows = [line.split()[1:] for line in (tmp_path / "cup.obj").read_text().splitlines() if line.startswith("v ")]
    assert {len(row) for row in rows} == {6}
    colours = result.mesh.vertex_colours
    assert colours is not None
    written = {tuple(round(float(value), 3) for value in row[3:]) for row in rows}
    assert written == {tuple(round(float(value), 3) for value in colour) for colour in colours}
    assert b"COLOR_0" not in (tmp_path / "cup.glb").read_bytes()
    assert any("GLB" in note for note in result.notes_on_files(["glb", "obj"]))
    assert result.notes_on_files(["obj", "ply"]) == []
    plain = relievo.generate(disc(), name="cup", **QUICK)
    assert plain.notes_on_files(["glb"]) == []
    (obj,) = [file for file in plain.save(tmp_path / "plain.obj") if file.suffix == ".obj"]
    assert {len(line.split()) for line in obj.read_text().splitlines() if line.startswith("v ")} == {4}


def test_save_writes_each_format(result: relievo.Result, tmp_path: Path) -> None:
    files = result.save(tmp_path, ["glb", "ply"])
    assert files == [tmp_path / "cup.glb", tmp_path / "cup.ply"]
    assert all(file.stat().st_size > 1000 for file in files)


def test_renders_are_written_as_asked(result: relievo.Result, tmp_path: Path) -> None:
    assert result.save_renders(tmp_path, sheet=True) == [tmp_path / "cup_sheet.png"]
    assert (tmp_path / "cup_sheet.png").read_bytes()[:4] == b"\x89PNG"


def test_save_refuses_unknown_formats(result: relievo.Result, tmp_path: Path) -> None:
    with pytest.raises(relievo.InvalidSettingsError, match="dxf"):
        result.save(tmp_path, ["dxf"])


def test_save_says_where_it_cannot_write(result: relievo.Result, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("keep me")
    with pytest.raises(relievo.IoError, match="file") as caught:
        result.save(tmp_path / "file" / "cup.glb")
    assert caught.value.hint


def test_every_setting_reaches_the_engine(tmp_path: Path) -> None:
    # The mask: the disc's own alpha, as a picture file that the engine can read.
    source = tmp_path / "mask.png"
    source.write_bytes(relievo.generate(disc(), **QUICK).albedo_png)
    settings: relievo.Settings = {
        "model": "preview",
        "mask": source,
        "mask_threshold": 0.25,
        "mask_invert": True,
        "subject": 1,
        "views": [],
        "sheet": "",
        "back": "mirror",
        "view_count": 4,
        "seed": 7,
        "steps": 20,
        "sampler": "unipc",
        "guidance": 3.5,
        "input_size": 256,
        "precision": "multiview=bf16",
        "grid": 20,
        "shape": "extrude",
        "depth": 0.5,
        "faces": 200,
        "debris": 0.25,
        "open_at_box": True,
        "texture_size": 128,
        "projection": "off",
        "normal_map": True,
        "vertex_colours": True,
    }
    told = json.loads(relievo.generate(disc(), **settings).mesh.provenance.settings)
    assert told == {**settings, "mask": "file", "mask_file": str(source)}


def test_defaults_are_the_engines() -> None:
    told = json.loads(relievo.generate(disc()).mesh.provenance.settings)
    described = relievo._native.describe_settings()
    assert {name: facts["default"] for name, facts in described.items()} | {"mask_file": ""} == told
