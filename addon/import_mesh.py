"""Results into Blender's data: arrays, not files, and no loop over vertices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import bpy
import numpy as np

if TYPE_CHECKING:
    import relievo

COLLECTION = "Relievo"


def add_object(
    result: relievo.Result, scene: bpy.types.Scene, location: Iterable[float] = (0.0, 0.0, 0.0)
) -> bpy.types.Object:
    """Adds the result to the scene's collection `Relievo`, its front towards -Y, named after the picture."""
    mesh = make_mesh(result)
    mesh.materials.append(make_material(result))
    thing = bpy.data.objects.new(result.name, mesh)
    thing.location = location
    provenance = result.mesh.provenance
    for name in ("picture", "model", "settings", "version"):
        thing[f"relievo_{name}"] = getattr(provenance, name)
    _collection(scene).objects.link(thing)
    return thing


def make_mesh(result: relievo.Result) -> bpy.types.Mesh:
    vertices, faces = result.mesh.vertices, result.mesh.faces
    mesh = bpy.data.meshes.new(result.name)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", vertices.ravel())
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
    mesh.uv_layers.new(name="UVMap").uv.foreach_set("vector", result.mesh.corner_uv.ravel())
    mesh.update(calc_edges=True)
    return mesh


def make_material(result: relievo.Result) -> bpy.types.Material:
    """The albedo, packed, on a matt Principled shader."""
    material = bpy.data.materials.new(result.name)
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 0.8
    shader.inputs["Metallic"].default_value = 0.0
    texture = nodes.new("ShaderNodeTexImage")
    texture.location = (shader.location.x - 320, shader.location.y)
    texture.image = make_image(result)
    links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    return material


def make_image(result: relievo.Result) -> bpy.types.Image:
    height, width = result.mesh.albedo.shape[:2]
    image = bpy.data.images.new(result.name, width, height)
    # Already encoded: Blender would do that on its main thread.
    image.pack(data=bytes(result.albedo_png), data_len=len(result.albedo_png))
    image.source = "FILE"
    image.filepath_raw = f"//textures/{result.name}.png"
    image.colorspace_settings.name = "sRGB"
    return image


def _collection(scene: bpy.types.Scene) -> bpy.types.Collection:
    for collection in scene.collection.children_recursive:
        if collection.name.partition(".")[0] == COLLECTION and collection.library is None:
            return collection
    collection = bpy.data.collections.new(COLLECTION)
    scene.collection.children.link(collection)
    return collection
