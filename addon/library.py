"""Asset libraries: results as assets of Blender, each in a file of its own or all in one.

A library is a folder that the preferences name (File Paths > Asset Libraries). Where all assets go into one file, each
is written beside it first, and they are brought together at the end of the run, also of one that is interrupted; what
an earlier run has left is taken in, too.
"""

from __future__ import annotations

import uuid
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
from numpy.typing import NDArray

from . import blender_files, catalogs, documents, import_mesh, picture_credits
from .import_mesh import ImportOptions
from .picture_credits import Credits
from .sources import kept
from .words import WordsError

if TYPE_CHECKING:
    import relievo

    from .words import Task

ONE_FILE = "relievo-assets.blend"
_PARTS = ".relievo-parts"
_ID = "relievo_asset"  # what an object was made of and is called: its next version takes its place


@dataclass(frozen=True)
class Library:
    folder: Path
    output: Path  # of the results: the folders below it are catalogs, too
    is_one_file: bool = False
    catalog: str = "Relievo"
    tags: tuple[str, ...] = ()
    credits: Credits = field(default_factory=Credits)


def of_options(options: Namespace) -> Library | None:
    """Returns the library that --library names, with its folder made; None without. Raises OSError, WordsError."""
    if options.library is None:
        return None
    if options.output.resolve() == options.library.resolve():
        raise WordsError(
            f"The library '{options.library}' is the folder of the results.",
            "Name another folder: the library has files of its own.",
        )
    options.library.mkdir(parents=True, exist_ok=True)
    return Library(
        options.library,
        options.output,
        options.library_file == "one",
        options.catalog,
        tuple(tag for tag in options.tags if tag.strip()),
        Credits(options.author, options.licence),
    )


def add(library: Library, result: relievo.Result, task: Task, shaded: NDArray[np.uint8] | None) -> list[Path]:
    """Writes the result as an asset; returns its file, none where it goes into one file at the end of the run. Replaces
    what is open in Blender. Raises OSError."""
    # The asset stands on the ground, where the pointer drops it.
    thing = blender_files.scene_of(result, task.picture, ImportOptions(origin_at_base=True))
    thing[_ID] = f"{'/'.join((*_below(library, task), task.name))} {result.mesh.provenance.checksum}"
    import_mesh.mark_asset(thing, shaded)
    _fill(thing, library, task)
    if not library.is_one_file:
        path = library.folder / f"{task.name}.blend"

        def write(file: Path) -> None:
            blender_files.save_blend(file)

        return [result.save_by_blender(path.parent, "blend", write, former=task.former)]
    parts = library.folder / _PARTS
    parts.mkdir(exist_ok=True)
    file = parts / f"{uuid.uuid5(uuid.NAMESPACE_URL, str(thing[_ID]))}.blend"
    bpy.data.libraries.write(str(file), {thing}, fake_user=True, compress=True)
    return []


def _fill(thing: bpy.types.Object, library: Library, task: Task) -> None:
    """Fills in what the asset browser shows and searches."""
    data, picture = thing.asset_data, Path(task.picture)
    told = library.credits.over(picture_credits.of_picture(kept(picture)))
    data.author, data.license, data.copyright = told.author, told.licence, told.licence
    settings = documents.read_object(thing["relievo_settings"])
    model, version = str(thing["relievo_model"]), str(thing["relievo_version"])
    data.description = f"Made of '{picture.name}' by Relievo {version} with the model {model}{_chosen(settings)}"
    for tag in ("relievo", model, *library.tags):
        data.tags.new(tag.strip(), skip_if_exists=True)
    data.catalog_id = catalogs.catalog(library.folder, "/".join((library.catalog, *_below(library, task))))


def _below(library: Library, task: Task) -> tuple[str, ...]:
    """Returns the folders below that of the results in which this one lies."""
    return task.folder.relative_to(library.output).parts if task.folder.is_relative_to(library.output) else ()


def _chosen(settings: dict[str, Any]) -> str:
    """Names the settings that are worth a look; all of them are a property of the object."""
    named = [f"{name} {settings[name]}" for name in ("grid", "texture_size", "faces", "depth") if name in settings]
    return f" ({', '.join(named)})" if named else ""


def close(library: Library) -> Path | None:
    """Brings all parts together in the one file of the library; returns it. Raises OSError."""
    parts = sorted((library.folder / _PARTS).glob("*.blend")) if library.is_one_file else []
    if not parts:
        return None
    file = library.folder / ONE_FILE
    bpy.ops.wm.read_homefile(use_empty=True)
    before = _append(file) if file.is_file() else []
    for part in parts:
        for thing in _append(part):
            for other in [each for each in before if each.get(_ID) == thing.get(_ID)]:
                before.remove(other)
                name = other.name
                _remove(other)
                thing.name = name
            before.append(thing)
    _place(before)
    bpy.data.orphans_purge(do_recursive=True)
    beside = file.with_name(f".{file.name}.part.blend")
    try:
        blender_files.save_blend(beside)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
    for part in parts:
        part.unlink()
    (library.folder / _PARTS).rmdir()
    return file


def _append(file: Path) -> list[bpy.types.Object]:
    with bpy.data.libraries.load(str(file), link=False) as (there, here):
        here.objects = list(there.objects)
    return [thing for thing in here.objects if thing is not None]


def _remove(thing: bpy.types.Object) -> None:
    mesh = thing.data
    bpy.data.objects.remove(thing)
    if mesh is not None and mesh.users == 0:
        bpy.data.meshes.remove(mesh)


def _place(things: Iterable[bpy.types.Object]) -> None:
    """Shows the objects to one who opens the file: in rows, a step apart."""
    things = sorted(things, key=lambda thing: thing.name)
    columns = max(int(np.ceil(np.sqrt(len(things)))), 1)
    scene = bpy.context.scene
    for i, thing in enumerate(things):
        if thing.name not in scene.collection.objects:
            scene.collection.objects.link(thing)
        thing.location = (2.2 * (i % columns), 2.2 * (i // columns), 0.0)
