"""One picture through the operator: the object, its material and texture, and what Cycles sees of it."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import bpy
from inside import MODULE, PICTURE, QUARTERS, ROOT, drawn, install, names, quick


def generate() -> dict[str, Any]:
    """A real picture through the operator, with the panel's defaults."""
    install()
    bpy.context.scene.cursor.location = (1, 2, 3)
    bpy.ops.ed.undo_push(message="before")
    answer = bpy.ops.relievo.generate(filepath=str(PICTURE))
    (thing,) = bpy.data.objects
    mesh = thing.data
    (material,) = mesh.materials
    (shader,) = (node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    texture = shader.inputs["Base Color"].links[0].from_node
    image = texture.image
    result = importlib.import_module(f"{MODULE}.relievo").generate(PICTURE)
    facts = {
        **placed_facts(thing),
        "answer": list(answer),
        "names": {"object": thing.name, "mesh": mesh.name, "material": material.name, "image": image.name},
        "picture_in_panel": bpy.context.scene.relievo.picture,
        "vertices_equal": [list(v.co) for v in mesh.vertices] == result.mesh.vertices.tolist(),
        "faces_equal": [list(p.vertices) for p in mesh.polygons] == result.mesh.faces.tolist(),
        "uv_equal": [list(uv.vector) for uv in mesh.uv_layers.active.uv]
        == result.mesh.corner_uv.reshape(-1, 2).tolist(),
        "uv_layers": names(mesh.uv_layers),
        "smooth": all(p.use_smooth for p in mesh.polygons),
        "needed_repair": mesh.validate(),
        "image": {
            "packed": bytes(image.packed_file.data) == bytes(result.albedo_png),
            "size": list(image.size),
            "colour_space": image.colorspace_settings.name,
            "node": texture.type,
        },
        "output_is_linked": any(
            link.from_node == shader and link.to_node.type == "OUTPUT_MATERIAL" for link in material.node_tree.links
        ),
        "metallic": shader.inputs["Metallic"].default_value,
    }
    facts["outline_iou"] = outline_iou(thing, result)
    bpy.ops.ed.undo()
    facts["after_undo"] = {
        "objects": names(bpy.data.objects),
        "collections": names(bpy.context.scene.collection.children),
    }
    bpy.ops.ed.redo()
    facts["after_redo"] = names(bpy.data.objects)
    return facts


def notes() -> dict[str, Any]:
    """A picture whose shape so few faces cannot bear, and the same with enough of them."""
    install()
    quick()
    answers = {}
    for faces in (100, 0):
        bpy.context.scene.relievo.faces = faces
        bpy.ops.relievo.generate(filepath=str(PICTURE))
        thing = bpy.context.view_layer.objects.active
        answers[str(faces)] = {"kept": thing["relievo_notes"], "panel": " ".join(drawn())}
    return answers


def placed_facts(thing: Any) -> dict[str, Any]:
    """Returns where an object is, and the source that it names."""
    return {
        "location": list(thing.location),
        "collections": names(thing.users_collection),
        "in_scene": names(bpy.context.scene.collection.children),
        "selected": thing.select_get(),
        "active": bpy.context.view_layer.objects.active == thing,
        "provenance": {key: value for key, value in thing.items() if isinstance(value, str)},
    }


def outline_iou(thing: Any, result: Any) -> float:
    """Returns how well the outline that Cycles sees from the front agrees with the picture's own transparency."""
    sys.path.append(str(ROOT / "packaging"))
    import outline
    import pictures
    import studio

    picture = pictures.read_picture(PICTURE)
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.device = "CYCLES", "CPU"
    place, thing.location = thing.location.copy(), (0, 0, 0)
    seen = studio.front_outline(256)
    thing.location = place
    return outline.iou(seen, outline.place(picture[..., 3], result.crop, 256) >= 0.5)


def quarters() -> dict[str, Any]:
    """Returns where the four colours of the picture are on the object, by Blender's own mesh, UV and pixels."""
    install()
    quick()
    bpy.ops.relievo.generate(filepath=str(QUARTERS))
    (thing,) = bpy.data.objects
    mesh = thing.data
    image = bpy.data.images[thing.name]
    width, height = image.size
    seen: dict[str, list[list[float]]] = {}
    for polygon in mesh.polygons:
        if polygon.normal.y > -0.7 or min(abs(polygon.center.x), abs(polygon.center.z)) < 0.15:
            continue  # not of the front, or where colours meet
        where = ("left" if polygon.center.x < 0 else "right") + (" bottom" if polygon.center.z < 0 else " top")
        for loop in polygon.loop_indices:
            u, v = mesh.uv_layers.active.uv[loop].vector
            start = 4 * (int(v * height) * width + int(u * width))
            seen.setdefault(where, []).append(list(image.pixels[start : start + 3]))
    low, high = ([f(v.co[axis] for v in mesh.vertices) for axis in range(3)] for f in (min, max))
    return {
        "colours": {where: [sum(c) / len(c) for c in zip(*colours, strict=True)] for where, colours in seen.items()},
        "size": [b - a for a, b in zip(low, high, strict=True)],
    }
