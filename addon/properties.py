"""The properties that are set in the panel. Defaults and ranges are the engine's; a setting that the engine lacks is
not shown."""

import contextlib
import random
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from . import clipboard, labels, mask_preview, models, own_views, pictures, presets, seen
from .facts import SETTINGS
from .files import is_file
from .import_mesh import COLLECTION, ImportOptions
from .paths import FILE_IN_BLEND

_EMBEDDED = "preview"  # the model of settings that name none


def _mask_changed(properties: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    """Makes the mask's preview follow the settings."""
    if not mask_preview.is_shown():
        return
    try:
        mask_preview.show(picture_source(properties), engine_settings(properties))
    except Exception:
        mask_preview.hide()


def _path_changed(name: str) -> Any:
    """Makes the path in the panel one that can be opened, even where it was pasted in quotes or as file://."""

    def update(properties: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
        given = getattr(properties, name)
        if (path := clipboard.as_path(given)) != given:
            setattr(properties, name, path)  # calls this function again
        else:
            _mask_changed(properties, context)

    return update


def _property(name: str, word: labels.Word, update: Any = None) -> Any:
    facts = SETTINGS[name]
    options: dict[str, Any] = {"name": word.label, "description": word.description, **facts}
    if update is not None:
        options["update"] = update
    if name == "model":
        return EnumProperty(name=word.label, description=word.description, items=_model_items)
    if choices := options.pop("choices", None):
        options["items"] = [(choice, *labels.choice(name, choice)) for choice in choices]
        return EnumProperty(**options)
    if name == "precision":  # the same for all stages; the command line can set each
        return EnumProperty(**options, items=labels.PRECISIONS)
    if isinstance(facts["default"], list):  # of files
        return StringProperty(**{**options, "default": ""}, **FILE_IN_BLEND)
    kind = {bool: BoolProperty, int: IntProperty, float: FloatProperty, str: StringProperty}[type(facts["default"])]
    if name.endswith("_size"):
        options["subtype"] = "PIXEL"
    return kind(**options)


_items: list[tuple[str, str, str, str, int]] = []  # Blender keeps no copy of the texts


def _model_items(
    properties: bpy.types.PropertyGroup, context: bpy.types.Context
) -> list[tuple[str, str, str, str, int]]:
    """Returns the models that make objects; the embedded one is the first and so the default."""
    _items[:] = [
        (model.name, model.label, f"{model.title}: {model.description}. {note}", icon, number)
        for number, model in enumerate(models.catalogue())
        if model.embedded or "reconstruct" in model.stages
        for note, icon in [("", "CHECKMARK") if seen.is_installed(model) else ("It is not installed", "IMPORT")]
    ]
    return _items


def missing_models(properties: bpy.types.PropertyGroup) -> list[models.Model]:
    """Returns the models that the chosen one needs and that are not on this machine."""
    needed = [model for model in models.catalogue() if model.name == properties.model and not model.embedded]
    if uses_views(properties) and not properties.views and not has_sides(properties):
        needed += [model for model in models.catalogue() if "multiview" in model.stages]
    return [model for model in needed if not seen.is_installed(model)]


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
        description="The photo or drawing to make a mesh of: any picture that Blender opens",
        **FILE_IN_BLEND,
        update=_path_changed("picture"),
    )
    image: PointerProperty(
        name="Image",
        description="The image of this Blender file to make a mesh of",
        type=bpy.types.Image,
        update=_mask_changed,
    )
    preset: StringProperty(
        name="Preset", description="The one that was chosen last", default=presets.STANDARD, options={"HIDDEN"}
    )
    quality: EnumProperty(
        name="Quality",
        description="Sets all that decides between detail and time",
        items=(
            *((name, label, description) for name, (label, description, _) in presets.PRESETS.items()),
            ("CUSTOM", "Custom", "As set below"),
        ),
        get=presets.quality,
        set=presets.set_quality,
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
        **FILE_IN_BLEND,
        update=_path_changed("mask_file"),
    )
    collection: StringProperty(
        name="Collection",
        description="Where new objects go; empty: beside the scene's other objects",
        default=COLLECTION,
    )
    normalise: BoolProperty(name="Resize to", description="Scale new objects so that their longest side has this size")
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


# Pictures of the sides that are not the panel's picture, which is the front.
SIDES = {
    "right": "What is seen from +X (Numpad 3) where the object faces -Y; it looks to the left",
    "back": "What is seen from behind, from +Y where the object faces -Y",
    "left": "What is seen from -X where the object faces -Y; it looks to the right",
    "top": "What is seen from above (Numpad 7); the object's front is at the bottom",
}


def side_property(side: str) -> str:
    """Returns the name of the property that has a side's picture."""
    return f"side_{side}"


for _side, _description in SIDES.items():
    RELIEVO_PG_settings.__annotations__[side_property(_side)] = StringProperty(
        name=_side.capitalize(), description=_description, **FILE_IN_BLEND, update=_path_changed(side_property(_side))
    )

for _name, _word in labels.SETTINGS.items():
    if _name in SETTINGS:
        _update = _mask_changed if _name in labels.MASK or _name == "sheet" else None
        RELIEVO_PG_settings.__annotations__[_name] = _property(_name, _word, _update)


def _sees_views(name: str) -> bool:
    return any(model.name == name and not model.one_picture for model in models.catalogue())


def uses_views(properties: bpy.types.PropertyGroup) -> bool:
    """Returns whether the chosen model looks at painted or given views; others see the picture alone."""
    return _sees_views(properties.model)


def takes_sides(properties: bpy.types.PropertyGroup) -> bool:
    """Returns whether the chosen model takes pictures of sides, or a sheet of them."""
    return uses_views(properties) or properties.model == _EMBEDDED


def has_sides(properties: bpy.types.PropertyGroup) -> bool:
    """Returns whether there is a sheet, or a picture of another side than the front, and the model takes it."""
    return takes_sides(properties) and bool(properties.sheet.strip() or any(_side_paths(properties).values()))


def engine_settings(properties: bpy.types.PropertyGroup, is_of_panel: bool = True) -> dict[str, Any]:
    """Returns the settings as the engine takes them. Sides and sheets are the panel's picture's, and no other's."""
    settings = {name: getattr(properties, name) for name in SETTINGS if hasattr(properties, name)}
    if properties.mask == "file":
        settings["mask"] = bpy.path.abspath(properties.mask_file)
    settings["views"] = _views(properties.views) if uses_views(properties) else []
    settings["sheet"] = "".join(settings["sheet"].lower().split()) if is_of_panel and takes_sides(properties) else ""
    if is_of_panel and takes_sides(properties) and not settings["sheet"]:
        settings["views"] += _side_views(properties, settings)
    return settings


def _side_paths(properties: bpy.types.PropertyGroup) -> dict[str, str]:
    return {side: getattr(properties, side_property(side)) for side in SIDES}


def _side_views(properties: bpy.types.PropertyGroup, settings: dict[str, Any]) -> list[own_views.View]:
    """Returns the views of the sides. A model that looks at views alone gets the picture's file as the front, too."""
    paths = _side_paths(properties)
    if uses_views(properties) and any(paths.values()) and properties.source == "FILE":
        paths = {"front": properties.picture, **paths}
    views = own_views.of_sides(
        {side: path and bpy.path.abspath(clipboard.as_path(path)) for side, path in paths.items()}
    )
    mask = settings["mask"]
    if "front" in paths and paths["front"] and mask not in ("auto", "alpha"):
        views[0] = {**views[0], "mask": mask} if isinstance(views[0], dict) else views[0]
    return views


def clear_sides(properties: bpy.types.PropertyGroup) -> None:
    """Forgets the sides and the sheet, because the picture is another object's."""
    for side in SIDES:
        setattr(properties, side_property(side), "")
    properties.sheet = ""


def _views(text: str) -> list[own_views.View]:
    """Reads what own_views.as_text() writes; paths become absolute."""
    return [
        own_views.changed(view, lambda path: bpy.path.abspath(clipboard.as_path(path)))
        for view in own_views.of_text(text)
    ]


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


def has_views(properties: bpy.types.PropertyGroup) -> bool:
    """Returns whether the person's own views take the picture's place where there is none."""
    return uses_views(properties) and bool(properties.views.strip())


def picture_source(properties: bpy.types.PropertyGroup) -> pictures.Source:
    """Returns the chosen picture. Raises pictures.NoPictureError."""
    if not has_picture(properties) and has_views(properties):
        # The engine knows it for the first view.
        return pictures.from_file(own_views.first_picture(_views(properties.views)))
    if not has_picture(properties):
        raise pictures.NoPictureError("No picture is chosen.", "Choose a picture first.")
    if properties.source == "IMAGE":
        return pictures.from_image(properties.image)
    return pictures.from_file(properties.picture)


def words_of(stored: dict[str, Any]) -> dict[str, Any]:
    """Converts settings from the form that the engine writes to the one that it takes; unknown ones are left out."""
    settings = {name: value for name, value in stored.items() if name in SETTINGS}
    if settings.get("mask") == "file":
        settings["mask"] = stored["mask_file"]
    return settings


def show_settings(
    properties: bpy.types.PropertyGroup, picture: str, stored: dict[str, Any], holder: bpy.types.Image | None = None
) -> None:
    """Sets the panel to what an object or the history remembers. `holder` has the picture's bytes."""
    clear_sides(properties)
    if stored.get("model", _EMBEDDED) == _EMBEDDED:  # whose views are sides
        for view in filter(own_views.is_sound, stored.get("views") or []):
            if (side := own_views.side_of(view)) in SIDES:
                setattr(properties, side_property(side), view["picture"])
        stored = {**stored, "views": []}
    for name in SETTINGS:
        if name in stored and hasattr(properties, name):
            value = stored[name]
            with contextlib.suppress(TypeError):  # a word that this version does not offer
                setattr(properties, name, own_views.as_text(value) if isinstance(value, list) else value)
    properties.mask_file = stored.get("mask_file", "")
    is_there = not picture.startswith(pictures.IMAGE) and is_file(Path(bpy.path.abspath(picture)))
    if holder is not None and not is_there:
        properties.image, properties.source = holder, "IMAGE"
    elif picture.startswith(pictures.IMAGE):
        properties.image = bpy.data.images.get(picture.removeprefix(pictures.IMAGE))
        properties.source = "IMAGE"
    else:
        properties.picture, properties.source = picture, "FILE"


def is_random(stored: dict[str, Any]) -> bool:
    """Returns whether these settings of an object give another result with another seed, because its views were
    painted."""
    return _sees_views(stored.get("model", _EMBEDDED)) and not stored.get("views") and not stored.get("sheet")


def other_seed(seed: int | None) -> int:
    """Returns any seed but this one."""
    facts = SETTINGS["seed"]
    low, high = facts.get("min", 0), min(facts.get("max", 2**31 - 1), 2**31 - 1)
    found = random.randint(low, high)
    return found if found != seed else (found + 1 if found < high else low)


def roll_dice(properties: bpy.types.PropertyGroup) -> None:
    properties.seed = other_seed(properties.seed)
