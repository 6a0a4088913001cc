"""What is set in the panel. Defaults and ranges are the engine's."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from .backend import SETTINGS

if TYPE_CHECKING:
    import relievo


class RELIEVO_PG_settings(bpy.types.PropertyGroup):
    picture: StringProperty(
        name="Picture",
        description="The photo or drawing to make a mesh of: PNG, JPEG, WebP or OpenEXR",
        subtype="FILE_PATH",
    )
    depth: FloatProperty(
        name="Depth",
        description="How thick the object becomes; at 1 a disc becomes a ball",
        **SETTINGS["depth"],
    )
    grid: IntProperty(
        name="Grid",
        description="Cubes along each side of the box that holds the object; more show finer detail and take longer",
        **SETTINGS["grid"],
    )
    faces: IntProperty(
        name="Faces",
        description="Triangles at most; 0 keeps as many as the grid gives",
        **SETTINGS["faces"],
    )
    keep_debris: BoolProperty(
        name="Keep Debris",
        description="Keep small pieces that float beside the object",
        **SETTINGS["keep_debris"],
    )
    texture_size: IntProperty(
        name="Texture Size",
        description="Height of the texture in pixels",
        subtype="PIXEL",
        **SETTINGS["texture_size"],
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
    )
    mask_file: StringProperty(
        name="Mask File",
        description="A black and white picture of the same view; white is the subject",
        subtype="FILE_PATH",
    )
    mask_threshold: FloatProperty(
        name="Threshold",
        description="How certain a pixel must be to count as the subject",
        **SETTINGS["mask_threshold"],
    )
    mask_invert: BoolProperty(
        name="Invert Mask",
        description="Swap subject and background",
        **SETTINGS["mask_invert"],
    )


def engine_settings(properties: RELIEVO_PG_settings) -> "relievo.Settings":
    return {
        "mask": bpy.path.abspath(properties.mask_file) if properties.mask == "file" else properties.mask,
        "mask_threshold": properties.mask_threshold,
        "mask_invert": properties.mask_invert,
        "grid": properties.grid,
        "depth": properties.depth,
        "faces": properties.faces,
        "keep_debris": properties.keep_debris,
        "texture_size": properties.texture_size,
    }


def picture_path(properties: RELIEVO_PG_settings) -> Path:
    return Path(bpy.path.abspath(properties.picture))
