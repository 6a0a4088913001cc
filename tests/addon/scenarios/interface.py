"""The extension's surface: menus, presets, what is said, panels, devices.

The panel is drawn by words that inside.py has.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import os
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
from inside import (
    FOLDER,
    MODULE,
    PICTURE,
    QUARTERS,
    Layout,
    answer,
    disc,
    drawn,
    drawn_by,
    drawn_by_panels,
    editor,
    install,
    module,
    names,
    panel_context,
    quick,
)


def menu_entries() -> dict[str, Any]:
    """Returns the places where the extension is found, and the texts of its buttons."""
    extension = install()
    facts: dict[str, Any] = {"menus": {}}
    one = disc("One", (1, 0, 0))
    empty = bpy.data.objects.new("empty", None)
    empty.empty_display_type, empty.data = "IMAGE", one
    bpy.context.scene.collection.objects.link(empty)

    def entries(menu: str) -> list[str]:
        texts: list[str] = []
        for draw in getattr(getattr(bpy.types, menu).draw, "_draw_funcs", []):
            if draw.__module__.startswith(MODULE):
                draw(SimpleNamespace(layout=Layout(texts)), bpy.context)
        return [text for text in texts if text]

    for menu in ("VIEW3D_MT_mesh_add", "TOPBAR_MT_file_import"):
        facts["menus"][menu] = entries(menu)
    facts["object_unselected"] = entries("VIEW3D_MT_object_context_menu")
    empty.select_set(True)
    facts["menus"]["VIEW3D_MT_object_context_menu"] = entries("VIEW3D_MT_object_context_menu")
    with editor("IMAGE_EDITOR") as space:
        facts["image_empty"] = entries("IMAGE_MT_image")
        space.image = one
        facts["menus"]["IMAGE_MT_image"] = entries("IMAGE_MT_image")

    facts["label"] = bpy.ops.relievo.generate.get_rna_type().name
    start, parts = extension.menus._manual()
    page = Path(start.removeprefix("file://")).read_text()
    facts["manual"] = [
        [f'id="{anchor.removeprefix("#")}"' in page for _, anchor in parts],
        [manual.__module__ for manual in bpy.utils._manual_map if manual.__module__.startswith(MODULE)],
    ]
    operators = [getattr(bpy.types, name) for name in dir(bpy.types) if name.startswith("RELIEVO_OT_")]
    facts["described"] = {
        cls.__name__: getattr(cls, "bl_description", "") for cls in operators if "description" not in vars(cls)
    }
    properties = SimpleNamespace(choose=False, selected=False, number=0, key="", device="cpu", runtime="cpu", model="")
    cls = bpy.types.RELIEVO_OT_generate
    facts["tooltips"] = [
        cls.description(bpy.context, SimpleNamespace(**{**vars(properties), word: True}))
        for word in ("choose", "selected", "number")
    ]
    import addon_utils

    addon_utils.disable(MODULE)
    facts["left"] = [entries(menu) for menu in facts["menus"] if menu != "IMAGE_MT_image"]
    return facts


def why_it_is_grey() -> dict[str, Any]:
    """Returns the reasons why the button is grey."""
    os.environ["RELIEVO_MODELS"] = str(FOLDER / "models")
    extension = install()
    settings = bpy.context.scene.relievo
    facts: dict[str, Any] = {"ready": extension.readiness.why_not(settings)}
    settings.model = "instant-mesh-large"
    facts["model"] = extension.readiness.why_not(settings)
    facts["model_in_panel"] = drawn()
    settings.model = "preview"
    settings.mask = "file"
    facts["mask"] = extension.readiness.why_not(settings)
    settings.mask = "auto"
    properties = importlib.import_module(f"{MODULE}.properties")
    settings.views = str(FOLDER / "views")
    facts["views_unsent"] = properties.engine_settings(settings)["views"]
    quick()
    bpy.ops.relievo.generate(filepath=str(QUARTERS))
    facts["made"] = names(bpy.data.objects)
    settings.model = "instant-mesh-large"
    facts["views_sent"] = properties.engine_settings(settings)["views"]
    settings.model = "triposr"
    facts["one_picture_views"] = properties.engine_settings(settings)["views"]
    facts["one_picture_in_panel"] = drawn()
    facts["one_picture_needs"] = [model.name for model in properties.missing_models(settings)]
    return facts


def cut_off_labels() -> dict[str, Any]:
    """Returns the labels that are too long for their place, in every part of the panel."""
    install()
    panels, settings = module("panels"), bpy.context.scene.relievo
    settings.mask, settings.normalise = "file", True
    for part in ("main", "sides", "mask", "views", "advanced", "shape", "import", "history", "devices"):
        drawn_by(getattr(panels, f"draw_{part}"), panel_context("VIEW_3D", width=291))
    facts = {"narrow": Layout.cut_off[:]}
    Layout.cut_off.clear()
    drawn_by(panels.draw_shape, panel_context("VIEW_3D", width=600))
    return {**facts, "beside_their_values": Layout.cut_off}


def preset_clicks() -> dict[str, Any]:
    """Presets beside what the person has set."""
    install()
    settings = bpy.context.scene.relievo
    facts: dict[str, Any] = {}
    words = ("quality", "grid", "texture_size", "steps", "sampler")

    def now() -> list[Any]:
        return [getattr(settings, word) for word in words]

    settings.faces, settings.normal_map, settings.projection = 5000, True, "off"
    settings.guidance, settings.precision, settings.texture_size = 6.0, "fp32", 4096
    facts["raised"] = now()
    settings.quality = "BEST"
    facts["best"] = now()
    facts["kept"] = [settings.faces, settings.normal_map, settings.projection, settings.guidance, settings.precision]
    facts["told"] = " ".join(drawn())
    settings.quality = "PREVIEW"
    facts["draft"] = now()
    bpy.ops.relievo.follow_preset()
    facts["followed"] = now()
    facts["untold"] = " ".join(drawn())
    settings.sampler = "unipc"
    settings.quality = "STANDARD"
    facts["sampler"] = now()
    bpy.ops.relievo.follow_preset()
    settings.grid = 100
    facts["lower"] = settings.quality
    facts["custom_told"] = "Custom: as set below" in " ".join(drawn())
    settings.quality = "BEST"
    facts["from_lower"] = now()
    return facts


def spoken_words() -> dict[str, Any]:
    """Returns the texts that a person reads after a mistake."""
    os.environ["RELIEVO_MODELS"] = str(FOLDER / "models")
    install()
    mistakes = {
        "faces": 50,
        "input_size": 321,
        "view_count": 5,
        "mask": "file",
        "views": "nowhere",
        "model": "instant-mesh-large",
    }
    facts: dict[str, Any] = {}
    settings = bpy.context.scene.relievo
    for name, value in mistakes.items():
        quick()
        if name == "views":
            settings.model = "instant-mesh-large"
        setattr(settings, name, value)
        facts[name] = answer(bpy.ops.relievo.generate, filepath=str(QUARTERS))
        settings.property_unset(name)
        settings.property_unset("model")
    return facts


@contextlib.contextmanager
def out_of_reach(touched: list[str]) -> Iterator[None]:
    """Files, threads and servers are, for the thread that draws; what is asked for all the same is noted."""

    def refusing(name: str, real: Any) -> Any:
        def refuse(*words: Any, **more: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                return real(*words, **more)
            touched.append(f"{name}{words[:1]}")
            raise AssertionError(name)

        return refuse

    places: list[tuple[Any, str]] = [
        *((os, name) for name in ("stat", "lstat", "open", "listdir", "scandir", "mkdir", "access", "readlink")),
        (builtins, "open"),
        (sqlite3, "connect"),
        *((socket, name) for name in ("socket", "create_connection", "getaddrinfo")),
        *((threading.Thread, name) for name in ("start", "join")),
    ]
    before = [getattr(place, name) for place, name in places]
    for place, name in places:
        setattr(place, name, refusing(name, getattr(place, name)))
    try:
        yield
    except Exception as error:
        touched.append(f"{type(error).__name__}: {error}")
    finally:
        for (place, name), real in zip(places, before, strict=True):
            setattr(place, name, real)


def draw_everything(extension: Any, touched: list[str]) -> dict[str, list[str]]:
    """Panels of both editors, preferences, menus, and what Blender asks before it draws a button or takes a drop."""
    texts: dict[str, list[str]] = {}
    with out_of_reach(touched):
        for space in ("IMAGE_EDITOR", "VIEW_3D"):
            texts |= drawn_by_panels(space)
        cls = extension.preferences.RELIEVO_AP_preferences
        page = texts.setdefault("preferences", [])
        cls.draw(SimpleNamespace(layout=Layout(page), bl_rna=cls.bl_rna), bpy.context)
        for kind in ("VIEW_3D", "IMAGE_EDITOR", "FILE_BROWSER", "NODE_EDITOR"):
            with editor({"NODE_EDITOR": "ShaderNodeTree", "FILE_BROWSER": "FILES"}.get(kind, kind)):
                for name, draw in extension.menus._ENTRIES.items():
                    if name != "IMAGE_MT_image" or kind == "IMAGE_EDITOR":
                        draw(SimpleNamespace(layout=Layout(texts.setdefault(name, []))), bpy.context)
                bpy.types.RELIEVO_FH_picture.poll_drop(bpy.context)
        for name in (name for name in dir(bpy.types) if name.startswith("RELIEVO_OT_")):
            getattr(bpy.ops.relievo, name.removeprefix("RELIEVO_OT_")).poll()
    return texts


def drawn_from_memory() -> dict[str, Any]:
    """All that is drawn: before LibTorch is there, with work done and failed, with and without the network."""
    os.environ["RELIEVO_RUNTIME_DIR"] = str(FOLDER / "nothing")
    extension = install()
    touched: list[str] = []
    extension.seen.look()
    facts: dict[str, Any] = {"first": draw_everything(extension, touched)}
    del os.environ["RELIEVO_RUNTIME_DIR"]
    extension.runtime.look_again()
    extension.seen.look()
    quick()
    settings = bpy.context.scene.relievo
    bpy.ops.relievo.generate(filepath=str(PICTURE))
    answer(bpy.ops.relievo.generate, filepath=str(FOLDER / "none.png"))
    settings.picture = str(QUARTERS)
    settings.model = "instant-mesh-large"
    facts["timer"] = bpy.app.timers.is_registered(extension.seen.tick)
    for is_online in (True, False):
        bpy.context.preferences.system.use_online_access = is_online
        facts["then"] = draw_everything(extension, touched)
        extension.seen.look()
    return {**facts, "touched": touched}


def device_rows() -> dict[str, Any]:
    """Devices of other machines, as the panel tells them."""
    extension = install()
    devices_panel = importlib.import_module(f"{MODULE}.panels.devices")
    facts: dict[str, Any] = {}
    gib = 1 << 30
    common = {"busy_percent": None, "celsius": None, "other_processes": 0, "others_bytes": 0, "note": ""}
    cases: dict[str, dict[str, Any]] = {
        "busy": {"busy_percent": 97, "celsius": 71, "other_processes": 2, "others_bytes": 3_000_000_000},
        "hot": {"celsius": 91},
        "old": {"note": "It is too old: compute capability 6.1; 7.5 (Turing) is the oldest that is supported."},
        "cpu_only": {
            "note": "There is a GPU, but the LibTorch that is installed is CPU-only. Install the CUDA runtime "
            "(RELIEVO_RUNTIME=cuda packaging/setup, or the button in the preferences)."
        },
        "amd": {"device": "", "name": "AMD GPU", "total_bytes": 0, "free_bytes": 0, "note": "The CPU is used."},
    }
    idle = [
        SimpleNamespace(device=device, why=f"{device} is left idle: one picture alone is made faster without it.")
        for device in ("cuda:0", "cuda:01")
    ]
    for name, words in cases.items():
        facts_of_device = {"device": "cuda:0", "name": "Card", "total_bytes": 24 * gib, "free_bytes": 6 * gib, **common}
        texts: list[str] = []
        extension.machine.choose(devices="cuda:0")
        devices_panel.draw_device(Layout(texts), SimpleNamespace(**{**facts_of_device, **words}), idle, 2000)
        facts[name] = [text for text in texts if text]
    return facts


def solid_view() -> dict[str, Any]:
    """The first look at what was made, in a 3D view that is solid."""
    install()
    quick()
    bpy.ops.relievo.generate(filepath=str(QUARTERS))
    thing = bpy.context.view_layer.objects.active
    tree = thing.data.materials[0].node_tree
    facts: dict[str, Any] = {"active_node": tree.nodes.active.type if tree.nodes.active else ""}
    with editor("VIEW_3D") as space:
        space.shading.type = "SOLID"
        facts["before"] = space.shading.color_type
        facts["answer"] = answer(bpy.ops.relievo.show_texture)
        facts["after"] = [space.shading.type, space.shading.color_type]
    return facts
