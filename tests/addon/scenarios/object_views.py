"""An object that is rendered from six sides and made anew of these pictures."""

from __future__ import annotations

import json
import os
from typing import Any

import bpy
import numpy as np
from inside import FOLDER, QUARTERS, answer, disc, drawn, find, install, module, names, quick
from mathutils import Vector

# Markers of pure light at places of the object's own space; none hides another from any of the six sides.
MARKERS = {
    "red": ((1.0, 0.0, 0.0), (0.0, -0.6, -1.2)),
    "green": ((0.0, 1.0, 0.0), (0.1, 1.2, 0.5)),
    "blue": ((0.0, 0.0, 1.0), (-0.9, 0.5, 1.3)),
    "cyan": ((0.0, 1.0, 1.0), (-0.7, 1.1, -1.2)),
}
SIDES = {"front": (0, -1, 0), "right": (1, 0, 0), "back": (0, 1, 0), "left": (-1, 0, 0)}
COLOURS = {"front": (1, 0, 0), "right": (0, 1, 0), "back": (0, 0, 1), "left": (1, 1, 0)}


def shining(name: str, colour: tuple[float, ...]) -> Any:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    light, output = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    light.inputs["Color"].default_value = (*colour, 1.0)
    material.node_tree.links.new(light.outputs[0], output.inputs["Surface"])
    return material


def add_mesh(name: str, boxes: list[tuple[Any, float, int]], materials: list[Any]) -> Any:
    """An active object of axis-aligned cubes: middle, half side, material."""
    points: list[Any] = []
    faces: list[Any] = []
    slots: list[int] = []
    quads = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))
    for middle, half, slot in boxes:
        first = len(points)
        points += [[middle[k] + half * (1 if corner >> k & 1 else -1) for k in range(3)] for corner in range(8)]
        faces += [[first + corner for corner in quad] for quad in quads]
        slots += [slot] * 6
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points, [], faces)
    for material in materials:
        mesh.materials.append(material)
    for polygon, slot in zip(mesh.polygons, slots, strict=True):
        polygon.material_index = slot
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    bpy.context.view_layer.update()
    return thing


def with_model() -> Any:
    os.environ["RELIEVO_MODELS"] = str(FOLDER / "models")
    extension = install()
    quick()
    settings = bpy.context.scene.relievo
    settings.model, settings.input_size, settings.grid = "instant-mesh-base", 64, 20
    return extension


def middle_of(pixels: Any, colour: tuple[float, ...]) -> list[float] | None:
    """Column and row, from the top, of the middle of the pixels of this colour, weighted by how much of it they have;
    none where there are few."""
    strength = np.where(np.array(colour) > 0, pixels[..., :3], 1 - pixels[..., :3]).min(axis=2) * pixels[..., 3]
    strength = np.where(strength > 0.3, strength, 0)
    if strength.sum() < 20:
        return None
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]] + 0.5
    return [float((columns * strength).sum() / strength.sum()), float((rows * strength).sum() / strength.sum())]


def load_pixels(path: str) -> Any:
    image = bpy.data.images.load(path)
    width, height = image.size
    pixels = np.array(image.pixels[:]).reshape(height, width, 4)[::-1]
    bpy.data.images.remove(image)
    return pixels


def state() -> dict[str, Any]:
    """What the person has, which must be as it was."""
    data, scene = bpy.data, bpy.context.scene
    return {
        "scenes": names(data.scenes),
        "cameras": names(data.cameras),
        "worlds": names(data.worlds),
        "lights": names(data.lights),
        "scene": [
            scene.name,
            scene.render.engine,
            scene.render.filepath,
            scene.render.resolution_x,
            scene.frame_current,
        ],
        "camera": scene.camera.name if scene.camera else None,
        "scenes_of_thing": [each.name for each in find("Thing").users_scene],
        "matrix": [list(row) for row in find("Thing").matrix_world],
        "mode": find("Thing").mode,
    }


def rebuilt_object() -> dict[str, Any]:
    """An object of no symmetry, moved, turned and scaled, with a modifier, beside others."""
    with_model()
    boxes = [((0.0, 0.0, 0.0), 0.15, 0), *((place, 0.12, 1 + i) for i, (_, place) in enumerate(MARKERS.values()))]
    body = shining("Body", (0.0, 0.0, 0.0))
    thing = add_mesh("Thing", boxes, [body, *(shining(name, colour) for name, (colour, _) in MARKERS.items())])
    thing.location, thing.rotation_euler, thing.scale = (5.0, -3.0, 2.0), (0.2, 0.1, 0.7), (1.5, 1.5, 1.5)
    thing.modifiers.new("Split", "EDGE_SPLIT")
    add_mesh("In the Way", [((5.0, -6.0, 2.0), 1.0, 0)], [])
    camera = bpy.data.objects.new("Mine", bpy.data.cameras.new("Mine"))
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    bpy.context.scene.render.resolution_x, bpy.context.scene.render.filepath = 111, "/nowhere/"
    bpy.context.view_layer.objects.active = thing
    bpy.context.view_layer.update()
    before, objects = state(), set(bpy.data.objects)
    facts: dict[str, Any] = {"answer": answer(bpy.ops.relievo.rebuild_object)}
    facts["state"] = [before, state()]
    (made,) = set(bpy.data.objects) - objects
    framing = module("object_views").framing_of(thing)
    settings = json.loads(made["relievo_settings"])
    facts["views"] = [[view["azimuth"], view["elevation"], view["fov"]] for view in settings["views"]]
    facts["framing"] = {"center": framing.center, "scale": framing.scale}
    facts["made"] = {"name": made.name, "location": list(made.location), "active": bpy.context.object == made}
    result = module("relievo").generate(**module("properties").words_of(settings))
    facts["as_the_engine_made_it"] = bool(
        np.allclose([list(v.co) for v in made.data.vertices], result.mesh.vertices * framing.scale, atol=1e-5)
    )
    corners = np.array([thing.matrix_world @ vertex.co for vertex in thing.data.vertices])
    facts["center_of_box"] = ((corners.min(axis=0) + corners.max(axis=0)) / 2).tolist()
    facts["markers"] = {name: list(thing.matrix_world @ Vector(place)) for name, (_, place) in MARKERS.items()}
    facts["seen"] = []
    facts["filled"] = []
    for view in settings["views"]:
        pixels = load_pixels(view["picture"])
        facts["side"] = pixels.shape[0]
        facts["seen"].append({name: middle_of(pixels, colour) for name, (colour, _) in MARKERS.items()})
        rows, columns = np.nonzero(pixels[..., 3] > 0.5)
        reach = max(abs(np.array([*rows, *(rows + 1), *columns, *(columns + 1)]) - pixels.shape[0] / 2))
        facts["filled"].append(float(reach) / (pixels.shape[0] / 2))
    facts["redo"] = answer(bpy.ops.relievo.regenerate)
    return facts


def rebuilt_colours() -> dict[str, Any]:
    """A cube with a colour on each side, whose views are thrown onto what the model makes."""
    with_model()
    settings = bpy.context.scene.relievo
    settings.projection, settings.vertex_colours, settings.grid, settings.texture_size = "on", True, 32, 256
    settings.debris = 0.0
    thing = add_mesh("Cube", [((0.0, 0.0, 0.0), 1.0, 0)], [shining(name, COLOURS[name]) for name in SIDES])
    thing.data.materials.append(shining("Caps", (1.0, 1.0, 1.0)))
    for polygon in thing.data.polygons:
        sides = [np.dot(polygon.normal, direction) > 0.9 for direction in SIDES.values()]
        polygon.material_index = sides.index(True) if any(sides) else len(SIDES)
    facts: dict[str, Any] = {"answer": answer(bpy.ops.relievo.rebuild_object)}
    made = bpy.context.object
    mesh = made.data
    points = np.array([vertex.co for vertex in mesh.vertices]) / json.loads(made["relievo_import"])["scale"]
    normals = np.array([vertex.normal for vertex in mesh.vertices])
    colours = np.array([list(each.color_srgb)[:3] for each in mesh.color_attributes[0].data])
    for name, direction in SIDES.items():
        along = points @ direction
        beside = np.linalg.norm(points - along[:, None] * np.array(direction), axis=1)
        chosen = (normals @ direction > 0.85) & (beside < 0.45) & (along > 0.6)
        facts[name] = {"colour": colours[chosen].mean(axis=0).tolist(), "points": int(chosen.sum())}
    return facts


def add_ball() -> Any:
    """A ball, moved and scaled, with a colour in each octant: red to the right, green behind, blue above."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=64, ring_count=48)
    thing = bpy.context.object
    thing.name, thing.location, thing.scale = "Ball", (4.0, 1.0, -2.0), (2.5, 2.5, 2.5)
    for octant in range(8):
        thing.data.materials.append(shining(f"Octant {octant}", tuple(float(octant >> k & 1) for k in range(3))))
    for polygon in thing.data.polygons:
        polygon.material_index = sum(1 << k for k in range(3) if polygon.center[k] > 0)
    bpy.context.view_layer.update()
    return thing


def judged_ball(thing: Any, made: Any, colour_at: Any) -> dict[str, Any]:
    """How far the new ball's vertices are from the old one, and the share of them, away from the borders of octants and
    from the poles, that have the colour of their place."""
    to_ball = thing.matrix_world.inverted() @ made.matrix_world
    points = np.array([to_ball @ vertex.co for vertex in made.data.vertices])
    colours = np.array([list(each.color_srgb)[:3] for each in made.data.color_attributes[0].data])
    chosen = (abs(points) > 0.15).all(axis=1) & (abs(points[:, 2]) < 0.7)
    right = (np.round(colours[chosen]) == colour_at(points[chosen])).all(axis=1)
    farthest = float(abs(np.linalg.norm(points, axis=1) - 1).max())
    return {"farthest": farthest, "judged": int(chosen.sum()), "right": float(right.mean())}


def rebuilt_ball() -> dict[str, Any]:
    """A ball, of which the model makes the same ball: with the views' colours, then with the model's own."""
    with_model()
    settings = bpy.context.scene.relievo
    settings.vertex_colours, settings.grid, settings.texture_size = True, 32, 512
    thing = add_ball()
    settings.projection = "on"
    told = [answer(bpy.ops.relievo.rebuild_object)]
    made = bpy.context.object
    seen = judged_ball(thing, made, lambda points: points > 0)
    settings.views, settings.projection = own_views_of(made), "off"
    told.append(answer(bpy.ops.relievo.regenerate, use_panel=True))
    axes = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])  # the model's front, right and top in the scene
    return {"told": told, "seen": seen, "own": judged_ball(thing, made, lambda points: points @ axes.T > 0)}


def own_views_of(made: Any) -> str:
    """The views that an object was made of, as the panel has them."""
    return json.dumps(json.loads(made["relievo_settings"])["views"])


def refusals_of_rebuilding() -> dict[str, Any]:
    """Objects that cannot be rendered; and no model that sees views."""
    with_model()
    rebuild = bpy.ops.relievo.rebuild_object
    layer = bpy.context.view_layer
    layer.objects.active = None
    facts: dict[str, Any] = {"nothing": answer(rebuild)}
    thing = add_mesh("Thing", [((0.0, 0.0, 0.0), 1.0, 0)], [])
    thing.hide_set(True)
    facts["hidden"] = answer(rebuild)
    thing.hide_set(False)
    thing.hide_render = True
    facts["hidden_in_renders"] = answer(rebuild)
    for name, data in (("Lamp", bpy.data.lights.new("Lamp", "POINT")), ("Void", bpy.data.meshes.new("Void"))):
        other = bpy.data.objects.new(name, data)
        bpy.context.scene.collection.objects.link(other)
        layer.objects.active = other
        facts[name] = answer(rebuild)
    collection = bpy.data.collections.new("Props")
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", collection
    bpy.context.scene.collection.objects.link(instance)
    layer.objects.active = instance
    facts["instance"] = answer(rebuild)
    thing.hide_render = False
    layer.objects.active = thing
    (FOLDER / "models").rename(FOLDER / "elsewhere")
    module("models").look_again()
    module("seen").look()
    facts["no_model"] = answer(rebuild)
    facts["left"] = [names(bpy.data.scenes), len(bpy.data.cameras), len(bpy.data.worlds)]
    return facts


def panel_with_views() -> dict[str, Any]:
    """Views of the person's own in the panel: a folder, a list, files; without another picture."""
    with_model()
    settings = bpy.context.scene.relievo
    views = FOLDER / "views"
    views.mkdir()
    for azimuth, colour in ((0, (0.8, 0.2, 0.1)), (120, (0.1, 0.7, 0.2))):
        image = disc(f"az{azimuth}", colour)
        image.filepath_raw, image.file_format = str(views / f"cup_az{azimuth:03}_el10.png"), "PNG"
        image.save()
    listed = [{"picture": "cup_az000_el10.png", "azimuth": 5}, {"picture": "cup_az120_el10.png", "azimuth": 95}]
    (views / "cup.json").write_text(json.dumps(listed))
    facts: dict[str, Any] = {"panel": drawn("views")}
    files = sorted(path.name for path in views.glob("*.png"))
    chosen: dict[str, dict[str, Any]] = {
        "folder": {"filepath": str(views)},
        "list": {"filepath": str(views / "cup.json")},
        "files": {"directory": str(views), "files": [{"name": name} for name in files]},
    }
    for kind, words in chosen.items():
        bpy.ops.relievo.choose_views(**words)
        before = set(bpy.data.objects)
        told = answer(bpy.ops.relievo.generate)
        (made,) = set(bpy.data.objects) - before
        kept = json.loads(made["relievo_settings"])["views"]
        facts[kind] = [told, made.name, [view["azimuth"] for view in kept]]
    bpy.ops.relievo.use_settings()
    facts["in_panel"] = settings.views
    facts["listed"] = drawn("views")
    facts["redo"] = answer(bpy.ops.relievo.regenerate, use_panel=True)
    settings.views = str(FOLDER / "gone.json")
    facts["gone"] = answer(bpy.ops.relievo.generate, filepath=str(QUARTERS))
    settings.views = f"{views}/{files[0]},{QUARTERS}"
    facts["no_camera"] = answer(bpy.ops.relievo.generate, filepath=str(QUARTERS))
    settings.model = "preview"
    facts["preview"] = answer(bpy.ops.relievo.generate, filepath=str(QUARTERS))
    return facts
