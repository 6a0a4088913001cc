"""A mask that is mended with the mouse, what the cutout's preview tells, and an asset library in the asset browser.

Run as window.py says; a word names the folder of the library. Leaves what it saw in FOLDER/masks.json.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

sys.path.append(str(Path(__file__).parent))
import window
from window import WORDS, facts, module, open_panel, screenshot, simulate, view, within

LONGEST_FOREGROUND = 120.0  # seconds, on a busy machine


def painting() -> Any:
    """What is being painted on, as the operator has it."""
    return module("mask_painter").Painting.latest


def wait_for_mask() -> Iterator[float]:
    end = time.monotonic() + LONGEST_FOREGROUND
    while (painting().picture is None or painting().is_busy) and time.monotonic() < end:
        yield 0.1
    yield 0.5


def share() -> float:
    return float((painting().mask >= 128).mean())


def place_of(right: float, down: float) -> tuple[int, int]:
    """A place of the picture, 0..1, in the window's pixels."""
    shown = module("mask_view").View.latest
    left, bottom, scale = shown._place()
    height, width = painting().picture.shape[:2]
    region = shown.region()
    return round(region.x + left + right * width * scale), round(region.y + bottom + (1 - down) * height * scale)


def press(kind: str, place: tuple[int, int], **keys: bool) -> Iterator[float]:
    simulate("MOUSEMOVE", "NOTHING", place)
    yield 0.2
    simulate(kind, "PRESS", place, **keys)
    yield 0.2
    simulate(kind, "RELEASE", place, **keys)
    yield 0.2


def mend() -> Iterator[float]:
    """The hen is left out by a click of the right button, taken back, and the mask is used."""
    settings = bpy.context.scene.relievo
    settings.picture, settings.source = str(window.PICTURE), "FILE"
    yield from open_panel()
    yield from window.show_parts("main", "mask")
    with within(view()[0]):
        bpy.ops.relievo.mend_mask("INVOKE_DEFAULT")
    yield from wait_for_mask()
    facts["found"] = share()
    middle = place_of(0.5, 0.5)
    yield from press("MOUSEMOVE", middle)
    yield from screenshot("mend_found")
    yield from press("RIGHTMOUSE", middle)
    yield from wait_for_mask()
    facts["left_out"] = share()
    yield from screenshot("mend_left_out")
    yield from press("Z", middle, ctrl=True)
    yield from wait_for_mask()
    facts["taken_back"] = share()
    yield from press("LEFTMOUSE", place_of(0.04, 0.04))
    yield from wait_for_mask()
    facts["ground_taken_in"] = share()
    yield from press("Z", middle, ctrl=True)
    yield from wait_for_mask()
    yield from press("RET", middle)
    facts["mask"] = [settings.mask, Path(settings.mask_file).is_file()]
    yield 1.0


def show_cutout() -> Iterator[float]:
    with within(view()[0]):
        bpy.ops.relievo.show_mask()
    end = time.monotonic() + LONGEST_FOREGROUND
    while module("mask_preview").is_coming() and time.monotonic() < end:
        yield 0.1
    yield 1.5
    yield from screenshot("cutout", view()[1])


def browse_library() -> Iterator[float]:
    """The library as a person adds and opens it."""
    libraries = bpy.context.preferences.filepaths.asset_libraries
    library = libraries.new(name="Relievo", directory=WORDS[2])
    area = view()[0]
    area.ui_type = "ASSETS"
    yield 2.0
    params = area.spaces.active.params
    params.asset_library_reference = library.name
    params.display_size = 128
    yield 6.0  # Blender reads the files on a thread of its own
    facts["library"] = params.asset_library_reference
    with within(area):
        bpy.ops.file.select_all(action="SELECT")
        yield 0.5
        facts["assets"] = sorted(asset.name for asset in bpy.context.selected_assets or ())
        bpy.ops.file.select_all(action="DESELECT")
    yield 1.0
    yield from screenshot("library")


def steps() -> Iterator[float]:
    yield from mend()
    yield from show_cutout()
    yield from browse_library()


window.run(steps(), "masks")
