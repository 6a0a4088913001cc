"""Renders the pictures of CC0 objects in tests/data/pictures, each with its true mask.

The objects come from Debian's package sweethome3d-furniture 1.8-1 (BlendSwap-CC-0.sh3f), the renderer is Cycles of
bpy 4.5.15. How to run it, from the top of the repository:

    apt-get download sweethome3d-furniture=1.8-1
    dpkg-deb -x sweethome3d-furniture_1.8-1_all.deb furniture
    .venv/bin/python tests/data/make_renders.py furniture/usr/share/sweethome3d/furniture/BlendSwap-CC-0.sh3f
"""

from __future__ import annotations

import argparse
import math
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

PICTURES = Path(__file__).resolve().parent / "pictures"
SIDE = 640  # of the square pictures, in pixels
SAMPLES = 96


@dataclass(frozen=True)
class Subject:
    name: str  # of the picture
    folder: str  # of the model inside the archive
    turn: float  # about the vertical axis, degrees; positive shows more of the object's right side
    backdrop: tuple[float, float, float]  # linear RGB
    seed: int
    cut_out: bool = False  # also saved as RGBA with its background removed


SUBJECTS = (
    Subject("teddy", "teddyBear", 0, (0.30, 0.42, 0.50), 1),
    Subject("armchair", "winchesterArmchair", 25, (0.62, 0.60, 0.55), 2),
    Subject("cactus", "cactus", 15, (0.70, 0.52, 0.36), 3),
    Subject("chicken", "chicken", -60, (0.42, 0.50, 0.34), 4, cut_out=True),
    Subject("desk_lamp", "desklamp", 0, (0.25, 0.30, 0.38), 5),
)


def unpack(archive: Path, folder: str, into: Path) -> Path:
    """Unpacks one model and returns its OBJ file."""
    with zipfile.ZipFile(archive) as sh3f:
        prefix = f"blendswap-cc-0/{folder}/"
        sh3f.extractall(into, [name for name in sh3f.namelist() if name.startswith(prefix)])
    return into / prefix / f"{folder}.obj"


def import_subject(obj: Path, turn: float) -> None:
    """Puts the model on the floor at the origin, facing -Y before the turn, its largest extent 1 m."""
    bpy.ops.wm.obj_import(filepath=str(obj), forward_axis="NEGATIVE_Z", up_axis="Y")
    meshes = [o for o in bpy.context.scene.objects if o.type == "MESH"]
    corners = np.array([o.matrix_world @ Vector(c) for o in meshes for c in o.bound_box])
    low, high = corners.min(axis=0), corners.max(axis=0)
    pivot = bpy.data.objects.new("pivot", None)
    bpy.context.collection.objects.link(pivot)
    for mesh in meshes:
        mesh.location -= Vector(((low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]))
        mesh.parent = pivot
    pivot.scale = (1 / (high - low).max(),) * 3
    pivot.rotation_euler.z = math.radians(turn)


def add_backdrop(colour: tuple[float, float, float], seed: int) -> bpy.types.Object:
    """A photographer's paper roll: a floor that bends up into a wall, mottled like hand-made paper."""
    profile = [(-4.0, 0.0), (0.9, 0.0)]
    profile += [(0.9 + math.sin(a), 1 - math.cos(a)) for a in np.linspace(0, math.pi / 2, 24)[1:]]
    profile += [(1.9, 6.0)]
    vertices = [(x, y, z) for y, z in profile for x in (-6.0, 6.0)]
    faces = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(len(profile) - 1)]
    mesh = bpy.data.meshes.new("backdrop")
    mesh.from_pydata(vertices, [], faces)
    mesh.shade_smooth()
    backdrop = bpy.data.objects.new("backdrop", mesh)
    bpy.context.collection.objects.link(backdrop)

    material = bpy.data.materials.new("paper")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    place = nodes.new("ShaderNodeTexCoord")
    noise = nodes.new("ShaderNodeTexNoise")
    noise.noise_dimensions = "4D"
    noise.inputs["W"].default_value = seed
    noise.inputs["Scale"].default_value = 2.5
    noise.inputs["Detail"].default_value = 6
    ramp = nodes.new("ShaderNodeValToRGB")
    ramp.color_ramp.elements[0].color = (*(0.7 * c for c in colour), 1)
    ramp.color_ramp.elements[1].color = (*(min(1.15 * c, 1.0) for c in colour), 1)
    paper = nodes["Principled BSDF"]
    paper.inputs["Roughness"].default_value = 0.9
    links.new(place.outputs["Object"], noise.inputs["Vector"])
    links.new(noise.outputs["Fac"], ramp.inputs["Fac"])
    links.new(ramp.outputs["Color"], paper.inputs["Base Color"])
    mesh.materials.append(material)
    return backdrop


def aim(thing: bpy.types.Object, at: tuple[float, float, float]) -> None:
    thing.rotation_euler = (Vector(at) - thing.location).to_track_quat("-Z", "Y").to_euler()


def add_softbox(place: tuple[float, float, float], size: float, watts: float) -> None:
    data = bpy.data.lights.new("softbox", "AREA")
    data.size, data.energy = size, watts
    light = bpy.data.objects.new("softbox", data)
    light.location = place
    aim(light, (0, 0, 0.4))
    bpy.context.collection.objects.link(light)


def add_camera() -> None:
    """A long lens a little above the object, framed so that the object takes about 70 % of the picture."""
    scene = bpy.context.scene
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    bpy.context.collection.objects.link(camera)
    scene.camera = camera
    camera.data.lens = 85
    camera.location = Vector((0, -6, 1.1))
    aim(camera, (0, 0, 0.4))
    bpy.context.view_layer.update()
    spots = [
        o.matrix_world @ v.co
        for o in scene.objects
        if o.type == "MESH" and o.parent is not None
        for v in o.data.vertices
    ]
    sight = camera.matrix_world.inverted()
    seen = np.array([(p.x / -p.z, p.y / -p.z) for p in (sight @ s for s in spots)])
    low, high = seen.min(axis=0), seen.max(axis=0)
    field = (high - low).max() / 0.72
    camera.data.angle = 2 * math.atan(field / 2)
    camera.data.shift_x, camera.data.shift_y = (low + high) / 2 / field


def use_cycles(seed: int) -> None:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = SAMPLES
    scene.cycles.seed = seed
    scene.cycles.use_denoising = True
    scene.cycles.denoiser = "OPENIMAGEDENOISE"
    scene.render.resolution_x = scene.render.resolution_y = SIDE
    scene.view_settings.view_transform = "Standard"
    scene.world = bpy.data.worlds.new("world")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.25, 0.27, 0.3, 1)


def render(path: Path, file_format: str, color_mode: str) -> None:
    scene = bpy.context.scene
    scene.render.image_settings.file_format = file_format
    scene.render.image_settings.color_mode = color_mode
    scene.render.image_settings.quality = 92
    scene.render.image_settings.compression = 100
    scene.render.use_stamp_date = scene.render.use_stamp_time = scene.render.use_stamp_render_time = False
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def save_alpha(cut_out: Path, path: Path) -> None:
    """Writes the alpha channel of a picture as a grey picture."""
    picture = bpy.data.images.load(str(cut_out))
    rgba = np.array(picture.pixels[:], dtype=np.float32).reshape(-1, 4)
    rgba[:, :3] = rgba[:, 3:]
    rgba[:, 3] = 1
    mask = bpy.data.images.new("mask", SIDE, SIDE, alpha=False)
    mask.pixels.foreach_set(rgba.ravel())
    settings = bpy.context.scene.render.image_settings
    settings.file_format, settings.color_mode = "PNG", "BW"
    bpy.context.scene.view_settings.view_transform = "Raw"
    mask.save_render(str(path))


def make(subject: Subject, archive: Path, scratch: Path) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    use_cycles(subject.seed)
    import_subject(unpack(archive, subject.folder, scratch), subject.turn)
    add_camera()
    backdrop = add_backdrop(subject.backdrop, subject.seed)
    add_softbox((-2.0, -2.6, 3.0), 1.6, 170)
    add_softbox((3.2, -2.4, 1.6), 2.4, 50)
    render(PICTURES / f"{subject.name}.jpg", "JPEG", "RGB")

    # The paper still throws its light on the object, but the camera does not see it.
    backdrop.visible_camera = False
    bpy.context.scene.render.film_transparent = True
    cut_out = (PICTURES if subject.cut_out else scratch) / f"{subject.name}_cut_out.png"
    render(cut_out, "PNG", "RGBA")
    save_alpha(cut_out, PICTURES / f"{subject.name}_mask.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("archive", type=Path, help="BlendSwap-CC-0.sh3f of Debian's sweethome3d-furniture 1.8-1")
    parser.add_argument("names", nargs="*", help="pictures to make; all when none is named")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for subject in SUBJECTS:
            if not arguments.names or subject.name in arguments.names:
                make(subject, arguments.archive, Path(scratch))


if __name__ == "__main__":
    main()
