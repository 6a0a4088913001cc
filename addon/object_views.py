"""Renders an object from six sides, as InstantMesh was trained to see objects: for making it anew from these pictures.

The object is linked into a scene of its own for each picture, so that nothing of the person's scenes is touched: no
camera, no light, no setting, no render result. Azimuths and elevations are those of base/own_view.h: azimuth 0 sees the
front, which faces -Y, and azimuth 90 sees it from +X.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

ANGLES = ((30, 20), (90, -10), (150, 20), (210, -10), (270, 20), (330, -10))  # azimuth and elevation, in degrees
FOV = 30.0  # degrees
RADIUS = 4.0  # of the cameras, in the model's units
_FILLED = 0.85  # share of the picture that the subject takes
_SAMPLES = 8  # denoised
_WITH_SURFACE = ("MESH", "CURVE", "SURFACE", "META", "FONT")
_NAME = "Relievo Views"


class NoViewsError(Exception):
    """Has the fields of a relievo.Error."""

    code, exit_status, remedy = "invalid_settings", 2, ""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(frozen=True)
class Framing:
    """The place of the object, in world units: cameras look at the center from the distance."""

    center: tuple[float, float, float]
    distance: float

    @property
    def scale(self) -> float:
        """World units for a unit of the model's."""
        return self.distance / RADIUS


def check(thing: bpy.types.Object | None, layer: bpy.types.ViewLayer) -> bpy.types.Object:
    """Returns the object. Raises NoViewsError where it cannot be rendered."""
    if thing is None:
        raise NoViewsError("No object is active.", "Select the object that is to be made anew.")
    if thing.type == "EMPTY" and thing.instance_collection is not None:
        raise NoViewsError(
            f"'{thing.name}' is an instance of the collection '{thing.instance_collection.name}'.",
            "Use Object > Apply > Make Instances Real, and join its meshes into one.",
        )
    if thing.type not in _WITH_SURFACE:
        raise NoViewsError(f"'{thing.name}' is no mesh.", "Select a mesh object.")
    if not thing.visible_get(view_layer=layer) or thing.hide_render:
        raise NoViewsError(f"'{thing.name}' is hidden.", "Show it in the viewport and in renders first.")
    return thing


def directions(azimuth: float, elevation: float) -> NDArray[np.float64]:
    """Returns the axes of the camera at these angles, in the scene: right, up and back, a row each."""
    a, e = math.radians(azimuth), math.radians(elevation)
    right = (math.cos(a), math.sin(a), 0.0)
    up = (-math.sin(e) * math.sin(a), math.sin(e) * math.cos(a), math.cos(e))
    back = (math.cos(e) * math.sin(a), -math.cos(e) * math.cos(a), math.sin(e))
    return np.array([right, up, back])


def camera_to_world(framing: Framing, azimuth: float, elevation: float) -> Matrix:
    axes = directions(azimuth, elevation)
    matrix = Matrix.Identity(4)
    for row in range(3):
        for column in range(3):
            matrix[row][column] = axes[column][row]
        matrix[row][3] = framing.center[row] + framing.distance * axes[2][row]
    return matrix


def framing_of(thing: bpy.types.Object) -> Framing:
    """Finds the nearest distance from which every view has the object in its middle 85 %. Raises NoViewsError."""
    with _own_scene(thing) as scene:
        points = _points(scene)
    if len(points) == 0:
        raise NoViewsError(f"'{thing.name}' has no faces.", "Select a mesh that has faces.")
    center = (points.min(axis=0) + points.max(axis=0)) / 2
    slope = _FILLED * math.tan(math.radians(FOV) / 2)
    distance = 0.0
    for angles in ANGLES:
        right, up, back = directions(*angles) @ (points - center).T
        distance = max(distance, float((back + np.maximum(abs(right), abs(up)) / slope).max()))
    if not (math.isfinite(distance) and distance > 1e-6):
        raise NoViewsError(f"'{thing.name}' has no extent.", "Give it a size that is not zero.")
    return Framing(tuple(center.tolist()), distance)


def render(thing: bpy.types.Object, framing: Framing, view: int, path: Path, side: int) -> None:
    """Renders one of the six views on transparency. Raises NoViewsError where it cannot be rendered or written."""
    with _own_scene(thing) as scene:
        _light(scene)
        _set_up(scene, path, side)
        _add_camera(scene, framing, view)
        try:
            bpy.ops.render.render(scene=scene.name, write_still=True)
        except RuntimeError as error:
            reason = str(error).removeprefix("Error: ").strip().rstrip(".")
            raise NoViewsError(
                f"'{thing.name}' could not be rendered: {reason}.",
                "Check that Cycles is enabled and that there is room on the disk.",
            ) from error
    if not path.is_file():
        raise NoViewsError(f"The view '{path.name}' was not written.", "Check that there is room on the disk.")


@contextlib.contextmanager
def _own_scene(thing: bpy.types.Object) -> Iterator[bpy.types.Scene]:
    """Yields a new scene with the object alone. It is removed with everything that was made for it."""
    if thing.mode == "EDIT":
        thing.update_from_editmode()
    scene = bpy.data.scenes.new(_NAME)
    try:
        scene.collection.objects.link(thing)
        yield scene
    finally:
        made = [each for each in scene.collection.objects if each != thing]
        data = [each.data for each in made]
        world = scene.world
        bpy.data.scenes.remove(scene)
        bpy.data.batch_remove([*made, *data, *([] if world is None else [world])])


def _points(scene: bpy.types.Scene) -> NDArray[np.float64]:
    """Returns the vertices of all that the scene shows, `[N, 3]`, in world space."""
    layer = scene.view_layers[0]
    layer.update()
    found = [np.empty((0, 3))]
    for instance in layer.depsgraph.object_instances:
        shown = instance.object
        if shown.type not in _WITH_SURFACE:
            continue
        mesh = shown.to_mesh()
        if mesh is not None and len(mesh.polygons):
            local = np.empty(3 * len(mesh.vertices), np.float32)
            mesh.vertices.foreach_get("co", local)
            used = np.zeros(len(mesh.loops), np.int32)
            mesh.loops.foreach_get("vertex_index", used)
            matrix = np.array(instance.matrix_world)
            found.append(local.reshape(-1, 3)[np.unique(used)].astype(float) @ matrix[:3, :3].T + matrix[:3, 3])
        shown.to_mesh_clear()
    return np.concatenate(found)


def _light(scene: bpy.types.Scene) -> None:
    """Lights the object from everywhere alike, so that its pictures have its colors and few shadows."""
    world = bpy.data.worlds.new(_NAME)
    scene.world = world
    world.use_nodes = True
    nodes = world.node_tree.nodes
    background = next((node for node in nodes if node.type == "BACKGROUND"), None)
    if background is None:
        background = nodes.new("ShaderNodeBackground")
        output = nodes.new("ShaderNodeOutputWorld")
        world.node_tree.links.new(background.outputs[0], output.inputs["Surface"])
    background.inputs["Color"].default_value = (1.0, 1.0, 1.0, 1.0)
    background.inputs["Strength"].default_value = 1.0


def _set_up(scene: bpy.types.Scene, path: Path, side: int) -> None:
    render, image = scene.render, scene.render.image_settings
    render.engine = "CYCLES"  # the one that needs neither a window nor a GPU
    scene.cycles.samples = _SAMPLES
    try:
        scene.cycles.denoiser, scene.cycles.use_denoising = "OPENIMAGEDENOISE", True
    except TypeError:  # a Blender without it
        scene.cycles.use_denoising = False
    scene.cycles.max_bounces = 4
    render.film_transparent = True
    render.resolution_x = render.resolution_y = side
    render.resolution_percentage = 100
    render.use_compositing = render.use_sequencer = False
    render.use_file_extension = False
    render.filepath = str(path)
    image.file_format, image.color_mode, image.color_depth = "PNG", "RGBA", "8"
    scene.display_settings.display_device = "sRGB"
    scene.view_settings.view_transform = "Standard"
    scene.view_settings.look = "None"


def _add_camera(scene: bpy.types.Scene, framing: Framing, view: int) -> None:
    data = bpy.data.cameras.new(_NAME)
    data.sensor_fit = "HORIZONTAL"
    data.angle = math.radians(FOV)
    data.clip_start, data.clip_end = framing.distance * 1e-3, framing.distance * 10
    camera = bpy.data.objects.new(_NAME, data)
    scene.collection.objects.link(camera)
    camera.matrix_world = camera_to_world(framing, *ANGLES[view])
    scene.camera = camera
