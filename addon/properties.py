"""What is set in the panel. Defaults and ranges are the engine's; a setting that the engine lacks is not shown."""

import contextlib
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from . import mask_preview, models, pictures
from .facts import SETTINGS
from .import_mesh import COLLECTION, ImportOptions


@dataclass(frozen=True)
class Word:
    """How a setting is told to a person."""

    label: str
    description: str


# In the order of the panel.
VIEWS = {
    "views": Word(
        "Own Views",
        "Your own six views, instead of those that the model paints: a picture of 3 rows and 2 columns, "
        "or a folder of six pictures",
    ),
    "view_count": Word("View Count", "How many of the views the model sees: 6 or 4"),
    "seed": Word("Seed", "Where the model's random numbers begin; the same seed gives the same object"),
    "steps": Word("Steps", "Steps in which the views are painted; more take longer"),
    "sampler": Word("Sampler", "How the painting goes from step to step"),
    "guidance": Word("Guidance", "How closely the views follow the picture"),
    "input_size": Word("View Size", "Side of each view in pixels; less needs less memory"),
    "precision": Word(
        "Precision", "Of the computing: auto, fp32, bf16 or fp16; or for each stage, multiview=bf16,reconstruct=fp32"
    ),
}
SHAPE = {
    "grid": Word(
        "Grid", "Cubes along each side of the box that holds the object; more show finer detail and take longer"
    ),
    "depth": Word("Depth", "How thick an object of the model Preview becomes; at 1 a disc becomes a ball"),
    "faces": Word("Faces", "Triangles at most; 0 keeps as many as the grid gives"),
    "debris": Word("Debris", "Drop pieces of less than this share of the surface; 0 keeps all"),
    "open_at_box": Word("Open at Box", "Leave a shape that reaches the box open there, instead of closing it"),
}
TEXTURE = {
    "texture_size": Word("Texture Size", "Side of the texture in pixels"),
    "projection": Word("Project Picture", "Lay the picture itself over the texture where it sees the object"),
    "normal_map": Word("Normal Map", "Keep the detail that fewer faces lose in a normal map"),
    "vertex_colours": Word("Vertex Colors", "Store colors at the vertices, too"),
}
MASK = {
    "mask_threshold": Word("Threshold", "How certain a pixel must be to count as the subject"),
    "mask_invert": Word("Invert Mask", "Swap subject and background"),
}

# Not changed by a preset: they belong to the picture, not to the quality.
_OF_THE_PICTURE = {
    *("model", "mask", "mask_threshold", "mask_invert", "depth", "seed", "views", "view_count", "debris"),
    "open_at_box",
    "vertex_colours",
}
CHOICES = {
    "euler-ancestral": ("Euler Ancestral", "The published one, with noise in each step"),
    "dpm-solver++": ("DPM-Solver++", "Good with few steps"),
    "unipc": ("UniPC", "Good with few steps"),
    "auto": ("Automatic", "With the model Preview only, whose texture is the picture"),
    "on": ("On", "Always"),
    "off": ("Off", "Never: the texture is what the model has painted"),
}
PRESETS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "PREVIEW": (
        "Preview",
        "Quick and coarse",
        {"grid": 64, "texture_size": 512, "steps": 20, "sampler": "dpm-solver++", "input_size": 256},
    ),
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
    if not mask_preview.is_shown():
        return
    try:
        mask_preview.show(picture_source(properties), engine_settings(properties))
    except Exception:
        mask_preview.hide()


def _property(name: str, word: Word, update: Any = None) -> Any:
    facts = SETTINGS[name]
    options: dict[str, Any] = {"name": word.label, "description": word.description, **facts}
    if update is not None:
        options["update"] = update
    if name == "model":
        return EnumProperty(name=word.label, description=word.description, items=_model_items)
    if choices := options.pop("choices", None):
        options["items"] = [(choice, *CHOICES.get(choice, (choice, ""))) for choice in choices]
        return EnumProperty(**options)
    if isinstance(facts["default"], list):  # of files
        return StringProperty(**{**options, "default": ""}, subtype="FILE_PATH")
    kind = {bool: BoolProperty, int: IntProperty, float: FloatProperty, str: StringProperty}[type(facts["default"])]
    if name.endswith("_size"):
        options["subtype"] = "PIXEL"
    return kind(**options)


_items: list[tuple[str, str, str, str, int]] = []  # Blender keeps no copy of the texts


def _model_items(
    properties: bpy.types.PropertyGroup, context: bpy.types.Context
) -> list[tuple[str, str, str, str, int]]:
    """The models that make objects; the embedded one is the first and so the default."""
    _items[:] = [
        (model.name, model.label, f"{model.title}. {note}", icon, number)
        for number, model in enumerate(models.catalogue())
        if model.embedded or "reconstruct" in model.stages
        for note, icon in [("", "CHECKMARK") if model.is_installed else ("It is not installed", "IMPORT")]
    ]
    return _items


def missing_models(properties: bpy.types.PropertyGroup) -> list[models.Model]:
    """What the chosen model needs and is not on this machine."""
    if properties.model == "preview":
        return []
    needed = [model for model in models.catalogue() if model.name == properties.model]
    if not properties.views:
        needed += [model for model in models.catalogue() if "multiview" in model.stages]
    return [model for model in needed if not model.is_installed]


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


_MODEL = {"model": Word("Model", "What makes the object. Preview comes with Relievo; others are fetched once")}
for _name, _word in {**_MODEL, **VIEWS, **SHAPE, **TEXTURE, **MASK}.items():
    if _name in SETTINGS:
        RELIEVO_PG_settings.__annotations__[_name] = _property(_name, _word, _mask_changed if _name in MASK else None)


def engine_settings(properties: bpy.types.PropertyGroup) -> dict[str, Any]:
    settings = {name: getattr(properties, name) for name in SETTINGS if hasattr(properties, name)}
    if properties.mask == "file":
        settings["mask"] = bpy.path.abspath(properties.mask_file)
    settings["views"] = _views(properties.views)
    return settings


def _views(text: str) -> list[str]:
    """One file or folder, or six with commas between them."""
    return [bpy.path.abspath(path.strip()) for path in text.split(",") if path.strip()]


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


def show_settings(
    properties: bpy.types.PropertyGroup, picture: str, stored: dict[str, Any], holder: bpy.types.Image | None = None
) -> None:
    """Sets the panel to what an object or the history remembers. `holder` has the picture's bytes."""
    for name in SETTINGS:
        if name in stored and hasattr(properties, name):
            value = stored[name]
            with contextlib.suppress(TypeError):  # a word that this version does not offer
                setattr(properties, name, ",".join(value) if isinstance(value, list) else value)
    properties.mask_file = stored.get("mask_file", "")
    is_file = not picture.startswith(pictures.IMAGE) and Path(bpy.path.abspath(picture)).is_file()
    if holder is not None and not is_file:
        properties.image, properties.source = holder, "IMAGE"
    elif picture.startswith(pictures.IMAGE):
        properties.image = bpy.data.images.get(picture.removeprefix(pictures.IMAGE))
        properties.source = "IMAGE"
    else:
        properties.picture, properties.source = picture, "FILE"


def other_seed(seed: int | None) -> int:
    """Any but this."""
    facts = SETTINGS["seed"]
    low, high = facts.get("min", 0), min(facts.get("max", 2**31 - 1), 2**31 - 1)
    found = random.randint(low, high)
    return found if found != seed else (found + 1 if found < high else low)


def roll_dice(properties: bpy.types.PropertyGroup) -> None:
    properties.seed = other_seed(properties.seed)
