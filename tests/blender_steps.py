"""One Blender of tests/blenders.py: every step of the extension's life, and what each is to leave.

python tests/blender_steps.py ZIP PROFILE
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

ZIP, PROFILE = sys.argv[1:3]
MODULE = "bl_ext.user_default.relievo"
PICTURE = Path(__file__).resolve().parent / "data" / "pictures" / "chicken_cut_out.png"
_failed: list[str] = []


def step(name: str, work: Callable[[], Any], wanted: Any = None) -> None:
    try:
        found = work()
        if wanted is not None and found != wanted:
            raise AssertionError(f"{found!r} is not {wanted!r}")
        print(f"  {name}: {found}")
    except Exception as error:
        _failed.append(name)
        print(f"  {name}: FAILED, {error}")
        traceback.print_exc(limit=-4)


def install() -> set[str]:
    answer: set[str] = bpy.ops.extensions.package_install_files(
        filepath=ZIP, repo="user_default", enable_on_install=True, overwrite=True
    )
    return answer


def thing() -> Any:
    return bpy.data.objects["chicken_cut_out"]


def look() -> dict[str, Any]:
    mesh = thing().data
    (material,) = mesh.materials
    textures = [node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE"]
    return {
        "has faces": len(mesh.polygons) > 100,
        "uv": [layer.name for layer in mesh.uv_layers],
        "colors": len(mesh.color_attributes),
        "smooth": mesh.polygons[0].use_smooth,
        "packed": [image.packed_file is not None for image in textures],
        "damaged": mesh.validate(),
        "asset": thing().asset_data is not None,
    }


def set_up() -> None:
    settings = bpy.context.scene.relievo
    settings.grid, settings.texture_size, settings.faces = 48, 256, 2000
    settings.normal_map = settings.vertex_colours = settings.asset = True


def active() -> None:
    bpy.context.view_layer.objects.active = thing()


def redo(**words: Any) -> list[str]:
    active()
    return sorted(bpy.ops.relievo.regenerate(**words))


def save_and_open() -> list[bool]:
    file = f"{PROFILE}/saved.blend"
    bpy.ops.wm.save_as_mainfile(filepath=file)
    bpy.ops.wm.open_mainfile(filepath=file)
    return [len(image.pixels) > 0 for image in bpy.data.images if image.packed_file]


def panels() -> int:
    """Every panel's class is there, and Blender knows its icons."""
    sources = Path(sys.modules[MODULE].__file__ or "").parent
    known = set(bpy.types.UILayout.bl_rna.functions["prop"].parameters["icon"].enum_items.keys())
    import re

    used = {word for file in sources.rglob("*.py") for word in re.findall(r'icon="([A-Z0-9_]+)"', file.read_text())}
    if used - known:
        raise AssertionError(f"This Blender has no icon {used - known}")
    return sum(name.startswith("RELIEVO_PT_") for name in dir(bpy.types))


def used_settings() -> tuple[int, int]:
    """The panel after it was reset and has taken the object's settings."""
    settings = bpy.context.scene.relievo
    settings.grid, settings.texture_size = 64, 512
    active()
    bpy.ops.relievo.use_settings()
    return settings.grid, settings.texture_size


def presets() -> list[str]:
    settings, seen = bpy.context.scene.relievo, []
    for name in ("PREVIEW", "STANDARD", "BEST"):
        settings.quality = name
        seen.append(settings.quality)
    return seen


def render() -> bool:
    """Renders by Cycles, from the front and without a background: the object is there, coloured, and does not fill the
    picture."""
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.device, scene.cycles.samples = "CYCLES", "CPU", 4
    scene.render.resolution_x = scene.render.resolution_y = 96
    scene.render.film_transparent = True
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGBA"
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    for each in (camera, sun):
        scene.collection.objects.link(each)
    place = thing().matrix_world.translation
    camera.location, camera.rotation_euler = (place.x, place.y - 4, place.z + 0.8), (1.5708, 0, 0)
    sun.rotation_euler, sun.data.energy = (1.2, 0, 0), 3.0
    scene.camera, scene.render.filepath = camera, f"{PROFILE}/render.png"
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath)
    pixels = list(image.pixels)
    seen = [pixels[i : i + 3] for i in range(0, len(pixels), 4) if pixels[i + 3] > 0.9]
    are_colored = sum(max(rgb) - min(rgb) > 0.1 for rgb in seen) > len(seen) / 4
    return 0.05 < len(seen) / (96 * 96) < 0.9 and are_colored


def refused(operator: Any) -> str:
    try:
        return str(operator())
    except RuntimeError:
        return "refused"


def left() -> list[str]:
    return [name for name in dir(bpy.types) if "relievo" in name.lower()]


def main() -> int:
    warnings.simplefilter("error", DeprecationWarning)
    print(f"Blender {bpy.app.version_string}, Python {sys.version.split()[0]}")
    step("install", install, {"FINISHED"})
    step("enabled", lambda: MODULE in bpy.context.preferences.addons, True)
    step("settings", set_up)
    step("generate", lambda: bpy.ops.relievo.generate(filepath=str(PICTURE)), {"FINISHED"})
    sound = {
        "has faces": True,
        "uv": ["UVMap"],
        "colors": 1,
        "smooth": True,
        "packed": [True, True],
        "damaged": False,
        "asset": True,
    }
    step("object", look, sound)
    step("panels", panels, 16)
    step("history", lambda: [entry.name for entry in sys.modules[f"{MODULE}.history"].entries()], [PICTURE.stem])
    step("settings of the object", used_settings, (48, 256))
    step("presets", presets, ["PREVIEW", "STANDARD", "BEST"])
    step("settings", set_up)
    step("render by Cycles", render, True)
    step("redo as before", redo, ["FINISHED"])
    step("redo with new settings", lambda: redo(use_panel=True), ["FINISHED"])
    step("object of the redo", look, sound)
    step("save and open", save_and_open)
    step("redo after opening", redo, ["FINISHED"])
    step("render of the redo", render, True)
    step("forget without an entry", lambda: refused(bpy.ops.relievo.forget), "refused")
    step("update", install, {"FINISHED"})
    step("panels of the update", panels, 16)
    step("disable", lambda: bpy.ops.preferences.addon_disable(module=MODULE), {"FINISHED"})
    step("nothing is left", left, [])
    step("enable", lambda: bpy.ops.preferences.addon_enable(module=MODULE), {"FINISHED"})
    step("disable again", lambda: bpy.ops.preferences.addon_disable(module=MODULE), {"FINISHED"})
    return 1 if _failed else 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    if bpy.app.version < (4, 3):  # as a module it crashes at its end, once any add-on has registered a timer
        os._exit(status)
    sys.exit(status)
