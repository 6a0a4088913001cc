"""What is set in the panel. Defaults and ranges are the engine's; a setting that the engine lacks is not shown."""

import random
from dataclasses import dataclass
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from . import jobs, pictures
from .backend import SETTINGS
from .import_mesh import COLLECTION, ImportOptions


@dataclass(frozen=True)
class Word:
    """How a setting is told to a person."""

    label: str
    description: str


# In the order of the panel.
SHAPE = {
    "model": Word("Model", "Name of the model that makes the object"),
    "depth": Word("Depth", "How thick the object becomes; at 1 a disc becomes a ball"),
    "seed": Word("Seed", "Where the model's random numbers begin; the same seed gives the same object"),
    "steps": Word("Steps", "Steps of the diffusion; more take longer"),
    "sampler": Word("Sampler", "How the diffusion goes from step to step"),
    "guidance": Word("Guidance", "How closely the views follow the picture"),
    "views": Word("Views", "A picture of six views, instead of those that the model would make"),
    "input_size": Word("Input Size", "Side of the picture that the model sees, in pixels"),
    "grid": Word(
        "Grid", "Cubes along each side of the box that holds the object; more show finer detail and take longer"
    ),
    "faces": Word("Faces", "Triangles at most; 0 keeps as many as the grid gives"),
    "keep_debris": Word("Keep Debris", "Keep small pieces that float beside the object"),
}
TEXTURE = {
    "texture_size": Word("Texture Size", "Height of the texture in pixels"),
    "projection": Word("Project Picture", "Lay the picture itself over the texture where it sees the object"),
    "normal_map": Word("Normal Map", "Keep the detail that fewer faces lose in a normal map"),
    "vertex_colours": Word("Vertex Colors", "Store colors at the vertices, too"),
}
MASK = {
    "mask_threshold": Word("Threshold", "How certain a pixel must be to count as the subject"),
    "mask_invert": Word("Invert Mask", "Swap subject and background"),
}

# Not changed by a preset: they belong to the picture, not to the quality.
_OF_THE_PICTURE = {"model", "mask", "mask_threshold", "mask_invert", "depth", "seed", "views", "keep_debris"}
PRESETS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "PREVIEW": ("Preview", "Quick and coarse", {"grid": 64, "texture_size": 512, "steps": 20}),
    "STANDARD": ("Standard", "A good balance of detail and time", {}),
    "BEST": ("Best", "All the detail that there is; takes longest", {"grid": 256, "texture_size": 2048, "steps": 100}),
}


def preset_settings(preset: str) -> dict[str, Any]:
    """Every setting that belongs to the quality."""
    of_quality = {name: facts["default"] for name, facts in SETTINGS.items() if name not in _OF_THE_PICTURE}
    changed = {name: value for name, value in PRESETS[preset][2].items() if name in of_quality}
    return {**of_quality, **changed}


def _quality(properties: bpy.types.PropertyGroup) -> int:
    for number, preset in enumerate(PRESETS):
        if all(getattr(properties, name) == value for name, value in preset_settings(preset).items()):
            return number
    return len(PRESETS)


def _set_quality(properties: bpy.types.PropertyGroup, number: int) -> None:
    if number < len(PRESETS):
        for name, value in preset_settings(list(PRESETS)[number]).items():
            setattr(properties, name, value)


def _mask_changed(properties: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    """The mask's preview follows what is set."""
    if not jobs.is_mask_shown():
        return
    try:
        jobs.show_mask(picture_source(properties), engine_settings(properties))
    except Exception:
        jobs.hide_mask()


def _property(name: str, word: Word, update: Any = None) -> Any:
    facts = SETTINGS[name]
    options: dict[str, Any] = {"name": word.label, "description": word.description, **facts}
    if update is not None:
        options["update"] = update
    kind = {bool: BoolProperty, int: IntProperty, float: FloatProperty, str: StringProperty}[type(facts["default"])]
    if name.endswith("_size"):
        options["subtype"] = "PIXEL"
    return kind(**options)


class RELIEVO_PG_settings(bpy.types.PropertyGroup):
    source: EnumProperty(
        name="Source",
        description="Where the picture comes from",
        items=(
            ("FILE", "File", "A picture file"),
            ("IMAGE", "Image", "An image of this Blender file"),
        ),
        update=_mask_changed,
    )
    picture: StringProperty(
        name="Picture",
        description="The photo or drawing to make a mesh of: PNG, JPEG, WebP or OpenEXR",
        subtype="FILE_PATH",
        update=_mask_changed,
    )
    image: PointerProperty(
        name="Image",
        description="The image of this Blender file to make a mesh of",
        type=bpy.types.Image,
        update=_mask_changed,
    )
    quality: EnumProperty(
        name="Quality",
        description="Sets all that decides between detail and time",
        items=(
            *((name, label, description) for name, (label, description, _) in PRESETS.items()),
            ("CUSTOM", "Custom", "As set below"),
        ),
        get=_quality,
        set=_set_quality,
    )
    mask: EnumProperty(
        name="Mask",
        description="How the subject is told from the background",
        items=(
            ("auto", "Automatic", "The picture's transparency where it has any, otherwise found by a network"),
            ("alpha", "Transparency", "The picture's transparency"),
            ("file", "File", "A black and white picture of the same view; white is the subject"),
        ),
        default=SETTINGS["mask"]["default"],
        update=_mask_changed,
    )
    mask_file: StringProperty(
        name="Mask File",
        description="A black and white picture of the same view; white is the subject",
        subtype="FILE_PATH",
        update=_mask_changed,
    )
    collection: StringProperty(
        name="Collection",
        description="Where new objects go; empty: beside the scene's other objects",
        default=COLLECTION,
    )
    normalise: BoolProperty(name="Set Size", description="Scale new objects so that their longest side has this size")
    size: FloatProperty(
        name="Size",
        description="Length of the longest side of new objects",
        default=1.0,
        min=0.001,
        soft_max=100.0,
        unit="LENGTH",
    )
    origin_at_base: BoolProperty(
        name="Origin at Base", description="Put the origin below the object's center, on the ground that it stands on"
    )
    smooth: BoolProperty(name="Smooth Shading", description="Shade new objects smooth", default=True)
    material: BoolProperty(
        name="Material", description="Give new objects a Principled material with their texture, packed", default=True
    )
    asset: BoolProperty(
        name="Mark as Asset", description="Make new objects assets, with a picture of the object as their preview"
    )


for _name, _word in {**SHAPE, **TEXTURE, **MASK}.items():
    if _name in SETTINGS:
        RELIEVO_PG_settings.__annotations__[_name] = _property(_name, _word, _mask_changed if _name in MASK else None)


def engine_settings(properties: bpy.types.PropertyGroup) -> dict[str, Any]:
    settings = {name: getattr(properties, name) for name in SETTINGS if hasattr(properties, name)}
    if properties.mask == "file":
        settings["mask"] = bpy.path.abspath(properties.mask_file)
    return settings


def import_options(properties: bpy.types.PropertyGroup) -> ImportOptions:
    return ImportOptions(
        collection=properties.collection,
        size=properties.size if properties.normalise else 0.0,
        origin_at_base=properties.origin_at_base,
        smooth=properties.smooth,
        material=properties.material,
        asset=properties.asset,
    )


def has_picture(properties: bpy.types.PropertyGroup) -> bool:
    return bool(properties.picture if properties.source == "FILE" else properties.image)


def picture_source(properties: bpy.types.PropertyGroup) -> pictures.Source:
    """Raises pictures.NoPictureError."""
    if not has_picture(properties):
        raise pictures.NoPictureError("No picture is chosen.", "Choose a picture first.")
    if properties.source == "IMAGE":
        return pictures.from_image(properties.image)
    return pictures.from_file(properties.picture)


def words_of(stored: dict[str, Any]) -> dict[str, Any]:
    """Settings as the engine writes them, as it takes them; what this version does not know is left out."""
    settings = {name: value for name, value in stored.items() if name in SETTINGS}
    if settings.get("mask") == "file":
        settings["mask"] = stored["mask_file"]
    return settings


def show_settings(properties: bpy.types.PropertyGroup, picture: str, stored: dict[str, Any]) -> None:
    """Sets the panel to what an object or the history remembers."""
    for name in SETTINGS:
        if name in stored and hasattr(properties, name):
            setattr(properties, name, stored[name])
    properties.mask_file = stored.get("mask_file", "")
    if picture.startswith("image:"):
        properties.image = bpy.data.images.get(picture.removeprefix("image:"))
        properties.source = "IMAGE"
    else:
        properties.picture = picture
        properties.source = "FILE"


def roll_dice(properties: bpy.types.PropertyGroup) -> None:
    facts = SETTINGS["seed"]
    properties.seed = random.randint(facts.get("min", 0), min(facts.get("max", 2**31 - 1), 2**31 - 1))
