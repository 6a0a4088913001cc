"""Makes an image of what a 3D view shows. Works only where Blender has a window."""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from .pictures import NoPictureError


def picture(context: bpy.types.Context) -> bpy.types.Image:
    """Makes a new, packed image of the 3D view in this area. Raises NoPictureError."""
    pixels = _draw(context)
    if not pixels[..., 3].any():
        raise NoPictureError("Nothing is to be seen in this 3D view.", "Look at an object first.")
    height, width = pixels.shape[:2]
    image = bpy.data.images.new("Viewport", width, height, alpha=True)
    image.pixels.foreach_set((pixels / np.float32(255)).ravel())
    image.pack()
    return image


def _draw(context: bpy.types.Context) -> NDArray[np.uint8]:
    """Renders RGBA, the lowest row first as in Blender's images, without overlays and background."""
    import gpu  # needs a window

    space = context.space_data
    region = next(region for region in context.area.regions if region.type == "WINDOW")
    view, width, height = space.region_3d, region.width, region.height
    offscreen = gpu.types.GPUOffScreen(width, height)
    overlays, space.overlay.show_overlays = space.overlay.show_overlays, False
    try:
        offscreen.draw_view3d(
            context.scene,
            context.view_layer,
            space,
            region,
            view.view_matrix,
            view.window_matrix,
            do_color_management=True,
            draw_background=False,
        )
        with offscreen.bind():
            buffer = gpu.state.active_framebuffer_get().read_color(0, 0, width, height, 4, 0, "UBYTE")
    finally:
        space.overlay.show_overlays = overlays
        offscreen.free()
    buffer.dimensions = width * height * 4
    pixels = np.array(buffer, np.uint8).reshape(height, width, 4)
    # Colors are multiplied by their alpha.
    alpha = np.maximum(pixels[..., 3:].astype(np.float32), 1) / 255
    colours = np.minimum(pixels[..., :3] / alpha + 0.5, 255).astype(np.uint8)
    return np.concatenate([colours, pixels[..., 3:]], axis=2)
