"""A person's first minutes in Blender's window: a picture, the button, the object, all parts of the tab.

Run as window.py says. Leaves what it saw in FOLDER/facts.json; with the word `quit`, ends Blender in the middle of a
long job, and leaves FOLDER/quit.json.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import addon_utils
import bpy
from mathutils import Euler

sys.path.append(str(Path(__file__).parent))
import window
from stopwatch import Stopwatch
from window import MODULE, PICTURE, WORDS, click, facts, find_button, module, open_panel, screenshot, view

ABOVE_PREFERENCES = 226  # pixels; Blender's own facts of the extension
HEARTBEAT = 0.001  # seconds


class Heart:
    """A timer as fast as Blender runs them: the gaps between its beats are the main loop's pauses, drawing included."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.longest = 0.0
        bpy.app.timers.register(self._beat, first_interval=HEARTBEAT)

    def _beat(self) -> float:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last)
        self._last = now
        return HEARTBEAT

    def start(self) -> None:
        self._last = time.perf_counter()
        self.longest = 0.0


def show_preferences() -> Iterator[float]:
    """The extension's preferences, where the 3D view was."""
    area = view()[0]
    area.ui_type = "PREFERENCES"
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "Relievo"
    yield 0.5
    for addon in addon_utils.modules(refresh=False):
        if addon.__name__ == MODULE:
            addon_utils.module_bl_info(addon)["show_expanded"] = True
    area.tag_redraw()
    yield 1.5
    (region,) = (region for region in area.regions if region.type == "WINDOW")
    yield from screenshot("set-up", region, below=ABOVE_PREFERENCES)
    area.ui_type = "VIEW_3D"
    yield 0.5


def watch_job(jobs: Any, picture: str | None) -> Iterator[float]:
    """Watches the job until it is over: its stages and fractions, and a picture of the screen halfway."""
    end = time.monotonic() + window.LONGEST_JOB
    facts["stages"], facts["fractions"] = [], []
    while (task := jobs.current()) is not None and time.monotonic() < end:
        status = task.job.status
        if not facts["stages"] or facts["stages"][-1] != status.stage:
            facts["stages"].append(status.stage)
        facts["fractions"].append(status.fraction)
        if status.fraction > 0.5 and picture is not None:
            yield from screenshot(picture)
            picture = None
        yield 0.05


def look_at_object() -> Iterator[float]:
    """Shows the object from the front and a little to the side, with its material."""
    area, _, region = view()
    space = area.spaces[0]
    space.shading.type = "MATERIAL"
    space.region_3d.view_rotation = Euler((math.radians(78), 0, math.radians(25))).to_quaternion()
    with bpy.context.temp_override(window=window.window(), area=area, region=region):
        bpy.ops.view3d.view_selected()
    yield 1.0
    bpy.ops.object.select_all(action="DESELECT")
    space.overlay.show_text = False  # Blender tells there that it compiles
    yield 1.0
    yield from screenshot("object")


def scenario() -> Iterator[float]:
    heart = Heart()
    yield 2.0
    for thing in list(bpy.data.objects):
        if thing.type == "MESH":
            bpy.data.objects.remove(thing)
    yield from open_panel()
    settings = bpy.context.scene.relievo
    settings.picture = str(PICTURE)
    view()[0].tag_redraw()
    yield 5.0  # Blender makes the picture's thumbnail
    yield from screenshot("panel")
    settings.texture_size = 2048

    jobs = module("jobs")
    # Measures what redrawing the sidebar ten times a second costs in this window without the extension's help.
    heart.start()
    for _ in range(30):
        view()[1].tag_redraw()
        yield 0.1
    facts["pause_of_redraws"] = heart.longest

    names = {thing.name for thing in bpy.data.objects}
    button = yield from find_button("relievo.generate")
    stopwatch = Stopwatch()
    for run in ("first", "second"):  # LibTorch is loaded at the first click
        heart.start()
        yield from click(button)
        facts["job_after_click"] = jobs.current() is not None
        facts[run] = {"click": stopwatch.taken(), "pause_of_click": heart.longest}
        heart.start()
        yield from watch_job(jobs, picture="progress" if run == "first" else None)
        yield 0.5
        facts[run] |= {"job": stopwatch.taken(), "pause_of_job": heart.longest}
    failure = jobs.last_failure()
    facts["failure"] = failure and str(failure)
    facts["new_objects"] = sorted({thing.name for thing in bpy.data.objects} - names)
    thing = bpy.context.view_layer.objects.active
    facts["object"] = {
        "name": thing.name,
        "faces": len(thing.data.polygons),
        "size": list(thing.dimensions),
        "image": list(next(iter(image.size for image in bpy.data.images if image.packed_file))),
    }
    yield from look_at_object()
    yield from show_details()


def show_details() -> Iterator[float]:
    """Pictures for the user guide."""
    settings = bpy.context.scene.relievo
    sidebar = view()[1]
    bpy.ops.relievo.show_mask()
    jobs = module("jobs")
    yield from window.show_parts("mask", "import")
    while module("mask_preview").is_coming():
        yield 0.1
    yield 0.5
    yield from screenshot("mask", sidebar)
    bpy.ops.relievo.hide_mask()
    settings.model = "instant-mesh-large"
    yield from window.show_parts("main", "views")
    yield from screenshot("models", sidebar)
    settings.model = "preview"
    yield from window.show_parts("devices")
    yield 6.0
    yield from screenshot("machine", sidebar)
    yield from window.show_parts("main", "history")
    settings.picture = "/tmp/lost.png"
    bpy.ops.relievo.generate()
    while jobs.current() is not None:
        yield 0.1
    yield 1.0
    yield from screenshot("failure", sidebar)
    yield from paste()
    yield from show_image_editor()
    yield from show_preferences()


def paste() -> Iterator[float]:
    """X11, where Blender reads no pictures: the path of a copied file, and text that is none."""
    settings = bpy.context.scene.relievo
    settings.picture = ""
    bpy.context.window_manager.clipboard = str(PICTURE)
    bpy.ops.relievo.paste()
    facts["pasted"] = [settings.source, settings.picture]
    bpy.context.window_manager.clipboard = "no picture"
    try:
        bpy.ops.relievo.paste()
    except RuntimeError as error:
        facts["nothing_to_paste"] = str(error)
    yield 0.1


def show_image_editor() -> Iterator[float]:
    """The tab in the image editor, where the 3D view was."""
    area = view()[0]
    area.ui_type = "IMAGE_EDITOR"
    yield 1.0
    space = area.spaces.active
    space.image = bpy.data.images.load(str(PICTURE))
    space.show_region_ui = True
    area.tag_redraw()
    yield 1.0
    (sidebar,) = (region for region in area.regions if region.type == "UI")
    sidebar.active_panel_category = "Relievo"
    area.tag_redraw()
    yield 1.5
    facts["image_editor"] = [sidebar.active_panel_category, sidebar.width]
    yield from screenshot("image_editor", *(region for region in area.regions if region.type in ("WINDOW", "UI")))
    area.ui_type = "VIEW_3D"
    yield 0.5


def quit_in_mid_job() -> Iterator[float]:
    """A job that takes minutes, and the window closed while it runs."""
    yield 1.0
    settings = bpy.context.scene.relievo
    settings.picture = str(PICTURE)
    settings.grid, settings.texture_size = 512, 8192
    bpy.ops.relievo.generate()
    jobs = module("jobs")
    end = time.monotonic() + window.LONGEST_JOB
    while jobs.current() is not None and jobs.current().job.status.state != "running" and time.monotonic() < end:
        yield 0.05
    yield 0.5  # into its first stage
    task = jobs.current()
    facts["state"] = task.job.status.state if task else "none"


if "quit" in WORDS[2:]:
    window.run(quit_in_mid_job(), "quit")
else:
    window.run(scenario(), "facts")
