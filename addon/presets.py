"""The presets of the quality (Draft, Standard, High), and what the person has set beside them."""

from __future__ import annotations

from typing import Any

import bpy

from .facts import SETTINGS

# The settings that trade time for detail, and no others. The first value belongs to the standard preset and is the
# engine's default.
_OF_QUALITY = ("grid", "texture_size", "steps", "sampler", "input_size")
PRESETS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "PREVIEW": (
        "Draft",
        "Quick and coarse",
        {"grid": 64, "texture_size": 512, "steps": 20, "sampler": "dpm-solver++", "input_size": 256},
    ),
    "STANDARD": ("Standard", "A good balance of detail and time", {}),
    "BEST": ("High", "All the detail that there is; takes longest", {"grid": 256, "texture_size": 2048, "steps": 100}),
}
STANDARD = "STANDARD"


def preset_settings(preset: str) -> dict[str, Any]:
    """Returns every setting that belongs to the quality."""
    changed = PRESETS[preset][2]
    return {name: changed.get(name, SETTINGS[name]["default"]) for name in _OF_QUALITY if name in SETTINGS}


def _is_own(value: Any, of_preset: Any) -> bool:
    """Returns whether the person has asked for more than the preset, or for another choice."""
    return bool(value > of_preset if isinstance(of_preset, int | float) else value != of_preset)


def _exact(properties: bpy.types.PropertyGroup) -> str | None:
    """Returns the preset whose values these are."""
    for preset in PRESETS:
        if all(getattr(properties, name) == value for name, value in preset_settings(preset).items()):
            return preset
    return None


def own_settings(properties: bpy.types.PropertyGroup) -> dict[str, Any]:
    """Returns the settings that the person has set higher or chosen beside the preset, with the preset's values."""
    return {
        name: value
        for name, value in preset_settings(_exact(properties) or properties.preset).items()
        if _is_own(getattr(properties, name), value)
    }


def quality(properties: bpy.types.PropertyGroup) -> int:
    """Returns the preset whose values these are, or the one that was chosen last, where the person only asks for
    more."""
    presets = list(PRESETS)
    if (preset := _exact(properties)) is not None:
        return presets.index(preset)
    own, chosen = own_settings(properties), preset_settings(properties.preset)
    is_more = all(name in own or getattr(properties, name) == value for name, value in chosen.items())
    return presets.index(properties.preset) if is_more else len(presets)


def set_quality(properties: bpy.types.PropertyGroup, number: int) -> None:
    """Applies a preset. Settings that the person has set higher, or chosen, stay, and the panel says so."""
    if number < len(PRESETS):
        own = own_settings(properties)
        properties.preset = list(PRESETS)[number]
        for name, value in preset_settings(properties.preset).items():
            if name not in own or not _is_own(getattr(properties, name), value):
                setattr(properties, name, value)


def follow_preset(properties: bpy.types.PropertyGroup) -> None:
    """Resets the settings that were set higher."""
    for name, value in preset_settings(properties.preset).items():
        setattr(properties, name, value)
