"""The jobs that run and wait, and the failures among them."""

import bpy
from bpy.props import IntProperty

from .. import jobs, report
from ..runtime import runtime
from .base import Operator


class _OfTask(Operator):
    """Is about one row of the queue."""

    bl_options = {"INTERNAL"}  # noqa: RUF012 (Blender's own)

    number: IntProperty(name="Job", options={"HIDDEN", "SKIP_SAVE"})

    def run(self, context: bpy.types.Context) -> set[str] | None:
        task = jobs.find(self.number)
        return {"CANCELLED"} if task is None else self.run_with(task)

    def run_with(self, task: jobs.Task) -> set[str] | None:
        raise NotImplementedError


class RELIEVO_OT_cancel(Operator):
    bl_idname = "relievo.cancel"
    bl_label = "Cancel"
    bl_description = "Stop making this mesh"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    number: IntProperty(name="Job", description="Its number; 0 for all", options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return jobs.current() is not None

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return "Stop making this mesh" if properties.number else "Stop everything that runs or waits"

    def run(self, context: bpy.types.Context) -> None:
        if not self.number:
            jobs.cancel()
        elif (task := jobs.find(self.number)) is not None:
            task.cancel()


class RELIEVO_OT_move(_OfTask):
    bl_idname = "relievo.move"
    bl_label = "Move"
    bl_description = "Change the order of the queue"

    step: IntProperty(name="Step", default=-1, options={"HIDDEN", "SKIP_SAVE"})

    def run_with(self, task: jobs.Task) -> None:
        jobs.move(task, self.step)


class RELIEVO_OT_retry(_OfTask):
    bl_idname = "relievo.retry"
    bl_label = "Retry"
    bl_description = "Try this once more, with the same picture and settings"

    def run_with(self, task: jobs.Task) -> set[str]:
        jobs.retry(task)
        return self.ended()


class RELIEVO_OT_copy_report(_OfTask):
    bl_idname = "relievo.copy_report"
    bl_label = "Copy Report"
    bl_description = (
        "Copy what is needed to find the fault: versions, devices, plan, log and settings. "
        "No picture, no path and no name of yours is in it"
    )

    def run_with(self, task: jobs.Task) -> None:
        bpy.context.window_manager.clipboard = report.of(task)
        self.report({"INFO"}, "The report is in the clipboard.")


class RELIEVO_OT_pause(Operator):
    bl_idname = "relievo.pause"
    bl_label = "Pause"
    bl_description = "Begin no other job, or go on. The one that runs is finished"
    bl_options = {"INTERNAL"}  # noqa: RUF012

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
    bl_description = "Show this no longer"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    number: IntProperty(
        name="Job", description="Its number; 0: everything that has failed", options={"HIDDEN", "SKIP_SAVE"}
    )

    def run(self, context: bpy.types.Context) -> None:
        jobs.dismiss_failure()
        for task in [task for task in jobs.tasks() if not task.is_active and self.number in (0, task.number)]:
            if self.number or task.failure is not None:
                jobs.forget(task)


CLASSES = (
    RELIEVO_OT_cancel,
    RELIEVO_OT_move,
    RELIEVO_OT_retry,
    RELIEVO_OT_copy_report,
    RELIEVO_OT_pause,
    RELIEVO_OT_dismiss,
)
