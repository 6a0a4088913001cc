"""What can be clicked. The work is in jobs.py, history.py and setup_panel.py."""

import shutil
from pathlib import Path

import bpy
from bpy.props import BoolProperty, CollectionProperty, IntProperty, StringProperty

from . import backend, clipboard, downloads, history, jobs, models, pictures, preferences, setup_panel, setup_runtime
from .backend import SETTINGS, Failure
from .properties import (
    engine_settings,
    has_picture,
    import_options,
    picture_source,
    roll_dice,
    show_settings,
    words_of,
)


class _Operator(bpy.types.Operator):
    def give_up(self, failure: Failure) -> set[str]:
        self.report({"ERROR"}, f"{failure.message} {failure.hint}".strip())
        return {"CANCELLED"}

    def ended(self) -> set[str]:
        """In the background no timer fires."""
        if bpy.app.background and (failure := jobs.finish()):
            return self.give_up(failure)
        return {"FINISHED"}


class _ConfirmedOperator(_Operator):
    """Asks before it does what cannot be undone."""

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        answer: set[str] = context.window_manager.invoke_confirm(self, event)
        return answer


class _FileOperator(_Operator):
    """Asks for its file or folder first."""

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class RELIEVO_OT_generate(_Operator):
    bl_idname = "relievo.generate"
    bl_label = "Generate Mesh"
    bl_description = "Make a textured mesh of the picture. Blender stays usable meanwhile"

    filepath: StringProperty(
        name="Picture",
        description="The photo or drawing to make a mesh of. Empty: the one of the panel",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
    filter_glob: StringProperty(default=pictures.GLOB, options={"HIDDEN", "SKIP_SAVE"})
    choose: BoolProperty(
        name="Choose",
        description="Ask for pictures, also where the panel has one",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        is_given = self.filepath or self.files or (has_picture(context.scene.relievo) and not self.choose)
        if is_given:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.relievo
        try:
            for source in self._sources(settings):
                jobs.start(context, source, engine_settings(settings), import_options(settings))
        except Exception as error:
            return self.give_up(jobs.fail(error))
        return self.ended()

    def _sources(self, settings: bpy.types.PropertyGroup) -> list[pictures.Source]:
        chosen = [str(Path(self.directory) / file.name) for file in self.files if file.name]
        if not chosen and self.filepath:
            chosen = [self.filepath]
        if not chosen:
            return [picture_source(settings)]
        settings.picture, settings.source = chosen[0], "FILE"
        return [pictures.from_file(path) for path in chosen]


class RELIEVO_OT_paste(_Operator):
    bl_idname = "relievo.paste"
    bl_label = "Paste Picture"
    bl_description = "Take the picture, or the picture file, that is in the clipboard"

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.relievo
        text = context.window_manager.clipboard
        if path := clipboard.file_in(text, pictures.ENDINGS):
            settings.picture, settings.source = str(path), "FILE"
            return {"FINISHED"}
        if image := _paste_by_blender(context) or _paste_by_program():
            settings.image, settings.source = image, "IMAGE"
            return {"FINISHED"}
        if not text and (path := clipboard.file_by_program(pictures.ENDINGS)):
            settings.picture, settings.source = str(path), "FILE"
            return {"FINISHED"}
        self.report({"ERROR"}, f"No picture could be read from the clipboard. {clipboard.hint()}")
        return {"CANCELLED"}


def _paste_by_blender(context: bpy.types.Context) -> bpy.types.Image | None:
    """Where Blender's own operator says that it can: not under X11."""
    area = context.area
    try:
        if area is None or not bpy.ops.image.clipboard_paste.poll():
            return None
    except AttributeError:  # a Blender without it
        return None
    before = {image.session_uid for image in bpy.data.images}
    kind = area.ui_type
    try:
        if area.type != "IMAGE_EDITOR":  # which the operator wants
            area.ui_type = "IMAGE_EDITOR"
        with context.temp_override(area=area):
            bpy.ops.image.clipboard_paste()
    except RuntimeError:
        return None
    finally:
        if area.ui_type != kind:
            area.ui_type = kind
    return next((image for image in bpy.data.images if image.session_uid not in before), None)


def _paste_by_program() -> bpy.types.Image | None:
    path = clipboard.picture_by_program()
    if path is None:
        return None
    try:
        image = bpy.data.images.load(str(path))
        image.name = "Clipboard"
        image.pack()
    except RuntimeError:  # Blender cannot read it
        return None
    finally:
        path.unlink()
    return image


class RELIEVO_OT_use_image(_Operator):
    bl_idname = "relievo.use_image"
    bl_label = "Use This Image"
    bl_description = "Take the image that this editor shows"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return getattr(context.space_data, "image", None) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.relievo.image, context.scene.relievo.source = context.space_data.image, "IMAGE"
        return {"FINISHED"}


class RELIEVO_OT_show_mask(_Operator):
    bl_idname = "relievo.show_mask"
    bl_label = "Show Mask"
    bl_description = "Show what is taken for the subject. It follows the mask's settings"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return has_picture(context.scene.relievo)

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.relievo
        try:
            jobs.show_mask(picture_source(settings), engine_settings(settings))
        except Exception as error:
            return self.give_up(jobs.fail(error))
        if bpy.app.background:
            jobs.finish()
        return {"FINISHED"}


class RELIEVO_OT_hide_mask(_Operator):
    bl_idname = "relievo.hide_mask"
    bl_label = "Hide Mask"
    bl_description = "Show the mask no longer"

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.hide_mask()
        return {"FINISHED"}


class RELIEVO_OT_dice(_Operator):
    bl_idname = "relievo.dice"
    bl_label = "Roll Dice"
    bl_description = "Take another seed"
    bl_options = {"UNDO"}  # noqa: RUF012 (Blender's own)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return "seed" in SETTINGS

    def execute(self, context: bpy.types.Context) -> set[str]:
        roll_dice(context.scene.relievo)
        return {"FINISHED"}


# The queue


class RELIEVO_OT_cancel(_Operator):
    bl_idname = "relievo.cancel"
    bl_label = "Cancel"
    bl_description = "Stop making this mesh"

    number: IntProperty(name="Job", description="Its number; 0 for all", options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return jobs.current() is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not self.number:
            jobs.cancel()
        elif (task := jobs.find(self.number)) is not None:
            task.job.cancel()
        return {"FINISHED"}


class RELIEVO_OT_move(_Operator):
    bl_idname = "relievo.move"
    bl_label = "Move"
    bl_description = "Change the order of the queue"

    number: IntProperty(name="Job", options={"HIDDEN", "SKIP_SAVE"})
    step: IntProperty(name="Step", default=-1, options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        if (task := jobs.find(self.number)) is not None:
            jobs.move(task, self.step)
        return {"FINISHED"}


class RELIEVO_OT_pause(_Operator):
    bl_idname = "relievo.pause"
    bl_label = "Pause"
    bl_description = "Begin no other job, or go on. The one that runs is finished"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return backend.loaded_engine() is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        engine = backend.engine()
        if engine.paused:
            engine.resume()
        else:
            engine.pause()
        return {"FINISHED"}


class RELIEVO_OT_unload(_Operator):
    bl_idname = "relievo.unload"
    bl_label = "Unload Models"
    bl_description = "Give the memory of the models back. They are loaded again when they are needed"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        engine = backend.loaded_engine()
        return engine is not None and engine.loaded

    def execute(self, context: bpy.types.Context) -> set[str]:
        backend.engine().unload()
        jobs.dismiss_failure()
        return {"FINISHED"}


class RELIEVO_OT_dismiss(_Operator):
    bl_idname = "relievo.dismiss"
    bl_label = "Dismiss"
    bl_description = "Show this message no longer"

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.dismiss_failure()
        return {"FINISHED"}


# Objects and the history


def _stored(thing: bpy.types.Object | None) -> tuple[str, dict[str, object]] | None:
    """Picture and settings that an object was made with."""
    if thing is None or thing.get("relievo_settings") is None:
        return None
    return history.picture_and_settings(thing["relievo_picture"], thing["relievo_settings"])


class RELIEVO_OT_regenerate(_Operator):
    bl_idname = "relievo.regenerate"
    bl_label = "Regenerate"
    bl_description = "Make the active object's mesh anew from its picture, with the settings that are stored on it"

    use_panel: BoolProperty(
        name="With the Panel's Settings",
        description="Take the settings of the panel and not those of the object",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.object is not None and _stored(context.object) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        stored = _stored(context.object)
        assert stored is not None
        settings = context.scene.relievo
        words = engine_settings(settings) if self.use_panel else words_of(stored[1])
        try:
            source = pictures.from_label(stored[0])
            jobs.start(context, source, words, import_options(settings), replaces=context.object)
        except Exception as error:
            return self.give_up(jobs.fail(error))
        return self.ended()


class RELIEVO_OT_use_settings(_Operator):
    bl_idname = "relievo.use_settings"
    bl_label = "Use Settings"
    bl_description = "Set the panel to the picture and the settings that this was made with"
    bl_options = {"UNDO"}  # noqa: RUF012

    key: StringProperty(name="Entry", description="Of the history; empty: the active object", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        if self.key:
            entry = history.find(self.key)
            stored = (entry.picture, entry.settings) if entry else None
        else:
            stored = _stored(context.object)
        if stored is None:
            self.report({"ERROR"}, "It was not made by Relievo. Choose another object.")
            return {"CANCELLED"}
        show_settings(context.scene.relievo, *stored)
        return {"FINISHED"}


class RELIEVO_OT_generate_again(_Operator):
    bl_idname = "relievo.generate_again"
    bl_label = "Generate Again"
    bl_description = "Make this of the history once more, at the 3D cursor"

    key: StringProperty(name="Entry", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        entry = history.find(self.key)
        if entry is None:
            return {"CANCELLED"}
        try:
            options = import_options(context.scene.relievo)
            jobs.start(context, pictures.from_label(entry.picture), words_of(entry.settings), options)
        except Exception as error:
            return self.give_up(jobs.fail(error))
        return self.ended()


class RELIEVO_OT_forget(_Operator):
    bl_idname = "relievo.forget"
    bl_label = "Remove from History"
    bl_description = "Remove this from the history. Objects stay"

    key: StringProperty(name="Entry", description="Empty for all", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        if self.key:
            history.remove(self.key)
        else:
            history.clear()
        return {"FINISHED"}


# Set-up


class RELIEVO_OT_open_setup(_Operator):
    bl_idname = "relievo.open_setup"
    bl_label = "Open Set-Up"
    bl_description = "Show what is missing and how to get it, in the preferences"

    def execute(self, context: bpy.types.Context) -> set[str]:
        backend.forget_runtime()
        jobs.dismiss_failure()
        if not bpy.app.background:
            bpy.ops.preferences.addon_show(module=__package__)
        return {"FINISHED"}


class RELIEVO_OT_open_addons(_Operator):
    bl_idname = "relievo.open_addons"
    bl_label = "Open Add-ons"
    bl_description = "Show the add-ons in the preferences, where the one that is in the way can be disabled"

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.preferences.active_section = "ADDONS"
        context.window_manager.addon_search = ""
        if not bpy.app.background:
            bpy.ops.screen.userpref_show("INVOKE_DEFAULT")
        return {"FINISHED"}


class RELIEVO_OT_allow_online(_Operator):
    bl_idname = "relievo.allow_online"
    bl_label = "Allow Online Access"
    bl_description = "Open Blender's preferences where online access is allowed"

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.preferences.active_section = "SYSTEM"
        if not bpy.app.background:
            bpy.ops.screen.userpref_show("INVOKE_DEFAULT")
        return {"FINISHED"}


class RELIEVO_OT_setup_online(_Operator):
    bl_idname = "relievo.setup_online"
    bl_label = "Install Runtime"
    bl_description = "Download LibTorch and install it for Relievo alone"

    runtime: StringProperty(name="Runtime", default="cpu", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not bpy.app.online_access:
            return self.give_up(setup_panel.fail(_offline()))
        if setup_panel.installation() is None:
            runtime = setup_panel.RUNTIMES[self.runtime]
            setup_panel.start(setup_runtime.install_online(runtime, setup_panel.folder()), is_runtime=True)
        return _setup_ended(self)


class RELIEVO_OT_setup_zip(_FileOperator):
    bl_idname = "relievo.setup_zip"
    bl_label = "Install from Zip"
    bl_description = "Install LibTorch from Relievo's offline zip or from a zip that holds its libraries"

    filepath: StringProperty(name="Zip", subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.zip;*.whl", options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        if setup_panel.installation() is None:
            archive = Path(bpy.path.abspath(self.filepath))
            # All of LibTorch that is in it: with the CUDA libraries where there are any.
            runtime = setup_panel.RUNTIMES["cuda"]
            setup_panel.start(setup_runtime.install_zip(archive, runtime, setup_panel.folder()), is_runtime=True)
        return _setup_ended(self)


class RELIEVO_OT_setup_folder(_FileOperator):
    bl_idname = "relievo.setup_folder"
    bl_label = "Use Folder"
    bl_description = "Use LibTorch from a folder that holds it. Nothing is copied"

    directory: StringProperty(name="Folder", subtype="DIR_PATH", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            found = setup_runtime.find_in_folder(Path(bpy.path.abspath(self.directory)), setup_panel.RUNTIMES["cpu"])
        except downloads.SetupError as error:
            return self.give_up(setup_panel.fail(error))
        context.preferences.addons[__package__].preferences.runtime_folder = str(found)
        setup_panel.runtime_changed()
        return {"FINISHED"}


class RELIEVO_OT_remove_runtime(_ConfirmedOperator):
    bl_idname = "relievo.remove_runtime"
    bl_label = "Remove"
    bl_description = "Delete the LibTorch that was installed here. Nothing can be generated without one"

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            if setup_panel.installation() is None and setup_panel.folder().exists():
                shutil.rmtree(setup_panel.folder())
        except OSError as error:
            failed = downloads.SetupError(f"LibTorch cannot be removed: {error}.", "Close Blender, delete it by hand.")
            return self.give_up(setup_panel.fail(failed))
        setup_panel.runtime_changed()
        return {"FINISHED"}


class RELIEVO_OT_setup_cancel(_Operator):
    bl_idname = "relievo.setup_cancel"
    bl_label = "Cancel"
    bl_description = "Stop the installation. What was fetched is kept for the next time"

    def execute(self, context: bpy.types.Context) -> set[str]:
        if (installation := setup_panel.installation()) is not None:
            installation.cancel()
        return {"FINISHED"}


class _ModelOperator(_Operator):
    model: StringProperty(name="Model", options={"SKIP_SAVE"})

    def chosen(self) -> models.Model | None:
        return next((model for model in models.catalogue() if model.name == self.model and not model.embedded), None)


class RELIEVO_OT_fetch_model(_ModelOperator):
    bl_idname = "relievo.fetch_model"
    bl_label = "Fetch Model"
    bl_description = "Download this model. What was fetched before is not fetched again"

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return next((f"{m.title}. Licence: {m.licence}" for m in models.catalogue() if m.name == properties.model), "")

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not bpy.app.online_access:
            return self.give_up(setup_panel.fail(_offline()))
        if (model := self.chosen()) is not None and setup_panel.installation() is None:
            setup_panel.start(models.install_online(model))
        return _setup_ended(self)


class RELIEVO_OT_import_model(_FileOperator, _ModelOperator):
    bl_idname = "relievo.import_model"
    bl_label = "Import Model"
    bl_description = "Copy this model from a weight file, from a folder or from a zip that holds it"

    filepath: StringProperty(name="File or Folder", subtype="FILE_PATH", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        if (model := self.chosen()) is not None and setup_panel.installation() is None:
            backend.load()
            source = Path(bpy.path.abspath(self.filepath))
            setup_panel.start(models.install_from(model, source, backend.check_weights))
        return _setup_ended(self)


class RELIEVO_OT_remove_model(_ConfirmedOperator, _ModelOperator):
    bl_idname = "relievo.remove_model"
    bl_label = "Remove Model"
    bl_description = "Delete this model's files from this machine"

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            if (model := self.chosen()) is not None:
                models.remove(model)
        except OSError as error:
            failed = downloads.SetupError(f"The model cannot be removed: {error}.", "Delete its folder by hand.")
            return self.give_up(setup_panel.fail(failed))
        return {"FINISHED"}


class RELIEVO_OT_switch_device(_Operator):
    bl_idname = "relievo.switch_device"
    bl_label = "Use Device"
    bl_description = "Use this device, or leave it alone. The last one cannot be switched off"

    slot: StringProperty(name="Slot", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        preferences.switch(self.slot)
        return {"FINISHED"}


def _offline() -> downloads.SetupError:
    return downloads.SetupError(
        "Blender may not go online.", "Allow online access in the preferences, or install from a folder or a zip."
    )


def _setup_ended(operator: _Operator) -> set[str]:
    if bpy.app.background and (failure := setup_panel.finish()):
        return operator.give_up(failure)
    return {"FINISHED"}


class RELIEVO_FH_picture(bpy.types.FileHandler):
    bl_idname = "RELIEVO_FH_picture"
    bl_label = "Generate Mesh"
    bl_import_operator = "relievo.generate"
    bl_file_extensions = ";".join(pictures.ENDINGS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


CLASSES = (
    RELIEVO_OT_generate,
    RELIEVO_OT_paste,
    RELIEVO_OT_use_image,
    RELIEVO_OT_show_mask,
    RELIEVO_OT_hide_mask,
    RELIEVO_OT_dice,
    RELIEVO_OT_cancel,
    RELIEVO_OT_move,
    RELIEVO_OT_pause,
    RELIEVO_OT_unload,
    RELIEVO_OT_dismiss,
    RELIEVO_OT_regenerate,
    RELIEVO_OT_use_settings,
    RELIEVO_OT_generate_again,
    RELIEVO_OT_forget,
    RELIEVO_OT_open_setup,
    RELIEVO_OT_open_addons,
    RELIEVO_OT_allow_online,
    RELIEVO_OT_setup_online,
    RELIEVO_OT_setup_zip,
    RELIEVO_OT_setup_folder,
    RELIEVO_OT_remove_runtime,
    RELIEVO_OT_setup_cancel,
    RELIEVO_OT_fetch_model,
    RELIEVO_OT_import_model,
    RELIEVO_OT_remove_model,
    RELIEVO_OT_switch_device,
    RELIEVO_FH_picture,
)
