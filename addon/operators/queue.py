"""The jobs that run and wait, and what went wrong with them."""

import bpy
from bpy.props import IntProperty

from .. import jobs
from ..runtime import runtime
from .base import Operator


class RELIEVO_OT_cancel(Operator):
    bl_idname = "relievo.cancel"
    bl_label = "Cancel"
    bl_description = "Stop making this mesh"

    number: IntProperty(name="Job", description="Its number; 0 for all", options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return jobs.current() is not None

    def run(self, context: bpy.types.Context) -> None:
        if not self.number:
            jobs.cancel()
        elif (task := jobs.find(self.number)) is not None:
            task.cancel()


class RELIEVO_OT_move(Operator):
    bl_idname = "relievo.move"
    bl_label = "Move"
    bl_description = "Change the order of the queue"

    number: IntProperty(name="Job", options={"HIDDEN", "SKIP_SAVE"})
    step: IntProperty(name="Step", default=-1, options={"HIDDEN", "SKIP_SAVE"})

    def run(self, context: bpy.types.Context) -> None:
        if (task := jobs.find(self.number)) is not None:
            jobs.move(task, self.step)


class RELIEVO_OT_pause(Operator):
    bl_idname = "relievo.pause"
    bl_label = "Pause"
    bl_description = "Begin no other job, or go on. The one that runs is finished"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return runtime.loaded_engine is not None

    def run(self, context: bpy.types.Context) -> None:
        engine = runtime.engine()
        if engine.paused:
            engine.resume()
        else:
            engine.pause()


class RELIEVO_OT_dismiss(Operator):
    bl_idname = "relievo.dismiss"
    bl_label = "Dismiss"
    bl_description = "Show this message no longer"

    def run(self, context: bpy.types.Context) -> None:
        jobs.dismiss_failure()


CLASSES = (RELIEVO_OT_cancel, RELIEVO_OT_move, RELIEVO_OT_pause, RELIEVO_OT_dismiss)
