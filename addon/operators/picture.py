"""The picture, and making a mesh of it."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, CollectionProperty, StringProperty

from .. import clipboard, jobs, pictures
from ..facts import PICTURE_ENDINGS
from ..properties import engine_settings, has_picture, import_options, picture_source
from .base import Operator


class RELIEVO_OT_generate(Operator):
    bl_idname = "relievo.generate"
    bl_label = "Generate Mesh"
    bl_description = "Make a textured mesh of the picture. Blender stays usable meanwhile"
    # No UNDO: it ends before anything is changed, so that there is nothing to adjust in the last operation.
    bl_options = {"REGISTER"}  # noqa: RUF012 (Blender's own)

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

    def run(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.relievo
        for source in self._sources(settings):
            jobs.start(context, source, engine_settings(settings), import_options(settings))
        return self.ended()

    def _sources(self, settings: bpy.types.PropertyGroup) -> list[pictures.Source]:
        chosen = [str(Path(self.directory) / file.name) for file in self.files if file.name]
        if not chosen and self.filepath:
            chosen = [self.filepath]
        if not chosen:
            return [picture_source(settings)]
        settings.picture, settings.source = chosen[0], "FILE"
        return [pictures.from_file(path) for path in chosen]


class RELIEVO_OT_paste(Operator):
    bl_idname = "relievo.paste"
    bl_label = "Paste Picture"
    bl_description = "Take the picture, or the picture file, that is in the clipboard"

    def run(self, context: bpy.types.Context) -> set[str] | None:
        settings = context.scene.relievo
        text = context.window_manager.clipboard
        path = clipboard.file_in(text, PICTURE_ENDINGS)
        image = None if path else _paste_by_blender(context) or _paste_by_program()
        if not path and not image and not text:
            path = clipboard.file_by_program(PICTURE_ENDINGS)
        if path:
            settings.picture, settings.source = str(path), "FILE"
        elif image:
            settings.image, settings.source = image, "IMAGE"
        else:
            self.report({"ERROR"}, f"No picture could be read from the clipboard. {clipboard.hint()}")
            return {"CANCELLED"}
        return None


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


class RELIEVO_OT_use_image(Operator):
    bl_options = {"UNDO"}  # noqa: RUF012
    bl_idname = "relievo.use_image"
    bl_label = "Use This Image"
    bl_description = "Take the image that this editor shows"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return getattr(context.space_data, "image", None) is not None

    def run(self, context: bpy.types.Context) -> None:
        context.scene.relievo.image, context.scene.relievo.source = context.space_data.image, "IMAGE"


class RELIEVO_FH_picture(bpy.types.FileHandler):
    bl_idname = "RELIEVO_FH_picture"
    bl_label = "Generate Mesh"
    bl_import_operator = "relievo.generate"
    bl_file_extensions = ";".join(PICTURE_ENDINGS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


CLASSES = (RELIEVO_OT_generate, RELIEVO_OT_paste, RELIEVO_OT_use_image, RELIEVO_FH_picture)
