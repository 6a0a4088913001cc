"""Relievo's entries outside its own tab: Blender's menus and context menus, and the manual behind F1."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import bpy

from . import selection
from .facts import MANUAL

_TEXT = "Mesh from Picture"


def _entry(layout: bpy.types.UILayout, text: str, *, selected: bool, separated: bool = True) -> None:
    """Draws the entry, for the pictures that are selected there or for files that are asked for."""
    if separated:
        layout.separator()
    layout.operator_context = "INVOKE_DEFAULT"
    entry = layout.operator("relievo.generate", text=text, icon="MESH_MONKEY")
    entry.selected, entry.choose = selected, not selected


def _draw_add(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    _entry(self.layout, f"{_TEXT}...", selected=False)


def _draw_import(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    _entry(self.layout, f"{_TEXT} (.png/.jpg/.webp/.exr/...)", selected=False, separated=False)


def _draw_image(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    if context.space_data.image is not None:
        _entry(self.layout, _TEXT, selected=True)


def _draw_object(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    if any(map(selection.is_image_object, context.view_layer.objects.selected)):
        _entry(self.layout, _TEXT, selected=True)


def _draw_selected(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    if selection.picks(context):
        _entry(self.layout, _TEXT, selected=True)


_ENTRIES: dict[str, Callable[[bpy.types.Menu, bpy.types.Context], None]] = {
    "VIEW3D_MT_mesh_add": _draw_add,
    "TOPBAR_MT_file_import": _draw_import,
    "IMAGE_MT_image": _draw_image,
    "VIEW3D_MT_object_context_menu": _draw_object,
    "NODE_MT_context_menu": _draw_selected,
    "FILEBROWSER_MT_context_menu": _draw_selected,
    "ASSETBROWSER_MT_context_menu": _draw_selected,
}


def _manual() -> tuple[str, tuple[tuple[str, str], ...]]:
    """Returns what bpy.utils.register_manual_map() takes: the start of the address, and the rest for each name."""
    parts = (
        ("bpy.ops.relievo.setup*", "#install"),
        ("bpy.ops.relievo.*mask*", "#when-the-mask-is-wrong"),
        ("bpy.types.relievo*.mask*", "#when-the-mask-is-wrong"),
        ("bpy.ops.relievo.*model*", "#models-devices-memory"),
        ("bpy.ops.relievo.*device*", "#models-devices-memory"),
        ("bpy.ops.relievo.*side*", "#several-pictures-of-one-object"),
        ("bpy.types.relievo*.side*", "#several-pictures-of-one-object"),
        ("bpy.types.relievo*.sheet", "#several-pictures-of-one-object"),
        ("bpy.ops.relievo.rebuild_object", "#views-of-your-own"),
        ("bpy.ops.relievo.choose_views", "#views-of-your-own"),
        ("bpy.ops.relievo.*", "#make-a-mesh"),
        ("bpy.types.relievo*", "#settings"),
    )
    return MANUAL, parts


def register() -> Iterator[Callable[[], object]]:
    """Registers the entries; yields for each the function that removes it. Menus that this Blender lacks are left
    out."""
    for name, draw in _ENTRIES.items():
        menu = getattr(bpy.types, name, None)
        if menu is not None:
            menu.append(draw)
            yield functools.partial(menu.remove, draw)
    bpy.utils.register_manual_map(_manual)
    yield lambda: bpy.utils.unregister_manual_map(_manual)
