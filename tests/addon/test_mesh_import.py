"""The mesh files of native/files as Blender's own importers read them.

The sample (tests/native/files/sample_mesh.h): a box, x -0.5..1, y -1..2, z -1.5..3, Z up and its front
at -Y. Each side shows the whole of a 2x2 texture, upright as seen from outside: red top left, green top
right, blue bottom left, yellow bottom right.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import bpy
import pytest

BUILD = Path(os.environ.get("RELIEVO_BUILD", Path(__file__).resolve().parents[2] / "build"))
NAMES = ["box", 'my  "red" box.v2 ü', "-bm 2"]
FRONT = {
    (-0.5, 3.0): (255, 0, 0),
    (1.0, 3.0): (0, 255, 0),
    (-0.5, -1.5): (0, 0, 255),
    (1.0, -1.5): (255, 255, 0),
}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("meshes")
    subprocess.run(
        [BUILD / "test_files", "--gtest_filter=MeshSamples.*"],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "RELIEVO_MESH_SAMPLES": str(folder)},
    )
    return folder


@pytest.fixture(autouse=True)
def empty_scene() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)


def load(path: Path) -> Any:
    """Imports a file with the importer's defaults and returns its only object."""
    importers = {
        ".glb": bpy.ops.import_scene.gltf,
        ".obj": bpy.ops.wm.obj_import,
        ".fbx": bpy.ops.import_scene.fbx,
        ".ply": bpy.ops.wm.ply_import,
    }
    importers[path.suffix](filepath=str(path))
    bpy.context.view_layer.update()
    (found,) = [o for o in bpy.data.objects if o.type == "MESH"]
    return found


def world_positions(box: Any) -> list[tuple[float, float, float]]:
    return [tuple(round(c, 4) for c in box.matrix_world @ v.co) for v in box.data.vertices]


def linked_image(material: Any, socket: str) -> Any:
    """The image node that feeds a socket of the Principled shader, over other nodes where need be."""
    (shader,) = [n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED"]
    node = shader.inputs[socket].links[0].from_node
    while node.type != "TEX_IMAGE":
        node = next(i for i in node.inputs if i.is_linked).links[0].from_node
    return node


def texel(image: Any, uv: Any) -> tuple[int, ...]:
    """Blender's pixels start at the left bottom, as its UVs do."""
    width, height = image.size
    start = 4 * (int(uv[1] * height) * width + int(uv[0] * width))
    return tuple(round(c * 255) for c in image.pixels[start : start + 3])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["glb", "obj", "fbx", "ply"])
def test_object_is_called_by_its_name(samples: Path, kind: str, name: str) -> None:
    assert load(samples / f"{name}.{kind}").name == name


@pytest.mark.parametrize("kind", ["glb", "obj", "fbx", "ply"])
def test_box_stands_upright_with_its_front_to_minus_y(samples: Path, kind: str) -> None:
    expected = {(x, y, z) for x in (-0.5, 1.0) for y in (-1.0, 2.0) for z in (-1.5, 3.0)}
    assert set(world_positions(load(samples / f"box.{kind}"))) == expected


@pytest.mark.parametrize("kind", ["glb", "obj", "fbx", "ply"])
def test_all_faces_are_there(samples: Path, kind: str) -> None:
    assert len(load(samples / f"box.{kind}").data.polygons) == 12


@pytest.mark.parametrize("kind", ["obj", "fbx", "ply"])
def test_seams_do_not_split_the_surface(samples: Path, kind: str) -> None:
    assert len(load(samples / f"box.{kind}").data.vertices) == 8


def test_glb_has_a_vertex_for_each_pair_of_place_and_uv(samples: Path) -> None:
    box = load(samples / "box.glb")
    places = world_positions(box)
    uv = box.data.uv_layers.active.data
    pairs = {(places[loop.vertex_index], tuple(uv[loop.index].uv)) for loop in box.data.loops}
    assert len(box.data.vertices) == len(pairs)


@pytest.mark.parametrize("kind", ["glb", "obj", "fbx", "ply"])
def test_faces_look_outward(samples: Path, kind: str) -> None:
    box = load(samples / f"box.{kind}")
    middle = (0.25, 0.5, 0.75)
    for polygon in box.data.polygons:
        normal = box.matrix_world.to_3x3() @ polygon.normal
        centre = box.matrix_world @ polygon.center
        assert sum(n * (c - m) for n, c, m in zip(normal, centre, middle, strict=True)) > 0


@pytest.mark.parametrize("kind", ["glb", "obj", "fbx", "ply"])
def test_shading_is_smooth_across_seams(samples: Path, kind: str) -> None:
    box = load(samples / f"box.{kind}")
    places = world_positions(box)
    for loop, normal in zip(box.data.loops, box.data.corner_normals, strict=True):
        turned = (box.matrix_world.to_3x3() @ normal.vector).normalized()  # FBX is scaled from centimetres
        for component, place in zip(turned, places[loop.vertex_index], strict=True):
            assert component == pytest.approx(3**-0.5 if place > 0 else -(3**-0.5), abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["glb", "obj", "fbx"])
def test_front_shows_the_texture_upright(samples: Path, kind: str, name: str) -> None:
    box = load(samples / f"{name}.{kind}")
    image = linked_image(box.data.materials[0], "Base Color").image
    places = world_positions(box)
    uv = box.data.uv_layers.active.data
    front = [p for p in box.data.polygons if all(places[v][1] == -1.0 for v in p.vertices)]
    seen = {
        (places[box.data.loops[i].vertex_index][0], places[box.data.loops[i].vertex_index][2]): texel(image, uv[i].uv)
        for p in front
        for i in p.loop_indices
    }
    assert seen == FRONT


@pytest.mark.parametrize("kind", ["glb", "obj", "fbx"])
def test_texture_is_a_colour_and_surface_is_not_shiny(samples: Path, kind: str) -> None:
    material = load(samples / f"box.{kind}").data.materials[0]
    (shader,) = [n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED"]
    assert linked_image(material, "Base Color").image.colorspace_settings.name == "sRGB"
    assert shader.inputs["Roughness"].default_value == pytest.approx(0.8)
    assert shader.inputs["Metallic"].default_value == 0
    assert material.name == "box"


@pytest.mark.parametrize("kind", ["glb", "fbx"])
def test_normal_map_is_no_colour(samples: Path, kind: str) -> None:
    image = linked_image(load(samples / f"box.{kind}").data.materials[0], "Normal").image
    assert image.colorspace_settings.name == "Non-Color"
    assert image.name == "box_normal"


def test_fbx_has_its_pictures_inside(samples: Path, tmp_path: Path) -> None:
    (tmp_path / "alone.fbx").write_bytes((samples / "box.fbx").read_bytes())
    material = load(tmp_path / "alone.fbx").data.materials[0]
    for socket in ("Base Color", "Normal"):
        assert linked_image(material, socket).image.packed_file is not None


def test_obj_normal_map_is_linked(samples: Path) -> None:
    # Blender's OBJ importer takes every image for colour; the add-on sets its own materials.
    material = load(samples / "box.obj").data.materials[0]
    assert "_normal" in linked_image(material, "Normal").image.name
    (mapped,) = [n for n in material.node_tree.nodes if n.type == "NORMAL_MAP"]
    assert mapped.inputs["Strength"].default_value == 1


def test_ply_has_the_colour_of_each_vertex(samples: Path) -> None:
    box = load(samples / "box.ply")
    colours = box.data.color_attributes[0]
    assert colours.domain == "POINT"
    for place, colour in zip(world_positions(box), colours.data, strict=True):
        expected = [0.8 if c > 0 else 0.2 for c in place]
        assert list(colour.color_srgb)[:3] == pytest.approx(expected, abs=0.01)
