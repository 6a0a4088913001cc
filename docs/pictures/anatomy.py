"""Renders docs/pictures/anatomy.jpg in Blender (the bpy package): what becomes of a surface.

    cmake --build build --target test_verify && .venv/bin/python docs/pictures/anatomy.py

Above: the surface as it is extracted, simplified, and simplified with its detail in a normal map. Below: the albedo
over the UV atlas with its charts' edges, the normal map, and the result.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import bpy
import mathutils
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
SIDE, GAP = 400, 6
Pixels = NDArray[np.float32]


def load(path: Path) -> Any:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if path.suffix == ".glb":
        bpy.ops.import_scene.gltf(filepath=str(path))
    else:
        bpy.ops.wm.ply_import(filepath=str(path))
    (found,) = [o for o in bpy.data.objects if o.type == "MESH"]
    for polygon in found.data.polygons:
        polygon.use_smooth = True
    return found


def light(angle: float, strength: float, from_direction: tuple[float, float, float]) -> None:
    lamp = bpy.data.lights.new("sun", "SUN")
    lamp.angle, lamp.energy = angle, strength
    thing = bpy.data.objects.new("sun", lamp)
    thing.rotation_euler = (-mathutils.Vector(from_direction)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(thing)


def pixels_of(path: Path) -> Pixels:
    """`[H, W, 3]` as they are in the file, row 0 at the bottom."""
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"
    flat = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(flat)
    pixels: Pixels = flat.reshape(image.size[1], image.size[0], 4)[..., :3].copy()
    return pixels


def render(folder: Path) -> Pixels:
    scene = bpy.context.scene
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    towards = mathutils.Vector((-0.45, 1.0, -0.42)).normalized()
    camera.location = -5.2 * towards
    camera.rotation_euler = towards.to_track_quat("-Z", "Y").to_euler()
    camera.data.angle = np.radians(21)
    scene.camera = camera
    light(0.2, 3.0, (-1, -1, 1.2))
    light(0.5, 1.0, (1.2, -0.4, 0.2))
    scene.world = bpy.data.worlds.new("world")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.5, 0.52, 0.55, 1)
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 48
    scene.cycles.use_denoising = False
    scene.render.resolution_x = scene.render.resolution_y = SIDE
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(folder / "seen.png")
    bpy.ops.render.render(write_still=True)
    return pixels_of(folder / "seen.png")


def principled(thing: Any) -> tuple[Any, Any]:
    tree = thing.data.materials[0].node_tree
    (shader,) = [n for n in tree.nodes if n.type == "BSDF_PRINCIPLED"]
    return tree, shader


def clay(thing: Any, wire: float) -> None:
    """Grey, with the mesh's edges drawn `wire` pixels wide; keeps the normal map of a material that is there."""
    if not thing.data.materials:
        material = bpy.data.materials.new("clay")
        material.use_nodes = True
        thing.data.materials.append(material)
    tree, shader = principled(thing)
    for link in list(shader.inputs["Base Color"].links):
        tree.links.remove(link)
    shader.inputs["Base Color"].default_value = (0.55, 0.55, 0.56, 1)
    shader.inputs["Roughness"].default_value = 0.55
    if wire <= 0:
        return
    edges = tree.nodes.new("ShaderNodeWireframe")
    edges.use_pixel_size = True
    edges.inputs["Size"].default_value = wire
    mix = tree.nodes.new("ShaderNodeMix")
    mix.data_type = "RGBA"
    mix.inputs[6].default_value = (0.55, 0.55, 0.56, 1)
    mix.inputs[7].default_value = (0.02, 0.03, 0.06, 1)
    tree.links.new(edges.outputs["Fac"], mix.inputs["Factor"])
    tree.links.new(mix.outputs[2], shader.inputs["Base Color"])


def without_normal_map(thing: Any) -> None:
    tree, shader = principled(thing)
    for link in list(shader.inputs["Normal"].links):
        tree.links.remove(link)


def texture(thing: Any, socket: str) -> Pixels:
    """`[SIDE, SIDE, 3]` of the picture that feeds a socket, each pixel the mean of those it covers."""
    _, shader = principled(thing)
    node = shader.inputs[socket].links[0].from_node
    while node.type != "TEX_IMAGE":
        node = next(i for i in node.inputs if i.is_linked).links[0].from_node
    image = node.image
    flat = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(flat)
    full = flat.reshape(image.size[1], image.size[0], 4)[..., :3]
    edges = np.linspace(0, image.size[0], SIDE + 1).astype(int)
    rows = np.add.reduceat(full, edges[:-1], axis=0) / np.diff(edges)[:, None, None]
    small: Pixels = (np.add.reduceat(rows, edges[:-1], axis=1) / np.diff(edges)[None, :, None]).astype(np.float32)
    return small


def draw_charts(pixels: Pixels, thing: Any) -> None:
    """Draws the edges at which charts end, in white."""
    mesh = thing.data
    uv = np.array([loop.uv for loop in mesh.uv_layers.active.data])
    places = [tuple(v.co) for v in mesh.vertices]
    sides: dict[tuple[Any, Any], list[NDArray[np.float64]]] = {}
    for polygon in mesh.polygons:
        corners = list(polygon.loop_indices)
        for one, other in zip(corners, corners[1:] + corners[:1], strict=True):
            ends = [(places[mesh.loops[i].vertex_index], tuple(uv[i])) for i in (one, other)]
            ends.sort()
            sides.setdefault((ends[0][0], ends[1][0]), []).append(np.array([ends[0][1], ends[1][1]]))
    for found in sides.values():
        if len(found) == 2 and np.array_equal(found[0], found[1]):
            continue
        for line in found:
            steps = int(np.abs(line[1] - line[0]).max() * SIDE * 2) + 1
            for share in np.linspace(0, 1, steps + 1):
                x, y = np.clip(((1 - share) * line[0] + share * line[1]) * SIDE, 0, SIDE - 1).astype(int)
                pixels[y, x] = 1


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(
            [ROOT / "build" / "test_verify", "--gtest_filter=DetailSamples.*"],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "RELIEVO_DETAIL_SAMPLES": str(folder)},
        )
        whole = load(folder / "whole.ply")
        clay(whole, 0.25)
        panels = [render(folder)]
        simplified = load(folder / "simplified.glb")
        without_normal_map(simplified)
        clay(simplified, 0.6)
        panels.append(render(folder))
        simplified = load(folder / "simplified.glb")
        clay(simplified, 0)
        panels.append(render(folder))
        result = load(folder / "simplified.glb")
        albedo = texture(result, "Base Color")
        draw_charts(albedo, result)
        panels += [albedo, texture(result, "Normal"), render(folder)]

        columns, rows = 3, 2
        width, height = columns * (SIDE + GAP) + GAP, rows * (SIDE + GAP) + GAP
        sheet = np.ones((height, width, 4), np.float32)
        for i, panel in enumerate(panels):
            x = GAP + i % columns * (SIDE + GAP)
            y = height - (i // columns + 1) * (SIDE + GAP)
            sheet[y : y + SIDE, x : x + SIDE, :3] = panel
        image = bpy.data.images.new("anatomy", width, height)
        image.colorspace_settings.name = "Non-Color"
        image.pixels.foreach_set(sheet.ravel())
        image.file_format = "JPEG"
        image.filepath_raw = str(Path(__file__).with_suffix(".jpg"))
        bpy.context.scene.render.image_settings.quality = 88
        image.save(quality=88)


if __name__ == "__main__":
    main()
