"""The parts that every scenario uses inside Blender: the profile, the installed extension, a stand-in for a panel's
layout.

To be imported before bpy: the profile of a process is FOLDER/profile.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build"))
FOLDER = Path(sys.argv[2])
os.environ["BLENDER_USER_RESOURCES"] = str(FOLDER / "profile")

import bpy as bpy  # noqa: E402  (it reads the environment, and scenarios take it from here)

MODULE = "bl_ext.user_default.relievo"
PICTURE = ROOT / "tests" / "data" / "pictures" / "chicken_cut_out.png"
QUARTERS = FOLDER / "quarters.png"  # of the test: red top left, green top right, blue bottom left, yellow bottom right


def install(is_new: bool = True) -> Any:
    """Installs and enables the extension, or enables the one that the profile has.

    What Blender prints of it goes to standard error.
    """
    output = os.dup(1)
    os.dup2(2, 1)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if is_new:
        bpy.ops.extensions.package_install_files(
            filepath=str(BUILD / "relievo-extension.zip"), repo="user_default", enable_on_install=True
        )
    else:
        bpy.ops.preferences.addon_enable(module=MODULE)
    sys.stdout.flush()
    os.dup2(output, 1)
    os.close(output)
    return importlib.import_module(MODULE)


def quick() -> None:
    bpy.context.scene.relievo.grid = 24
    bpy.context.scene.relievo.texture_size = 64


def slow() -> None:
    """A job that takes many seconds, if nobody cancels it."""
    bpy.context.scene.relievo.grid = 512
    bpy.context.scene.relievo.texture_size = 4096


def names(collection: Any) -> list[str]:
    return sorted(item.name for item in collection)


def wait_for(condition: Callable[[], bool]) -> bool:
    """Waits until the condition is true, a minute at most; returns whether it is."""
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def disc(name: str, colour: tuple[float, float, float], size: int = 96) -> Any:
    """An image of Blender's: a disc of one colour on nothing."""
    image = bpy.data.images.new(name, size, size, alpha=True)
    middle, values = (size - 1) / 2, []
    for y in range(size):
        for x in range(size):
            is_in = (x - middle) ** 2 + (y - middle) ** 2 < (0.4 * size) ** 2
            values += [*colour, 1.0] if is_in else [0.0] * 4
    image.pixels = values
    return image


@contextlib.contextmanager
def editor(kind: str) -> Iterator[Any]:
    """An editor of this kind, where a person's click comes from."""
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    before, area.ui_type = area.ui_type, kind
    region = next(region for region in area.regions if region.type == "WINDOW")
    try:
        with bpy.context.temp_override(window=window, area=area, region=region, space_data=area.spaces.active):
            yield area.spaces.active
    finally:
        area.ui_type = before


class Layout:
    """Stands in for a panel's layout, which only a window has: knows Blender's functions and what they take."""

    ROOM = 17  # letters of a label beside its value, in a sidebar of Blender's own width
    cut_off: ClassVar[list[str]] = []  # labels that have more

    def __init__(self, drawn: list[str], is_split: bool = False) -> None:
        self._drawn = drawn
        self.use_property_split = is_split

    def __getattr__(self, name: str) -> Callable[..., Any]:
        parameters = bpy.types.UILayout.bl_rna.functions[name].parameters

        def call(*words: Any, **options: Any) -> Any:
            for key, value in options.items():
                if parameters[key].type == "ENUM" and value not in parameters[key].enum_items:
                    raise KeyError(value)
            if name in ("prop", "prop_enum", "template_ID"):
                label = words[0].bl_rna.properties[words[1]].name
                self._drawn.append(label)
                if name == "prop" and self.use_property_split and len(options.get("text", label)) > self.ROOM:
                    self.cut_off.append(label)
            else:
                self._drawn.append(options.get("text", ""))
            if name == "operator" and not options.get("text"):
                operator = getattr(bpy.ops.relievo, words[0].partition(".")[2])
                self._drawn.append(operator.get_rna_type().name)
            children = [Layout(self._drawn, self.use_property_split) for _ in range(2)]
            return tuple(children) if name == "panel" else children[0]

        return call


_SPACE = SimpleNamespace(shading=SimpleNamespace(type="SOLID", color_type="MATERIAL"))


def panel_context(area: str, width: int = 240) -> SimpleNamespace:
    return SimpleNamespace(
        scene=bpy.context.scene,
        region=SimpleNamespace(width=width),
        area=SimpleNamespace(type=area, spaces=SimpleNamespace(active=_SPACE)),
        object=bpy.context.view_layer.objects.active,
    )


def drawn(part: str = "main") -> list[str]:
    """The texts of a part of the panel as it is now, once the timer has looked at what it shows."""
    draw = getattr(module("panels"), f"draw_{part}")
    drawn_by(draw, panel_context("VIEW_3D"))
    module("seen").look()
    return drawn_by(draw, panel_context("VIEW_3D"))


def drawn_setup() -> list[str]:
    """The texts of the preferences."""
    draw = module("setup_panel").draw_all
    drawn_by(draw, 600)
    module("seen").look()
    return drawn_by(draw, 600)


def drawn_by_panels(space: str) -> dict[str, list[str]]:
    """The texts of every panel that is registered for a kind of editor, by the panel's label."""
    texts: dict[str, list[str]] = {}
    for name in dir(bpy.types):
        cls = getattr(bpy.types, name)
        if name.startswith("RELIEVO_PT_") and cls.bl_space_type == space:
            of_panel: list[str] = []
            cls.draw(SimpleNamespace(layout=Layout(of_panel)), panel_context(space))
            texts[cls.bl_label] = [text for text in of_panel if text]
    return texts


def drawn_by(draw: Callable[..., None], *words: Any) -> list[str]:
    texts: list[str] = []
    draw(Layout(texts), *words)
    return [text for text in texts if text]


def module(name: str) -> Any:
    """Returns a module of the extension."""
    return importlib.import_module(f"{MODULE}.{name}")


def find(name: str) -> Any:
    """The object of this name."""
    return bpy.data.objects[name]


def answer(operator: Any, **words: Any) -> str:
    """Returns how an operator ended, or its message where it refused."""
    try:
        return str(list(operator(**words)))
    except RuntimeError as error:
        return str(error)


def mesh_facts(thing: Any) -> dict[str, Any]:
    low, high = ([f(v.co[axis] for v in thing.data.vertices) for axis in range(3)] for f in (min, max))
    return {
        "low": low,
        "size": [b - a for a, b in zip(low, high, strict=True)],
        "smooth": any(p.use_smooth for p in thing.data.polygons),
        "materials": len(thing.data.materials),
        "collections": names(thing.users_collection),
        "asset": thing.asset_data is not None,
        "location": list(thing.location),
        "faces": len(thing.data.polygons),
    }


def mask_pixels() -> list[float]:
    """Returns the alpha of the mask's thumbnail in the middle and near the corner."""
    preview = module("thumbnails")._icons[module("mask_preview").THUMBNAIL]
    width, height = preview.image_size
    alpha = list(preview.image_pixels_float)[3::4]
    return [alpha[height // 2 * width + width // 2], alpha[2 * width + 2]]
