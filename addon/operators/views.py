"""The views that a model paints."""

import bpy

from ..facts import SETTINGS
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


CLASSES = (RELIEVO_OT_dice,)
