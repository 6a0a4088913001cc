"""The pictures of sides."""

import re
from pathlib import Path

import bpy
from bpy.props import CollectionProperty, EnumProperty, StringProperty

from .. import pictures
from ..paths import ASKED_FILE_IN_BLEND
from ..properties import SIDES, side_property
from .base import Operator

_ITEMS = tuple((side, side.capitalize(), "") for side in SIDES)


class RELIEVO_OT_swap_sides(Operator):
    bl_idname = "relievo.swap_sides"
    bl_label = "Swap Left and Right"
    bl_description = "Exchange the pictures of the left and the right, where each was taken for the other"
    bl_options = {"UNDO"}  # noqa: RUF012 (Blender's own)

    def run(self, context: bpy.types.Context) -> None:
        settings = context.scene.relievo
        left, right = settings.side_left, settings.side_right
        settings.side_left, settings.side_right = right, left


class RELIEVO_OT_clear_side(Operator):
    bl_idname = "relievo.clear_side"
    bl_label = "Remove"
    bl_description = "Use no picture of this side"
    bl_options = {"UNDO", "INTERNAL"}  # noqa: RUF012

    side: EnumProperty(name="Side", items=_ITEMS)

    def run(self, context: bpy.types.Context) -> None:
        setattr(context.scene.relievo, side_property(self.side), "")


def side_in_name(stem: str) -> str:
    """Returns the side that a picture's name ends with, as in cup_left; empty where it names none."""
    word = re.split(r"[\s_.-]+", stem.lower())[-1]
    return word if word in (*SIDES, "front") else ""


class RELIEVO_OT_drop_sides(Operator):
    bl_idname = "relievo.drop_sides"
    bl_label = "Picture of a Side (Relievo)"
    bl_description = "Take pictures for the sides that their names end with, as cup_left.png; or else ask for the side"
    bl_options = {"UNDO", "INTERNAL"}  # noqa: RUF012

    filepath: StringProperty(**ASKED_FILE_IN_BLEND)
    directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
    side: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        paths = self._paths()
        if self.side or len(paths) != 1 or side_in_name(paths[0].stem):
            return self.execute(context)

        def draw(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
            for side in ("front", *SIDES):
                chosen = menu.layout.operator(self.bl_idname, text=side.capitalize())
                chosen.filepath, chosen.side = str(paths[0]), side

        context.window_manager.popup_menu(draw, title=f"Which side is '{paths[0].name}'?")
        return {"FINISHED"}

    def run(self, context: bpy.types.Context) -> set[str] | None:
        settings = context.scene.relievo
        named = [(self.side or side_in_name(path.stem), path) for path in self._paths()]
        for side, path in named:
            if side == "front":
                settings.picture, settings.source = str(path), "FILE"
            elif side:
                setattr(settings, side_property(side), str(path))
        if unnamed := [path.name for side, path in named if not side]:
            self.report({"WARNING"}, f"'{unnamed[0]}' names no side. Let names end as in cup_left.png")
        return None if any(side for side, _ in named) else {"CANCELLED"}

    def _paths(self) -> list[Path]:
        listed = [Path(self.directory) / file.name for file in self.files if file.name]
        return listed or ([Path(self.filepath)] if self.filepath else [])


class RELIEVO_FH_sides(bpy.types.FileHandler):
    bl_idname = "RELIEVO_FH_sides"
    bl_label = "Picture of a Side (Relievo)"
    bl_import_operator = "relievo.drop_sides"
    bl_file_extensions = ";".join(pictures.ENDINGS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Pictures are dropped onto the sidebar; what is dropped beside it becomes an object (RELIEVO_FH_picture)."""
        region = context.region
        is_editor = context.area is not None and context.area.type in ("VIEW_3D", "IMAGE_EDITOR")
        return is_editor and region is not None and region.type == "UI"


CLASSES = (RELIEVO_OT_drop_sides, RELIEVO_FH_sides, RELIEVO_OT_swap_sides, RELIEVO_OT_clear_side)
