"""The pictures of sides."""

import bpy
from bpy.props import EnumProperty

from ..properties import SIDES, side_property
from .base import Operator

_ITEMS = tuple((side, side.capitalize(), "") for side in SIDES)


class RELIEVO_OT_swap_sides(Operator):
    bl_idname = "relievo.swap_sides"
    bl_label = "Swap Left and Right"
    bl_description = "Exchange the pictures of the left and the right, where each was taken for the other"
    bl_options = {"UNDO"}  # noqa: RUF012 (Blender's own)

    def run(self, context: bpy.types.Context) -> None:
        settings = context.scene.relievo
        left, right = settings.side_left, settings.side_right
        settings.side_left, settings.side_right = right, left


class RELIEVO_OT_clear_side(Operator):
    bl_idname = "relievo.clear_side"
    bl_label = "Remove"
    bl_description = "Use no picture of this side"
    bl_options = {"UNDO", "INTERNAL"}  # noqa: RUF012

    side: EnumProperty(name="Side", items=_ITEMS)

    def run(self, context: bpy.types.Context) -> None:
        setattr(context.scene.relievo, side_property(self.side), "")


CLASSES = (RELIEVO_OT_swap_sides, RELIEVO_OT_clear_side)
