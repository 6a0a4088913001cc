"""Mending masks, separate subjects, and pictures that are dropped onto the sides, without a window."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from inside import FOLDER, QUARTERS, answer, drawn, install, module, names, quick


def mending() -> dict[str, Any]:
    """A painting on two discs of which the mask has one: what a person's clicks lead to, as operators use it."""
    install()
    settings = bpy.context.scene.relievo
    settings.picture, settings.source = str(FOLDER / "discs.png"), "FILE"
    settings.mask, settings.mask_file = "file", str(FOLDER / "left.png")
    painter, properties = module("mask_painter"), module("properties")
    painting = painter.Painting(properties.picture_source(settings), properties.engine_settings(settings))
    wait(painting)
    facts: dict[str, Any] = {"shape": list(painting.picture.shape), "before": shares(painting.mask)}
    painting.begin(True, (300.0, 100.0), 4.0)
    painting.add((304.0, 100.0))
    painting.end()
    begun = time.monotonic()
    wait(painting)
    facts["seconds"] = time.monotonic() - begun
    facts["after"] = shares(painting.mask)
    painting.begin(False, (100.0, 100.0), 4.0)
    painting.end()
    wait(painting)
    facts["without_left"] = shares(painting.mask)
    painting.undo()
    wait(painting)
    facts["undone"] = shares(painting.mask)
    seen = painter.shown(painting.picture, painting.mask)
    facts["seen"] = [seen[100, 300].tolist(), seen[5, 5].tolist()]  # rows from below
    module("operators.mask").use_mask(settings, painting)
    facts["mask"] = [settings.mask, Path(settings.mask_file).name.startswith("discs_mask_")]
    quick()
    bpy.ops.relievo.generate()
    low, high = ([f(v.co[0] for v in bpy.context.object.data.vertices) for f in (min, max)],)[0]
    facts["width"] = high - low
    facts["refused"] = bpy.ops.relievo.mend_mask.poll()
    return facts


def wait(painting: Any) -> None:
    end = time.monotonic() + 120
    while painting.is_busy and time.monotonic() < end:
        painting.look()
        time.sleep(0.01)
    if painting.failure is not None:
        raise RuntimeError(str(painting.failure))


def shares(mask: Any) -> list[float]:
    """How much of the left and the right half is subject."""
    half = mask.shape[1] // 2
    return [float(np.mean(mask[:, :half] >= 128)), float(np.mean(mask[:, half:] >= 128))]


def subjects() -> dict[str, Any]:
    """Two discs beside one another: what the preview of the cutout tells, and an object of each."""
    install()
    quick()
    settings = bpy.context.scene.relievo
    settings.picture, settings.source = str(FOLDER / "discs.png"), "FILE"
    facts: dict[str, Any] = {"without": bpy.ops.relievo.generate_each.poll()}
    bpy.ops.relievo.show_mask()
    preview = module("mask_preview")
    facts["count"], facts["notes"] = preview.subjects(), list(preview.notes())
    facts["panel"] = drawn_mask()
    facts["each"] = answer(bpy.ops.relievo.generate_each)
    facts["objects"] = names(bpy.data.objects)
    facts["widths"] = [thing.dimensions.x / thing.dimensions.z for thing in bpy.data.objects]
    facts["materials"] = [list(mean_colour(thing)) for thing in sorted(bpy.data.objects, key=lambda thing: thing.name)]
    return facts


def drawn_mask() -> list[str]:
    from inside import drawn_by, panel_context

    return drawn_by(module("panels.settings").draw_mask, panel_context("VIEW_3D"))


def mean_colour(thing: Any) -> tuple[float, float, float]:
    node = next(n for n in thing.data.materials[0].node_tree.nodes if n.type == "TEX_IMAGE")
    pixels = np.array(node.image.pixels[:]).reshape(-1, 4)
    red, green, blue = (float(value) for value in pixels[:, :3].mean(axis=0))
    return red, green, blue


def dropping() -> dict[str, Any]:
    """Pictures that are dropped onto the sidebar."""
    install()
    settings = bpy.context.scene.relievo
    sides = ("right", "back", "left", "top")

    def chosen() -> dict[str, str]:
        return {side: Path(getattr(settings, f"side_{side}")).name for side in sides}

    files = [{"name": name} for name in ("cup_front.png", "cup-right.png", "Cup Back.png")]
    several = answer(bpy.ops.relievo.drop_sides, directory=str(FOLDER), files=files)
    facts: dict[str, Any] = {"several": several, "named": chosen(), "front": Path(settings.picture).name}
    facts["unnamed"] = answer(bpy.ops.relievo.drop_sides, filepath=str(QUARTERS))
    facts["asked"] = answer(bpy.ops.relievo.drop_sides, filepath=str(QUARTERS), side="top")
    facts["then"] = chosen()
    handler = bpy.types.RELIEVO_FH_sides
    facts["handler"] = [handler.bl_import_operator, ".png" in handler.bl_file_extensions]
    facts["panel"] = [text for text in drawn("sides") if text]
    return facts
