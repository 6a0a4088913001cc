"""Puts finished meshes into objects: triangles or quads, levels of detail, and one material."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from . import redo, textures

if TYPE_CHECKING:
    import relievo


def replace(
    thing: bpy.types.Object,
    result: relievo.Result,
    back: Matrix,
    quads: dict[str, Any] | None,
    roughness: float | None,
    metallic: float | None,
) -> None:
    """Gives the object the finished mesh, moved by `back` into its own space, and objects for its levels of detail.
    Modifiers are applied in it already, so those that shape the mesh are removed."""
    old = thing.data
    new = _mesh_of_quads(thing.name, quads, back) if quads is not None else _mesh_of(thing.name, result.mesh, back)
    give_material(new, result, roughness, metallic)
    weights = redo.weights_for(thing, old, new)
    name = old.name
    thing.data = new
    for modifier in [each for each in thing.modifiers if each.type != "ARMATURE"]:
        thing.modifiers.remove(modifier)
    redo.make_groups(thing, weights)
    if old.users == 0:
        bpy.data.meshes.remove(old)
    new.name = name
    if result.mesh.levels:
        _add_levels(thing, result, back)


def give_material(
    mesh: bpy.types.Mesh, result: relievo.Result, roughness: float | None = None, metallic: float | None = None
) -> None:
    """Makes the result's material the only one of the mesh."""
    material = textures.make_material(result)
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = result.mesh.roughness if roughness is None else roughness
    shader.inputs["Metallic"].default_value = result.mesh.metallic if metallic is None else metallic
    mesh.materials.clear()
    mesh.materials.append(material)
    if mesh.polygons:
        mesh.polygons.foreach_set("material_index", np.zeros(len(mesh.polygons), np.int32))


def _moved(vertices: NDArray[np.float32], back: Matrix) -> NDArray[np.float32]:
    moved: NDArray[np.float32] = (vertices @ np.array(back.to_3x3(), np.float32).T).astype(np.float32)
    return moved


def _mesh_of(name: str, shape: Any, back: Matrix) -> bpy.types.Mesh:
    """Makes a mesh of triangles: of a result's mesh, or of one of its levels."""
    faces, uv = shape.faces, shape.corner_uv
    if back.determinant() < 0:
        faces, uv = faces[:, ::-1], uv[:, ::-1]
    starts = np.arange(0, faces.size, 3, dtype=np.int32)
    return _mesh(name, _moved(shape.vertices, back), faces.ravel(), starts, uv.reshape(-1, 2))


def _mesh_of_quads(name: str, quads: dict[str, Any], back: Matrix) -> bpy.types.Mesh:
    loops, uv, starts = quads["loops"], quads["uv"], quads["starts"]
    if back.determinant() < 0:  # each polygon's corners run the other way round
        ends = np.append(starts[1:], len(loops))
        order = np.concatenate([np.arange(b - 1, a - 1, -1) for a, b in zip(starts, ends, strict=True)])
        loops, uv = loops[order], uv[order]
    return _mesh(name, _moved(quads["vertices"], back), loops, starts, uv)


def _mesh(name: str, vertices: Any, loops: Any, starts: Any, uv: Any) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
    mesh.loops.add(len(loops))
    mesh.loops.foreach_set("vertex_index", np.ascontiguousarray(loops, np.int32))
    mesh.polygons.add(len(starts))
    mesh.polygons.foreach_set("loop_start", starts)
    mesh.polygons.foreach_set("use_smooth", np.ones(len(starts), bool))
    mesh.uv_layers.new(name="UVMap").uv.foreach_set("vector", np.ascontiguousarray(uv, np.float32).ravel())
    mesh.update(calc_edges=True)
    return mesh


def _add_levels(thing: bpy.types.Object, result: relievo.Result, back: Matrix) -> None:
    """Names the object NAME_LOD0, and puts the coarser ones beside it, hidden, where it stands."""
    name = thing.name.removesuffix("_LOD0")
    thing.name = f"{name}_LOD0"
    for number, level in enumerate(result.mesh.levels, 1):
        mesh = _mesh_of(f"{name}_LOD{number}", level, back)
        mesh.materials.append(thing.data.materials[0])
        old = bpy.data.objects.get(mesh.name)
        if old is not None and old.get("relievo_lod_of") == name:  # of an earlier time
            bpy.data.objects.remove(old)
        coarser = bpy.data.objects.new(f"{name}_LOD{number}", mesh)
        coarser["relievo_lod_of"] = name
        for collection in thing.users_collection:
            collection.objects.link(coarser)
        coarser.matrix_world = thing.matrix_world
        coarser.hide_render = True
        if coarser.name in bpy.context.view_layer.objects:
            coarser.hide_set(True)
