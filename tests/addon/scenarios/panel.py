"""The settings and the texts of the panel: presets, mask, pictures, import options, history, the queue, single
buttons."""

from __future__ import annotations

import contextlib
import json
import os
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
from inside import (
    FOLDER,
    MODULE,
    QUARTERS,
    answer,
    drawn,
    drawn_by,
    drawn_by_panels,
    find,
    install,
    mask_pixels,
    mesh_facts,
    module,
    names,
    panel_context,
    quick,
    wait_for,
)

IMPORT_OPTIONS = ("collection", "normalise", "size", "origin_at_base", "smooth", "material", "asset")


def panel_words() -> dict[str, Any]:
    """One Blender that goes through all of it."""
    install()
    return {
        "presets": presets(),
        "mask": mask(),
        "see_through": see_through(),
        "several": several(),
        "images": images(),
        "options": import_options(),
        "extras": extras(),
        "redo": redo_by_button(),
        "history": entries(),
        "queue": queue(),
        "failing": failing(),
        "memory": memory(),
    }


def settings() -> Any:
    return bpy.context.scene.relievo


def presets() -> dict[str, Any]:
    facts: dict[str, Any] = {"first": settings().quality, "set": {}}
    settings().mask_threshold, settings().depth = 0.25, 0.75
    for preset in ("PREVIEW", "BEST", "STANDARD"):
        settings().quality = preset
        of_quality = ("quality", "grid", "texture_size", "steps", "sampler", "input_size")
        facts["set"][preset] = [getattr(settings(), name) for name in of_quality]
    settings().grid = 24
    facts |= {"changed": settings().quality, "threshold": settings().mask_threshold, "depth": settings().depth}
    settings().property_unset("mask_threshold")
    settings().property_unset("depth")
    return facts


def mask() -> dict[str, Any]:
    preview, jobs = module("mask_preview"), module("jobs")
    quick()
    settings().picture = str(QUARTERS)
    facts: dict[str, Any] = {"was_shown": preview.is_shown(), "answer": answer(bpy.ops.relievo.show_mask)}
    facts["pixels"] = mask_pixels()
    settings().mask_invert = True
    facts["follows"] = {"is_coming": preview.is_coming(), "failure": jobs.finish(), "pixels": mask_pixels()}
    settings().mask_invert = False
    settings().picture = str(FOLDER / "none.png")
    jobs.finish()
    facts["failure"] = {"code": preview.failure().code, "panel": drawn("mask"), "of_jobs": jobs.last_failure()}
    bpy.ops.relievo.hide_mask()
    facts["hidden"] = {"is_shown": preview.is_shown(), "objects": names(bpy.data.objects)}
    return {**facts, "entries": len(module("history").entries())}


def see_through() -> dict[str, list[float]]:
    """A thumbnail of ours beside Blender's own of the same picture: left a quarter opaque, right wholly."""
    thumbnails = module("thumbnails")
    pixels = np.full((128, 128, 4), (200, 100, 50, 255), np.uint8)
    pixels[:, :64, 3] = 64
    (FOLDER / "see_through.png").write_bytes(thumbnails.png(pixels))
    thumbnails.put("ours", pixels)
    thumbnails.load("Blender's", FOLDER / "see_through.png")
    seen = {}
    for name in ("ours", "Blender's"):
        shown = thumbnails._icons[name]
        width, height = shown.image_size
        values = np.array(shown.image_pixels_float).reshape(height, width, 4)
        seen[name] = [*values[height // 2, width // 4], *values[height // 2, width * 3 // 4]]
        thumbnails.forget(name)
    return seen


def several() -> list[str]:
    (FOLDER / "twin.png").write_bytes(QUARTERS.read_bytes())
    bpy.ops.relievo.generate(directory=str(FOLDER), files=[{"name": "quarters.png"}, {"name": "twin.png"}])
    return names(bpy.data.objects)


def images() -> dict[str, Any]:
    """A packed image, one that was drawn, and none."""
    settings().image = bpy.data.images.load(str(QUARTERS))
    settings().image.pack()
    settings().image.name = "Painting"
    settings().source = "IMAGE"
    bpy.ops.relievo.generate()
    pixels = list(settings().image.pixels)
    settings().image = bpy.data.images.new("Drawn", *settings().image.size, alpha=True)
    settings().image.pixels = pixels
    bpy.ops.relievo.generate()
    facts: dict[str, Any] = {
        name: {"picture": find(name)["relievo_picture"], "faces": mesh_facts(find(name))["faces"]}
        for name in ("Painting", "Drawn")
    }
    settings().image = None
    facts["none"] = answer(bpy.ops.relievo.generate)
    settings().source = "FILE"
    return facts


def generated() -> Any:
    """The object that the panel's settings make."""
    others = names(bpy.data.objects)
    bpy.ops.relievo.generate()
    (name,) = set(names(bpy.data.objects)) - set(others)
    return find(name)


def import_options() -> dict[str, Any]:
    chosen = settings()
    chosen.picture = str(FOLDER / "twin.png")
    chosen.collection, chosen.normalise, chosen.size = "Props", True, 3.0
    chosen.origin_at_base, chosen.smooth, chosen.material, chosen.asset = True, False, False, True
    bpy.context.scene.cursor.location = (0, 7, 0)
    thing = generated()
    return {**mesh_facts(thing), "preview": list(thing.preview.image_size)}


def extras() -> dict[str, Any]:
    """Colours at the vertices, by quarters of the front, and the normal map."""
    chosen = settings()
    chosen.vertex_colours, chosen.normal_map, chosen.faces = True, True, 200
    chosen.smooth, chosen.material, chosen.asset = True, True, False
    thing = generated()
    attribute = thing.data.color_attributes[0]
    middle = max(v.co.z for v in thing.data.vertices) / 2
    quarters: dict[str, list[list[float]]] = {}
    for vertex, colour in zip(thing.data.vertices, attribute.data, strict=True):
        x, y, z = vertex.co
        if y < 0 and min(abs(x), abs(z - middle)) > 0.2:
            where = ("left" if x < 0 else "right") + (" top" if z > middle else " bottom")
            quarters.setdefault(where, []).append(list(colour.color_srgb)[:3])
    (bend,) = (node for node in thing.data.materials[0].node_tree.nodes if node.type == "NORMAL_MAP")
    image = bend.inputs["Color"].links[0].from_node.image
    for option in ("vertex_colours", "normal_map", "faces", *IMPORT_OPTIONS):
        chosen.property_unset(option)
    return {
        "colours": {where: [sum(c) / len(c) for c in zip(*known, strict=True)] for where, known in quarters.items()},
        "normal_map": {
            "colour_space": image.colorspace_settings.name,
            "is_packed": image.packed_file is not None,
            "size": list(image.size),
        },
    }


def redo_by_button() -> dict[str, Any]:
    thing = find("quarters")
    bpy.ops.object.select_all(action="DESELECT")
    bpy.context.view_layer.objects.active = thing
    thing.location = (1, 1, 1)

    def counts() -> list[int]:
        return [len(bpy.data.objects), len(bpy.data.meshes), len(bpy.data.materials)]

    before, count = mesh_facts(thing), counts()
    bpy.ops.ed.undo_push(message="moved")
    settings().grid, settings().faces = 48, 300
    bpy.ops.relievo.regenerate()
    facts: dict[str, Any] = {"same": mesh_facts(thing) == before, "nothing_left_over": count == counts()}
    bpy.ops.relievo.regenerate(use_panel=True)
    thing = find("quarters")
    facts["with_panel"] = {**mesh_facts(thing), "setting": json.loads(thing["relievo_settings"])["faces"]}
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    facts["undone"] = mesh_facts(find("quarters")) == before
    facts["faces_before"] = before["faces"]
    chosen = settings()
    chosen.grid, chosen.faces, chosen.picture = 128, 0, ""
    bpy.context.view_layer.objects.active = find("quarters")
    bpy.ops.relievo.use_settings()
    facts["used"] = [chosen.grid, chosen.texture_size, chosen.source, chosen.image.name]
    chosen.source = "FILE"
    return {**facts, "panel": drawn()}


def entries() -> dict[str, Any]:
    history = module("history")
    first = history.entries()[0]
    facts: dict[str, Any] = {
        "names": [entry.name for entry in history.entries()],
        "thumbnail_is_png": history.thumbnail(first).read_bytes()[:4] == b"\x89PNG",
        "panel": drawn("history"),
    }
    before = len(bpy.data.objects)
    bpy.ops.relievo.generate_again(key=history.entries()[-1].key)
    facts["made_again"] = {"objects": len(bpy.data.objects) - before, "newest": history.entries()[0].name}
    facts["with_older"] = drawn("history")
    bpy.ops.relievo.forget(key=history.entries()[0].key)
    history.reread()
    facts["forgotten_one"] = len(history.entries())
    bpy.ops.relievo.clear_history()
    history.reread()
    facts["forgotten_all"] = {
        "entries": len(history.entries()),
        "files": [file.name for file in _files(history.folder())],
    }
    return facts


def _files(folder: Any) -> Any:
    return [file for file in folder.iterdir() if file.suffix in (".png", ".result", ".source")]


def queue() -> dict[str, Any]:
    """Four that wait: their order, their rows, and one that is taken out."""
    jobs, engine = module("jobs"), module("runtime").runtime.engine()
    bpy.ops.relievo.pause()
    quick()
    for letter in "abcd":
        source = module("pictures").Source(QUARTERS, str(QUARTERS), letter)
        jobs.start(bpy.context, source, module("properties").engine_settings(settings()))
    tasks = {task.name: task for task in jobs.tasks()}
    for letter in "dda":
        bpy.ops.relievo.move(number=tasks[letter].number, step=-1)
    facts: dict[str, Any] = {
        "tasks": [task.name for task in jobs.tasks()],
        "jobs": [job.name for job in engine.queue()],
        "panel": drawn(),
        "rows": rows(),
    }
    bpy.ops.relievo.cancel(number=tasks["b"].number)
    jobs.poll()
    facts["thinned"] = {
        "tasks": [task.name for task in jobs.tasks()],
        "state": tasks["b"].job.status.state,
        "is_paused": engine.paused,
    }
    objects = set(names(bpy.data.objects))
    bpy.ops.relievo.pause()
    jobs.finish()
    facts["made"] = sorted(set(names(bpy.data.objects)) - objects)
    return facts


def rows() -> dict[str, list[str]]:
    """A job's row, by the seconds that are left."""
    row = SimpleNamespace(name="cup", thumbnail="", number=1)
    texts = {}
    for left in (None, 0.4, 42.4, 180.0):
        status = SimpleNamespace(state="running", stage="surface", fraction=0.5, seconds_left=left)
        texts[str(left)] = drawn_by(module("panels.queue").draw_task, row, status, False)
    return texts


def failing() -> dict[str, Any]:
    jobs = module("jobs")
    jobs.start(bpy.context, FOLDER / "none.png", {})
    jobs.finish()
    facts: dict[str, Any] = {"remedy": jobs.last_failure().remedy, "panel": drawn()}
    bpy.ops.relievo.dismiss()
    return {**facts, "dismissed": jobs.last_failure()}


def memory() -> dict[str, Any]:
    """Models are unloaded by hand and when nothing is done; devices; what may be dropped."""
    engine = module("runtime").runtime.engine()
    facts: dict[str, Any] = {"loaded": engine.loaded, "answer": answer(bpy.ops.relievo.unload)}
    facts["unloaded"] = wait_for(lambda: not engine.loaded)
    bpy.ops.relievo.generate(filepath=str(QUARTERS))
    bpy.context.preferences.addons[MODULE].preferences.idle_minutes = 0.0005
    facts["idle"] = wait_for(lambda: not engine.loaded)
    facts["devices"] = drawn("devices")
    handler = bpy.types.RELIEVO_FH_picture
    return {**facts, "drop": {"operator": handler.bl_import_operator, "endings": handler.bl_file_extensions}}


def operators() -> dict[str, Any]:
    """Buttons that need no job, or one that fails."""
    install()
    return {
        "panels": drawn_by_panels("VIEW_3D"),
        "image_panels": drawn_by_panels("IMAGE_EDITOR"),
        "dice": dice(),
        "devices": switched_devices(),
        "plans": plans(),
        "use_image": used_image(),
        "no_subject": no_subject(),
        "want_of_memory": want_of_memory(),
    }


def dice() -> list[int]:
    seeds = [settings().seed]
    for _ in range(2):
        bpy.ops.relievo.dice()
        seeds.append(settings().seed)
    return seeds


def switched_devices() -> list[list[str]]:
    """Returns the texts of the preferences and the engine's options after each switch."""
    runtime = module("runtime").runtime
    chosen = bpy.context.preferences.addons[MODULE].preferences
    devices = (("cuda:0", ""), ("cuda:1", "old"), ("cpu", ""))
    runtime.devices = lambda: [SimpleNamespace(device=device, note=note) for device, note in devices]
    seen = []
    for device in ("cpu", "cuda:0", "cpu", "cuda:0"):
        bpy.ops.relievo.switch_device(device=device)
        seen.append([chosen.devices, runtime.options["devices"]])
    chosen.devices = "cuda:0, cpu*2@3GiB"
    bpy.ops.relievo.switch_device(device="cuda:0")
    seen.append([chosen.devices, runtime.options["devices"]])
    del runtime.devices
    return seen


def plans() -> dict[str, str]:
    runtime = module("runtime").runtime
    chosen = bpy.context.preferences.addons[MODULE].preferences
    chosen.devices = "cpu*2"
    texts = {}
    os.environ["XDG_CACHE_HOME"] = str(FOLDER / "unmeasured")  # this process has measured much by now
    for strategy, policy in (("auto", "fastest"), ("single", "fastest"), ("auto", "memory")):
        chosen.strategy, chosen.policy = strategy, policy
        texts[f"{strategy} {policy}"] = " ".join(runtime.engine().explain_plan(1))
    chosen.devices, chosen.strategy, chosen.policy = "", "auto", "fastest"
    return texts


def used_image() -> dict[str, Any]:
    """The button of the image editor, without and with an image there."""
    empty = bpy.data.images.new("Empty", 64, 64, alpha=True)
    empty.pixels = [0.0] * (64 * 64 * 4)
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    facts: dict[str, Any] = {"without": bpy.ops.relievo.use_image.poll()}
    area.type = "IMAGE_EDITOR"
    area.spaces.active.image = empty
    with bpy.context.temp_override(window=window, area=area, space_data=area.spaces.active):
        facts |= {"with": bpy.ops.relievo.use_image.poll(), "answer": answer(bpy.ops.relievo.use_image)}
    handler = bpy.types.RELIEVO_FH_picture
    spaces = ("VIEW_3D", "IMAGE_EDITOR", "CONSOLE")
    facts["dropped_on"] = {space: handler.poll_drop(panel_context(space)) for space in spaces}
    return {**facts, "source": settings().source, "image": settings().image.name}


def no_subject() -> dict[str, Any]:
    jobs = module("jobs")
    quick()
    with contextlib.suppress(RuntimeError):
        bpy.ops.relievo.generate()
    facts = {"code": jobs.last_failure().code, "panel": drawn()}
    bpy.ops.relievo.dismiss()
    settings().source = "FILE"
    return facts


def want_of_memory() -> dict[str, Any]:
    jobs, engine = module("jobs"), module("runtime").runtime.engine
    bpy.ops.relievo.generate(filepath=str(QUARTERS))
    jobs.fail(SimpleNamespace(code="out_of_memory", message="Full.", hint="Close something.", exit_status=6))
    facts: dict[str, Any] = {"panel": drawn(), "loaded": engine().loaded}
    bpy.ops.relievo.unload()
    facts["unloaded"] = wait_for(lambda: not engine().loaded)
    return {**facts, "failure": jobs.last_failure(), "panel_then": drawn()}
