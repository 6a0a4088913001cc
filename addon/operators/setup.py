"""The set-up: getting LibTorch."""

import shutil
from pathlib import Path

import bpy
from bpy.props import StringProperty

from .. import jobs, machine, models, pending, setup_panel, setup_runtime, updates
from ..downloads import SetupError
from ..paths import ASKED_FILE, ASKED_FOLDER
from ..runtime import runtime
from .base import Confirmed, Operator, SetupOperator, WithFile


class RELIEVO_OT_open_setup(Operator):
    bl_idname = "relievo.open_setup"
    bl_label = "Open Setup"
    bl_description = "Show what is missing and how to get it, in the preferences"

    def run(self, context: bpy.types.Context) -> None:
        runtime.look_again()
        models.look_again()
        jobs.dismiss_failure()
        if not bpy.app.background:
            bpy.ops.preferences.addon_show(module=machine.EXTENSION)


class RELIEVO_OT_open_addons(Operator):
    bl_idname = "relievo.open_addons"
    bl_label = "Open Add-ons"
    bl_description = "Show the add-ons in the preferences, where the one that is in the way can be disabled"

    def run(self, context: bpy.types.Context) -> None:
        context.window_manager.addon_search = ""
        _show_preferences(context, "ADDONS")


class RELIEVO_OT_allow_online(Operator):
    bl_idname = "relievo.allow_online"
    bl_label = "Allow Online Access"
    bl_description = "Open Blender's preferences where online access is allowed"

    def run(self, context: bpy.types.Context) -> None:
        _show_preferences(context, "SYSTEM")


def _show_preferences(context: bpy.types.Context, section: str) -> None:
    context.preferences.active_section = section
    if not bpy.app.background:
        bpy.ops.screen.userpref_show("INVOKE_DEFAULT")


class RELIEVO_OT_setup_online(SetupOperator):
    bl_idname = "relievo.setup_online"
    bl_label = "Install Compute Engine"
    bl_description = "Download LibTorch and install it for Relievo alone"

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        is_cpu = properties.runtime == "cpu"
        kind = "runs on every computer" if is_cpu else "needs an NVIDIA GPU with driver 580 or later"
        return f"{cls.bl_description}. It {kind}"

    runtime: StringProperty(name="Runtime", default="cpu", options={"SKIP_SAVE"})

    def run(self, context: bpy.types.Context) -> set[str]:
        setup_panel.refuse_offline()
        if setup_panel.installation() is None:
            wanted = setup_panel.RUNTIMES[self.runtime]
            setup_panel.start(setup_runtime.install_online(wanted, setup_panel.folder()), is_runtime=True)
        return self.ended()


class RELIEVO_OT_setup_zip(WithFile, SetupOperator):
    bl_idname = "relievo.setup_zip"
    bl_label = "Install from File..."
    bl_description = "Install LibTorch from Relievo's offline zip or from a zip that holds its libraries"

    filepath: StringProperty(name="Zip", **ASKED_FILE)
    filter_glob: StringProperty(default="*.zip;*.whl", options={"HIDDEN", "SKIP_SAVE"})

    def run(self, context: bpy.types.Context) -> set[str]:
        if setup_panel.installation() is None:
            archive = Path(bpy.path.abspath(self.filepath))
            # The zip's whole LibTorch is wanted, with the CUDA libraries where it has any.
            wanted = setup_panel.RUNTIMES["cuda"]
            setup_panel.start(setup_runtime.install_zip(archive, wanted, setup_panel.folder()), is_runtime=True)
        return self.ended()


class RELIEVO_OT_setup_folder(WithFile, SetupOperator):
    bl_idname = "relievo.setup_folder"
    bl_label = "Use Existing LibTorch..."
    bl_description = "Use LibTorch from a folder that holds it. Nothing is copied"

    directory: StringProperty(name="Folder", **ASKED_FOLDER)

    def run(self, context: bpy.types.Context) -> None:
        found = setup_runtime.find_in_folder(Path(bpy.path.abspath(self.directory)), setup_panel.RUNTIMES["cpu"])
        machine.choose(runtime_folder=str(found))
        setup_panel.runtime_changed()


class RELIEVO_OT_remove_runtime(Confirmed, SetupOperator):
    bl_idname = "relievo.remove_runtime"
    bl_label = "Remove"
    bl_description = "Delete the LibTorch that was installed here. Nothing can be generated without one"

    def run(self, context: bpy.types.Context) -> None:
        try:
            if setup_panel.installation() is None and setup_panel.folder().exists():
                shutil.rmtree(setup_panel.folder())
        except OSError as error:
            message, hint = f"LibTorch cannot be removed: {error}.", "Close Blender, delete it by hand."
            raise SetupError(message, hint) from error
        setup_panel.runtime_changed()


class RELIEVO_OT_setup_cancel(SetupOperator):
    bl_idname = "relievo.setup_cancel"
    bl_label = "Cancel"
    bl_description = "Stop the installation. What was fetched is kept for the next time"

    def run(self, context: bpy.types.Context) -> None:
        if (installation := setup_panel.installation()) is not None:
            installation.cancel()


class RELIEVO_OT_check_update(SetupOperator):
    bl_idname = "relievo.check_update"
    bl_label = "Look for a Newer Version"
    bl_description = "Ask the repositories of extensions that Blender knows whether there is a newer Relievo"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not bpy.app.online_access:
            cls.poll_message_set("Blender may not go online")
        return bool(bpy.app.online_access) and not updates.is_asking()

    def run(self, context: bpy.types.Context) -> None:
        updates.start()
        if bpy.app.background:
            pending.finish()
            self.report({"INFO"}, updates.answer())


CLASSES = (
    RELIEVO_OT_open_setup,
    RELIEVO_OT_open_addons,
    RELIEVO_OT_allow_online,
    RELIEVO_OT_setup_online,
    RELIEVO_OT_setup_zip,
    RELIEVO_OT_setup_folder,
    RELIEVO_OT_remove_runtime,
    RELIEVO_OT_setup_cancel,
    RELIEVO_OT_check_update,
)
