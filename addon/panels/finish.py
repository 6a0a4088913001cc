"""Finishing the active object: fewer faces, quads, levels of detail, symmetry, print."""

from __future__ import annotations

import bpy

from .. import finishing, lines, messages


def draw_finish(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    layout.use_property_split = True
    layout.use_property_decorate = False
    settings, width = context.scene.relievo_finish, context.region.width
    if (work := finishing.current()) is not None:
        row = layout.row(align=True)
        row.label(text=work.name)
        row.operator("relievo.cancel_finish", text="", icon="X")
        layout.progress(factor=work.fraction, type="BAR", text=work.doing)
        return
    row = layout.row(align=True)
    row.use_property_split = False
    row.prop(settings, "shape", expand=True)
    column = layout.column(align=True)
    if settings.shape != "KEEP":
        column.prop(settings, "faces")
    if settings.shape != "QUADS":
        column.prop(settings, "levels", text="Levels")
    layout.prop(settings, "mirror")
    layout.prop(settings, "printed")
    if settings.printed:
        column = layout.column(align=True)
        column.prop(settings, "print_size", text="Longest (mm)")
        column.prop(settings, "flat_base", text="Base (mm)")
    layout.prop(settings, "own_surface")
    if settings.own_surface:
        column = layout.column(align=True)
        column.prop(settings, "roughness", slider=True)
        column.prop(settings, "metallic", slider=True)
    layout.prop(settings, "occlusion")
    layout.prop(settings, "texture_size")
    button = layout.column()
    button.scale_y = 1.3
    button.operator("relievo.finish", icon="MOD_REMESH")
    layout.operator("relievo.bake", icon="RENDER_STILL")
    if notes := finishing.told():
        box = layout.box()
        for note in notes:
            lines.draw(box, messages.text(note), width, "INFO")
