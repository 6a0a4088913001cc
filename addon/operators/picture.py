"""The picture, and making a mesh of it."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, CollectionProperty, StringProperty

from .. import clipboard, jobs, pictures, readiness, selection, viewport
from ..facts import PICTURE_ENDINGS
from ..paths import ASKED_FILE_IN_BLEND
from ..properties import clear_sides, engine_settings, has_picture, has_views, import_options, picture_source
from .base import Operator


class RELIEVO_OT_generate(Operator):
    bl_idname = "relievo.generate"
    bl_label = "Mesh from Picture"
    bl_description = "Make a textured mesh of the picture. Blender stays usable meanwhile"
    # No UNDO: it ends before anything is changed, so that there is nothing to adjust in the last operation.
    bl_options = {"REGISTER"}  # noqa: RUF012 (Blender's own)

    filepath: StringProperty(
        name="Picture",
        description="The photo or drawing to make a mesh of. Empty: the one of the panel, else what is selected",
        **ASKED_FILE_IN_BLEND,
    )
    directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
    filter_glob: StringProperty(default=pictures.GLOB, options={"HIDDEN", "SKIP_SAVE"})
    choose: BoolProperty(
        name="Choose",
        description="Ask for pictures, also where the panel has one",
        options={"HIDDEN", "SKIP_SAVE"},
    )
    selected: BoolProperty(
        name="Selected",
        description="Take the pictures that are selected in this editor, also where the panel has one",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        if properties.choose:
            return "Choose picture files, and make a textured mesh of each"
        if properties.selected:
            return "Make a textured mesh of each picture that is selected here"
        return cls.bl_description

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if bpy.app.background or not (why := readiness.why_not(context.scene.relievo)):
            return True  # a script is told by what is raised
        cls.poll_message_set(why)
        return False

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        is_given = bool(self.filepath or self.files or self.selected)
        settings = context.scene.relievo
        is_there = has_picture(settings) or has_views(settings) or bool(selection.picks(context))
        if is_given or (is_there and not self.choose):
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.relievo
        sources = self._sources(context)
        is_of_panel = len(sources) == 1 and has_panels_picture(settings, sources[0])
        for source in sources:
            jobs.start(context, source, engine_settings(settings, is_of_panel), import_options(settings))
        return self.ended()

    def _sources(self, context: bpy.types.Context) -> list[pictures.Source]:
        settings = context.scene.relievo
        chosen = [str(Path(self.directory) / file.name) for file in self.files if file.name]
        if not chosen and self.filepath:
            chosen = [self.filepath]
        if chosen:
            if bpy.path.abspath(settings.picture) != bpy.path.abspath(chosen[0]) or settings.source != "FILE":
                clear_sides(settings)
            settings.picture, settings.source = chosen[0], "FILE"
            return [pictures.from_file(path) for path in chosen]
        if (has_picture(settings) or has_views(settings)) and not self.selected:
            return [picture_source(settings)]
        if found := selection.sources(context):
            return found
        raise pictures.NoPictureError("No picture is chosen, and none is selected.", "Choose a picture first.")


def has_panels_picture(settings: bpy.types.PropertyGroup, source: pictures.Source) -> bool:
    """Returns whether the source is the panel's own picture, and not one that is selected elsewhere."""
    if not has_picture(settings) and not has_views(settings):
        return False
    return source.label == picture_source(settings).label


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
    """Pastes by Blender's own operator, where that says that it can; under X11 it cannot."""
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


class RELIEVO_OT_use_render(Operator):
    bl_idname = "relievo.use_render"
    bl_label = "Use Render Result"
    bl_description = "Take what was rendered last, as Blender shows it; a transparent film is the mask"
    bl_options = {"UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if any(image.type == "RENDER_RESULT" for image in bpy.data.images):
            return True
        cls.poll_message_set("Nothing was rendered yet")
        return False

    def run(self, context: bpy.types.Context) -> None:
        settings = context.scene.relievo
        settings.image = next(image for image in bpy.data.images if image.type == "RENDER_RESULT")
        settings.source = "IMAGE"


class RELIEVO_OT_use_viewport(Operator):
    bl_idname = "relievo.use_viewport"
    bl_label = "Use Viewport"
    bl_description = "Take what this 3D view shows now, without overlays; where nothing is, it is transparent"
    bl_options = {"UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if bpy.app.background:
            cls.poll_message_set("There is no window")
            return False
        return context.area is not None and context.area.type == "VIEW_3D"

    def run(self, context: bpy.types.Context) -> None:
        settings = context.scene.relievo
        settings.image, settings.source = viewport.picture(context), "IMAGE"


class RELIEVO_FH_picture(bpy.types.FileHandler):
    bl_idname = "RELIEVO_FH_picture"
    bl_label = "Mesh from Picture (Relievo)"
    bl_import_operator = "relievo.generate"
    bl_file_extensions = ";".join(pictures.ENDINGS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type in ("VIEW_3D", "IMAGE_EDITOR")


CLASSES = (
    RELIEVO_OT_generate,
    RELIEVO_OT_paste,
    RELIEVO_OT_use_image,
    RELIEVO_OT_use_render,
    RELIEVO_OT_use_viewport,
    RELIEVO_FH_picture,
)
