"""Writes a finished result into a file, from which it can be placed again without computing. Knows nothing of
Blender."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import documents

if TYPE_CHECKING:
    import relievo

_VERSION = 1


class UnreadableResultError(Exception):
    """Has the fields of a relievo.Error."""

    code, exit_status, remedy = "io", 3, ""
    message, hint = "The stored result cannot be read.", "Generate it again."


@dataclass(frozen=True)
class Provenance:
    """Has the fields of relievo.Provenance."""

    picture: str
    model: str
    settings: str
    version: str


@dataclass(frozen=True)
class StoredMesh:
    """Has the parts of relievo.Mesh that an object is made of."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    corner_uv: NDArray[np.float32]
    vertex_colours: NDArray[np.float32] | None
    provenance: Provenance


@dataclass(frozen=True)
class StoredResult:
    """Has the parts of relievo.Result that an object is made of."""

    name: str
    mesh: StoredMesh
    albedo_png: bytes
    normal_map_png: bytes
    notes: list[str]


def save(result: relievo.Result | StoredResult, path: Path) -> int:
    """Writes the result as a whole or not at all; returns the file's size in bytes. Raises OSError."""
    mesh = result.mesh
    arrays = {"vertices": mesh.vertices, "faces": mesh.faces, "corner_uv": mesh.corner_uv}
    if mesh.vertex_colours is not None:
        arrays["vertex_colours"] = mesh.vertex_colours
    told = {name: getattr(mesh.provenance, name) for name in Provenance.__annotations__}
    facts = json.dumps({"version": _VERSION, "name": result.name, "provenance": told, "notes": result.notes}).encode()
    files = {"facts": facts, "albedo_png": result.albedo_png, "normal_map_png": result.normal_map_png}
    beside = path.with_name(path.name + ".part")
    try:
        with beside.open("wb") as file:
            np.savez(file, **arrays, **{name: np.frombuffer(data, np.uint8) for name, data in files.items()})
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path.stat().st_size


def load(path: Path) -> StoredResult:
    """Reads a result. Raises UnreadableResultError."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            facts: dict[str, Any] = documents.read(arrays["facts"].tobytes())
            mesh = StoredMesh(
                _of_shape(arrays["vertices"], np.float32, (3,)),
                _of_shape(arrays["faces"], np.int32, (3,)),
                _of_shape(arrays["corner_uv"], np.float32, (3, 2)),
                _of_shape(arrays["vertex_colours"], np.float32, (3,)) if "vertex_colours" in arrays else None,
                Provenance(**facts["provenance"]),
            )
            if mesh.faces.size and not (mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.vertices)):
                raise ValueError("a face names a vertex that is not there")
            pngs = arrays["albedo_png"].tobytes(), arrays["normal_map_png"].tobytes()
            return StoredResult(str(facts["name"]), mesh, *pngs, [str(note) for note in facts.get("notes", [])])
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UnreadableResultError from error


def _of_shape(array: NDArray[Any], kind: type, shape: tuple[int, ...]) -> NDArray[Any]:
    """Returns the array; raises ValueError where it is of another kind or shape."""
    if array.dtype != kind or array.shape[1:] != shape:
        raise ValueError("an array has another shape")
    return array
