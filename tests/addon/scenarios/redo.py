"""A new mesh for an object: what is kept of the person's work, and what is refused."""

from __future__ import annotations

import json
import os
from typing import Any

import bpy
import numpy as np
from inside import FOLDER, QUARTERS, answer, drawn, find, install, module, names, quick


def points(thing: Any) -> list[list[float]]:
    return [list(vertex.co) for vertex in thing.data.vertices]


def made(**settings: Any) -> Any:
    """An object of the quarters, active, with its extension's scene settings."""
    quick()
    for name, value in settings.items():
        setattr(bpy.context.scene.relievo, name, value)
    bpy.ops.relievo.generate(filepath=str(QUARTERS))
    return find("quarters")


def textures(thing: Any) -> dict[str, Any]:
    """The images that Relievo made in the object's materials, by their part."""
    trees = [slot.material.node_tree for slot in thing.material_slots if slot.material.node_tree]
    images = [node.image for tree in trees for node in tree.nodes if node.type == "TEX_IMAGE" and node.image]
    return {image.get("relievo_part", ""): image.name for image in images}


def redo_new_seed() -> dict[str, Any]:
    """An object of a model with random numbers, while the panel has another model; and one of Quick Relief."""
    os.environ["RELIEVO_MODELS"] = str(FOLDER / "models")
    extension = install()
    thing = made()
    settings = bpy.context.scene.relievo
    settings.model = "instant-mesh-large"
    facts: dict[str, Any] = {"relief": ["New Seed" in drawn(), answer(bpy.ops.relievo.regenerate, new_seed=True)]}
    settings.model = "preview"
    of_object = json.loads(thing["relievo_settings"])
    thing["relievo_settings"] = json.dumps({**of_object, "model": "instant-mesh-large", "steps": 33, "seed": 5})
    settings.steps = 44
    words: dict[str, Any] = {}
    start = extension.jobs.start

    def noting(context: Any, source: Any, asked: dict[str, Any], *rest: Any, **more: Any) -> Any:
        words.update(asked)
        return start(context, source, asked, *rest, **more)

    extension.jobs.start = noting  # which refuses: the model is not on this machine
    facts["random"] = ["New Seed" in drawn(), answer(bpy.ops.relievo.regenerate, new_seed=True)]
    facts["asked"] = [words["model"], words["steps"], words["seed"] != 5, words["grid"]]
    thing["relievo_settings"] = json.dumps({**of_object, "model": "instant-mesh-large", "views": ["//six.png"]})
    facts["own_views"] = "New Seed" in drawn()
    return facts


def redo_keeps() -> dict[str, Any]:
    """Transform, name, parent, collections, modifiers, groups, materials; one undo step."""
    install()
    thing = made()
    thing.name, thing.data.name, thing.location, thing.scale = "Teapot", "Shape", (1, 2, 3), (2, 2, 2)
    parent = bpy.data.objects.new("Parent", None)
    bpy.context.scene.collection.objects.link(parent)
    thing.parent = parent
    thing.modifiers.new("Bevel", "BEVEL")
    (material,) = thing.data.materials
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Roughness"].default_value = 0.125
    glaze = bpy.data.materials.new("Glaze")
    thing.data.materials.append(glaze)
    top = [polygon.index for polygon in thing.data.polygons if polygon.center.z > 0.3]
    for index in top:
        thing.data.polygons[index].material_index = 1
    handle = thing.vertex_groups.new(name="Handle")
    handle.add([vertex.index for vertex in thing.data.vertices if vertex.co.x > 0], 0.5, "REPLACE")
    before, faces = points(thing), len(thing.data.polygons)
    bpy.ops.ed.undo_push(message="worked on")
    answered = answer(bpy.ops.relievo.regenerate)
    same = points(find("Teapot")) == before
    bpy.context.scene.relievo.grid = 40
    answer(bpy.ops.relievo.regenerate, use_panel=True)
    thing = find("Teapot")
    shader = thing.data.materials[0].node_tree.nodes["Principled BSDF"]
    facts = {
        "answer": answered,
        "same_as_before": same,
        "faces": [faces, len(thing.data.polygons)],
        "names": [thing.name, thing.data.name, thing.parent.name, thing.modifiers[0].name],
        "place": [list(thing.location), list(thing.scale)],
        "collections": names(thing.users_collection),
        "materials": [each.name for each in thing.data.materials],
        "roughness": shader.inputs["Roughness"].default_value,
        "glazed": {p.material_index for p in thing.data.polygons if p.center.z > 0.4}
        | {2 + p.material_index for p in thing.data.polygons if p.center.z < 0.2},
        "groups": [group.name for group in thing.vertex_groups],
        "weighted": [
            [
                round(g.weight, 3)
                for v in thing.data.vertices
                if (v.co.x > 0.1) == side and abs(v.co.x) > 0.1
                for g in v.groups
            ]
            for side in (True, False)
        ],
        "objects": names(bpy.data.objects),
        "meshes": names(bpy.data.meshes),
        "textures": textures(thing),
        "images": sorted(image.name for image in bpy.data.images if image.get("relievo_part")),
    }
    facts["glazed"] = sorted(facts["glazed"])
    facts["weighted"] = [sorted(set(weights)) for weights in facts["weighted"]]
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    facts["undone"] = points(find("Teapot")) == before and find("Teapot").parent.name == "Parent"
    return facts


def redo_size() -> dict[str, Any]:
    """Real size and origin are the object's, whatever the panel says and the person applied."""
    install()
    settings = bpy.context.scene.relievo
    thing = made(normalise=True, size=0.12, origin_at_base=True)
    settings.normalise, settings.origin_at_base, settings.material = False, False, False
    answer(bpy.ops.relievo.regenerate)
    facts = {"as_made": box(thing), "materials": len(thing.data.materials)}
    # Turned, scaled and moved, and all of it applied to the mesh.
    thing.data.transform(
        __import__("mathutils").Matrix.LocRotScale(
            (0, 0, 1), __import__("mathutils").Euler((0, 0, 1.5707964)), (2, 2, 2)
        )
    )
    applied = points(thing)
    answer(bpy.ops.relievo.regenerate)
    facts["applied"] = float(np.abs(np.array(points(thing)) - np.array(applied)).max())
    answer(bpy.ops.relievo.regenerate)
    facts["applied_twice"] = float(np.abs(np.array(points(thing)) - np.array(applied)).max())
    before = box(thing)
    settings.depth = 0.5
    answer(bpy.ops.relievo.regenerate, use_panel=True)
    facts["thinner"] = [before, box(thing)]
    return facts


def box(thing: Any) -> dict[str, list[float]]:
    all_points = np.array(points(thing))
    return {"low": all_points.min(axis=0).tolist(), "high": all_points.max(axis=0).tolist()}


def redo_shared() -> dict[str, Any]:
    """Objects that share the mesh, and one that shares the material alone; materials without nodes."""
    install()
    thing = made()
    twin = thing.copy()
    other = thing.copy()
    other.data = thing.data.copy()
    for each in (twin, other):
        bpy.context.scene.collection.objects.link(each)
    plain = bpy.data.materials.new("Plain")
    plain.use_nodes = False
    thing.data.materials.append(plain)
    bpy.context.view_layer.objects.active = thing
    others_image = textures(other)["albedo"]
    bpy.context.scene.relievo.grid = 40
    answered = answer(bpy.ops.relievo.regenerate, use_panel=True)
    return {
        "answer": answered,
        "twin_has_it": twin.data == thing.data,
        "twin_settings": twin["relievo_settings"] == thing["relievo_settings"],
        "other_is_kept": len(other.data.polygons) != len(thing.data.polygons),
        "others_texture_is_kept": textures(other)["albedo"] == others_image,
        "own_texture": textures(thing)["albedo"] != textures(other)["albedo"],
        "materials": [material.name for material in thing.data.materials],
    }


def redo_normal_map() -> dict[str, Any]:
    """The first normal map is added, and one that is there no more is removed."""
    install()
    thing = made(normal_map=True, faces=200)
    facts: dict[str, Any] = {"first": sorted(textures(thing))}
    bpy.context.scene.relievo.normal_map = False
    answer(bpy.ops.relievo.regenerate, use_panel=True)
    facts["without"] = sorted(textures(thing))
    bpy.context.scene.relievo.normal_map = True
    answer(bpy.ops.relievo.regenerate, use_panel=True)
    facts["again"] = sorted(textures(thing))
    facts["as_before"] = answer(bpy.ops.relievo.regenerate)
    return facts


def redo_refused() -> dict[str, Any]:
    """Checks that an object that cannot be redone is refused before anything is computed."""
    extension = install()
    thing = made()
    facts: dict[str, Any] = {}
    thing.shape_key_add(name="Basis")
    facts["shape_keys"] = answer(bpy.ops.relievo.regenerate)
    thing.shape_key_clear()
    bpy.ops.object.mode_set(mode="EDIT")
    facts["edit_mode"] = answer(bpy.ops.relievo.regenerate)
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "library.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(FOLDER / "library.blend"), link=True) as (_, here):
        here.objects = ["quarters"]
    thing = here.objects[0]
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    facts["linked"] = answer(bpy.ops.relievo.regenerate)
    override = thing.override_create(remap_local_usages=True)
    bpy.context.view_layer.objects.active = override
    facts["override"] = answer(bpy.ops.relievo.regenerate)
    facts["queue"] = len(extension.jobs.tasks())
    return facts


def redo_meanwhile() -> dict[str, Any]:
    """The object is deleted, or in edit mode, when its new mesh comes."""
    extension = install()
    jobs = extension.jobs
    thing = made()
    settings = module("properties").engine_settings(bpy.context.scene.relievo)

    def start() -> None:
        jobs.start(bpy.context, QUARTERS, {**settings, "grid": 40}, None, replaces=find("quarters"))

    start()
    bpy.ops.object.mode_set(mode="EDIT")
    jobs.finish()
    facts: dict[str, Any] = {
        "while_edited": {"waits": len(jobs.tasks()), "mode": bpy.context.mode, "objects": names(bpy.data.objects)}
    }
    bpy.ops.object.mode_set(mode="OBJECT")
    before = len(thing.data.polygons)
    jobs.finish()
    facts["after_editing"] = {"waits": len(jobs.tasks()), "grew": len(find("quarters").data.polygons) > before}
    start()
    bpy.data.objects.remove(find("quarters"))
    jobs.finish()
    (task,) = jobs.tasks()
    facts["deleted"] = {
        "objects": names(bpy.data.objects),
        "unplaced": task.is_unplaced,
        "told": extension.notices.told()[-1],
    }
    bpy.ops.relievo.place(key=task.key)
    facts["placed"] = {"objects": names(bpy.data.objects), "queue": len(jobs.tasks())}
    return facts


def redo_of_first_version() -> dict[str, Any]:
    """Objects that version 0.1.0 has made."""
    install()
    bpy.ops.wm.open_mainfile(filepath=str(FOLDER / "objects.blend"))
    bpy.context.scene.relievo.size = 3.0
    (FOLDER / "cup.png").write_bytes(bytes(bpy.data.images["Painting"].packed_file.data))
    facts = {}
    for name in ("cup", "Painting"):
        thing = find(name)
        thing["relievo_picture"] = thing["relievo_picture"].replace("/tmp/studio", str(FOLDER))
        bpy.context.view_layer.objects.active = thing
        before = np.array(points(thing))
        answered = answer(bpy.ops.relievo.regenerate)
        now = np.array(points(thing))
        facts[name] = {
            "answer": answered,
            "same": before.shape == now.shape and float(np.abs(before - now).max()) < 1e-5,
            "materials": [material.name for material in thing.data.materials],
            "textures": textures(thing),
            "is_kept": thing.get("relievo_source") is not None,
            "picture": thing["relievo_picture"],
        }
    return facts
