"""Says why nothing can be generated now, before anybody has tried. Reads no file: a button asks for it while it is
drawn."""

from __future__ import annotations

import bpy

from . import messages, seen, setup_panel
from .properties import missing_models
from .runtime import runtime


def why_not(settings: bpy.types.PropertyGroup) -> str:
    """Returns the reason; empty where nothing is known to be in the way."""
    if setup_panel.is_runtime_on_its_way():
        return "The compute engine is still being installed"
    if seen.missing() is not None:
        return "Relievo needs its compute engine first: see One-Time Setup in the Relievo tab"
    if (failure := runtime.failure) is not None:
        return messages.in_blender(failure).message
    if missing_models(settings):
        return "The model is not on this computer yet: download it in the Relievo tab, below Model"
    if settings.mask == "file" and not settings.mask_file:
        return "There is no mask file: choose it under Mask"
    return ""
