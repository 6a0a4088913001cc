"""Gives the engine a mesh object: its shape as it is shown, its UVs, and what its materials say."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from . import pictures

Arrays = dict[str, Any]  # relievo.MeshArrays

_DEPTH = 4  # nodes between a shader and its texture


class CannotFinishError(Exception):
    """Has the fields of a relievo.Error."""

    code, exit_status, remedy = "invalid_settings", 2, ""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def arrays_of(thing: bpy.types.Object, matrix: Matrix) -> Arrays:
    """Returns the object's faces as triangles, moved by the matrix, with the materials that they show. Where the matrix
    mirrors, faces are turned so that they look outward. Raises CannotFinishError."""
    evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    try:
        if mesh is None or len(mesh.polygons) == 0:
            raise CannotFinishError(f"'{thing.name}' has no faces.", "Select a mesh that has faces.")
        arrays = _shape_of(mesh, matrix)
    finally:
        evaluated.to_mesh_clear()
    slots = [slot.material for slot in thing.material_slots]
    arrays["materials"] = [look_of(material) for material in slots] or [{}]
    arrays["face_material"] = np.minimum(arrays["face_material"], len(arrays["materials"]) - 1)
    return arrays


def _shape_of(mesh: bpy.types.Mesh, matrix: Matrix) -> Arrays:
    triangles = mesh.loop_triangles
    count = len(triangles)
    vertices = _read(mesh.vertices, "co", 3, np.float32)
    faces = _read(triangles, "vertices", 3, np.int32)
    loops = _read(triangles, "loops", 3, np.int32)
    linear = np.array(matrix.to_3x3(), np.float32)
    arrays: Arrays = {"face_material": _read(triangles, "material_index", 1, np.int32).ravel()}
    if mesh.uv_layers.active is not None:
        arrays["corner_uv"] = _read(mesh.uv_layers.active.uv, "vector", 2, np.float32)[loops]
    if mesh.normals_domain != "POINT":  # some edges are sharp: each corner is a vertex with a normal of its own
        normals = _read(mesh.corner_normals, "vector", 3, np.float32)[loops.ravel()] @ np.linalg.inv(linear)
        arrays["normals"] = normals.astype(np.float32)
        vertices = vertices[faces.ravel()]
        faces = np.arange(3 * count, dtype=np.int32).reshape(-1, 3)
    arrays["vertices"] = vertices @ linear.T + np.array(matrix.translation, np.float32)
    if np.linalg.det(linear) < 0:
        faces = faces[:, ::-1]
        if "corner_uv" in arrays:
            arrays["corner_uv"] = arrays["corner_uv"][:, ::-1]
    return {**arrays, "faces": faces}


def _read(items: Any, name: str, width: int, kind: type) -> NDArray[Any]:
    values: Any = np.empty(width * len(items), kind)
    items.foreach_get(name, values)
    rows: NDArray[Any] = values.reshape(-1, width)
    return rows


def look_of(material: bpy.types.Material | None) -> Arrays:
    """Returns what a material's Principled shader says, as relievo.MeshMaterial. Raises NoPictureError."""
    if material is None or material.node_tree is None:
        return {} if material is None else {"colour": list(material.diffuse_color[:3])}
    shader = next((node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED"), None)
    if shader is None:
        return {"colour": list(material.diffuse_color[:3])}
    look: Arrays = {name: shader.inputs[name.capitalize()].default_value for name in ("roughness", "metallic")}
    if (texture := image_behind(shader.inputs["Base Color"])) is not None:
        look["texture"] = pictures.from_image(texture).picture
    else:
        look["colour"] = list(shader.inputs["Base Color"].default_value[:3])
    if (relief := image_behind(shader.inputs["Normal"])) is not None:
        look["normal_map"] = pictures.from_image(relief).picture
    return look


def image_behind(socket: Any, depth: int = _DEPTH) -> bpy.types.Image | None:
    """Returns the first image on the way to a socket."""
    for link in socket.links if depth else ():
        node = link.from_node
        if node.type == "TEX_IMAGE":
            image: bpy.types.Image | None = node.image
            return image
        if node.type == "BUMP":  # its picture is one of heights
            continue
        for inward in node.inputs:
            if (found := image_behind(inward, depth - 1)) is not None:
                return found
    return None
