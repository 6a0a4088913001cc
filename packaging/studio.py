"""A photo studio in Blender: imports a GLB, measures its outline from the front, takes its picture with Cycles."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray
from pictures import read_picture

HEIGHT = 450  # of the picture with both views, in pixels; it is twice as wide
SAMPLES = 12  # enough with the denoiser: 24 look the same
GAP = 2.2  # metres between the middles of two objects that stand side by side


def empty_scene() -> bpy.types.Scene:
    """Throws everything away and sets up Cycles."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.seed = 1
    scene.cycles.denoiser = "OPENIMAGEDENOISE"
    scene.render.image_settings.file_format = "PNG"
    scene.view_settings.view_transform = "Standard"
    return scene


def import_glb(path: Path) -> bpy.types.Object:
    """The file's objects under one new empty that stands at the origin."""
    before = set(bpy.context.scene.objects)
    bpy.ops.import_scene.gltf(filepath=str(path))
    stand = bpy.data.objects.new(path.stem, None)
    bpy.context.collection.objects.link(stand)
    for thing in set(bpy.context.scene.objects) - before - {stand}:
        if thing.parent is None:
            thing.parent = stand
    bpy.context.view_layer.update()
    return stand


def front_outline(side: int) -> NDArray[np.bool_]:
    """What Cycles sees along +Y of the square x, z in -1..1, `[side, side]`, row 0 at the top."""
    scene = bpy.context.scene
    camera = _add_camera(scene, Vector((0, -10, 0)), Vector((0, 0, 0)))
    camera.data.type = "ORTHO"
    camera.data.ortho_scale = 2
    scene.render.resolution_x = scene.render.resolution_y = side
    scene.render.film_transparent = True
    scene.render.image_settings.color_mode = "RGBA"
    scene.cycles.samples = 8
    scene.cycles.use_denoising = False
    scene.cycles.max_bounces = 0
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = str(Path(folder) / "outline.png")
        bpy.ops.render.render(write_still=True)
        alpha = read_picture(Path(scene.render.filepath))[..., 3]
    bpy.data.objects.remove(camera)
    return alpha >= 0.5


def take_picture(stand: bpy.types.Object, path: Path) -> None:
    """Renders what hangs on `stand` twice, side by side: three-quarter view on the left, front view on the right."""
    scene = bpy.context.scene
    low = _bounds(stand)[0]
    twin = _copy(stand)
    stand.location = (-GAP / 2, 0, -low.z)
    stand.rotation_euler.z = math.radians(-40)
    twin.location = (GAP / 2, 0, -low.z)
    add_studio(scene)
    camera = _add_camera(scene, Vector((0, -10, 2.4)), Vector((0, 0, 0.92)))
    camera.data.angle = 2 * math.atan(GAP * 1.04 / 10)
    scene.render.resolution_x, scene.render.resolution_y = 2 * HEIGHT, HEIGHT
    scene.render.film_transparent = False
    scene.render.image_settings.color_mode = "RGB"
    scene.cycles.samples = SAMPLES
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces = 4
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def save_line_up(files: list[Path], path: Path) -> None:
    """One .blend with all objects in a row, their textures packed, with floor, light and camera."""
    scene = empty_scene()
    for i, file in enumerate(files):
        stand = import_glb(file)
        stand.location = ((i - (len(files) - 1) / 2) * GAP, 0, -_bounds(stand)[0].z)
    add_studio(scene, width=len(files) * GAP)
    distance = len(files) * GAP * 2
    camera = _add_camera(scene, Vector((0, -distance, distance / 5)), Vector((0, 0, 0.8)))
    camera.data.angle = 2 * math.atan(len(files) * GAP * 0.52 / distance)
    scene.render.resolution_x, scene.render.resolution_y = 1920, 480
    scene.cycles.samples = SAMPLES
    scene.cycles.use_denoising = True
    bpy.ops.file.pack_all()
    bpy.context.preferences.filepaths.save_version = 0
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True)


def add_studio(scene: bpy.types.Scene, width: float = 2 * GAP) -> None:
    """A floor that bends up into a wall, a large key light from the left, a weaker one from the right."""
    far = 3.0
    bend = [(far + math.sin(a), 1 - math.cos(a)) for a in np.linspace(0, math.pi / 2, 24)]
    profile = [(-20.0, 0.0), *bend, (far + 1, 30.0)]
    vertices = [(x, y, z) for y, z in profile for x in (-40.0 - width, 40.0 + width)]
    faces = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(len(profile) - 1)]
    mesh = bpy.data.meshes.new("paper")
    mesh.from_pydata(vertices, [], faces)
    mesh.shade_smooth()
    material = bpy.data.materials.new("paper")
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (0.5, 0.5, 0.5, 1)
    shader.inputs["Roughness"].default_value = 0.9
    mesh.materials.append(material)
    scene.collection.objects.link(bpy.data.objects.new("paper", mesh))

    scene.world = bpy.data.worlds.new("studio")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.55, 0.55, 0.55, 1)
    for name, x, irradiance in (("key", -1.0, 2.2), ("fill", 1.2, 0.7)):
        light = bpy.data.lights.new(name, "SUN")
        light.energy, light.angle = irradiance, math.radians(25)
        lamp = bpy.data.objects.new(name, light)
        lamp.rotation_euler = Vector((-x, 1.3, -1.3)).to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(lamp)


def _add_camera(scene: bpy.types.Scene, place: Vector, at: Vector) -> bpy.types.Object:
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.location = place
    camera.rotation_euler = (at - place).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(camera)
    scene.camera = camera
    return camera


def _bounds(stand: bpy.types.Object) -> tuple[Vector, Vector]:
    bpy.context.view_layer.update()
    corners = [o.matrix_world @ Vector(c) for o in stand.children_recursive if o.type == "MESH" for c in o.bound_box]
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    return Vector(low), Vector(high)


def _copy(thing: bpy.types.Object) -> bpy.types.Object:
    """The object and what hangs on it, sharing the meshes."""
    copy = thing.copy()
    bpy.context.collection.objects.link(copy)
    for child in thing.children:
        _copy(child).parent = copy
    return copy
