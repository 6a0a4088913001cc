"""What the tests of the extension's surface do inside Blender: pictures from everywhere, menus, presets, panels.

The panel is drawn by words that inside.py has.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
from inside import FOLDER, MODULE, PICTURE, QUARTERS, Layout, answer, drawn, drawn_by_panels, install, names, quick

FORMATS = {"tga": "TARGA", "tif": "TIFF", "bmp": "BMP", "hdr": "HDR", "jp2": "JPEG2000", "exr": "OPEN_EXR"}


def disc(name: str, colour: tuple[float, float, float], size: int = 96) -> Any:
    """An image of Blender's: a disc of one colour on nothing."""
    image = bpy.data.images.new(name, size, size, alpha=True)
    middle, values = (size - 1) / 2, []
    for y in range(size):
        for x in range(size):
            is_in = (x - middle) ** 2 + (y - middle) ** 2 < (0.4 * size) ** 2
            values += [*colour, 1.0] if is_in else [0.0] * 4
    image.pixels = values
    return image


def made(**words: Any) -> list[str]:
    """The names of the objects that the button makes."""
    before = set(names(bpy.data.objects))
    told = answer(bpy.ops.relievo.generate, **words)
    return sorted(set(names(bpy.data.objects)) - before) or [told]


def front_colour(thing: Any) -> list[float]:
    """Of the object's texture, where it is seen from the front."""
    image = next(node for node in thing.data.materials[0].node_tree.nodes if node.type == "TEX_IMAGE").image
    width, height = image.size
    values = list(image.pixels)
    found = []
    for polygon in thing.data.polygons:
        if polygon.normal.y < -0.8:
            u, v = thing.data.uv_layers.active.uv[polygon.loop_indices[0]].vector
            start = 4 * (int(v * height) * width + int(u * width))
            found.append(values[start : start + 3])
    return [sum(channel) / len(channel) for channel in zip(*found, strict=True)]


@contextlib.contextmanager
def editor(kind: str) -> Iterator[Any]:
    """An editor of this kind, where a person's click comes from."""
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    before, area.ui_type = area.ui_type, kind
    region = next(region for region in area.regions if region.type == "WINDOW")
    try:
        with bpy.context.temp_override(window=window, area=area, region=region, space_data=area.spaces.active):
            yield area.spaces.active
    finally:
        area.ui_type = before


def pictures_everywhere() -> dict[str, Any]:
    """Every kind of image that Blender shows, as the picture."""
    install()
    quick()
    settings, scene = bpy.context.scene.relievo, bpy.context.scene
    source = disc("disc", (0.8, 0.2, 0.1))
    scene.view_settings.view_transform = "Standard"  # save_render() goes through it
    facts: dict[str, Any] = {"files": {}, "images": {}, "packed": {}}
    stored = scene.render.image_settings
    for ending, kind in FORMATS.items():
        stored.file_format = kind
        stored.color_mode = "RGB" if kind in ("BMP", "HDR") else "RGBA"
        path = FOLDER / f"disc_{ending}.{ending}"
        source.save_render(str(path), scene=scene)
        (FOLDER / "gone").mkdir(exist_ok=True)
        facts["files"][ending] = made(filepath=str(path))
        settings.source, settings.image = "IMAGE", bpy.data.images.load(str(path))
        facts["images"][ending] = made()
        settings.image.pack()
        path.rename(FOLDER / "gone" / path.name)
        facts["packed"][ending] = made()
    facts["colour"] = front_colour(bpy.data.objects["disc_tga"])
    garbage = FOLDER / "garbage.tga"
    garbage.write_bytes(b"no picture at all" * 9)
    facts["garbage"] = made(filepath=str(garbage))

    for frame in (1, 2):
        image = disc(f"frame{frame}", (0.1, 0.7, 0.2) if frame == 2 else (0.1, 0.1, 0.9))
        image.filepath_raw, image.file_format = str(FOLDER / f"shot_{frame:04}.png"), "PNG"
        image.save()
    shots = bpy.data.images.load(str(FOLDER / "shot_0001.png"))
    shots.source = "SEQUENCE"
    with editor("IMAGE_EDITOR") as space:
        space.image = shots
        space.image_user.frame_duration, space.image_user.frame_start = 2, 1
        space.image_user.frame_offset = 0
        scene.frame_set(2)
        space.image_user.frame_current = 2
        (name,) = made(selected=True)
    facts["sequence"] = front_colour(bpy.data.objects[name])

    settings.source = "IMAGE"
    facts["no_render"] = [bpy.ops.relievo.use_render.poll(), answer(bpy.ops.relievo.use_viewport)]
    scene.render.engine, scene.cycles.device, scene.cycles.samples = "CYCLES", "CPU", 1
    scene.render.resolution_x = scene.render.resolution_y = 64
    scene.render.film_transparent = True
    thing = bpy.data.objects["disc_tga"]
    for other in [other for other in scene.objects if other != thing]:
        bpy.data.objects.remove(other)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.location, camera.rotation_euler = (0, -3, 0), (1.5708, 0, 0)
    stored.file_format, stored.color_mode = "JPEG", "RGB"
    bpy.ops.render.render()
    bpy.ops.relievo.use_render()
    facts["render"] = [settings.source, settings.image.name, made(), stored.file_format, stored.color_mode]
    return facts


def selected_pictures() -> dict[str, Any]:
    """The button where the panel has no picture, in every editor that shows some; and where nothing is selected."""
    extension = install()
    quick()
    scene = bpy.context.scene
    facts: dict[str, Any] = {"nothing": made()}
    one, two = disc("One", (1, 0, 0)), disc("Two", (0, 0, 1))
    with editor("IMAGE_EDITOR") as space:
        facts["no_image"] = made()
        space.image = one
        facts["image_editor"] = made()
    facts["own_texture"] = made()
    for image in (one, two):
        empty = bpy.data.objects.new(f"empty {image.name}", None)
        empty.empty_display_type, empty.data = "IMAGE", image
        scene.collection.objects.link(empty)
        empty.select_set(True)
    facts["objects"] = made()
    for thing in bpy.context.selected_objects:
        thing.select_set(False)

    material = bpy.data.materials.new("Painted")
    material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = two
    material.node_tree.nodes.active = node
    cube = bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube"))
    cube.data.materials.append(material)
    scene.collection.objects.link(cube)
    bpy.context.view_layer.objects.active = cube
    facts["active_unselected"] = made()
    cube.select_set(True)
    facts["material"] = made()
    tree = SimpleNamespace(area=SimpleNamespace(type="NODE_EDITOR"), space_data=SimpleNamespace(edit_tree=None))
    facts["no_tree"] = len(extension.selection.picks(tree))
    tree.space_data.edit_tree = material.node_tree
    facts["node_editor"] = [source.name for source in extension.selection.sources(tree)]

    def browser(mode: str, **chosen: Any) -> list[str]:
        params = SimpleNamespace(directory=str(FOLDER).encode())
        space = SimpleNamespace(browse_mode=mode, params=params)
        context = SimpleNamespace(area=SimpleNamespace(type="FILE_BROWSER"), space_data=space, **chosen)
        return [source.name for source in extension.selection.sources(context)]

    entries = [SimpleNamespace(relative_path=name, name=name) for name in ("quarters.png", "notes.txt", "b.tga")]
    facts["files"] = browser("FILES", selected_files=entries)
    library = FOLDER / "library.blend"
    kept = disc("Kept", (0, 1, 0))
    kept.pack()
    bpy.data.libraries.write(str(library), {kept})
    bpy.data.images.remove(kept)
    assets = [
        SimpleNamespace(id_type="IMAGE", local_id=one, name="One", full_library_path=""),
        SimpleNamespace(id_type="MATERIAL", local_id=material, name="Painted", full_library_path=""),
        SimpleNamespace(id_type="IMAGE", local_id=None, name="Kept", full_library_path=str(library)),
    ]
    facts["assets"] = browser("ASSETS", selected_assets=assets)

    scene.relievo.picture = str(QUARTERS)
    with editor("IMAGE_EDITOR") as space:
        space.image = one
        facts["panel_first"] = made()
        facts["selected_first"] = made(selected=True)
    return facts


def menu_entries() -> dict[str, Any]:
    """Where the extension is found, and what its buttons say."""
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
    properties = SimpleNamespace(choose=False, selected=False, number=0, key="", slot="cpu", runtime="cpu", model="")
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
    """Why the button is grey."""
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
    facts["made"] = made(filepath=str(QUARTERS))
    settings.model = "instant-mesh-large"
    facts["views_sent"] = properties.engine_settings(settings)["views"]
    return facts


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
    settings.quality = "BEST"
    facts["from_lower"] = now()
    return facts


def spoken_words() -> dict[str, Any]:
    """What a person reads after a mistake."""
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


def drawn_from_memory() -> dict[str, Any]:
    """Every panel, drawn while files, threads and servers are out of reach; and what the timer finds."""
    extension = install()
    quick()
    settings = bpy.context.scene.relievo
    settings.picture = str(QUARTERS)
    bpy.ops.relievo.generate(filepath=str(PICTURE))
    bpy.context.preferences.system.use_online_access = True
    settings.model = "instant-mesh-large"
    touched: list[str] = []

    def refusing(name: str) -> Any:
        def refuse(*words: Any, **_: Any) -> Any:
            touched.append(f"{name}{words[:1]}")
            raise AssertionError(name)

        return refuse

    places: list[tuple[Any, str]] = [
        *((os, name) for name in ("stat", "lstat", "open", "listdir", "scandir", "mkdir", "access", "readlink")),
        (builtins, "open"),
        *((socket, name) for name in ("socket", "create_connection", "getaddrinfo")),
        *((threading.Thread, name) for name in ("start", "join")),
    ]
    before = [getattr(place, name) for place, name in places]
    texts = []
    for round_number in range(2):
        for place, name in places:
            setattr(place, name, refusing(name))
        try:
            for space in ("VIEW_3D", "IMAGE_EDITOR"):
                texts.append(drawn_by_panels(space))
            page: list[str] = []
            cls = extension.preferences.RELIEVO_AP_preferences
            cls.draw(SimpleNamespace(layout=Layout(page), bl_rna=cls.bl_rna), bpy.context)
        except Exception as error:
            touched.append(f"{type(error).__name__}: {error}")
        finally:
            for (place, name), real in zip(places, before, strict=True):
                setattr(place, name, real)
        if round_number == 0:
            bpy.context.preferences.system.use_online_access = False
            extension.seen.look()
    return {
        "touched": touched,
        "panels": texts[-1] if texts else {},
        "timer": bpy.app.timers.is_registered(extension.seen.tick),
    }


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
        "amd": {"slot": "", "name": "AMD GPU", "total_bytes": 0, "free_bytes": 0, "note": "The CPU is used."},
    }
    plan = ["cuda:0 is left idle: one picture alone is made faster without it."]
    for name, words in cases.items():
        facts_of_device = {"slot": "cuda:0", "name": "Card", "total_bytes": 24 * gib, "free_bytes": 6 * gib, **common}
        texts: list[str] = []
        extension.machine.choose(devices="cuda:0")
        devices_panel.draw_device(Layout(texts), SimpleNamespace(**{**facts_of_device, **words}), plan, 2000)
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
