"""The devices that compute, and the memory that models hold."""

import bpy
from bpy.props import StringProperty

from .. import gpu_check, jobs, measuring, pending, preferences
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


def _are_devices_free() -> bool:
    """Whether LibTorch is there and nothing else computes, so that devices can be checked or measured."""
    is_busy = measuring.work.is_on or gpu_check.work.is_on or jobs.active()
    return runtime.missing is None and not is_busy


class RELIEVO_OT_check_devices(Operator):
    bl_idname = "relievo.check_devices"
    bl_label = "Check Devices"
    bl_description = (
        "Compare what the chosen devices compute with what the processor computes of the same numbers, and put the "
        "report into the clipboard. It takes seconds"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _are_devices_free()

    def run(self, context: bpy.types.Context) -> None:
        gpu_check.work.start()
        if bpy.app.background:
            pending.finish()
            self.report({"INFO"}, gpu_check.work.answer)


class RELIEVO_OT_measure_devices(Operator):
    bl_idname = "relievo.measure_devices"
    bl_label = "Measure Devices"
    bl_description = (
        "Measure how long the chosen devices take for each step, so that times are told and work is shared out well "
        "from the first mesh on. It takes about a minute"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _are_devices_free()

    def run(self, context: bpy.types.Context) -> None:
        measuring.work.start()
        if bpy.app.background:
            pending.finish()
            self.report({"INFO"}, measuring.work.answer)


CLASSES = (RELIEVO_OT_unload, RELIEVO_OT_switch_device, RELIEVO_OT_check_devices, RELIEVO_OT_measure_devices)
