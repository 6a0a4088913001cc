"""Asset libraries that the headless command writes, as Blender reads them."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import bpy
from inside import FOLDER, install, names


def library() -> dict[str, Any]:
    """The command's runs of FOLDER/runs.json, and after each the assets of the folder `lib` beside its results."""
    extension = install()
    facts: dict[str, Any] = {}
    for name, words in json.loads((FOLDER / "runs.json").read_text()).items():
        errors = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
            status = extension.commands.run(words)
        folder = FOLDER / name.partition("_")[0] / "lib"
        facts[name] = {"status": status, "errors": errors.getvalue(), "assets": assets(folder)}
        facts[name]["files"] = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
        catalogs = folder / "blender_assets.cats.txt"
        facts[name]["catalogs"] = catalogs.read_text() if catalogs.is_file() else ""
    return facts


def assets(folder: Path) -> dict[str, Any]:
    """All assets of the files in a folder, by their names."""
    found: dict[str, Any] = {}
    for file in sorted(folder.glob("*.blend")):
        bpy.ops.wm.open_mainfile(filepath=str(file))
        for thing in bpy.data.objects:
            if (data := thing.asset_data) is None:
                continue
            image = next(node.image for node in thing.data.materials[0].node_tree.nodes if node.type == "TEX_IMAGE")
            preview = list(thing.preview.image_pixels_float)
            found[thing.name] = {
                "file": file.name,
                "author": data.author,
                "licence": data.license,
                "description": data.description,
                "catalog": data.catalog_id,
                "tags": names(data.tags),
                "preview": [*thing.preview.image_size, max(preview[0::4]) - min(preview[0::4])],
                "texture": image.packed_file is not None,
                "settings": json.loads(thing["relievo_settings"])["grid"],
                "picture": thing["relievo_source"].packed_file is not None,
                "lowest": min(vertex.co.z for vertex in thing.data.vertices),
                "in_scene": thing.name in bpy.context.scene.objects,
            }
        found[f"objects of {file.name}"] = len(bpy.data.objects)
    return found
