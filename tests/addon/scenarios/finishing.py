"""Objects that are finished, and one that is baked onto another."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from inside import answer, drawn, find, install, module


def ball(name: str, rings: int, scale: tuple[float, ...] = (1.0, 1.0, 1.0)) -> Any:
    """A ball whose colors tell the place, in polygons of four corners and, at the poles, of three."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=2 * rings, ring_count=rings, radius=1)
    thing = bpy.context.object
    thing.name, thing.scale = name, scale
    thing.data.polygons.foreach_set("use_smooth", np.ones(len(thing.data.polygons), bool))
    image = bpy.data.images.new(name, 512, 512)
    image.pixels.foreach_set(_colours_of(thing, 512))
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes = material.node_tree.nodes
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 0.35
    texture = nodes.new("ShaderNodeTexImage")
    texture.image = image
    material.node_tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    thing.data.materials.append(material)
    return thing


def _colours_of(thing: Any, side: int) -> Any:
    """The picture with the color 0.5 + 0.35 * place at each place: the map is one of longitude and latitude, which is
    found from a vertex of the sphere."""
    mesh = thing.data
    uv, of_loop = np.empty(2 * len(mesh.loops), np.float32), np.empty(len(mesh.loops), np.int32)
    mesh.uv_layers.active.uv.foreach_get("vector", uv)
    mesh.loops.foreach_get("vertex_index", of_loop)
    places = np.array([v.co for v in mesh.vertices])[of_loop]
    uv = uv.reshape(-1, 2)
    off_poles = np.hypot(places[:, 0], places[:, 1]) > 0.5
    turns = np.arctan2(places[off_poles, 1], places[off_poles, 0]) / (2 * np.pi) - uv[off_poles, 0]
    start = np.angle(np.exp(2j * np.pi * turns).mean())
    v, u = (np.mgrid[:side, :side] + 0.5) / side
    around, up = 2 * np.pi * u + start, np.pi * (v - 0.5)
    points = np.stack([np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)], -1)
    pixels = np.ones((side, side, 4), np.float32)
    pixels[..., :3] = 0.5 + 0.35 * points
    return pixels.ravel()


def far_off(thing: Any) -> list[float]:
    """By how much the texture's colors in the middles of faces are others than those of the places: median, 95th
    percentile."""
    mesh = thing.data
    shader = next(node for node in mesh.materials[0].node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    image = shader.inputs["Base Color"].links[0].from_node.image
    width, height = image.size
    pixels = np.empty(4 * width * height, np.float32)
    image.pixels.foreach_get(pixels)
    pixels = pixels.reshape(height, width, 4)
    off = []
    layer = mesh.uv_layers.active.uv
    for polygon in mesh.polygons:
        uv = np.mean([layer[loop].vector for loop in polygon.loop_indices], axis=0)
        place = np.array(polygon.center) / np.linalg.norm(polygon.center)
        shown = pixels[min(int(uv[1] * height), height - 1), min(int(uv[0] * width), width - 1), :3]
        off.append(float(np.abs(shown - (0.5 + 0.35 * place)).max()))
    return [float(np.percentile(off, share)) for share in (50, 95)]


def _facts_of(thing: Any) -> dict[str, Any]:
    mesh = thing.data
    corners = np.array([polygon.loop_total for polygon in mesh.polygons])
    shader = next(node for node in mesh.materials[0].node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    outward = [polygon.normal.dot(polygon.center) > 0 for polygon in mesh.polygons]
    return {
        "faces": len(mesh.polygons),
        "quads": float((corners == 4).mean()),
        "off": far_off(thing),
        "materials": len(mesh.materials),
        "roughness": shader.inputs["Roughness"].default_value,
        "normal_map": bool(shader.inputs["Normal"].links),
        "occlusion": any(node.type == "GROUP" for node in mesh.materials[0].node_tree.nodes),
        "outward": float(np.mean(outward)),
        "scale": list(thing.scale),
        "size": [float(np.ptp([v.co[axis] for v in mesh.vertices])) for axis in range(3)],
        "uv_layers": len(mesh.uv_layers),
    }


def _wish(**wishes: Any) -> None:
    settings = bpy.context.scene.relievo_finish
    for name in ("shape", "levels", "mirror", "printed", "occlusion", "own_surface", "texture_size"):
        settings.property_unset(name)
    for name, value in wishes.items():
        setattr(settings, name, value)


def finished_objects() -> dict[str, Any]:
    """A ball as triangles in levels, mirrored in its scale; as quads; for printing."""
    install()
    facts: dict[str, Any] = {}
    thing = ball("Levels", 48, (2.0, -2.0, 2.0))
    thing.vertex_groups.new(name="upper").add([v.index for v in thing.data.vertices if v.co.z > 0.5], 1.0, "REPLACE")
    _wish(shape="TRIANGLES", faces=2000, levels=3, own_surface=True, roughness=0.1)
    facts["answer"] = answer(bpy.ops.relievo.finish)
    facts["levels"] = _facts_of(find("Levels_LOD0"))
    facts["group"] = sum(bool(v.groups) for v in find("Levels_LOD0").data.vertices)
    facts["coarser"] = {n: len(find(n).data.polygons) for n in ("Levels_LOD1", "Levels_LOD2")}
    facts["one_material"] = find("Levels_LOD2").data.materials[0] == find("Levels_LOD0").data.materials[0]

    ball("Quads", 48)
    _wish(shape="QUADS", faces=1500, occlusion=True)
    facts["quads_answer"] = answer(bpy.ops.relievo.finish)
    facts["quads"] = _facts_of(find("Quads"))

    ball("Print", 32)
    _wish(printed=True, print_size=80.0, flat_base=5.0)
    facts["print_answer"] = answer(bpy.ops.relievo.finish)
    facts["print"] = _facts_of(find("Print"))
    facts["told"] = drawn("finish")
    return facts


def baked_objects() -> dict[str, Any]:
    """One ball is baked onto another with UVs; what cannot be done is told."""
    install()
    facts: dict[str, Any] = {}
    source = ball("Source", 48)
    target = ball("Target", 12)
    target.data.materials.clear()
    source.select_set(True)
    bpy.context.scene.relievo_finish.texture_size = 256
    facts["answer"] = answer(bpy.ops.relievo.bake)
    facts["target"] = _facts_of(target)
    source.select_set(False)
    facts["alone"] = answer(bpy.ops.relievo.bake)
    while target.data.uv_layers:
        target.data.uv_layers.remove(target.data.uv_layers[0])
    source.select_set(True)
    facts["without_uv"] = answer(bpy.ops.relievo.bake)
    bpy.ops.mesh.primitive_plane_add()
    plane = bpy.context.object
    _wish(shape="QUADS", faces=100, printed=True, flat_base=1.0)
    facts["plane"] = answer(bpy.ops.relievo.finish)
    facts["plane_stays"] = len(plane.data.polygons)
    plane.shape_key_add(name="key")
    facts["shape_keys"] = answer(bpy.ops.relievo.finish)
    bpy.ops.object.empty_add()
    facts["empty"] = answer(bpy.ops.relievo.finish)
    return facts


def cancelled_finishing() -> dict[str, Any]:
    """Quads are cancelled while their Blender works, and the object stays as it is."""
    install()
    finishing, pending = module("finishing"), module("pending")
    thing = ball("Stays", 64)
    faces = len(thing.data.polygons)
    _wish(shape="QUADS", faces=4000)
    work = finishing.finish(thing, module("finish_properties").wishes_of(bpy.context.scene.relievo_finish))
    pending.poll()
    process = work.part._process
    running = process.poll() is None
    shown = drawn("finish")
    refused = ""
    try:
        finishing.finish(thing, finishing.Wishes())
    except module("mesh_source").CannotFinishError as error:
        refused = error.message
    finishing.cancel()
    pending.finish()
    return {
        "running": running,
        "shown": shown,
        "refused": refused,
        "ended": process.poll() is not None,
        "left": finishing.current() is not None,
        "faces": [faces, len(thing.data.polygons)],
    }
