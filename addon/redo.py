"""Gives an object that Relievo has made a new mesh, and keeps what the person has done with it.

Transform, name, parent, collections and modifiers belong to the object and are not touched. The mesh's own properties
are carried over: its name, material slots and which faces they are on, vertex groups with their weights, and how the
person has moved or scaled it in its own space. In materials only the texture images that Relievo made are replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
from mathutils.kdtree import KDTree
from numpy.typing import NDArray

from . import import_mesh, textures, witness
from .import_mesh import ImportOptions

if TYPE_CHECKING:
    from .import_mesh import AnyResult


class CannotRedoError(Exception):
    """Has the fields of a relievo.Error."""

    code, exit_status, remedy = "invalid_settings", 2, ""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def check(thing: bpy.types.Object) -> None:
    """Raises CannotRedoError where a new mesh would be lost, or would take the person's work with it."""
    name = f"'{thing.name}'"
    if thing.library is not None:
        where = thing.library.filepath.replace("\\", "/").rpartition("/")[2]
        raise CannotRedoError(f"{name} belongs to another file, '{where}'.", "Open that file, or make it local first.")
    if thing.override_library is not None:
        raise CannotRedoError(f"{name} is a library override.", "Make it local first.")
    if thing.type != "MESH":
        raise CannotRedoError(f"{name} is no mesh any more.", "Generate a new object.")
    if thing.data.library is not None or thing.data.override_library is not None:
        raise CannotRedoError(f"The mesh of {name} belongs to another file.", "Make its data local first.")
    if is_being_edited(thing):
        raise CannotRedoError(f"{name} is being edited.", "Go back to Object Mode first.")
    if thing.data.shape_keys is not None:
        raise CannotRedoError(f"{name} has shape keys, which a new mesh cannot have.", "Remove them, or redo a copy.")
    if any(modifier.type == "MULTIRES" and modifier.total_levels for modifier in thing.modifiers):
        raise CannotRedoError(
            f"{name} has sculpted detail in a Multiresolution modifier, which a new mesh cannot have.",
            "Apply or remove the modifier, or redo a copy.",
        )


def is_being_edited(thing: bpy.types.Object) -> bool:
    """Returns whether somebody works on the mesh, in whatever mode, through this object or another that shares it."""
    if thing.mode != "OBJECT" or thing.data.users < 2:
        return bool(thing.mode != "OBJECT")
    return any(other.mode != "OBJECT" for other in _sharing(thing.data))


def replace_mesh(thing: bpy.types.Object, result: AnyResult, options: ImportOptions) -> list[bpy.types.Object]:
    """Gives all objects that share the mesh the new one, and returns them; the old mesh is removed.

    Nothing is changed where this raises.
    """
    old = thing.data
    sharing = _sharing(old)
    made = import_mesh.placed(result.mesh.vertices, options)
    new = import_mesh.make_mesh(result, witness.as_moved(made, old), _is_smooth(old, options.smooth))
    try:
        witness.remember(new, made)
        _carry_over(old, new)
        weights = weights_for(thing, old, new)
    except BaseException:
        bpy.data.meshes.remove(new)
        raise
    for other in sharing:
        other.data = new
        import_mesh.remember(other, result, options)
    make_groups(thing, weights)
    old.user_remap(new)
    name, has_fake_user = old.name, old.use_fake_user
    bpy.data.meshes.remove(old)
    new.name, new.use_fake_user = name, has_fake_user
    textures.replace(sharing, new, result)
    return sharing


def _sharing(mesh: bpy.types.Mesh) -> list[bpy.types.Object]:
    return [thing for thing in bpy.data.objects if thing.data == mesh]


def _is_smooth(mesh: bpy.types.Mesh, otherwise: bool) -> bool:
    smooth = np.empty(len(mesh.polygons), bool)
    mesh.polygons.foreach_get("use_smooth", smooth)
    return bool(smooth.any()) if len(smooth) else otherwise


def _carry_over(old: bpy.types.Mesh, new: bpy.types.Mesh) -> None:
    """Carries over the material slots and which faces they are on, the UV map's name, and the person's own
    properties."""
    for material in old.materials:
        new.materials.append(material)
    indices = np.zeros(len(old.polygons), np.int32)
    old.polygons.foreach_get("material_index", indices)
    if indices.any():
        centres = [_points(mesh.polygons, "center") for mesh in (old, new)]
        new.polygons.foreach_set("material_index", indices[_nearest(*centres)])
    if old.uv_layers and new.uv_layers:
        new.uv_layers[0].name = old.uv_layers[0].name
    for name, value in old.items():
        if name not in new:
            new[name] = value


# Vertex groups: the mesh has their names and weights, but only an object can create them.

_Group = tuple[str, bool, dict[float, list[int]]]  # name, whether it is locked, vertices of each weight


def weights_for(thing: bpy.types.Object, old: bpy.types.Mesh, new: bpy.types.Mesh) -> list[_Group]:
    """Returns the weights of the new vertices, taken from the nearest old ones."""
    groups: list[_Group] = [(group.name, group.lock_weight, {}) for group in thing.vertex_groups]
    of_vertices = [[(each.group, each.weight) for each in vertex.groups] for vertex in old.vertices] if groups else []
    if not any(of_vertices):
        return groups
    nearest = _nearest(_points(old.vertices, "co"), _points(new.vertices, "co"))
    for vertex, known in enumerate(nearest.tolist()):
        for number, weight in of_vertices[known]:
            groups[number][2].setdefault(weight, []).append(vertex)
    return groups


def make_groups(thing: bpy.types.Object, groups: list[_Group]) -> None:
    active = thing.vertex_groups.active_index
    thing.vertex_groups.clear()
    for name, is_locked, weights in groups:
        group = thing.vertex_groups.new(name=name)
        for weight, vertices in weights.items():
            group.add(vertices, weight, "REPLACE")
        group.lock_weight = is_locked
    if groups:
        thing.vertex_groups.active_index = min(max(active, 0), len(groups) - 1)


def _points(items: Any, name: str) -> NDArray[np.float32]:
    points = np.empty(3 * len(items), np.float32)
    items.foreach_get(name, points)
    return points.reshape(-1, 3)


def _nearest(old: NDArray[np.float32], new: NDArray[np.float32]) -> NDArray[np.int64]:
    """Returns for each new point the old one whose weights it gets."""
    if old.shape == new.shape and np.allclose(old, new, atol=1e-6):
        return np.arange(len(new))
    tree = KDTree(len(old))
    for number, point in enumerate(old.tolist()):
        tree.insert(point, number)
    tree.balance()
    return np.array([tree.find(point)[1] for point in new.tolist()], np.int64)
