"""Makes the images for materials, and replaces them by newer ones.

Everything else of a material is the person's: nodes, values, further slots. A material that other objects use, too, is
copied for those that get new textures, for the others keep their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import bpy

from . import packed_images

if TYPE_CHECKING:
    from .import_mesh import AnyResult

ALBEDO, NORMAL, OCCLUSION = "albedo", "normal", "occlusion"
# The image's property that tells which of these it is.
_PART = "relievo_part"
_FOLDER = "//textures/"
_GLTF_GROUP = "glTF Material Output"  # Blender's own name


def make_image(name: str, part: str, png: Any) -> bpy.types.Image:
    """Makes a packed image of the file's bytes."""
    image = packed_images.make(name, f"{_FOLDER}{name.removesuffix(f'_{part}')}_{part}.png", bytes(png))
    image.colorspace_settings.name = "sRGB" if part == ALBEDO else "Non-Color"
    image[_PART] = part
    return image


def part_of(image: bpy.types.Image | None) -> str:
    """Returns which part an image that Relievo made is; empty for any other image."""
    if image is None:
        return ""
    if _PART in image:
        return str(image[_PART])
    # Version 0.1.0 did not mark its images.
    is_ours = image.packed_file is not None and image.filepath_raw.replace("\\", "/").startswith(_FOLDER)
    return "" if not is_ours else NORMAL if image.colorspace_settings.name == "Non-Color" else ALBEDO


def make_material(result: AnyResult) -> bpy.types.Material:
    """Makes a matt Principled shader with the albedo, and the normal map where there is one."""
    material = bpy.data.materials.new(result.name)
    if material.node_tree is None:  # only before Blender 5
        material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 0.8
    shader.inputs["Metallic"].default_value = 0.0
    x, y = shader.location
    texture = nodes.new("ShaderNodeTexImage")
    texture.location = (x - 320, y)
    texture.image = make_image(result.name, ALBEDO, result.albedo_png)
    links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    # A solid view shows the texture of the active node, too.
    nodes.active = texture
    if len(result.normal_map_png):
        _add_normal_map(material.node_tree, shader, result)
    if len(getattr(result, "occlusion_png", b"")):
        _add_occlusion(material.node_tree, shader, result)
    return material


def _add_occlusion(tree: Any, shader: Any, result: Any) -> None:
    """Adds the ambient occlusion as Blender's own glTF files have it: in a group that the exporter knows, without an
    effect on renders, which compute it."""
    group = bpy.data.node_groups.get(_GLTF_GROUP)
    if group is None:
        group = bpy.data.node_groups.new(_GLTF_GROUP, "ShaderNodeTree")
        group.interface.new_socket("Occlusion", in_out="INPUT", socket_type="NodeSocketFloat")
        group.nodes.new("NodeGroupOutput")
        group.nodes.new("NodeGroupInput").location = (-200, 0)
    x, y = shader.location
    shade, output = tree.nodes.new("ShaderNodeTexImage"), tree.nodes.new("ShaderNodeGroup")
    shade.location, output.location = (x - 520, y - 640), (x - 220, y - 640)
    output.node_tree = group
    shade.image = make_image(f"{result.name}_occlusion", OCCLUSION, result.occlusion_png)
    tree.links.new(shade.outputs["Color"], output.inputs["Occlusion"])


def _add_normal_map(tree: Any, shader: Any, result: AnyResult) -> None:
    x, y = shader.location
    relief, bumps = tree.nodes.new("ShaderNodeTexImage"), tree.nodes.new("ShaderNodeNormalMap")
    relief.location, bumps.location = (x - 520, y - 320), (x - 220, y - 320)
    relief.image = make_image(f"{result.name}_normal", NORMAL, result.normal_map_png)
    tree.links.new(relief.outputs["Color"], bumps.inputs["Color"])
    tree.links.new(bumps.outputs["Normal"], shader.inputs["Normal"])


# Replacing the images by newer ones.


def replace(things: list[bpy.types.Object], mesh: bpy.types.Mesh, result: AnyResult) -> None:
    """Replaces the images in all materials of these objects, which share the mesh."""
    old: set[Any] = set()
    made: dict[str, bpy.types.Image] = {}
    for slots in _slots(things, mesh):
        for material in {slot.material for slot in slots if slot.material is not None}:
            if not any(part_of(node.image) for _, node in _image_nodes(material.node_tree)):
                continue
            own = material if _is_own(material, things, mesh) else material.copy()
            for slot in slots:
                if slot.material == material:
                    slot.material = own
            _replace_in(own.node_tree, result, made, old)
    for image in old:
        if image.users == 0:
            name, part = image.name, part_of(image)
            bpy.data.images.remove(image)
            if part in made:
                made[part].name = name


class _MeshSlot:
    """A material of the mesh, with the interface of bpy.types.MaterialSlot."""

    def __init__(self, mesh: bpy.types.Mesh, number: int) -> None:
        self._mesh, self._number = mesh, number

    @property
    def material(self) -> bpy.types.Material | None:
        return self._mesh.materials[self._number]

    @material.setter
    def material(self, material: bpy.types.Material) -> None:
        self._mesh.materials[self._number] = material


def _slots(things: list[bpy.types.Object], mesh: bpy.types.Mesh) -> list[list[Any]]:
    """Returns the mesh's slots, then those that objects have of their own."""
    of_mesh: list[Any] = [_MeshSlot(mesh, number) for number in range(len(mesh.materials))]
    return [of_mesh, *([slot for slot in thing.material_slots if slot.link == "OBJECT"] for thing in things)]


def _is_own(material: bpy.types.Material, things: list[bpy.types.Object], mesh: bpy.types.Mesh) -> bool:
    """Returns whether the material can be changed and nothing but these objects shows it."""
    if material.library is not None or material.override_library is not None:
        return False
    users = bpy.data.user_map(subset={material})[material]
    ours = {mesh, *things}
    return all(user in ours for user in users if isinstance(user, (bpy.types.Mesh, bpy.types.Object)))


def _image_nodes(tree: Any) -> Iterable[tuple[Any, Any]]:
    """Yields each node with an image, and its tree, including those in groups."""
    for node in tree.nodes if tree is not None else ():
        if node.type == "GROUP":
            yield from _image_nodes(node.node_tree)
        elif getattr(node, "image", None) is not None:
            yield tree, node


def _replace_in(tree: Any, result: AnyResult, made: dict[str, bpy.types.Image], old: set[Any]) -> None:
    for node in tree.nodes:
        if node.type == "GROUP" and any(part_of(each.image) for _, each in _image_nodes(node.node_tree)):
            if node.node_tree.users > 1 or node.node_tree.library is not None:  # others show it too
                node.node_tree = node.node_tree.copy()
            _replace_in(node.node_tree, result, made, old)
    found = [(node, part_of(node.image)) for node in tree.nodes if getattr(node, "image", None) is not None]
    pngs = {ALBEDO: result.albedo_png, NORMAL: result.normal_map_png}
    for node, part in found:
        if not part:
            continue
        old.add(node.image)
        if len(pngs[part]):
            if part not in made:
                made[part] = make_image(node.image.name, part, pngs[part])
            node.image = made[part]
        else:
            _remove_normal_map(tree, node)
    _match_normal_map(tree, result, {part for _, part in found})


def _remove_normal_map(tree: Any, texture: Any) -> None:
    """Removes the normal map, because the old one would be wrong on the new mesh."""
    for bumps in {link.to_node for link in texture.outputs["Color"].links if link.to_node.type == "NORMAL_MAP"}:
        tree.nodes.remove(bumps)
    tree.nodes.remove(texture)


def _match_normal_map(tree: Any, result: AnyResult, parts: set[str]) -> None:
    """Adds the first normal map where nothing of the person's is in the way."""
    if NORMAL in parts or ALBEDO not in parts or not len(result.normal_map_png):
        return
    for shader in (node for node in tree.nodes if node.type == "BSDF_PRINCIPLED"):
        colour = shader.inputs["Base Color"].links
        if colour and part_of(getattr(colour[0].from_node, "image", None)) and not shader.inputs["Normal"].links:
            _add_normal_map(tree, shader, result)
            return
