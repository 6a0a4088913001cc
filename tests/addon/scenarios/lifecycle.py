"""Jobs that are cancelled, overtaken by other files and undone, and an extension that is disabled under them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import addon_utils
import bpy
from inside import FOLDER, MODULE, PICTURE, QUARTERS, answer, drawn, install, module, names, quick, slow, wait_for


def lifecycle() -> dict[str, Any]:
    """One Blender that goes through all of it."""
    install()
    facts = {
        "panel": panel_at_rest(),
        "cancelling": cancelling(),
        "queueing": queueing(),
        "file_load": loading_a_file(),
        "undo": undoing(),
        "scenes": other_scenes(),
        "edit_mode": in_edit_mode(),
        "failing": failing(),
        "disabling": disabling(),
        "installed_again": installing_again(),
    }
    # Blender ends now, with a job running.
    jobs = module("jobs")
    jobs.start(bpy.context, PICTURE, {"grid": 512, "texture_size": 4096})
    return {**facts, "running_at_the_end": is_running(jobs.current().job)}


def start(pace: Callable[[], None], picture: Path = PICTURE) -> Any:
    """The job, at this pace."""
    pace()
    jobs, settings = module("jobs"), bpy.context.scene.relievo
    jobs.start(bpy.context, picture, module("properties").engine_settings(settings))
    return jobs.current().job


def is_running(job: Any) -> bool:
    return wait_for(lambda: job.status.state == "running")


def state_of(job: Any) -> str:
    job.wait(60)
    return str(job.status.state)


def panel_at_rest() -> dict[str, Any]:
    shown = bpy.context.scene.relievo.bl_rna.properties
    facts = {
        "main": drawn(),
        "labels": {name: shown[name].name for name in module("facts").SETTINGS if name in shown},
        "parts": {
            part: drawn(part)
            for part in ("sides", "mask", "views", "advanced", "shape", "import", "history", "devices")
        },
    }
    bpy.context.scene.relievo.mask = "file"
    facts["with_mask_file"] = drawn("mask")
    bpy.context.scene.relievo.mask = "auto"
    return facts


def cancelling() -> dict[str, Any]:
    jobs = module("jobs")
    facts: dict[str, Any] = {"can_cancel_nothing": bpy.ops.relievo.cancel.poll()}
    job = start(slow)
    timer = {"is_registered": bpy.app.timers.is_registered(jobs.poll), "is_running": is_running(job)}
    facts["timer"] = {**timer, "interval": jobs.poll()}
    start(slow, QUARTERS)
    facts["panel"] = drawn()
    bpy.ops.relievo.cancel()
    facts["state"], facts["interval"] = state_of(job), jobs.poll()
    return {
        **facts,
        "failure": jobs.last_failure(),
        "current": jobs.current(),
        "objects": names(bpy.data.objects),
    }


def queueing() -> dict[str, Any]:
    jobs = module("jobs")
    start(quick)
    bpy.context.scene.cursor.location = (5, 0, 0)
    start(quick, QUARTERS)
    waiting = jobs.waiting()
    jobs.finish()
    places = {thing.name: list(thing.location) for thing in bpy.data.objects}
    return {"waiting": waiting, "places": places, "collections": names(bpy.data.collections)}


def loading_a_file() -> dict[str, Any]:
    jobs = module("jobs")
    job = start(slow)
    is_running(job)
    bpy.ops.wm.read_homefile(use_empty=True)
    facts = {"state": job.status.state, "current": jobs.current().name, "objects": names(bpy.data.objects)}
    bpy.ops.relievo.cancel()
    return {**facts, "cancelled": state_of(job), "interval": jobs.poll(), "current_then": jobs.current()}


def undoing() -> dict[str, Any]:
    bpy.ops.ed.undo_push(message="nothing")
    bpy.ops.object.empty_add()
    bpy.ops.ed.undo_push(message="an empty")
    start(quick)
    bpy.ops.ed.undo()
    facts: dict[str, Any] = {"before": names(bpy.data.objects), "failure": module("jobs").finish()}
    facts["made"] = names(bpy.data.objects)
    bpy.ops.ed.undo()
    facts["undone"] = names(bpy.data.objects)
    return facts


def other_scenes() -> dict[str, Any]:
    jobs = module("jobs")
    first = bpy.context.scene
    bpy.context.window.scene = bpy.data.scenes.new("Other")
    start(quick)
    bpy.context.window.scene = first
    jobs.finish()
    facts = {"other": {scene.name: names(scene.objects) for scene in bpy.data.scenes}}
    bpy.context.window.scene = bpy.data.scenes["Other"]
    start(quick)
    bpy.data.scenes.remove(bpy.data.scenes["Other"])
    jobs.finish()
    facts["removed"] = {scene.name: names(scene.objects) for scene in bpy.data.scenes}
    return facts


def in_edit_mode() -> dict[str, Any]:
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.view_layer.objects.active
    bpy.ops.object.mode_set(mode="EDIT")
    start(quick)
    failure = module("jobs").finish()
    is_active = bpy.context.view_layer.objects.active == cube
    facts = {"failure": failure, "mode": bpy.context.mode, "cube_is_active": is_active}
    bpy.ops.object.mode_set(mode="OBJECT")
    return facts


def failing() -> dict[str, Any]:
    jobs = module("jobs")
    start(quick, FOLDER / "none.png")
    failure = jobs.finish()
    facts: dict[str, Any] = {"code": failure.code, "message": failure.message, "hint": failure.hint, "panel": drawn()}
    start(quick)
    facts["kept_with_the_next_job"] = jobs.last_failure() == failure
    facts["failure_of_the_next_job"] = jobs.finish()
    facts["operator"] = answer(bpy.ops.relievo.generate, filepath=str(FOLDER / "none.png"))
    bpy.context.scene.relievo.picture = ""
    facts["no_picture"] = answer(bpy.ops.relievo.generate)
    return facts


def disabling() -> dict[str, Any]:
    """Twice in the middle of a job, then something is made."""
    facts: dict[str, Any] = {"times": []}
    for _ in range(2):
        jobs = module("jobs")
        job = start(slow)
        is_running(job)
        addon_utils.disable(MODULE)
        handlers = [handler for handler in bpy.app.handlers.load_post if MODULE in handler.__module__]
        facts["times"].append(
            {
                "job": job.status.state,
                "timer": bpy.app.timers.is_registered(jobs.poll),
                "property": hasattr(bpy.types.Scene, "relievo"),
                "panel": hasattr(bpy.types, "RELIEVO_PT_main"),
                "handlers": [handler.__name__ for handler in handlers],
            }
        )
        addon_utils.enable(MODULE)
    quick()
    before = len(bpy.data.objects)
    bpy.ops.relievo.generate(filepath=str(PICTURE))
    facts["made_then"] = len(bpy.data.objects) - before
    return facts


def installing_again() -> list[str]:
    """The same file once more, as an update is: Blender forgets all modules of the extension."""
    install()
    quick()
    bpy.ops.relievo.generate(filepath=str(PICTURE))
    return names(bpy.data.objects)


def reload_scripts() -> dict[str, Any]:
    """Does what Blender's operator of that name does, while a job runs."""
    extension = install()
    slow()
    bpy.context.scene.relievo.picture = str(PICTURE)
    properties = module("properties")
    extension.jobs.start(bpy.context, PICTURE, properties.engine_settings(bpy.context.scene.relievo))
    job = extension.jobs.current().job
    wait_for(lambda: job.status.state == "running")
    bpy.utils.load_scripts(reload_scripts=True)
    facts: dict[str, Any] = {
        "job": job.status.state,
        "current": extension.jobs.current(),
        "panel": hasattr(bpy.types, "RELIEVO_PT_main"),
    }
    quick()
    bpy.ops.relievo.generate(filepath=str(PICTURE))
    facts["objects"] = names(bpy.data.objects)
    return facts
