"""The tab `Relievo` of the 3D view's sidebar."""

from __future__ import annotations

import textwrap

import bpy

from . import jobs
from .operators import RELIEVO_OT_cancel, RELIEVO_OT_generate

STAGES = {
    "": "Waiting",
    "foreground": "Finding the Subject",
    "reconstruct": "Reconstructing",
    "surface": "Meshing",
    "texture": "Texturing",
}


class RELIEVO_PT_main(bpy.types.Panel):
    bl_label = "Relievo"
    bl_category = "Relievo"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.relievo
        layout.use_property_split = True
        layout.use_property_decorate = False

        layout.prop(settings, "picture")
        column = layout.column(align=True)
        column.prop(settings, "mask")
        if settings.mask == "file":
            column.prop(settings, "mask_file", text="")
        column.prop(settings, "mask_threshold", slider=True)
        column.prop(settings, "mask_invert")
        column = layout.column(align=True)
        column.prop(settings, "depth")
        column.prop(settings, "grid")
        column.prop(settings, "faces")
        column.prop(settings, "keep_debris")
        column.prop(settings, "texture_size")

        button = layout.row()
        button.scale_y = 1.5
        button.operator(RELIEVO_OT_generate.bl_idname, icon="MESH_MONKEY")
        self._draw_progress(layout)
        self._draw_failure(layout, context.region.width)

    def _draw_progress(self, layout: bpy.types.UILayout) -> None:
        task = jobs.current()
        if task is None:
            return
        status = task.job.status
        row = layout.row(align=True)
        row.progress(factor=status.fraction, type="BAR", text=f"{task.name}: {STAGES[status.stage]}")
        row.operator(RELIEVO_OT_cancel.bl_idname, text="", icon="X")
        facts = []
        if status.seconds_left is not None:
            facts.append(f"{status.seconds_left:.0f} s left")
        if jobs.waiting():
            facts.append(f"{jobs.waiting()} more waiting")
        if facts:
            layout.label(text=", ".join(facts))

    def _draw_failure(self, layout: bpy.types.UILayout, width: int) -> None:
        failure = jobs.last_failure()
        if failure is None:
            return
        # Labels do not wrap by themselves; a letter takes about 7 pixels, the box's border and icon 50.
        scale = bpy.context.preferences.system.ui_scale or 1.0  # 0 where Blender has no window
        letters = max(20, int((width / scale - 50) / 7))
        box = layout.box().column(align=True)
        for i, line in enumerate(textwrap.wrap(failure.message, letters)):
            box.label(text=line, icon="ERROR" if i == 0 else "BLANK1")
        for line in textwrap.wrap(failure.hint, letters):
            box.label(text=line, icon="BLANK1")
