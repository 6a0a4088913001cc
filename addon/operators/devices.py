"""What computes, and the memory that it holds."""

import bpy
from bpy.props import StringProperty

from .. import jobs, preferences
from ..runtime import runtime
from .base import Operator


class RELIEVO_OT_unload(Operator):
    bl_idname = "relievo.unload"
    bl_label = "Unload Models"
    bl_description = "Give the memory of the models back. They are loaded again when they are needed"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        engine = runtime.loaded_engine
        return engine is not None and engine.loaded

    def run(self, context: bpy.types.Context) -> None:
        runtime.engine().unload()
        jobs.dismiss_failure()


class RELIEVO_OT_switch_device(Operator):
    bl_idname = "relievo.switch_device"
    bl_label = "Use Device"
    bl_description = "Use this device, or leave it alone. The last one cannot be switched off"

    bl_options = {"INTERNAL"}  # noqa: RUF012 (Blender's own)

    device: StringProperty(name="Device", options={"SKIP_SAVE"})

    def run(self, context: bpy.types.Context) -> None:
        preferences.switch(self.device)


CLASSES = (RELIEVO_OT_unload, RELIEVO_OT_switch_device)
