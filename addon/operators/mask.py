"""The preview of the mask."""

import bpy

from .. import mask_preview, pending
from ..properties import engine_settings, has_picture, picture_source
from .base import Operator


class RELIEVO_OT_show_mask(Operator):
    bl_idname = "relievo.show_mask"
    bl_label = "Preview Cutout"
    bl_description = "Show what is taken for the subject. It follows the mask's settings"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return has_picture(context.scene.relievo)

    def run(self, context: bpy.types.Context) -> None:
        settings = context.scene.relievo
        mask_preview.show(picture_source(settings), engine_settings(settings))
        if bpy.app.background:
            pending.finish()


class RELIEVO_OT_hide_mask(Operator):
    bl_options = {"INTERNAL"}  # noqa: RUF012 (Blender's own)
    bl_idname = "relievo.hide_mask"
    bl_label = "Hide Cutout"
    bl_description = "Show the cutout no longer"

    def run(self, context: bpy.types.Context) -> None:
        mask_preview.hide()


CLASSES = (RELIEVO_OT_show_mask, RELIEVO_OT_hide_mask)
