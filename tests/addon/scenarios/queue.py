"""The queue: what has failed stays, what was left is taken up, results have a place where they can be seen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import bpy
from inside import FOLDER, PICTURE, QUARTERS, answer, drawn, find, install, module, names, quick, wait_for


def failures_stay() -> dict[str, Any]:
    """Two pictures fail: each row has its reason, is tried again, reported and dismissed by itself."""
    extension = install()
    jobs = extension.jobs
    quick()
    (FOLDER / "secret folder").mkdir()
    late = FOLDER / "secret folder" / "belated.png"
    files = [{"name": "none.png"}, {"name": "secret folder/belated.png"}, {"name": "quarters.png"}]
    said = answer(bpy.ops.relievo.generate, directory=str(FOLDER), files=files)
    failed = [task.name for task in jobs.failed()]
    panel = drawn()
    bpy.ops.relievo.generate(filepath=str(QUARTERS))
    facts: dict[str, Any] = {
        "said": said,
        "failed": failed,
        "panel": panel,
        "after_the_next": [task.name for task in jobs.failed()],
        "objects": names(bpy.data.objects),
    }
    late.write_bytes(QUARTERS.read_bytes())
    first, second = jobs.failed()
    report = module("report").of(second)
    facts["report"] = report
    facts["copied"] = answer(bpy.ops.relievo.copy_report, number=second.number)
    facts["retried"] = answer(bpy.ops.relievo.retry, number=second.number)
    facts["after_retry"] = {"failed": [task.name for task in jobs.failed()], "objects": names(bpy.data.objects)}
    bpy.ops.relievo.dismiss(number=first.number)
    facts["after_dismiss"] = [task.name for task in jobs.tasks()]
    facts["told"] = extension.notices.told()
    return facts


def file_opened() -> dict[str, Any]:
    """A job goes on when another file is opened. Its result waits, and is placed without computing."""
    extension = install()
    jobs = extension.jobs
    quick()
    settings = module("properties").engine_settings(bpy.context.scene.relievo)
    jobs.start(bpy.context, QUARTERS, settings)
    bpy.ops.wm.read_homefile(use_empty=True)
    waiting = [task.name for task in jobs.tasks()]
    jobs.finish()
    (task,) = jobs.tasks()
    facts = {
        "waiting": waiting,
        "objects": names(bpy.data.objects),
        "unplaced": task.is_unplaced,
        "panel": drawn(),
        "told": extension.notices.told()[-1],
    }
    bpy.ops.relievo.place(key=task.key)
    thing = find("quarters")
    facts["placed"] = {
        "objects": names(bpy.data.objects),
        "faces": len(thing.data.polygons),
        "textures": [image.name for image in bpy.data.images if image.get("relievo_part")],
        "source": bytes(thing["relievo_source"].packed_file.data) == QUARTERS.read_bytes(),
        "queue": len(jobs.tasks()),
        "entries": [[entry.name, entry.result_bytes > 0] for entry in extension.history.entries()],
    }
    bpy.ops.relievo.regenerate()
    facts["redone"] = len(find("quarters").data.polygons) == facts["placed"]["faces"]
    return facts


def crashing() -> dict[str, Any]:
    """Dies with a job that runs and one, of an image of Blender's, that waits."""
    extension = install()
    jobs = extension.jobs
    image = bpy.data.images.load(str(QUARTERS))
    image.pack()
    image.name = "Painted"
    settings = module("properties").engine_settings(bpy.context.scene.relievo)
    jobs.start(bpy.context, PICTURE, {**settings, "grid": 512, "texture_size": 4096})
    wait_for(lambda: jobs.current().status.state == "running")
    quick()
    settings = module("properties").engine_settings(bpy.context.scene.relievo)
    jobs.start(bpy.context, extension.pictures.from_image(image), settings)
    extension.history.source_file(jobs.tasks()[1].key)
    os.abort()


def after_crash() -> dict[str, Any]:
    """The next Blender of this profile."""
    extension = install(is_new=False)
    history = extension.history
    history.refresh()
    facts: dict[str, Any] = {"left": [record.name for record in history.left_behind()], "panel": drawn()}
    for record in history.left_behind():  # the long one would take minutes
        history.change(record.key, settings={**record.settings, "grid": 24, "texture_size": 64})
    history.settle()
    facts["answer"] = answer(bpy.ops.relievo.take_up)
    facts["objects"] = names(bpy.data.objects)
    facts["left_then"] = [record.name for record in history.left_behind()]
    return facts


def other_blender() -> dict[str, Any]:
    """Makes something in a profile that another Blender uses, too."""
    install(is_new=False)
    quick()
    return {"answer": answer(bpy.ops.relievo.generate, filepath=str(PICTURE))}


def shared_history() -> dict[str, Any]:
    """Another Blender with the same profile makes something between two things that this one makes."""
    extension = install()
    quick()
    bpy.ops.relievo.generate(filepath=str(QUARTERS))
    subprocess.run([sys.executable, sys.argv[0], "other_blender", str(FOLDER)], check=True, capture_output=True)
    bpy.ops.relievo.generate(filepath=str(QUARTERS))
    known = extension.history.entries()
    return {
        "entries": [entry.name for entry in known],
        "thumbnails": [extension.history.thumbnail(entry).is_file() for entry in known],
        "forget_nothing": answer(bpy.ops.relievo.forget),
        "entries_then": len(extension.history.entries()),
    }


def first_version() -> dict[str, Any]:
    """The history that version 0.1.0 has left, with its thumbnails, and its preferences."""
    extension = install()
    folder = extension.history.folder()
    for file in (FOLDER / "0.1.0").iterdir():
        if file.suffix in (".json", ".png"):
            (folder / file.name).write_bytes(file.read_bytes())
    (folder / "history.db").unlink(missing_ok=True)
    extension.history.reread()
    known = extension.history.entries()
    facts: dict[str, Any] = {
        "entries": [[entry.name, entry.picture, entry.settings["grid"]] for entry in known],
        "thumbnails": [extension.history.thumbnail(entry).is_file() for entry in known],
        "result_bytes": [entry.result_bytes for entry in known],
    }
    bpy.ops.relievo.use_settings(key=known[1].key)
    facts["used"] = [bpy.context.scene.relievo.grid, Path(bpy.context.scene.relievo.picture).name]
    return facts


def rendering() -> dict[str, Any]:
    """A result comes while a render runs: nothing is added or freed before it ends."""
    extension = install()
    quick()
    taking_in = module("taking_in")
    bpy.ops.relievo.generate(filepath=str(QUARTERS))
    before = [mesh.session_uid for mesh in bpy.data.meshes]
    is_rendering, taking_in.is_rendering = taking_in.is_rendering, lambda: True
    facts: dict[str, Any] = {"is_rendering": is_rendering()}
    facts["answer"] = answer(bpy.ops.relievo.regenerate)
    facts["meanwhile"] = [mesh.session_uid for mesh in bpy.data.meshes] == before
    taking_in.is_rendering = is_rendering
    extension.jobs.finish()
    facts["then"] = [mesh.session_uid for mesh in bpy.data.meshes] != before
    return facts


def placing() -> dict[str, Any]:
    """Hidden collections, local view, other scenes, a row of results, a linked scene."""
    extension = install()
    facts: dict[str, Any] = {}
    for how in ("exclude", "hide_viewport", "parent"):
        bpy.ops.wm.read_homefile(use_empty=True)
        quick()
        collection = bpy.data.collections.new("Relievo")
        outer = bpy.data.collections.new("Outer")
        bpy.context.scene.collection.children.link(outer)
        outer.children.link(collection)
        layer = bpy.context.view_layer.layer_collection.children["Outer"]
        if how == "parent":
            layer.exclude = True
        else:
            setattr(layer.children["Relievo"], how, True)
        bpy.ops.relievo.generate(filepath=str(QUARTERS))
        thing = find("quarters")
        facts[how] = {"visible": thing.visible_get(), "told": extension.notices.told()[-1]}
    bpy.ops.wm.read_homefile(use_empty=True)
    quick()
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.mesh.primitive_plane_add(size=50)
    files = [{"name": "quarters.png"}] * 3
    bpy.ops.relievo.generate(directory=str(FOLDER), files=files)
    things = [thing for thing in bpy.data.objects if "relievo_version" in thing]
    spans = sorted(
        [thing.location.x + min(c[0] for c in thing.bound_box), thing.location.x + max(c[0] for c in thing.bound_box)]
        for thing in things
    )
    facts["row"] = {"spans": spans, "places": [list(thing.location)[1:] for thing in things]}
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "library.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(FOLDER / "library.blend"), link=True) as (there, here):
        here.scenes = there.scenes
    linked = next(scene for scene in bpy.data.scenes if scene.library)
    with bpy.context.temp_override(scene=linked):
        facts["linked_scene"] = answer(bpy.ops.relievo.generate, filepath=str(QUARTERS))
    facts["computed"] = len(extension.jobs.tasks())
    return facts
