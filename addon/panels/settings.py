"""The settings of the mask, the views, the shape and texture, and of the result in Blender."""

from __future__ import annotations

from collections.abc import Mapping

import bpy

from .. import labels, lines, mask_preview, messages, own_views, setup_panel, thumbnails
from ..labels import ADVANCED, MASK, SHAPE, TEXTURE, VIEWS, Word
from ..properties import uses_views

_MOST_VIEWS = 6  # that are listed: no model takes more
# Settings of the painting of views, which is not done where the person's own images are given.
_PAINTED = ("seed", "steps", "sampler", "guidance")


def draw_mask(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    layout.use_property_split = True
    layout.use_property_decorate = False
    settings = context.scene.relievo
    layout.prop(settings, "mask")
    if settings.mask == "file":
        layout.prop(settings, "mask_file")
    _draw_settings(layout.column(), context, MASK)
    layout.operator("relievo.mend_mask", icon="BRUSH_DATA")
    if not mask_preview.is_shown():
        layout.operator("relievo.show_mask", icon="HIDE_OFF")
        return
    layout.operator("relievo.hide_mask", icon="HIDE_ON")
    if icon := thumbnails.icon(mask_preview.THUMBNAIL):
        layout.template_icon(icon_value=icon, scale=10.0)
    elif (failure := mask_preview.failure()) is not None:
        setup_panel.draw_failure(layout, failure, context.region.width)
    for note in mask_preview.notes():
        lines.draw(layout.box(), messages.text(note), context.region.width, "INFO")
    if (count := mask_preview.subjects()) > 1:
        layout.operator("relievo.generate_each", text=f"Make {count} Objects", icon="MOD_ARRAY")


def draw_views(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    layout.use_property_split = True
    layout.use_property_decorate = False
    settings = context.scene.relievo
    if not uses_views(settings):
        layout.label(text=f"Not used by {labels.model(settings.model)}", icon="INFO")
    column = layout.column()
    column.enabled = uses_views(settings)
    for name in filter(lambda name: hasattr(settings, name), VIEWS):
        if name == "views":  # words and a path need a line each
            column.label(text=VIEWS[name].label)
            row = column.row(align=True)
            row.prop(settings, name, text="")
            row.operator("relievo.choose_views", text="", icon="IMAGE_DATA")
            _draw_views(column, settings.views)
            continue
        row = column.row(align=True)
        row.enabled = name not in _PAINTED or not settings.views
        row.prop(settings, name)
        if name == "seed":
            row.operator("relievo.dice", text="", icon="FILE_REFRESH")
    layout.operator("relievo.rebuild_object", icon="MOD_REMESH")


def _draw_views(column: bpy.types.UILayout, text: str) -> None:
    """Draws a line for each view, with azimuth and elevation where they are known."""
    views = own_views.told(text)
    if not views:
        return
    shown = column.box().column(align=True)
    for name, camera in views[:_MOST_VIEWS]:
        row = shown.split(factor=0.68) if camera else shown.row()
        row.label(text=name, icon="IMAGE_DATA")
        if camera:
            row.label(text=camera)
    if len(views) > _MOST_VIEWS:
        shown.label(text=f"and {len(views) - _MOST_VIEWS} more", icon="BLANK1")


def draw_advanced(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    layout.use_property_split = True
    layout.use_property_decorate = False
    settings = context.scene.relievo
    column = layout.column()
    column.enabled = settings.model != "preview"
    for name in filter(lambda name: hasattr(settings, name), ADVANCED):
        row = column.row()
        row.enabled = name not in _PAINTED or (uses_views(settings) and not settings.views)
        row.prop(settings, name)


def draw_shape(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    layout.use_property_split = True
    layout.use_property_decorate = False
    _draw_settings(layout.column(align=True), context, SHAPE)
    _draw_settings(layout.column(align=True), context, TEXTURE)


def _draw_settings(column: bpy.types.UILayout, context: bpy.types.Context, words: Mapping[str, Word]) -> None:
    """Draws labels and values side by side, or each label in its value's button where it would be cut off."""
    settings, width = context.scene.relievo, context.region.width
    shown = [name for name in words if hasattr(settings, name)]
    column.use_property_split = is_split = all(lines.fits_beside(words[name].label, width) for name in shown)
    for name in shown:
        if is_split or settings.bl_rna.properties[name].type != "ENUM":
            column.prop(settings, name)
            continue
        row = column.split(factor=0.6)  # a menu has no room for its own label
        row.label(text=words[name].label)
        row.prop(settings, name, text="")


def draw_import(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    layout.use_property_split = True
    layout.use_property_decorate = False
    settings = context.scene.relievo
    layout.prop(settings, "collection", icon="OUTLINER_COLLECTION")
    layout.prop(settings, "normalise")
    if settings.normalise:
        layout.prop(settings, "size")
    for name in ("origin_at_base", "smooth", "material", "asset"):
        layout.prop(settings, name)
