"""Own views in Blender's window: the licence that is asked for, the panel's list of views, and a rebuilt object.

Run as window.py says, with the model of ball_model.py in place of InstantMesh (base). Leaves what it saw in
FOLDER/views.json.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
from mathutils import Euler

sys.path.append(str(Path(__file__).parent))
import window
from window import FOLDER, facts, module, open_panel, screenshot, simulate, view, within

LONGEST_RENDERING = 500.0  # seconds for six views by Cycles, beside other work
COLOURS = ((0.8, 0.1, 0.08), (0.9, 0.6, 0.1), (0.15, 0.5, 0.2), (0.1, 0.3, 0.7), (0.85, 0.8, 0.7), (0.4, 0.15, 0.5))


def ask_for_licence() -> Iterator[float]:
    """What a click on Download All of It shows of a model that may not be used for everything."""
    settings = bpy.context.scene.relievo
    settings.model = "instant-mesh-large"
    yield 1.0
    names = "zero123plus-v1.2 instant-mesh-large"
    with within(view()[0]):
        bpy.ops.relievo.fetch_model("INVOKE_DEFAULT", model=names)
    yield 1.5
    yield from screenshot("licence")
    region = view()[2]
    simulate("ESC", "PRESS", (region.x + 20, region.y + 20))
    simulate("ESC", "RELEASE", (region.x + 20, region.y + 20))
    yield 1.0
    facts["fetching"] = module("setup_panel").installation() is not None
    facts["failure"] = str(module("setup_panel").failure() or "")


def show_views() -> Iterator[float]:
    """The part of the tab with the views: none, three with their cameras, and a folder."""
    settings = bpy.context.scene.relievo
    settings.model = "instant-mesh-base"
    yield from window.show_parts("main", "views")
    yield from screenshot("views_none", view()[1])
    views = [{"picture": f"/home/ada/cup_az{azimuth:03}.png", "azimuth": azimuth} for azimuth in (0, 120, 240)]
    settings.views = json.dumps(views)
    view()[1].tag_redraw()
    yield 1.0
    yield from screenshot("views_list", view()[1])
    settings.views = ""


def beach_ball() -> bpy.types.Object:
    """A ball of six gores."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=48, ring_count=24)
    thing = bpy.context.object
    thing.name = "Beach Ball"
    for number, colour in enumerate(COLOURS):
        material = bpy.data.materials.new(f"Gore {number}")
        material.use_nodes = True
        shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
        shader.inputs["Base Color"].default_value = (*colour, 1.0)
        shader.inputs["Roughness"].default_value = 0.7
        material.diffuse_color = (*colour, 1.0)
        thing.data.materials.append(material)
    for polygon in thing.data.polygons:
        turn = math.atan2(polygon.center.y, polygon.center.x) / math.tau % 1.0
        polygon.material_index = int(6 * turn) % 6
    bpy.ops.object.shade_smooth()
    return thing


def rebuild() -> Iterator[float]:
    """The ball and, beside it, what the model makes of its six renders."""
    settings = bpy.context.scene.relievo
    settings.model, settings.projection, settings.input_size = "instant-mesh-base", "on", 64
    settings.grid, settings.texture_size = 64, 1024
    thing = beach_ball()
    before = set(bpy.data.objects)
    area, _, region = view()
    yield from window.show_parts("main", "views")
    with within(area):
        bpy.ops.relievo.rebuild_object("INVOKE_DEFAULT")
    yield 0.3
    yield from screenshot("rebuilding")
    end = time.monotonic() + window.LONGEST_JOB + LONGEST_RENDERING
    while set(bpy.data.objects) == before and not module("jobs").failed() and time.monotonic() < end:
        yield 0.2
    yield 1.0
    (made,) = set(bpy.data.objects) - before
    facts["rebuilt"] = {
        "name": made.name,
        "location": list(made.location),
        "size": list(made.dimensions),
        "size_of_ball": list(thing.dimensions),
        "original_is_there": thing.name in bpy.context.scene.objects,
    }
    thing.location.x -= 1.25
    made.location.x += 1.25
    space = area.spaces[0]
    space.shading.type, space.shading.color_type = "SOLID", "TEXTURE"  # which needs no shader to be compiled
    space.region_3d.view_rotation = Euler((math.radians(75), 0, 0)).to_quaternion()
    with bpy.context.temp_override(window=window.window(), area=area, region=region):
        bpy.ops.object.select_all(action="SELECT")
        bpy.ops.view3d.view_selected()
        bpy.ops.object.select_all(action="DESELECT")
    yield 2.0
    yield from screenshot("rebuilt_object")


def scenario() -> Iterator[float]:
    yield 2.0
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    yield from open_panel()
    yield from ask_for_licence()
    yield from show_views()
    yield from rebuild()
    facts["failures"] = [str(task.failure) for task in module("jobs").failed()]


assert FOLDER.is_dir()
window.run(scenario(), "views")
