"""Draws a painting of a mask over an editor, and tells where in its picture the pointer is."""

from __future__ import annotations

import math
from typing import ClassVar

import blf
import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader
from gpu_extras.presets import draw_texture_2d
from numpy.typing import NDArray

from .mask_painter import Painting, Point, shown

_MARGIN, _FOOT = 40, 90  # pixels around the picture, and below it for the words
_SUBJECT, _GROUND = (0.25, 0.9, 0.35, 0.8), (0.95, 0.25, 0.2, 0.8)
_HELP = (
    "Left button: subject     Right button or Ctrl: background     Wheel: brush     Ctrl Z: take back",
    "Enter: use this mask     Esc: leave it as it was",
)


class View:
    """What is drawn over the main region of one editor."""

    latest: ClassVar[View | None] = None  # for who looks on: tests in a window

    def __init__(self, painting: Painting, area: bpy.types.Area) -> None:
        self._painting, self._area = painting, area
        self._texture: gpu.types.GPUTexture | None = None
        self.pointer: tuple[float, float] | None = None  # in the region's pixels
        self.radius = 12.0  # of the brush, in the region's pixels
        self._space = type(area.spaces.active)
        View.latest = self
        self._handler = self._space.draw_handler_add(self._draw, (), "WINDOW", "POST_PIXEL")

    def close(self) -> None:
        self._space.draw_handler_remove(self._handler, "WINDOW")
        self.redraw()

    def redraw(self) -> None:
        self._area.tag_redraw()

    def is_there(self) -> bool:
        """Returns whether the editor is still on a screen."""
        return any(self._area == area for window in bpy.context.window_manager.windows for area in window.screen.areas)

    def region(self) -> bpy.types.Region:
        return next(region for region in self._area.regions if region.type == "WINDOW")

    def refresh(self) -> None:
        """Shows the mask as it is now."""
        self._texture = None
        self.redraw()

    def _place(self) -> tuple[float, float, float]:
        """Returns the left bottom corner of the picture in the region, and the region's pixels for one of it."""
        assert self._painting.picture is not None
        region = self.region()
        height, width = self._painting.picture.shape[:2]
        room = (max(region.width - 2 * _MARGIN, 50), max(region.height - _MARGIN - _FOOT, 50))
        scale = min(room[0] / width, room[1] / height)
        return (region.width - scale * width) / 2, _FOOT + (room[1] - scale * height) / 2, scale

    def in_picture(self, place: tuple[float, float]) -> Point:
        """Converts a place in the region into one of the picture, right and down."""
        assert self._painting.picture is not None
        left, bottom, scale = self._place()
        return (place[0] - left) / scale, self._painting.picture.shape[0] - (place[1] - bottom) / scale

    def radius_in_picture(self) -> float:
        return self.radius / self._place()[2]

    def _draw(self) -> None:
        if bpy.context.area != self._area:
            return
        region, painting = self.region(), self._painting
        gpu.state.blend_set("ALPHA")
        _fill(0, 0, region.width, region.height, (0.0, 0.0, 0.0, 0.75))
        if painting.picture is None or painting.mask is None:
            _write("Finding the subject ...", region.width / 2, region.height / 2)
            return
        if self._texture is None:
            self._texture = _texture(shown(painting.picture, painting.mask))
        left, bottom, scale = self._place()
        height, width = painting.picture.shape[:2]
        gpu.state.blend_set("NONE")
        draw_texture_2d(self._texture, (left, bottom), width * scale, height * scale)
        gpu.state.blend_set("ALPHA")
        if painting.strokes:
            self._draw_stroke(left, bottom + height * scale, scale)
        if self.pointer is not None:
            _circle(self.pointer, self.radius, (1.0, 1.0, 1.0, 0.9))
        for line, text in enumerate(_HELP):
            _write(text, region.width / 2, _FOOT - 34 - 24 * line)
        if painting.is_busy:
            _write("...", region.width / 2, bottom + height * scale + 12)
        gpu.state.blend_set("NONE")

    def _draw_stroke(self, left: float, top: float, scale: float) -> None:
        is_subject, points, radius = self._painting.strokes[-1]
        colour = _SUBJECT if is_subject else _GROUND
        for x, y in points:
            _circle((left + x * scale, top - y * scale), max(radius * scale, 2.0), colour)


def _texture(pixels: NDArray[np.float32]) -> gpu.types.GPUTexture:
    height, width = pixels.shape[:2]
    buffer = gpu.types.Buffer("FLOAT", width * height * 4, pixels.ravel())
    return gpu.types.GPUTexture((width, height), format="RGBA8", data=buffer)


def _fill(left: float, bottom: float, right: float, top: float, colour: tuple[float, ...]) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
    batch = batch_for_shader(shader, "TRI_FAN", {"pos": corners})
    shader.uniform_float("color", colour)
    batch.draw(shader)


def _circle(centre: tuple[float, float], radius: float, colour: tuple[float, ...]) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    turns = [2 * math.pi * i / 40 for i in range(41)]
    line = [(centre[0] + radius * math.cos(turn), centre[1] + radius * math.sin(turn)) for turn in turns]
    batch = batch_for_shader(shader, "LINE_STRIP", {"pos": line})
    shader.uniform_float("color", colour)
    batch.draw(shader)


def _write(text: str, middle: float, bottom: float) -> None:
    blf.size(0, 14 * bpy.context.preferences.system.ui_scale)
    blf.color(0, 1.0, 1.0, 1.0, 1.0)
    blf.position(0, middle - blf.dimensions(0, text)[0] / 2, bottom, 0)
    blf.draw(0, text)
