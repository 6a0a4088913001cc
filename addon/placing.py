"""Finds the place of a new object: in a collection that can be seen, beside the objects that are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

# Between two objects, as a share of the new one's size.
_GAP = 0.1
# An object so many times as large as the new one, such as a floor or a room, is not in its way.
_SURROUNDINGS = 5.0
_WITH_GEOMETRY = {"MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "POINTCLOUD", "VOLUME"}

Box = NDArray[np.float64]  # [2, 3]: low and high


class NoPlaceError(Exception):
    """Has the fields of a relievo.Error."""

    code, exit_status, remedy = "invalid_settings", 2, ""

    def __init__(self, scene: bpy.types.Scene) -> None:
        where = scene.library.filepath.replace("\\", "/").rpartition("/")[2]
        self.message = f"The scene '{scene.name}' belongs to another file, '{where}'."
        self.hint = "Open that file, or go to a scene of this file."
        super().__init__(self.message)


def check(scene: bpy.types.Scene) -> None:
    """Raises NoPlaceError where nothing can be added to the scene."""
    if scene.library is not None:
        raise NoPlaceError(scene)


def put(thing: bpy.types.Object, scene: bpy.types.Scene, collection: str, is_exact: bool = False) -> str:
    """Links the object into the scene and moves it aside, unless its place is exact. Returns what the person must be
    told, empty for nothing."""
    wanted = _collection(scene, collection)
    layer = _view_layer(scene)
    found = next(each for each in [wanted, *_visible(layer), scene.collection] if _is_visible(layer, each))
    found.objects.link(thing)
    if scene == bpy.context.scene:
        _show_in_local_views(thing)
    layer.update()
    if not is_exact:
        _move_aside(thing, layer)
    if scene != bpy.context.scene:
        return f"'{thing.name}' is in the scene '{scene.name}'."
    if found != wanted:
        return f"'{thing.name}' is in '{found.name}', for '{wanted.name}' is hidden."
    if not thing.visible_get(view_layer=layer):
        return f"'{thing.name}' is in '{found.name}', which is hidden."
    return ""


def _view_layer(scene: bpy.types.Scene) -> bpy.types.ViewLayer:
    return bpy.context.view_layer if scene == bpy.context.scene else scene.view_layers[0]


def _collection(scene: bpy.types.Scene, name: str) -> bpy.types.Collection:
    if not name:
        return scene.collection
    for collection in scene.collection.children_recursive:
        if (
            collection.library is None
            and collection.override_library is None
            and (
                collection.name == name
                or (collection.name.rpartition(".")[0] == name and collection.name[-3:].isdigit())
            )
        ):
            return collection
    collection = bpy.data.collections.new(name)
    scene.collection.children.link(collection)
    return collection


def _layer_collections(top: bpy.types.LayerCollection) -> Iterator[bpy.types.LayerCollection]:
    yield top
    for child in top.children:
        yield from _layer_collections(child)


def _is_visible(layer: bpy.types.ViewLayer, collection: bpy.types.Collection) -> bool:
    """Returns whether an object in the collection can be seen; the scene's own collection is the last choice and always
    counts as visible."""
    if collection == layer.layer_collection.collection:
        return True
    return any(
        each.is_visible and not each.exclude and each.collection == collection
        for each in _layer_collections(layer.layer_collection)
    )


def _visible(layer: bpy.types.ViewLayer) -> Iterable[bpy.types.Collection]:
    """Yields the collections that can be seen, first the one that the person works in, if it is in this file."""
    active = layer.active_layer_collection.collection
    return [active] if active.library is None and active.override_library is None else []


def _show_in_local_views(thing: bpy.types.Object) -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D" and area.spaces.active.local_view is not None:
                thing.local_view_set(area.spaces.active, True)


def _move_aside(thing: bpy.types.Object, layer: bpy.types.ViewLayer) -> None:
    """Moves the object to the right until it stands in no other."""
    own = _box(thing)
    size = float(np.ptp(own, axis=0).max())
    others = [
        _box(other)
        for other in layer.objects
        if other != thing and other.type in _WITH_GEOMETRY and other.visible_get(view_layer=layer)
    ]
    others = [box for box in others if float(np.ptp(box, axis=0).max()) < _SURROUNDINGS * size]
    shift = 0.0
    for _ in range(len(others)):
        moved = own + np.array([shift, 0.0, 0.0])
        in_the_way = [box for box in others if _is_overlapping(moved, box)]
        if not in_the_way:
            break
        shift += max(box[1, 0] for box in in_the_way) - moved[0, 0] + _GAP * size
    thing.location.x += shift


def _box(thing: bpy.types.Object) -> Box:
    corners = np.array([thing.matrix_world @ Vector(corner) for corner in thing.bound_box])
    return np.stack([corners.min(axis=0), corners.max(axis=0)])


def _is_overlapping(one: Box, other: Box) -> bool:
    return all(one[0, axis] < other[1, axis] and other[0, axis] < one[1, axis] for axis in range(3))
