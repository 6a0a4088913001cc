"""Results into Blender's data: arrays, not files, and no loop over vertices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
from numpy.typing import NDArray

from . import thumbnails

if TYPE_CHECKING:
    import relievo

COLLECTION = "Relievo"


@dataclass(frozen=True)
class ImportOptions:
    collection: str = COLLECTION  # empty: the scene's own
    size: float = 0.0  # metres of the longest side; 0: as it is
    origin_at_base: bool = False
    smooth: bool = True
    material: bool = True
    asset: bool = False


def add_object(
    result: relievo.Result,
    scene: bpy.types.Scene,
    location: Iterable[float] = (0.0, 0.0, 0.0),
    options: ImportOptions | None = None,
) -> bpy.types.Object:
    """Adds the result to a collection of the scene, its front towards -Y, named after the picture."""
    options = options or ImportOptions()
    thing = bpy.data.objects.new(result.name, make_mesh_with_material(result, options))
    thing.location = location
    remember(thing, result)
    _collection(scene, options.collection).objects.link(thing)
    return thing


def replace_mesh(thing: bpy.types.Object, result: relievo.Result, options: ImportOptions) -> None:
    """Gives an object another mesh and material; it stays where it is. The old ones go if nobody uses them."""
    old = thing.data
    thing.data = make_mesh_with_material(result, options)
    remember(thing, result)
    if old.users == 0:
        materials = list(old.materials)
        bpy.data.meshes.remove(old)
        _remove_unused(materials)


def make_mesh_with_material(result: relievo.Result, options: ImportOptions) -> bpy.types.Mesh:
    mesh = make_mesh(result, options)
    if options.material:
        mesh.materials.append(make_material(result))
    return mesh


def remember(thing: bpy.types.Object, result: relievo.Result) -> None:
    """Where the object came from, so that it can be made again."""
    provenance = result.mesh.provenance
    for name in ("picture", "model", "settings", "version"):
        thing[f"relievo_{name}"] = getattr(provenance, name)


def mark_asset(thing: bpy.types.Object, picture: NDArray[np.uint8] | None) -> None:
    """With this picture as its preview, where there is one."""
    thing.asset_mark()
    if picture is not None:
        thumbnails.fill(thing.preview_ensure(), picture)


def make_mesh(result: relievo.Result, options: ImportOptions | None = None) -> bpy.types.Mesh:
    options = options or ImportOptions()
    vertices, faces = placed(result.mesh.vertices, options), result.mesh.faces
    mesh = bpy.data.meshes.new(result.name)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", vertices.ravel())
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.full(len(faces), options.smooth))
    mesh.uv_layers.new(name="UVMap").uv.foreach_set("vector", result.mesh.corner_uv.ravel())
    if (colours := result.mesh.vertex_colours) is not None:
        attribute = mesh.color_attributes.new("Color", "BYTE_COLOR", "POINT")
        opaque = np.ones((len(colours), 4), np.float32)
        opaque[:, :3] = colours
        attribute.data.foreach_set("color_srgb", opaque.ravel())
    mesh.update(calc_edges=True)
    return mesh


def placed(vertices: NDArray[np.float32], options: ImportOptions) -> NDArray[np.float32]:
    """In the asked size, and with the origin where it was asked for."""
    if len(vertices) == 0:
        return vertices
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    if options.origin_at_base:
        base = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]], np.float32)
        vertices = vertices - base
    longest = float((high - low).max())
    if options.size > 0 and longest > 0:
        vertices = vertices * np.float32(options.size / longest)
    return vertices


def make_material(result: relievo.Result) -> bpy.types.Material:
    """The albedo, and the normal map where there is one, packed, on a matt Principled shader."""
    material = bpy.data.materials.new(result.name)
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 0.8
    shader.inputs["Metallic"].default_value = 0.0
    x, y = shader.location
    texture = nodes.new("ShaderNodeTexImage")
    texture.location = (x - 320, y)
    texture.image = make_image(result.name, result.albedo_png, "sRGB")
    links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    if result.mesh.normal_map is not None and len(result.normal_map_png):
        relief = nodes.new("ShaderNodeTexImage")
        relief.location = (x - 520, y - 320)
        relief.image = make_image(f"{result.name}_normal", result.normal_map_png, "Non-Color")
        bend = nodes.new("ShaderNodeNormalMap")
        bend.location = (x - 220, y - 320)
        links.new(relief.outputs["Color"], bend.inputs["Color"])
        links.new(bend.outputs["Normal"], shader.inputs["Normal"])
    return material


def make_image(name: str, png: Any, colour_space: str) -> bpy.types.Image:
    """An image of the file's bytes, packed."""
    # Small, for Blender makes its pixels here; and already encoded, for Blender would do that on its main thread.
    image = bpy.data.images.new(name, 8, 8)
    image.pack(data=bytes(png), data_len=len(png))
    image.source = "FILE"
    image.filepath_raw = f"//textures/{name}.png"
    image.colorspace_settings.name = colour_space
    return image


def _collection(scene: bpy.types.Scene, name: str) -> bpy.types.Collection:
    if not name:
        return scene.collection
    for collection in scene.collection.children_recursive:
        if collection.library is None and (
            collection.name == name or (collection.name.rpartition(".")[0] == name and collection.name[-3:].isdigit())
        ):
            return collection
    collection = bpy.data.collections.new(name)
    scene.collection.children.link(collection)
    return collection


def _remove_unused(materials: list[bpy.types.Material | None]) -> None:
    for material in materials:
        if material is None or material.users:
            continue
        images = [node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE" and node.image]
        bpy.data.materials.remove(material)
        for image in images:
            if image.users == 0:
                bpy.data.images.remove(image)
