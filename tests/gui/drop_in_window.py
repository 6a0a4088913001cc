"""A picture file, dragged onto the image editor with the mouse.

Run as window.py says, but without --enable-event-simulate. Leaves what it saw in FOLDER/drop.json.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import bpy

sys.path.append(str(Path(__file__).parent))
import window
from window import areas, facts, module, screenshot, show_picture_file, view, wait_for_jobs, within


def drop_onto_image_editor() -> Iterator[float]:
    """A file, dragged with the mouse from Blender's file browser."""
    source = view()[0]
    with within(source):
        bpy.ops.screen.area_split(direction="VERTICAL", factor=0.5)
    yield 0.5
    target = next(area for area in areas("VIEW_3D") if area != source)
    source.ui_type, target.ui_type = "FILES", "IMAGE_EDITOR"
    yield 1.0
    yield from show_picture_file(source)
    source.spaces.active.params.display_type = "THUMBNAIL"
    yield 2.0
    height = window.window().height
    (region,), (onto,) = ([r for r in area.regions if r.type == "WINDOW"] for area in (source, target))
    start = (region.x + 55, height - (region.y + region.height - 60))  # on its preview; X counts from the top
    end = (onto.x + onto.width // 2, height - (onto.y + onto.height // 2))
    steps: list[object] = ["mousemove", *start, "sleep", 0.5, "mousedown", 1, "sleep", 0.3]
    for part in range(1, 16):
        place = [round(a + (b - a) * part / 15) for a, b in zip(start, end, strict=True)]
        steps += ["mousemove", *place, "sleep", 0.1]
    before = len(bpy.data.objects)
    yield from window.by_real_events(*steps, "sleep", 0.5)
    yield from screenshot("dragging")
    yield from window.by_real_events("mouseup", 1)
    yield from screenshot("dropped")
    yield from window.by_real_events("click", 1)
    asked = [task.name for task in module("jobs").tasks()]
    yield from wait_for_jobs()
    facts["dropped"] = [asked, len(bpy.data.objects) - before]


window.run(drop_onto_image_editor(), "drop")
