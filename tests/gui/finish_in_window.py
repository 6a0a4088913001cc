"""An object that is made of quads in Blender's window, and the part *Finish* of the tab meanwhile.

Run as window.py says. Leaves what it saw in FOLDER/finished.json.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np

sys.path.append(str(Path(__file__).parent))
import window
from stopwatch import Stopwatch
from window import facts, module, open_panel, screenshot, show_parts, view, within

LONGEST = 300.0  # seconds


def add_ball() -> bpy.types.Object:
    """A ball of 30,000 faces with a grid of colors on it."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=240, ring_count=128, radius=1.5)
    thing = bpy.context.object
    thing.data.polygons.foreach_set("use_smooth", np.ones(len(thing.data.polygons), bool))
    image = bpy.data.images.new("Grid", 1024, 1024)
    image.generated_type = "COLOR_GRID"
    material = bpy.data.materials.new("Grid")
    material.use_nodes = True
    nodes = material.node_tree.nodes
    texture = nodes.new("ShaderNodeTexImage")
    texture.image = image
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    material.node_tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    nodes.active = texture
    thing.data.materials.append(material)
    return thing


def quads_share(thing: bpy.types.Object) -> float:
    corners = np.empty(len(thing.data.polygons), np.int32)
    thing.data.polygons.foreach_get("loop_total", corners)
    return float((corners == 4).mean())


def finish_as_quads() -> Iterator[float]:
    area, sidebar, _ = view()
    bpy.ops.object.select_all(action="SELECT")
    bpy.ops.object.delete()
    thing = add_ball()
    bpy.ops.ed.undo_push(message="Ball")
    area.spaces.active.shading.color_type = "TEXTURE"
    settings = bpy.context.scene.relievo_finish
    yield from open_panel()
    yield from show_parts("finish")
    yield from screenshot("finish", sidebar)
    settings.shape, settings.printed, settings.own_surface = "TRIANGLES", True, True
    yield 0.5
    yield from screenshot("finish_options", sidebar)
    settings.shape, settings.faces, settings.printed, settings.own_surface = "QUADS", 2000, False, False
    yield 0.5
    finishing = module("finishing")
    module("runtime").runtime.load()
    while not module("runtime").runtime.is_ready:
        module("runtime").runtime.is_loading(0.0)
        yield 0.1
    before, name = len(thing.data.polygons), thing.name
    stopwatch = Stopwatch()
    with within(area):
        bpy.ops.relievo.finish()
    doing: list[str] = []
    fractions: list[float] = []
    end = time.monotonic() + LONGEST
    while (work := finishing.current()) is not None and time.monotonic() < end:
        if work.doing and work.doing not in doing:
            doing.append(work.doing)
            if work.doing == "Making Quads":
                yield 1.0
                yield from screenshot("finishing", sidebar)
        fractions.append(work.fraction)
        yield 0.05
    yield 1.0
    thing = bpy.data.objects[name]
    facts.update(
        doing=doing,
        fractions=fractions,
        calls=stopwatch.taken(),
        faces=len(thing.data.polygons),
        quads=quads_share(thing),
        failure=str(module("jobs").last_failure()),
    )
    area.spaces.active.overlay.show_wireframes = True
    yield 2.0
    yield from screenshot("finished")
    counts = [before]
    for step in (bpy.ops.ed.undo, bpy.ops.ed.redo):
        with within(area):
            step()
        yield 1.0
        counts.append(len(bpy.data.objects[name].data.polygons))
    facts["undo"] = counts


window.run(finish_as_quads(), "finished")
