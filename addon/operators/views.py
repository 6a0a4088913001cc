"""Single settings, and the viewport."""

import bpy

from ..facts import SETTINGS
from ..presets import follow_preset
from ..properties import roll_dice
from .base import Operator


class RELIEVO_OT_dice(Operator):
    bl_idname = "relievo.dice"
    bl_label = "Roll Dice"
    bl_description = "Take another seed"
    bl_options = {"UNDO"}  # noqa: RUF012 (Blender's own)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return "seed" in SETTINGS

    def run(self, context: bpy.types.Context) -> None:
        roll_dice(context.scene.relievo)


class RELIEVO_OT_follow_preset(Operator):
    bl_idname = "relievo.follow_preset"
    bl_label = "Use the Preset's Values"
    bl_description = "Give up what you have set higher than the preset, or chosen beside it"
    bl_options = {"UNDO", "INTERNAL"}  # noqa: RUF012

    def run(self, context: bpy.types.Context) -> None:
        follow_preset(context.scene.relievo)


class RELIEVO_OT_show_texture(Operator):
    bl_idname = "relievo.show_texture"
    bl_label = "Show Textures in Solid View"
    bl_description = "Color the objects of this 3D view by their textures (Viewport Shading > Color > Texture)"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"

    def run(self, context: bpy.types.Context) -> None:
        shading = context.area.spaces.active.shading
        shading.type, shading.color_type = "SOLID", "TEXTURE"


CLASSES = (RELIEVO_OT_dice, RELIEVO_OT_follow_preset, RELIEVO_OT_show_texture)
