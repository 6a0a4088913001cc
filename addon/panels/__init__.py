"""The tab `Relievo` of the sidebar, in the 3D view and in the image editor: a module for each part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from .devices import draw_devices
from .finish import draw_finish
from .history import draw_history
from .main import draw_main
from .settings import draw_advanced, draw_import, draw_mask, draw_shape, draw_views
from .sides import draw_sides

_PARENTS = {"advanced": "views"}  # parents of the panels that are not directly in the tab


def _method(draw: Callable[[bpy.types.UILayout, bpy.types.Context], None]) -> Any:
    return lambda self, context: draw(self.layout, context)


def _panels() -> tuple[type, ...]:
    """Makes each panel's classes, for the 3D view and for the image editor."""
    parts = (
        ("main", "Relievo", draw_main),
        ("sides", "Sides", draw_sides),
        ("mask", "Mask", draw_mask),
        ("views", "Views", draw_views),
        ("advanced", "Advanced", draw_advanced),
        ("shape", "Shape and Texture", draw_shape),
        ("import", "Result", draw_import),
        ("finish", "Finish", draw_finish),
        ("history", "History", draw_history),
        ("devices", "Compute", draw_devices),
    )
    classes = []
    for space, ending in (("VIEW_3D", ""), ("IMAGE_EDITOR", "_image")):
        for name, label, draw in parts:
            members: dict[str, Any] = {
                "bl_label": label,
                "bl_category": "Relievo",
                "bl_space_type": space,
                "bl_region_type": "UI",
                "draw": _method(draw),
            }
            if name != "main":
                members["bl_parent_id"] = f"RELIEVO_PT_{_PARENTS.get(name, 'main')}{ending}"
                members["bl_options"] = {"DEFAULT_CLOSED"}
            classes.append(type(f"RELIEVO_PT_{name}{ending}", (bpy.types.Panel,), members))
    return tuple(classes)


CLASSES = _panels()
