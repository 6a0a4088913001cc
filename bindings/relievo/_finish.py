"""Finishing meshes, and baking from one to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._types import PathLike

if TYPE_CHECKING:
    from ._native import Finishing, PrintReport, Result


class MeshMaterial(TypedDict, total=False):
    """A material of a mesh in memory. A picture is a path, the bytes of a file, or an array `[height, width, 3 or 4]`
    of uint8."""

    texture: PathLike | bytes | NDArray[np.uint8] | None  # base colour, sRGB-encoded
    normal_map: PathLike | bytes | NDArray[np.uint8] | None  # tangent space, green up
    colour: Sequence[float]  # multiplies the texture; linear
    roughness: float
    metallic: float


class MeshArrays(TypedDict, total=False):
    """A mesh in memory, Z up and in metres."""

    vertices: NDArray[np.float32]  # [V, 3]
    faces: NDArray[np.int32]  # [F, 3]
    normals: NDArray[np.float32]  # [V, 3]; without them it is smooth everywhere
    corner_uv: NDArray[np.float32]  # [F, 3, 2], origin at the bottom left
    face_material: NDArray[np.int32]  # [F] places in materials, or -1; without it all faces have the first
    materials: Sequence[MeshMaterial]


MeshSource: TypeAlias = PathLike | MeshArrays  # or a GLB, OBJ or PLY file


class BakeSettings(TypedDict, total=False):
    # "auto" keeps UVs that can be baked onto, "keep" refuses others, "new" unwraps in any case.
    uv: str
    texture_size: int  # texels a side; 0: as many as the source has
    reach: float  # how far the source is looked for, as a share of its diagonal
    normal_map: bool


class FinishSettings(BakeSettings, total=False):
    faces: int  # most triangles; 0: as many as there are
    levels: int  # levels of detail: 1 to 4
    mirror: str  # "left" (what is seen from -X) or "right": the half that is kept and mirrored; "": none
    flat_base: float  # millimetres that are cut off at the bottom
    print_size: float  # millimetres of the longest side; 0 keeps the size
    occlusion: bool  # bakes an ambient occlusion map
    roughness: float | None  # None: the mesh's own
    metallic: float | None


def finish(
    mesh: MeshSource,
    *,
    name: str = "",
    progress: Callable[[float], object] | None = None,
    **settings: Unpack[FinishSettings],
) -> Result:
    """Makes a textured mesh, anybody's, ready for engines and printers, and waits for it.

    The result's mesh has one material; `mesh.levels` are its coarser levels of detail, and save() writes all into one
    GLB. progress is called about ten times a second with the share that is done. Raises a subclass of Error; Ctrl-C, or
    an exception from progress, cancels the work.
    """
    return _waited(_native._finish(mesh, name=name, **settings), progress).result()


def finish_for_print(
    mesh: MeshSource,
    *,
    name: str = "",
    progress: Callable[[float], object] | None = None,
    **settings: Unpack[FinishSettings],
) -> tuple[Result, PrintReport | None]:
    """Does the same, and returns what a printer would meet, too (where flat_base or print_size is given)."""
    work = _waited(_native._finish(mesh, name=name, **settings), progress)
    return work.result(), work.print_report()


def bake(
    source: MeshSource,
    target: MeshSource,
    *,
    name: str = "",
    progress: Callable[[float], object] | None = None,
    **settings: Unpack[BakeSettings],
) -> Result:
    """Bakes what one textured mesh shows onto another one that stands at the same place, and waits for it.

    The result has the target's faces and the source's colours and normals. Raises as finish() does.
    """
    return _waited(_native._bake(source, target, name=name, **settings), progress).result()


def save_levels(result: Result, where: PathLike, formats: Sequence[str] = ()) -> list[Path]:
    """Writes each level of detail as files of its own, NAME_LOD0 and so on, as Result.save() does with one."""
    return _native._save_finished(result, where, list(formats), separate=True)


def _waited(work: Finishing, progress: Callable[[float], Any] | None) -> Finishing:
    try:
        is_over = False
        while not is_over:
            is_over = work.wait(0.1)
            if progress is not None:
                progress(work.fraction)
    except BaseException:
        work.cancel()
        raise
    return work
