"""The parts that scripts in Blender's window share: events, pictures of the screen, the extension's panel.

A script is run by Blender itself, with the extension installed and enabled:

blender --enable-event-simulate --python SCRIPT.py -- FOLDER PICTURE [WORD...]

Where a picture of the screen is wanted, it makes FOLDER/NAME.wanted and goes on when that file is gone. All is done
from one timer, as a person would: a step, then time for Blender to draw and to handle events. Each step is a generator,
and what it yields is how many seconds to wait.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
import traceback
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import bpy

WORDS = sys.argv[sys.argv.index("--") + 1 :]
FOLDER, PICTURE = (Path(word) for word in WORDS[:2])
MODULE = "bl_ext.user_default.relievo"

LONGEST_JOB = 300.0  # seconds

facts: dict[str, Any] = {}

_shown: list[type] = []
_every: list[type] = []


def module(name: str) -> Any:
    """Returns a module of the extension."""
    return sys.modules[f"{MODULE}.{name}"]


def window() -> bpy.types.Window:
    return bpy.context.window_manager.windows[0]


def view() -> tuple[bpy.types.Area, bpy.types.Region, bpy.types.Region]:
    """The 3D view: area, sidebar, main region."""
    area = next(area for area in window().screen.areas if area.type == "VIEW_3D")
    regions = {region.type: region for region in area.regions}
    return area, regions["UI"], regions["WINDOW"]


def screenshot(name: str, *regions: bpy.types.Region, below: int = 0) -> Iterator[float]:
    """Takes a picture of the whole window, or of what these regions cover, without so many pixels at the top."""
    wanted = FOLDER / f"{name}.wanted"
    left, bottom = (min((getattr(r, axis) for r in regions), default=0) for axis in "xy")
    right = max((r.x + r.width for r in regions), default=window().width)
    top = max((r.y + r.height for r in regions), default=window().height)
    beside = FOLDER / f"{name}.part"
    beside.write_text(json.dumps([left, bottom, right, top - below]))
    beside.replace(wanted)
    while wanted.exists():
        yield 0.05


def by_real_events(*words: object) -> Iterator[float]:
    """Lets the test send events of the X server's own, by xdotool: Blender's simulated ones drag nothing.

    Blender heeds them where it runs without --enable-event-simulate.
    """
    wanted = FOLDER / "xdotool.json"
    beside = wanted.with_suffix(".part")
    beside.write_text(json.dumps([str(word) for word in words]))
    beside.replace(wanted)
    while wanted.exists():
        yield 0.1
    yield 1.0


def open_panel() -> Iterator[float]:
    area, sidebar, _ = view()
    area.spaces[0].show_region_ui = True
    yield 1.0
    sidebar.active_panel_category = "Relievo"
    area.tag_redraw()
    yield 1.0


def show_parts(*names: str) -> Iterator[float]:
    """Shows these parts of the tab alone, and open, which a person would do with some clicks."""
    panels = module("panels")
    for cls in panels.CLASSES:
        if hasattr(bpy.types, cls.__name__) and cls.bl_space_type == "VIEW_3D":
            bpy.utils.unregister_class(cls)
    for cls in _shown:
        bpy.utils.unregister_class(cls)
    _shown.clear()
    for cls in panels.CLASSES:
        name = cls.__name__.removeprefix("RELIEVO_PT_")
        if name in names:
            members = {
                **{word: getattr(cls, word) for word in ("bl_label", "bl_category", "bl_space_type", "bl_region_type")},
                "draw": cls.draw,
            }
            shown = type(f"SHOWN{len(_every)}_PT_{name}", (bpy.types.Panel,), members)
            _every.append(shown)
            _shown.append(shown)
            bpy.utils.register_class(shown)
    view()[0].tag_redraw()
    yield 1.0
    view()[1].active_panel_category = "Relievo"
    yield 1.0


def areas(kind: str) -> list[bpy.types.Area]:
    return [area for area in window().screen.areas if area.type == kind]


@contextlib.contextmanager
def within(area: bpy.types.Area) -> Iterator[None]:
    """Overrides the context as where a person clicks in this area."""
    (region,) = (region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window(), area=area, region=region, space_data=area.spaces.active):
        yield


def wait_for_jobs() -> Iterator[float]:
    end = time.monotonic() + LONGEST_JOB
    while module("jobs").active() and time.monotonic() < end:
        yield 0.1
    yield 0.5


def show_picture_file(area: bpy.types.Area) -> Iterator[float]:
    """A folder with the picture alone, in this file browser."""
    folder = FOLDER / "pictures"
    folder.mkdir(exist_ok=True)
    (folder / PICTURE.name).write_bytes(PICTURE.read_bytes())
    params = area.spaces.active.params
    params.directory, params.display_type = str(folder).encode(), "LIST_VERTICAL"
    yield 2.0


def simulate(kind: str, value: str, place: tuple[int, int], **keys: bool) -> None:
    window().event_simulate(type=kind, value=value, x=place[0], y=place[1], **keys)


def find_button(operator: str) -> Generator[float, None, tuple[int, int]]:
    """Moves the mouse down the sidebar until it is over the operator's button; returns where.

    Copying over a button puts what it does on the clipboard.
    """
    _, sidebar, _ = view()
    for y in range(sidebar.y + sidebar.height - 8, sidebar.y, -8):
        place = (sidebar.x + sidebar.width // 2, y)
        simulate("MOUSEMOVE", "NOTHING", place)
        yield 0.1
        for value in ("PRESS", "RELEASE"):
            simulate("C", value, place, ctrl=True)
        yield 0.1
        if f"bpy.ops.{operator}(" in bpy.context.window_manager.clipboard:
            return place
    raise RuntimeError(f"There is no button of {operator} in the sidebar.")


def click(place: tuple[int, int]) -> Iterator[float]:
    simulate("MOUSEMOVE", "NOTHING", place)
    yield 0.1
    simulate("LEFTMOUSE", "PRESS", place)
    yield 0.05
    simulate("LEFTMOUSE", "RELEASE", place)
    yield 0.2


def run(steps: Iterator[float], name: str) -> None:
    """Does the steps, leaves the facts in FOLDER/NAME.json and ends Blender."""

    def guarded() -> Iterator[float]:
        try:
            yield from steps
        except Exception:
            facts["error"] = traceback.format_exc()
        (FOLDER / f"{name}.json").write_text(json.dumps(facts))
        bpy.ops.wm.quit_blender()

    going = guarded()
    bpy.context.preferences.view.show_splash = False
    bpy.app.timers.register(lambda: next(going, None), first_interval=3.0)
