"""Pictures from everywhere in Blender's window, where results and news of them are seen, and where Relievo is found.

Run as window.py says. Leaves what it saw in FOLDER/sources.json.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import bpy

sys.path.append(str(Path(__file__).parent))
import window
from window import (
    FOLDER,
    PICTURE,
    facts,
    module,
    open_panel,
    screenshot,
    show_picture_file,
    simulate,
    view,
    wait_for_jobs,
    within,
)


def made(area: bpy.types.Area, **words: Any) -> Generator[float, None, list[str]]:
    """The objects that the button makes there, or why there is none."""
    before = {thing.name for thing in bpy.data.objects}
    with within(area):
        try:
            bpy.ops.relievo.generate(**words)
        except RuntimeError as error:
            return [str(error)]
    yield from wait_for_jobs()
    return sorted({thing.name for thing in bpy.data.objects} - before) or [str(module("jobs").last_failure())]


def colour_of(thing: bpy.types.Object) -> list[float]:
    """The mean of its texture's pixels that are of a color."""
    image = next(node.image for node in thing.data.materials[0].node_tree.nodes if node.type == "TEX_IMAGE")
    pixels = list(image.pixels)
    colours = [pixels[i : i + 3] for i in range(0, len(pixels), 4 * 97)]
    strong = [colour for colour in colours if max(colour) - min(colour) > 0.2] or colours
    return [sum(channel) / len(strong) for channel in zip(*strong, strict=True)]


def disc(name: str, colour: tuple[float, ...]) -> bpy.types.Object:
    """Flat, towards the front."""
    mesh = bpy.data.meshes.new(name)
    corners = [(math.cos(math.tau * i / 48), 0.0, math.sin(math.tau * i / 48)) for i in range(48)]
    mesh.from_pydata(corners, [], [list(range(48))])
    thing = bpy.data.objects.new(name, mesh)
    thing.color = (*colour, 1.0)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def use_viewport() -> Iterator[float]:
    """A red disc in the 3D view, seen from the front."""
    area, _, region = view()
    thing = disc("Red", (0.8, 0.05, 0.05))
    space = area.spaces.active
    space.shading.color_type, space.shading.light = "OBJECT", "FLAT"
    with bpy.context.temp_override(window=window.window(), area=area, region=region):
        bpy.ops.view3d.view_axis(type="FRONT")
        thing.select_set(True)
        bpy.ops.view3d.view_selected()
    yield 1.5
    with within(area):
        bpy.ops.relievo.use_viewport()
    settings = bpy.context.scene.relievo
    pixels = list(settings.image.pixels)
    alpha = pixels[3::4]
    facts["viewport"] = {
        "source": [settings.source, settings.image.name],
        "covered": sum(a > 0.9 for a in alpha) / len(alpha),
        "overlays": space.overlay.show_overlays,
    }
    bpy.data.objects.remove(thing)
    yield from screenshot("use_viewport")
    facts["viewport"]["made"] = yield from made(area)
    facts["viewport"]["colour"] = colour_of(bpy.data.objects["Viewport"])
    yield from screenshot("finished")  # the status bar tells of it
    settings.source, settings.image = "FILE", None


def hidden_result() -> Iterator[float]:
    """The collection is hidden: the status bar says where the result is."""
    layer = bpy.context.view_layer.layer_collection.children["Relievo"]
    layer.hide_viewport = True
    facts["hidden"] = yield from made(view()[0], filepath=str(PICTURE))
    facts["told"] = module("notices").told()
    yield from screenshot("notice")
    layer.hide_viewport = False
    facts["failed"] = yield from made(view()[0], filepath="/tmp/lost.png")
    yield from screenshot("failed_notice")
    bpy.ops.relievo.dismiss()


def film() -> str:
    """Two frames: a red disc, then a green one."""
    scene = bpy.data.scenes.new("Film")
    window.window().scene = scene
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0, -4, 0), (math.pi / 2, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    thing = disc("Screen", (0.8, 0.05, 0.05))
    thing.keyframe_insert("color", frame=1)
    thing.color = (0.05, 0.6, 0.05, 1.0)
    thing.keyframe_insert("color", frame=2)
    scene.frame_start, scene.frame_end = 1, 2
    render = scene.render
    render.engine, render.resolution_x, render.resolution_y = "BLENDER_WORKBENCH", 256, 256
    scene.display.shading.light, scene.display.shading.color_type = "FLAT", "OBJECT"
    scene.view_settings.view_transform = "Standard"
    render.image_settings.file_format = "FFMPEG"
    render.ffmpeg.format, render.ffmpeg.codec = "MPEG4", "H264"
    render.filepath = str(FOLDER / "film.mp4")
    render.use_file_extension = False
    bpy.ops.render.render(animation=True)
    return str(render.filepath)


def in_image_editor() -> Iterator[float]:
    """A movie's frame, then what a Viewer node shows."""
    path = film()
    first = next(scene for scene in bpy.data.scenes if scene.name != "Film")
    window.window().scene = first
    area = view()[0]
    area.ui_type = "IMAGE_EDITOR"
    yield 1.0
    space = area.spaces.active
    space.image = bpy.data.images.load(path)
    space.image_user.frame_duration, space.image_user.use_auto_refresh = 2, True
    for frame in (1, 2):
        first.frame_set(frame)
        area.tag_redraw()
        yield 1.0
        names = yield from made(area, selected=True)
        facts[f"movie_{frame}"] = [names, colour_of(bpy.data.objects[names[0]])]
    yield from screenshot("movie")

    first.use_nodes = True
    tree = first.node_tree
    tree.nodes.clear()
    picture, viewer = tree.nodes.new("CompositorNodeImage"), tree.nodes.new("CompositorNodeViewer")
    picture.image = bpy.data.images.load(str(PICTURE))
    tree.links.new(picture.outputs["Image"], viewer.inputs["Image"])
    bpy.ops.render.render()
    yield 2.0
    shown = next(image for image in bpy.data.images if image.type == "COMPOSITING")
    space.image = shown
    area.tag_redraw()
    yield 2.0
    facts["viewer"] = yield from made(area, selected=True)
    yield from screenshot("viewer_node")
    first.use_nodes = False
    area.ui_type = "VIEW_3D"
    yield 0.5


def in_browsers() -> Iterator[float]:
    """A file and an asset that are selected in Blender's own browsers; their context menus."""
    area = view()[0]
    area.ui_type = "FILES"
    yield 1.0
    yield from show_picture_file(area)
    area.spaces.active.activate_file_by_relative_path(relative_path=PICTURE.name)
    yield 1.0
    facts["file"] = yield from made(area, selected=True)
    yield from press("RIGHTMOUSE", first_row(area))
    yield from screenshot("menu_of_files")
    yield from press("ESC", first_row(area))
    area.ui_type = "ASSETS"
    yield 1.0
    # Blender shows image assets to those alone who have asked for it.
    bpy.context.preferences.view.show_developer_ui = True
    bpy.context.preferences.experimental.use_extended_asset_browser = True
    image = bpy.data.images.load(str(PICTURE))
    image.name = "Kept Picture"
    image.asset_mark()
    space = area.spaces.active
    space.params.asset_library_reference = "LOCAL"
    for name in dir(space.params.filter_asset_id):
        if name.endswith("filter_image"):
            setattr(space.params.filter_asset_id, name, True)
    yield 1.0
    with within(area):
        bpy.ops.asset.library_refresh()
    yield 3.0
    space.activate_asset_by_id(image)
    yield 2.0
    facts["asset"] = yield from made(area, selected=True)
    yield from screenshot("assets")
    area.ui_type = "VIEW_3D"
    yield 0.5


def first_row(area: bpy.types.Area) -> tuple[int, int]:
    """Returns where a list of files has its first name."""
    (region,) = (region for region in area.regions if region.type == "WINDOW")
    return region.x + 20, region.y + region.height - 37


def press(key: str, place: tuple[int, int], **keys: bool) -> Iterator[float]:
    simulate("MOUSEMOVE", "NOTHING", place)
    yield 0.2
    simulate(key, "PRESS", place, **keys)
    yield 0.05
    simulate(key, "RELEASE", place, **keys)
    yield 0.8


def where_it_is_found() -> Iterator[float]:
    """The menu Add, and what F3 finds."""
    region = view()[2]
    middle = (region.x + region.width // 3, region.y + region.height // 2)
    yield from press("A", middle, shift=True)
    yield from screenshot("menu_add")
    yield from press("ESC", middle)
    yield from press("F3", middle)
    for letter in "MESHFROMPIC":
        window.window().event_simulate(type=letter, value="PRESS", unicode=letter.lower(), x=middle[0], y=middle[1])
        window.window().event_simulate(type=letter, value="RELEASE", x=middle[0], y=middle[1])
        yield 0.05
    yield 1.0
    yield from screenshot("search")
    yield from press("ESC", middle)
    yield from press("ESC", middle)


def scenario() -> Iterator[float]:
    yield 2.0
    for thing in list(bpy.data.objects):
        if thing.type == "MESH":
            bpy.data.objects.remove(thing)
    settings = bpy.context.scene.relievo
    settings.grid, settings.texture_size = 64, 512
    yield from open_panel()
    parts = (use_viewport, hidden_result, where_it_is_found, in_image_editor, in_browsers)
    for part in parts:
        if not window.WORDS[2:] or part.__name__ in window.WORDS[2:]:
            yield from part()


window.run(scenario(), "sources")
