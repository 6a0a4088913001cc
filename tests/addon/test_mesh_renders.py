"""Blender shows the files of native/files as they are meant: through its importers and Cycles, judged by pixels.

The box is the one of test_mesh_import.py. The pumpkin is written by tests/native/verify/detail_samples.cpp: with bumps
in full (PLY), and simplified to 2000 faces with the bumps in a normal map (GLB, OBJ).
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import bpy
import mathutils
import numpy as np
import pytest
from numpy.typing import NDArray

BUILD = Path(os.environ.get("RELIEVO_BUILD", Path(__file__).resolve().parents[2] / "build"))
SIDE = 128
Pixels = NDArray[np.float32]


def written_by(program: str, test: str, variable: str, folder: Path) -> Path:
    subprocess.run(
        [BUILD / program, f"--gtest_filter={test}"],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, variable: str(folder)},
    )
    return folder


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_by("test_files", "MeshSamples.*", "RELIEVO_MESH_SAMPLES", tmp_path_factory.mktemp("boxes"))


@pytest.fixture(scope="module")
def pumpkins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_by("test_verify", "DetailSamples.*", "RELIEVO_DETAIL_SAMPLES", tmp_path_factory.mktemp("pumpkins"))


def load(path: Path) -> Any:
    """The only object of an otherwise empty scene, imported with the importer's defaults."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    importers = {
        ".glb": bpy.ops.import_scene.gltf,
        ".obj": bpy.ops.wm.obj_import,
        ".ply": bpy.ops.wm.ply_import,
    }
    importers[path.suffix](filepath=str(path))
    (found,) = [o for o in bpy.data.objects if o.type == "MESH"]
    return found


def render(
    folder: Path,
    towards: tuple[float, float, float],
    middle: tuple[float, float, float],
    width: float,
    samples: int = 1,
) -> Pixels:
    """`[S, S, 4]` linear light, row 0 at the bottom, seen along `towards` by a camera without perspective."""
    scene = bpy.context.scene
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    camera.data.type = "ORTHO"
    camera.data.ortho_scale = width
    direction = mathutils.Vector(towards)
    camera.location = mathutils.Vector(middle) - 10 * direction.normalized()
    camera.rotation_euler = direction.to_track_quat("-Z", "Y").to_euler()
    scene.camera = camera
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = False
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.pixel_filter_type = "BOX"
    scene.cycles.filter_width = 0.01
    scene.render.film_transparent = True
    scene.render.resolution_x = scene.render.resolution_y = SIDE
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform = "Raw"
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_depth = "32"
    scene.render.filepath = str(folder / "seen.exr")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(folder / "seen.exr"))
    image.colorspace_settings.name = "Non-Color"
    pixels = np.empty(SIDE * SIDE * 4, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    bpy.data.objects.remove(camera)
    return pixels.reshape(SIDE, SIDE, 4)


def principled(tree: Any) -> Any:
    (shader,) = [n for n in tree.nodes if n.type == "BSDF_PRINCIPLED"]
    return shader


def show(tree: Any, socket: Any) -> None:
    """Lets the material shine with what leaves a socket."""
    glow = tree.nodes.new("ShaderNodeEmission")
    tree.links.new(socket, glow.inputs["Color"])
    (output,) = [n for n in tree.nodes if n.type == "OUTPUT_MATERIAL"]
    tree.links.new(glow.outputs["Emission"], output.inputs["Surface"])


def plain_material(thing: Any) -> Any:
    material = bpy.data.materials.new("plain")
    material.use_nodes = True
    thing.data.materials.clear()
    thing.data.materials.append(material)
    return material.node_tree


@pytest.mark.parametrize("kind", ["glb", "obj"])
def test_texture_is_seen_on_the_front(boxes: Path, tmp_path: Path, kind: str) -> None:
    # The material is the importer's own; white light comes from all around.
    box = load(boxes / f"box.{kind}")
    assert box.data.materials[0].node_tree is not None
    world = bpy.data.worlds.new("white")
    bpy.context.scene.world = world
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (1, 1, 1, 1)
    bpy.context.scene.cycles.max_bounces = 0
    seen = render(tmp_path, (0, 1, 0), (0.25, -1, 0.75), 4.5, samples=64)
    # The front is a third of the picture wide and all of it high; row 0 is at the bottom.
    colours = {
        (across, up): tuple(
            np.median(seen[int(up * SIDE) - 4 : int(up * SIDE) + 4, centre - 4 : centre + 4, :3], (0, 1))
        )
        for across, centre in ((0, int(SIDE * (0.5 - 0.14))), (1, int(SIDE * (0.5 + 0.14))))
        for up in (0.06, 0.94)
    }
    expected = {(0, 0.94): "100", (1, 0.94): "010", (0, 0.06): "001", (1, 0.06): "110"}
    for place, bits in expected.items():
        brightest = max(colours[place])
        assert brightest > 0.2
        assert "".join("1" if c > brightest / 2 else "0" for c in colours[place]) == bits, (place, colours)


def test_ply_colours_are_seen_on_the_front(boxes: Path, tmp_path: Path) -> None:
    box = load(boxes / "box.ply")
    tree = plain_material(box)
    attribute = tree.nodes.new("ShaderNodeVertexColor")
    attribute.layer_name = box.data.color_attributes[0].name
    show(tree, attribute.outputs["Color"])
    seen = render(tmp_path, (0, 1, 0), (0.25, -1, 0.75), 4.5)
    dark, bright = (((c + 0.055) / 1.055) ** 2.4 for c in (0.2, 0.8))
    left, right = SIDE // 2 - SIDE // 6 + 2, SIDE // 2 + SIDE // 6 - 2
    for column, red in ((left, dark), (right, bright)):
        for row, blue in ((2, dark), (SIDE - 3, bright)):
            assert seen[row, column, :3] == pytest.approx([red, dark, blue], abs=0.05)


VIEWS = [(0.0, 1.0, 0.0), (-1.0, 0.3, 0.2), (0.4, -1.0, -0.5), (0.2, 0.3, -1.0), (0.3, 0.2, 1.0)]


def normals(folder: Path, towards: tuple[float, float, float]) -> tuple[Pixels, NDArray[np.bool_]]:
    seen = render(folder, towards, (0, 0, 0), 1.7)
    directions = seen[..., :3] * 2 - 1
    return directions / np.maximum(np.linalg.norm(directions, axis=-1, keepdims=True), 1e-6), seen[..., 3] > 0.5


def show_vector(tree: Any, socket: Any) -> None:
    """Shines with (v + 1) / 2."""
    scaled = tree.nodes.new("ShaderNodeVectorMath")
    scaled.operation = "MULTIPLY_ADD"
    tree.links.new(socket, scaled.inputs[0])
    scaled.inputs[1].default_value = scaled.inputs[2].default_value = (0.5, 0.5, 0.5)
    show(tree, scaled.outputs["Vector"])


def show_smooth_normals(thing: Any) -> None:
    tree = plain_material(thing)
    show_vector(tree, tree.nodes.new("ShaderNodeNewGeometry").outputs["Normal"])


def angles(ours: Pixels, theirs: Pixels, where: NDArray[np.bool_]) -> Pixels:
    dots: Pixels = np.clip((ours[where] * theirs[where]).sum(-1), -1, 1)
    degrees: Pixels = np.degrees(np.arccos(dots)).astype(np.float32)
    return degrees


@pytest.mark.parametrize("kind", ["glb", "obj"])
def test_normal_map_gives_the_simplified_mesh_its_bumps_back(pumpkins: Path, tmp_path: Path, kind: str) -> None:
    whole = load(pumpkins / "whole.ply")
    assert len(whole.data.polygons) > 50_000
    show_smooth_normals(whole)
    real = [normals(tmp_path, view) for view in VIEWS]

    simplified = load(pumpkins / f"simplified.{kind}")
    assert len(simplified.data.polygons) <= 2000
    tree = simplified.data.materials[0].node_tree
    mapped = principled(tree).inputs["Normal"].links[0].from_node
    assert mapped.type == "NORMAL_MAP"
    if kind == "obj":  # its importer takes every picture for a colour; the add-on makes materials of its own
        mapped.inputs["Color"].links[0].from_node.image.colorspace_settings.name = "Non-Color"
    show_vector(tree, mapped.outputs["Normal"])
    with_map = [normals(tmp_path, view) for view in VIEWS]
    show_smooth_normals(simplified)
    without = [normals(tmp_path, view) for view in VIEWS]

    for (there, covered), (ours, ours_covered), (bare, bare_covered) in zip(real, with_map, without, strict=True):
        both = covered & ours_covered & bare_covered
        assert both.sum() > 0.9 * covered.sum() > 1000
        off, off_bare = angles(ours, there, both), angles(bare, there, both)
        assert np.median(off) < 2
        assert np.quantile(off, 0.95) < 10
        assert np.median(off_bare) > 5 * np.median(off)
