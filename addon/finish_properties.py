"""The settings of the panel's part *Finish*, which any mesh can be given."""

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty

from .finishing import Wishes


class RELIEVO_PG_finish(bpy.types.PropertyGroup):
    shape: EnumProperty(
        name="Faces",
        items=(
            ("KEEP", "Keep", "The faces stay as they are"),
            ("TRIANGLES", "Triangles", "Fewer triangles, and a normal map of the detail that they lose"),
            ("QUADS", "Quads", "Quads of about one size, by Blender's QuadriFlow in the background"),
        ),
    )
    faces: IntProperty(
        name="Count", description="Most triangles, or about so many quads", default=5000, min=100, max=5_000_000
    )
    levels: IntProperty(
        name="Levels of Detail",
        description="Objects NAME_LOD0, NAME_LOD1 and so on, each with half the triangles of the one before it",
        default=1,
        min=1,
        max=4,
    )
    mirror: EnumProperty(
        name="Symmetry",
        items=(
            ("none", "None", "The shape stays as it is"),
            ("left", "Left to Right", "The half at -X is mirrored onto the other, at the object's origin"),
            ("right", "Right to Left", "The half at +X is mirrored onto the other, at the object's origin"),
        ),
    )
    printed: BoolProperty(name="3D Print", description="Give it a real size, and check whether it can be printed")
    print_size: FloatProperty(
        name="Longest Side", description="Millimeters", default=100.0, min=1.0, max=100_000.0, precision=1
    )
    flat_base: FloatProperty(
        name="Flat Base",
        description="Millimeters that are cut off at the bottom, so that it stands; 0: none",
        default=0.0,
        min=0.0,
        max=100_000.0,
        precision=1,
    )
    occlusion: BoolProperty(
        name="Occlusion Map", description="Bake how much light reaches each place, for engines that read such a map"
    )
    own_surface: BoolProperty(name="Surface", description="Set roughness and metallic; else they stay as they are")
    roughness: FloatProperty(name="Roughness", description="0 is a mirror", default=0.8, min=0.0, max=1.0)
    metallic: FloatProperty(name="Metallic", description="1 is metal", default=0.0, min=0.0, max=1.0)
    texture_size: IntProperty(
        name="Texture Size",
        description="Side of the texture in pixels; 0: as large as it was",
        default=0,
        min=0,
        max=8192,
        subtype="PIXEL",
    )


def wishes_of(properties: bpy.types.PropertyGroup) -> Wishes:
    """Reads what the panel asks for. What it does not show has no effect."""
    quads = properties.shape == "QUADS"
    return Wishes(
        faces=0 if properties.shape == "KEEP" else properties.faces,
        quads=quads,
        levels=1 if quads else properties.levels,
        mirror=properties.mirror if properties.mirror != "none" else "",
        print_size=properties.print_size if properties.printed else 0.0,
        flat_base=properties.flat_base if properties.printed else 0.0,
        occlusion=properties.occlusion,
        roughness=properties.roughness if properties.own_surface else None,
        metallic=properties.metallic if properties.own_surface else None,
        texture_size=properties.texture_size,
    )
