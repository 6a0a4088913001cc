"""Pictures from everywhere: every kind of image that Blender shows, and what is selected in each editor."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import bpy
from inside import FOLDER, QUARTERS, answer, disc, editor, install, module, names, quick

FORMATS = {"tga": "TARGA", "tif": "TIFF", "bmp": "BMP", "hdr": "HDR", "jp2": "JPEG2000", "exr": "OPEN_EXR"}


def made(**words: Any) -> list[str]:
    """The names of the objects that the button makes."""
    before = set(names(bpy.data.objects))
    told = answer(bpy.ops.relievo.generate, **words)
    return sorted(set(names(bpy.data.objects)) - before) or [told]


def front_colour(thing: Any) -> list[float]:
    """Returns the colour of the object's texture, where it is seen from the front."""
    image = next(node for node in thing.data.materials[0].node_tree.nodes if node.type == "TEX_IMAGE").image
    width, height = image.size
    values = list(image.pixels)
    found = []
    for polygon in thing.data.polygons:
        if polygon.normal.y < -0.8:
            u, v = thing.data.uv_layers.active.uv[polygon.loop_indices[0]].vector
            start = 4 * (int(v * height) * width + int(u * width))
            found.append(values[start : start + 3])
    return [sum(channel) / len(channel) for channel in zip(*found, strict=True)]


def pictures_everywhere() -> dict[str, Any]:
    """Every kind of image that Blender shows, as the picture."""
    install()
    quick()
    settings, scene = bpy.context.scene.relievo, bpy.context.scene
    source = disc("disc", (0.8, 0.2, 0.1))
    scene.view_settings.view_transform = "Standard"  # save_render() goes through it
    facts: dict[str, Any] = {"files": {}, "images": {}, "packed": {}}
    stored = scene.render.image_settings
    for ending, kind in FORMATS.items():
        stored.file_format = kind
        stored.color_mode = "RGB" if kind in ("BMP", "HDR") else "RGBA"
        path = FOLDER / f"disc_{ending}.{ending}"
        source.save_render(str(path), scene=scene)
        (FOLDER / "gone").mkdir(exist_ok=True)
        facts["files"][ending] = made(filepath=str(path))
        settings.source, settings.image = "IMAGE", bpy.data.images.load(str(path))
        facts["images"][ending] = made()
        settings.image.pack()
        path.rename(FOLDER / "gone" / path.name)
        facts["packed"][ending] = made()
    facts["colour"] = front_colour(bpy.data.objects["disc_tga"])
    garbage = FOLDER / "garbage.tga"
    garbage.write_bytes(b"no picture at all" * 9)
    facts["garbage"] = made(filepath=str(garbage))

    for frame in (1, 2):
        image = disc(f"frame{frame}", (0.1, 0.7, 0.2) if frame == 2 else (0.1, 0.1, 0.9))
        image.filepath_raw, image.file_format = str(FOLDER / f"shot_{frame:04}.png"), "PNG"
        image.save()
    shots = bpy.data.images.load(str(FOLDER / "shot_0001.png"))
    shots.source = "SEQUENCE"
    with editor("IMAGE_EDITOR") as space:
        space.image = shots
        space.image_user.frame_duration, space.image_user.frame_start = 2, 1
        space.image_user.frame_offset = 0
        scene.frame_set(2)
        space.image_user.frame_current = 2
        (name,) = made(selected=True)
    facts["sequence"] = front_colour(bpy.data.objects[name])

    settings.source = "IMAGE"
    facts["no_render"] = [bpy.ops.relievo.use_render.poll(), answer(bpy.ops.relievo.use_viewport)]
    scene.render.engine, scene.cycles.device, scene.cycles.samples = "CYCLES", "CPU", 1
    scene.render.resolution_x = scene.render.resolution_y = 64
    scene.render.film_transparent = True
    thing = bpy.data.objects["disc_tga"]
    for other in [other for other in scene.objects if other != thing]:
        bpy.data.objects.remove(other)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.location, camera.rotation_euler = (0, -3, 0), (1.5708, 0, 0)
    stored.file_format, stored.color_mode = "JPEG", "RGB"
    bpy.ops.render.render()
    bpy.ops.relievo.use_render()
    facts["render"] = [settings.source, settings.image.name, made(), stored.file_format, stored.color_mode]
    return facts


def selected_pictures() -> dict[str, Any]:
    """The button where the panel has no picture, in every editor that shows some; and where nothing is selected."""
    install()
    quick()
    scene = bpy.context.scene
    facts: dict[str, Any] = {"nothing": made()}
    one, two = disc("One", (1, 0, 0)), disc("Two", (0, 0, 1))
    with editor("IMAGE_EDITOR") as space:
        facts["no_image"] = made()
        space.image = one
        facts["image_editor"] = made()
    facts["own_texture"] = made()
    facts |= of_scene(one, two) | of_browsers(one)
    scene.relievo.picture = str(QUARTERS)
    with editor("IMAGE_EDITOR") as space:
        space.image = one
        facts["panel_first"] = made()
        facts["selected_first"] = made(selected=True)
    return facts


def of_scene(one: Any, two: Any) -> dict[str, Any]:
    """Image objects, the active texture of a material, a node editor."""
    facts: dict[str, Any] = {}
    scene = bpy.context.scene
    for image in (one, two):
        empty = bpy.data.objects.new(f"empty {image.name}", None)
        empty.empty_display_type, empty.data = "IMAGE", image
        scene.collection.objects.link(empty)
        empty.select_set(True)
    facts["objects"] = made()
    for thing in bpy.context.selected_objects:
        thing.select_set(False)

    material = bpy.data.materials.new("Painted")
    material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = two
    material.node_tree.nodes.active = node
    cube = bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube"))
    cube.data.materials.append(material)
    scene.collection.objects.link(cube)
    bpy.context.view_layer.objects.active = cube
    facts["active_unselected"] = made()
    cube.select_set(True)
    facts["material"] = made()
    tree = SimpleNamespace(area=SimpleNamespace(type="NODE_EDITOR"), space_data=SimpleNamespace(edit_tree=None))
    facts["no_tree"] = len(module("selection").picks(tree))
    tree.space_data.edit_tree = material.node_tree
    facts["node_editor"] = [source.name for source in module("selection").sources(tree)]
    return facts


def of_browsers(one: Any) -> dict[str, Any]:
    """Files and assets, as Blender's browsers name them."""
    facts: dict[str, Any] = {}

    def browser(mode: str, **chosen: Any) -> list[str]:
        params = SimpleNamespace(directory=str(FOLDER).encode())
        space = SimpleNamespace(browse_mode=mode, params=params)
        context = SimpleNamespace(area=SimpleNamespace(type="FILE_BROWSER"), space_data=space, **chosen)
        return [source.name for source in module("selection").sources(context)]

    entries = [SimpleNamespace(relative_path=name, name=name) for name in ("quarters.png", "notes.txt", "b.tga")]
    facts["files"] = browser("FILES", selected_files=entries)
    library = FOLDER / "library.blend"
    kept = disc("Kept", (0, 1, 0))
    kept.pack()
    bpy.data.libraries.write(str(library), {kept})
    bpy.data.images.remove(kept)
    assets = [
        SimpleNamespace(id_type="IMAGE", local_id=one, name="One", full_library_path=""),
        SimpleNamespace(id_type="MATERIAL", local_id=bpy.data.materials[0], name="Painted", full_library_path=""),
        SimpleNamespace(id_type="IMAGE", local_id=None, name="Kept", full_library_path=str(library)),
    ]
    facts["assets"] = browser("ASSETS", selected_assets=assets)
    return facts
