"""Puts results into Blender's data: from arrays, not files, and without a loop over vertices."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import bpy
import numpy as np
from numpy.typing import NDArray

from . import documents, placing, textures, thumbnails, witness

if TYPE_CHECKING:
    import relievo

    from .stored_result import StoredResult

    AnyResult: TypeAlias = relievo.Result | StoredResult

COLLECTION = "Relievo"


@dataclass(frozen=True)
class ImportOptions:
    collection: str = COLLECTION  # empty: the scene's own
    size: float = 0.0  # metres of the longest side; 0: as it is
    scale: float = 1.0  # metres for a unit of the model's, where no size is asked for
    origin_at_base: bool = False
    smooth: bool = True
    material: bool = True
    asset: bool = False

    @staticmethod
    def of(stored: dict[str, Any]) -> ImportOptions:
        """Reads what an object or a record remembers; unknown or impossible values are left out."""
        return ImportOptions(**documents.known(ImportOptions, stored))


def add_object(
    result: AnyResult,
    scene: bpy.types.Scene,
    location: Iterable[float] = (0.0, 0.0, 0.0),
    options: ImportOptions | None = None,
) -> bpy.types.Object:
    """Adds the result to a collection of the scene, its front towards -Y, named after the picture."""
    options = options or ImportOptions()
    thing = make_object(result, options)
    thing.location = location
    placing.put(thing, scene, options.collection)
    return thing


def make_object(result: AnyResult, options: ImportOptions) -> bpy.types.Object:
    """Makes an object that is in no collection yet."""
    vertices = placed(result.mesh.vertices, options)
    mesh = make_mesh(result, vertices, options.smooth)
    witness.remember(mesh, vertices)
    if options.material:
        mesh.materials.append(textures.make_material(result))
    thing = bpy.data.objects.new(result.name, mesh)
    remember(thing, result, options)
    return thing


def remember(thing: bpy.types.Object, result: AnyResult, options: ImportOptions) -> None:
    """Records on the object where it came from, so that it can be made again."""
    provenance = result.mesh.provenance
    for name in ("picture", "model", "settings", "version"):
        thing[f"relievo_{name}"] = getattr(provenance, name)
    thing["relievo_import"] = json.dumps(asdict(options))
    thing["relievo_notes"] = "\n".join(result.notes)


def mark_asset(thing: bpy.types.Object, picture: NDArray[np.uint8] | None) -> None:
    """Marks the object as an asset, with this picture as its preview where there is one."""
    thing.asset_mark()
    if picture is not None:
        thumbnails.fill(thing.preview_ensure(), picture)


def make_mesh(result: AnyResult, vertices: NDArray[np.float32], is_smooth: bool) -> bpy.types.Mesh:
    """Makes the result's mesh with these vertices in place of its own."""
    faces = result.mesh.faces
    mesh = bpy.data.meshes.new(result.name)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", vertices.ravel())
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.full(len(faces), is_smooth))
    mesh.uv_layers.new(name="UVMap").uv.foreach_set("vector", result.mesh.corner_uv.ravel())
    if (colours := result.mesh.vertex_colours) is not None:
        attribute = mesh.color_attributes.new("Color", "BYTE_COLOR", "POINT")
        opaque = np.ones((len(colours), 4), np.float32)
        opaque[:, :3] = colours
        attribute.data.foreach_set("color_srgb", opaque.ravel())
    mesh.update(calc_edges=True)
    return mesh


def placed(vertices: NDArray[np.float32], options: ImportOptions) -> NDArray[np.float32]:
    """Scales the vertices to the size that is asked for and moves the origin there."""
    if len(vertices) == 0:
        return vertices
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    if options.origin_at_base:
        base = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]], np.float32)
        vertices = vertices - base
    longest = float((high - low).max())
    if options.size > 0 and longest > 0:
        vertices = vertices * np.float32(options.size / longest)
    elif options.scale not in (0.0, 1.0):
        vertices = vertices * np.float32(options.scale)
    return vertices
