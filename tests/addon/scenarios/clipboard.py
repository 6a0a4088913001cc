"""Pictures from the clipboard."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bpy
from inside import FOLDER, PICTURE, QUARTERS, install, quick


def paste() -> dict[str, Any]:
    """The button where nothing gives a picture, where xclip does, where Blender does, and with a path as text."""
    extension = install()
    clipboard, operators = extension.clipboard, extension.operators.picture
    settings = bpy.context.scene.relievo
    facts: dict[str, Any] = {"can": bpy.ops.relievo.paste.poll(), "temporary": str(FOLDER / "tmp")}
    (FOLDER / "tmp").mkdir()
    clipboard.tempfile.tempdir = str(FOLDER / "tmp")
    try:
        bpy.ops.relievo.paste()
    except RuntimeError as error:
        facts["nothing"] = str(error)

    xclip = Path(os.environ["PATH"]) / "xclip"
    xclip.write_text(f'#!/bin/sh\nexec /bin/cat "{QUARTERS}"\n')
    xclip.chmod(0o755)
    quick()
    bpy.ops.relievo.paste()
    facts["by_program"] = [settings.source, settings.image.name, settings.image.packed_file is not None]
    bpy.ops.relievo.generate()
    (thing,) = bpy.data.objects
    facts["generated"] = [thing.name, thing["relievo_picture"]]

    by_blender = operators._paste_by_blender
    operators._paste_by_blender = lambda context: bpy.data.images.new("Pasted", 4, 4)
    bpy.ops.relievo.paste()
    facts["by_blender"] = [settings.source, settings.image.name]
    operators._paste_by_blender = by_blender

    file_in = clipboard.file_in
    clipboard.file_in = lambda text, endings: file_in(f"file://{PICTURE}", endings)  # Blender's is empty here
    bpy.ops.relievo.paste()
    facts["by_path"] = [settings.source, settings.picture]

    settings.picture, settings.mask_file = f'"{PICTURE}"', PICTURE.as_uri()
    settings.model, settings.views = "instant-mesh-large", f"'{PICTURE}'"
    facts["typed"] = [settings.picture, settings.mask_file, *extension.properties.engine_settings(settings)["views"]]
    return facts
