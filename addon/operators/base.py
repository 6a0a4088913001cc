"""The parts that all operators have in common."""

import bpy

from .. import history, jobs, setup_panel
from ..failure import Failure


class Operator(bpy.types.Operator):
    """Does its work in run(). An exception there is reported and remembered for the panel."""

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            return self.run(context) or {"FINISHED"}
        except Exception as error:
            return self.give_up(self.remember(error))
        finally:
            if bpy.app.background:  # a script goes on with what is written
                history.settle()

    def run(self, context: bpy.types.Context) -> set[str] | None:
        """Does the work. Returns how it ended, None for FINISHED."""
        raise NotImplementedError

    def remember(self, error: Exception) -> Failure:
        return jobs.fail(error)

    def give_up(self, failure: Failure) -> set[str]:
        self.report({"ERROR"}, f"{failure.message} {failure.hint}".strip())
        return {"CANCELLED"}

    def ended(self) -> set[str]:
        """Returns the operator's end. Work that was started goes on by itself; in the background no timer fires, so
        this waits for it."""
        if not bpy.app.background:
            return {"FINISHED"}
        before = jobs.failed()
        jobs.finish()
        failures = [(task, task.failure) for task in jobs.failed() if task not in before and task.failure]
        for task, failure in failures:
            self.report({"ERROR"}, f"{task.name}: {failure.message} {failure.hint}".strip())
        return {"CANCELLED"} if failures else {"FINISHED"}


class SetupOperator(Operator):
    """Shows failures of the set-up."""

    def remember(self, error: Exception) -> Failure:
        return setup_panel.fail(error)

    def ended(self) -> set[str]:
        if bpy.app.background and (failure := setup_panel.finish()):
            return self.give_up(failure)
        return {"FINISHED"}


class Confirmed(Operator):
    """Asks before it does what cannot be undone."""

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        answer: set[str] = context.window_manager.invoke_confirm(self, event)
        return answer


class WithFile(Operator):
    """Asks for its file or folder first."""

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}
