"""Takes results into the scene: as a new object, or as the new mesh of one. This is always one undo step, and the
person always learns of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
from numpy.typing import NDArray

from . import history, import_mesh, notices, placing, redo, sources
from .import_mesh import ImportOptions
from .pictures import Source

if TYPE_CHECKING:
    import relievo

    from .import_mesh import AnyResult
    from .pending_job import PendingJob
    from .records import Record

_MESSAGE = "Relievo: {}"  # message of an undo step


@dataclass(frozen=True)
class Target:
    """The place where a result is to go, in plain numbers and names."""

    scene: int  # session_uid
    location: tuple[float, float, float]
    replaces: int = 0  # session_uid of the object that gets the new mesh; 0: a new object
    file: str = ""  # the .blend, empty where it was never saved
    name: str = ""  # name of the object that gets the new mesh
    # True where a new object stands at the location whatever stands there already.
    is_exact: bool = False

    @staticmethod
    def at(context: bpy.types.Context, location: tuple[float, float, float]) -> Target:
        """Returns the target of a new object that is to stand exactly there."""
        return replace(Target.of(context, None), location=location, is_exact=True)

    @staticmethod
    def of(context: bpy.types.Context, replaces: bpy.types.Object | None) -> Target:
        location = tuple(replaces.location if replaces else context.scene.cursor.location)
        number, name = (replaces.session_uid, replaces.name) if replaces else (0, "")
        return Target(context.scene.session_uid, location, number, bpy.data.filepath, name)

    def as_record(self) -> dict[str, Any]:
        """Returns the target for another Blender, in which this one's numbers mean nothing."""
        return {"file": self.file, "name": self.name, "location": list(self.location), "exact": self.is_exact}

    @staticmethod
    def of_record(context: bpy.types.Context, record: dict[str, Any]) -> Target:
        """Reads a target: in the same file the same object, in another one a new object at the cursor."""
        target = Target.of(context, None)
        name = record.get("name", "")
        if not target.file or record.get("file") != target.file:
            return target
        thing = bpy.data.objects.get((name, None)) if name else None
        if thing is not None and "relievo_settings" in thing:
            return Target.of(context, thing)
        x, y, z = record.get("location", target.location)
        return Target(target.scene, (x, y, z), file=target.file, is_exact=record.get("exact") is True)

    def object(self) -> bpy.types.Object | None:
        return next((thing for thing in bpy.data.objects if thing.session_uid == self.replaces), None)


def is_rendering() -> bool:
    """Returns whether a render reads Blender's data."""
    return bool(bpy.app.is_job_running("RENDER"))


def must_wait(target: Target) -> bool:
    """Returns whether the result must wait: during a change of the person's, or a render, nothing may be added or
    freed."""
    if is_rendering():
        return True
    windows = bpy.context.window_manager.windows
    if any("UNDO" in operator.bl_options for window in windows for operator in window.modal_operators):
        return True
    thing = target.object()
    return thing is not None and thing.type == "MESH" and redo.is_being_edited(thing)


def take_in(
    job: PendingJob, key: str, source: Source, options: ImportOptions, target: Target, is_same_file: bool
) -> tuple[relievo.Result, str]:
    """Puts the result into the scene; returns it, and the reason where it is not there. Raises relievo.Error."""
    assert job.job is not None
    result = job.job.take()
    assert result is not None
    if not is_same_file:
        return result, "another file was opened meanwhile"
    return result, _put(result, key, source, options, target, shaded(job))


def shaded(job: PendingJob) -> NDArray[np.uint8] | None:
    """Returns a picture of the result, where there is one."""
    return next((preview.pixels for preview in job.previews if preview.name == "shaded"), None)


def _put(
    result: AnyResult,
    key: str,
    source: Source,
    options: ImportOptions,
    target: Target,
    shaded: NDArray[np.uint8] | None,
) -> str:
    """Puts the result into the scene; returns the reason where that is not possible, else an empty text."""
    if target.replaces:
        thing = target.object()
        if thing is None:
            return f"its object '{target.name}' was deleted"
        try:
            redo.check(thing)
        except redo.CannotRedoError as error:
            return error.message.rstrip(".")
        things = redo.replace_mesh(thing, result, options)
        note = f"'{thing.name}' has its new mesh."
    else:
        scenes = {scene.session_uid: scene for scene in bpy.data.scenes}
        scene = scenes.get(target.scene, bpy.context.scene)
        if scene.library is not None:
            return f"the scene '{scene.name}' belongs to another file"
        thing, note = _add(result, scene, options, target.location, target.is_exact)
        things = [thing]
        if options.asset:
            import_mesh.mark_asset(thing, shaded)
    data = sources.kept(history.source_file(key)) or sources.bytes_of(source)
    for each in things:
        sources.attach(each, source.label, data)
        if each.asset_data is not None and target.replaces and shaded is not None:
            import_mesh.mark_asset(each, shaded)
    bpy.ops.ed.undo_push(message=_MESSAGE.format(thing.name))
    notices.tell(note or f"'{thing.name}' is finished.")
    return ""


def place_again(
    key: str, record: Record | None, result: AnyResult, picture: bytes, context: bpy.types.Context
) -> bpy.types.Object:
    """Puts a finished result at the 3D cursor, with its picture's bytes where the history has none. Raises
    NoPlaceError."""
    placing.check(context.scene)
    options = ImportOptions.of(record.options if record else {})
    thing, note = _add(result, context.scene, options, tuple(context.scene.cursor.location))
    label = record.picture if record else result.mesh.provenance.picture
    sources.attach(thing, label, sources.kept(history.source_file(key)) or picture)
    bpy.ops.ed.undo_push(message=_MESSAGE.format(thing.name))
    if note:
        notices.tell(note)
    return thing


def _add(
    result: AnyResult,
    scene: bpy.types.Scene,
    options: ImportOptions,
    location: tuple[float, ...],
    is_exact: bool = False,
) -> tuple[bpy.types.Object, str]:
    thing = import_mesh.make_object(result, options)
    thing.location = location
    note = placing.put(thing, scene, options.collection, is_exact)
    # In another mode, the person works on an object that must stay the active one.
    if bpy.context.mode == "OBJECT" and bpy.context.scene == scene:
        layer = bpy.context.view_layer
        if thing.name in layer.objects:
            for selected in layer.objects.selected[:]:
                selected.select_set(False)
            thing.select_set(True)
            layer.objects.active = thing
    return thing, note
