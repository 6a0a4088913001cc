"""The pictures that are selected in an editor, of which a mesh is made where the panel has no picture.

The image editor's image; selected image objects; the active image texture of a node editor or of the active object's
material; images and picture files that are selected in Blender's own browsers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy

from . import pictures, textures
from .pictures import Source

Pick = Callable[[], Source]  # takes the picture; raises pictures.NoPictureError


def picks(context: bpy.types.Context) -> list[Pick]:
    """Returns a function for each picture that is selected where the person is. Reads no picture yet."""
    kind = context.area.type if context.area is not None else "VIEW_3D"
    if kind == "IMAGE_EDITOR":
        return _of_image_editor(context.space_data)
    if kind == "NODE_EDITOR":
        return _of_tree(context.space_data.edit_tree)
    if kind == "FILE_BROWSER":
        return _of_assets(context) if context.space_data.browse_mode == "ASSETS" else _of_files(context)
    return _of_objects(context) or _of_material(context)


def sources(context: bpy.types.Context) -> list[Source]:
    """Reads the selected pictures. Raises pictures.NoPictureError."""
    return [pick() for pick in picks(context)]


def is_image_object(thing: bpy.types.Object | None) -> bool:
    return thing is not None and thing.type == "EMPTY" and thing.empty_display_type == "IMAGE" and bool(thing.data)


def _of_image(image: bpy.types.Image | None, user: bpy.types.ImageUser | None = None) -> list[Pick]:
    return [] if image is None else [lambda: pictures.from_image(image, user)]


def _of_image_editor(space: bpy.types.SpaceImageEditor) -> list[Pick]:
    return _of_image(space.image, space.image_user)


def _of_tree(tree: bpy.types.NodeTree | None) -> list[Pick]:
    """Returns the tree's active node, where that has an image which is not a texture that Relievo made."""
    node = tree.nodes.active if tree is not None else None
    image = getattr(node, "image", None)
    if not isinstance(image, bpy.types.Image) or textures.part_of(image):
        return []
    return _of_image(image, getattr(node, "image_user", None))


def _of_objects(context: bpy.types.Context) -> list[Pick]:
    chosen = [thing for thing in context.view_layer.objects.selected if is_image_object(thing)]
    return [pick for thing in chosen for pick in _of_image(thing.data, thing.image_user)]


def _of_material(context: bpy.types.Context) -> list[Pick]:
    thing = context.view_layer.objects.active
    material = thing.active_material if thing is not None and thing.select_get() else None
    return _of_tree(material.node_tree) if material is not None else []


def _of_files(context: bpy.types.Context) -> list[Pick]:
    params = context.space_data.params
    if params is None:  # it was not drawn yet
        return []
    folder = bpy.path.abspath(params.directory.decode())
    paths = [Path(folder, entry.relative_path or entry.name) for entry in context.selected_files]
    return [_of_file(path) for path in paths if path.suffix.lower() in pictures.ENDINGS]


def _of_file(path: Path) -> Pick:
    return lambda: pictures.from_file(path)


def _of_assets(context: bpy.types.Context) -> list[Pick]:
    return [_of_asset(asset) for asset in context.selected_assets or () if asset.id_type == "IMAGE"]


def _of_asset(asset: bpy.types.AssetRepresentation) -> Pick:
    if asset.local_id is not None:
        return lambda: pictures.from_image(asset.local_id)
    library, name = str(asset.full_library_path), str(asset.name)

    def pick() -> Source:
        with bpy.data.libraries.load(library) as (_, appended):
            appended.images = [name]
        (image,) = appended.images
        if image is None:
            raise pictures.NoPictureError(f"The image '{name}' is not in '{library}'.", "Choose another picture.")
        return pictures.from_image(image)

    return pick
