"""Views of one's own: choosing their pictures, and rendering them of an object to make it anew."""

from __future__ import annotations

import re
import shutil
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
from bpy.props import CollectionProperty, StringProperty

from .. import jobs, labels, models, notices, object_views, own_views, pending, pictures, placing, seen, taking_in
from ..facts import SETTINGS
from ..import_mesh import ImportOptions
from ..object_views import ANGLES, FOV, Framing, NoViewsError
from ..paths import ASKED_FILE_IN_BLEND
from ..properties import engine_settings, import_options
from .base import Operator

_KEPT = 20  # folders of rendered views that are kept, for what may be made again


def folder() -> Path:
    return Path(bpy.utils.extension_path_user(__package__.rpartition(".")[0], path="views", create=True))


def _new_folder(name: str) -> Path:
    """Makes a folder for an object's views, and removes the oldest ones. Raises OSError."""
    there = sorted((each for each in folder().iterdir() if each.is_dir()), key=lambda each: each.stat().st_mtime)
    for old in there[: max(len(there) - _KEPT + 1, 0)]:
        shutil.rmtree(old, ignore_errors=True)
    made = folder() / f"{name}-{uuid.uuid4().hex[:8]}"
    made.mkdir()
    return made


def _model(chosen: str) -> str:
    """Returns the panel's model where it sees views and is there, else one that is. Raises NoViewsError."""
    seeing = [model for model in models.catalogue() if "reconstruct" in model.stages and not model.one_picture]
    there = [model.name for model in seeing if not model.embedded and seen.is_installed(model)]
    if chosen in there:
        return chosen
    if there:
        return max(there, key=lambda name: ("mesh" in name, "large" in name))
    needed = labels.model("instant-mesh-large")
    error = NoViewsError(
        "No model that sees an object from several sides is on this computer.",
        f"Download {needed} in the preferences; with your own views it needs no other model.",
    )
    error.remedy = "setup"
    raise error


@dataclass
class _Rendering:
    """The views of an object that are being rendered, one for each look of the timer; then its job is begun."""

    thing: int  # session_uid
    name: str
    framing: Framing
    settings: dict[str, Any]
    options: ImportOptions
    target: taking_in.Target
    files: list[Path]
    side: int
    done: int = 0

    def cancel(self) -> None:
        self.done = len(ANGLES) + 1

    def look(self, turn: pending.Turn) -> bool:
        if self.done > len(ANGLES):
            return True
        if taking_in.must_wait(self.target):
            turn.wait_for_person()
            return False
        try:
            return self.step()
        except Exception as error:  # the timer must go on with other work
            notices.tell(jobs.fail(error).message)
            return True

    def step(self) -> bool:
        """Renders the next view, or begins the job after the last one; returns whether that is done."""
        if self.done == len(ANGLES):
            self._begin()
            return True
        thing = next((each for each in bpy.data.objects if each.session_uid == self.thing), None)
        if thing is None:
            raise NoViewsError(f"'{self.name}' was deleted before it was rendered.", "Undo that, and try again.")
        notices.tell(f"Rendering '{self.name}', view {self.done + 1} of {len(ANGLES)}.")
        object_views.render(thing, self.framing, self.done, self.files[self.done], self.side)
        self.done += 1
        return False

    def _begin(self) -> None:
        source = replace(pictures.from_file(self.files[0]), name=self.name)
        jobs.start(bpy.context, source, self.settings, self.options, target=self.target)


class RELIEVO_OT_rebuild_object(Operator):
    bl_idname = "relievo.rebuild_object"
    bl_label = "Rebuild Active Object"
    bl_description = (
        "Render the active object from six sides and make a new mesh with a new texture of it, which stands where the "
        "object stands. The object itself stays"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if bpy.app.background:
            return True  # a script is told by what is raised
        try:
            object_views.check(context.object, context.view_layer)
        except NoViewsError as error:
            cls.poll_message_set(f"{error.message} {error.hint}")
            return False
        return True

    def run(self, context: bpy.types.Context) -> set[str] | None:
        placing.check(context.scene)
        thing = object_views.check(context.object, context.view_layer)
        properties = context.scene.relievo
        model = _model(properties.model)
        framing = object_views.framing_of(thing)
        rendering = self._rendering(context, thing, model, framing)
        if not bpy.app.background:
            pending.watch(rendering)
            return None
        while not rendering.step():
            pass
        return self.ended()

    @staticmethod
    def _rendering(context: bpy.types.Context, thing: bpy.types.Object, model: str, framing: Framing) -> _Rendering:
        settings = engine_settings(context.scene.relievo)
        name = re.sub(r"[^\w.-]", "_", thing.name)[:80] or "object"
        made = _new_folder(name)
        files = [made / f"{name}_az{azimuth:03}_el{elevation}.png" for azimuth, elevation in ANGLES]
        views = [
            {"picture": str(file), "azimuth": float(azimuth), "elevation": float(elevation), "fov": FOV}
            for file, (azimuth, elevation) in zip(files, ANGLES, strict=True)
        ]
        of_masks = {each: SETTINGS[each]["default"] for each in ("mask", *labels.MASK) if each in SETTINGS}
        size = int(settings["texture_size"]) if settings.get("projection") == "on" else 0
        return _Rendering(
            thing.session_uid,
            thing.name,
            framing,
            {**settings, **of_masks, "model": model, "views": views},
            replace(import_options(context.scene.relievo), size=0.0, origin_at_base=False, scale=framing.scale),
            taking_in.Target.at(context, framing.center),
            files,
            max(640, min(size, 1024)),
        )


class RELIEVO_OT_choose_views(Operator):
    bl_idname = "relievo.choose_views"
    bl_label = "Choose Views"
    bl_description = "Choose images of the object from several sides, a list (.json) of them, or their folder"
    bl_options = {"UNDO"}  # noqa: RUF012 (Blender's own)

    filepath: StringProperty(name="Views", **ASKED_FILE_IN_BLEND)
    directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
    filter_glob: StringProperty(default=f"{pictures.GLOB};*.json", options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context) -> None:
        chosen = [str(Path(self.directory) / file.name) for file in self.files if file.name]
        with_folder = [self.filepath or self.directory]
        context.scene.relievo.views = own_views.as_text([*(chosen or filter(None, with_folder))])


CLASSES = (RELIEVO_OT_rebuild_object, RELIEVO_OT_choose_views)
