"""The files that Blender writes of a result itself: .blend, and USDZ where it was built with USD."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from . import import_mesh, sources
from .failure import Failure
from .import_mesh import ImportOptions

if TYPE_CHECKING:
    import relievo

    from .words import Task

FORMATS = ("blend", "usdz")


def why_not(formats: Sequence[str]) -> Failure | None:
    """Says why this Blender cannot write one of these formats; None where it can write all."""
    if "usdz" in formats and not getattr(bpy.app.build_options, "usd", False):
        return Failure(
            "invalid_settings",
            "This Blender was built without USD, so it writes no USDZ.",
            "Use the Blender of blender.org, or another format.",
            2,
        )
    return None


def save(result: relievo.Result, task: Task, kind: str) -> Path:
    """Writes a file that holds the object alone, texture and picture packed, in the person's own start-up scene.

    Replaces what is open in Blender. Raises OSError.
    """
    scene_of(result, task.picture)

    def write(file: Path) -> None:
        if kind == "blend":
            save_blend(file)
            return
        # The archive names its scene after the file, whose last name this is not yet.
        with tempfile.TemporaryDirectory(prefix=".relievo-", dir=file.parent) as folder:
            named = Path(folder) / f"{task.name}.usdz"
            _answered(lambda: _write_usdz(named))
            if not named.is_file():  # of which Blender has told its console alone
                raise OSError(f"Blender has not written '{named.name}'")
            named.replace(file)

    return result.save_by_blender(task.folder, kind, write, former=task.former, named=True)


def scene_of(result: relievo.Result, path: str, options: ImportOptions | None = None) -> bpy.types.Object:
    """Opens the person's start-up scene with the object of the result alone, and returns that."""
    bpy.ops.wm.read_homefile(use_empty=True)
    thing = import_mesh.add_object(result, bpy.context.scene, options=options)
    picture = Path(path)
    sources.attach(thing, str(picture.absolute()), sources.kept(picture))
    return thing


def save_blend(file: Path) -> None:
    """Writes what is open. Raises OSError."""
    _answered(lambda: bpy.ops.wm.save_as_mainfile(filepath=str(file), copy=True, compress=True))


def _write_usdz(file: Path) -> None:
    """Writes what is open with Y up and its front towards +Z, as GLB has it, in metres."""
    wanted = {
        "convert_orientation": True,
        "export_global_forward_selection": "NEGATIVE_Z",
        "export_global_up_selection": "Y",
        "export_materials": True,
        "export_custom_properties": False,  # which name files of the person's
        "convert_world_material": False,
    }
    known = bpy.ops.wm.usd_export.get_rna_type().properties.keys()
    bpy.ops.wm.usd_export(filepath=str(file), **{name: value for name, value in wanted.items() if name in known})


def _answered(write: Callable[[], object]) -> None:
    try:
        write()
    except RuntimeError as error:  # what Blender says when it cannot write
        raise OSError(str(error).strip()) from error
