"""The picture that an object was made of survives, and no folder of the person's goes into a shared file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
from inside import FOLDER, QUARTERS, answer, find, install, module, quick


def kept_sources() -> dict[str, Any]:
    install()
    quick()
    settings = bpy.context.scene.relievo
    private = FOLDER / "anna's pictures"
    private.mkdir()
    picture = private / "cup.png"
    picture.write_bytes(QUARTERS.read_bytes())
    mask = private / "outline.png"
    mask.write_bytes(QUARTERS.read_bytes())
    settings.mask, settings.mask_file = "file", str(mask)
    bpy.ops.relievo.generate(filepath=str(picture))
    settings.mask = "auto"
    thing = find("cup")
    facts: dict[str, Any] = {"before_saving": thing["relievo_picture"]}
    project = FOLDER / "project"
    project.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "shot.blend"), compress=False)
    facts["after_saving"] = {
        "picture": thing["relievo_picture"],
        "mask": json.loads(thing["relievo_settings"])["mask_file"],
        "panel": [settings.picture, settings.mask_file],
        "leaks": str(FOLDER).encode() in (project / "shot.blend").read_bytes(),
    }
    picture.unlink()
    faces = len(thing.data.polygons)
    facts["redone_without_its_file"] = answer(bpy.ops.relievo.regenerate)
    facts["same"] = len(find("cup").data.polygons) == faces
    bpy.ops.relievo.use_settings()
    facts["used"] = [settings.source, settings.image.name if settings.image else ""]
    return facts


def renamed_images() -> dict[str, Any]:
    """An image that is renamed, painted over, or whose name another bears meanwhile."""
    install()
    quick()
    settings = bpy.context.scene.relievo
    image = bpy.data.images.load(str(QUARTERS))
    image.pack()
    image.name = "Painting"
    settings.image, settings.source = image, "IMAGE"
    bpy.ops.relievo.generate()
    thing = find("Painting")
    faces = len(thing.data.polygons)
    colours = bytes(texture(thing).packed_file.data)
    settings.image = None
    bpy.data.images.remove(image)
    other = bpy.data.images.new("Painting", 32, 32, alpha=True)
    other.pixels = [0.0, 0.0, 1.0, 1.0] * 1024
    facts: dict[str, Any] = {"answer": answer(bpy.ops.relievo.regenerate)}
    thing = find("Painting")
    facts["same"] = [len(thing.data.polygons) == faces, bytes(texture(thing).packed_file.data) == colours]
    painted = bpy.data.images.new("Drawn", 96, 96, alpha=True)
    pixels = [0.0] * (96 * 96 * 4)
    for y in range(20, 76):
        for x in range(20, 76):
            pixels[4 * (96 * y + x) : 4 * (96 * y + x) + 4] = [0.2, 0.6, 0.1, 1.0]
    painted.pixels = pixels
    settings.image = painted
    bpy.ops.relievo.generate()
    settings.image = None
    bpy.data.images.remove(painted)
    thing = find("Drawn")
    bpy.context.view_layer.objects.active = thing
    faces = len(thing.data.polygons)
    facts["drawn"] = answer(bpy.ops.relievo.regenerate)
    facts["drawn_same"] = len(find("Drawn").data.polygons) == faces
    bpy.ops.outliner.orphans_purge(do_recursive=True)
    facts["survives_purging"] = find("Drawn").get("relievo_source") is not None
    return facts


def texture(thing: Any) -> Any:
    return next(n.image for n in thing.data.materials[0].node_tree.nodes if n.type == "TEX_IMAGE")


def unpacked() -> dict[str, Any]:
    """Two objects of one picture; Blender unpacks all images (File > External Data), and again what was redone."""
    install()
    quick()
    project = FOLDER / "project"
    project.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "shot.blend"))
    bpy.context.scene.relievo.normal_map = True
    bpy.ops.relievo.generate(filepath=str(QUARTERS))
    bpy.context.scene.relievo.depth = 0.5
    bpy.ops.relievo.generate(filepath=str(QUARTERS))
    facts: dict[str, Any] = {"own_files": [_unpack()]}
    facts["redone"] = answer(bpy.ops.relievo.regenerate)
    bpy.context.view_layer.objects.active = find("quarters")
    facts["redone_too"] = answer(bpy.ops.relievo.regenerate)
    facts["own_files"].append(_unpack())
    facts["files"] = sorted(file.name for file in (project / "textures").iterdir())
    QUARTERS.unlink()
    for file in (project / "textures").iterdir():
        file.unlink()
    facts["gone"] = answer(bpy.ops.relievo.regenerate)
    return facts


def _unpack() -> bool:
    """Returns whether each image has a file with the bytes that were packed."""
    packed = {image.name: bytes(image.packed_file.data) for image in bpy.data.images if image.packed_file}
    bpy.ops.file.unpack_all(method="USE_LOCAL")
    return all(
        Path(bpy.path.abspath(bpy.data.images[name].filepath)).read_bytes() == data for name, data in packed.items()
    )


def large_source() -> dict[str, Any]:
    """Too large to be kept: a path relative to the .blend."""
    install()
    quick()
    module("sources").MOST_BYTES = 100
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "shot.blend"))
    bpy.ops.relievo.generate(filepath=str(QUARTERS))
    thing = find("quarters")
    facts: dict[str, Any] = {"kept": "relievo_source" in thing, "picture": thing["relievo_picture"]}
    facts["answer"] = answer(bpy.ops.relievo.regenerate)
    QUARTERS.unlink()
    facts["gone"] = answer(bpy.ops.relievo.regenerate)
    thing["relievo_picture"] = "x" * 100_000  # in somebody's file
    facts["too_long"] = [answer(bpy.ops.relievo.regenerate)[-100:], answer(bpy.ops.relievo.use_settings)]
    return facts


def thumbnail_follows() -> dict[str, Any]:
    """Counts how often a picture's file is read, in a Blender whose icons have no numbers without a window."""
    install()
    thumbnails = module("thumbnails")
    read: list[str] = []

    class Icons(dict[str, Any]):
        def load(self, name: str, path: str, kind: str) -> None:
            read.append(name)
            self[name] = SimpleNamespace(icon_id=len(read))

    thumbnails._icons, icons = Icons(), thumbnails._icons
    ids = [thumbnails.load("picture", QUARTERS), thumbnails.load("picture", QUARTERS)]
    stamp = QUARTERS.stat()
    os.utime(QUARTERS, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 10**9))
    ids.append(thumbnails.load("picture", QUARTERS))
    QUARTERS.unlink()
    ids.append(thumbnails.load("picture", QUARTERS))
    thumbnails._icons = icons
    return {"ids": ids}
