"""Makes quads of a mesh by Blender's QuadriFlow, with UVs by Smart UV Project, in a Blender of its own: both block the
main thread, and the first drops UVs.

Run by that Blender: blender -b --factory-startup --python quad_remesher.py -- IN.npz OUT.npz QUADS. Loaded by the
extension, it starts that Blender.
"""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np

_SECONDS = 60.0  # in which most of the work is done: its progress is a guess
_ANGLE = 1.15  # radians at which Smart UV Project cuts
_MARGIN = 0.004  # share of the texture's side between its charts
_TRIES = 5
_NEAR = 0.2  # the logarithm of the ratio of quads wanted and made, that is good enough


class Remesher:
    """A Blender in the background that makes quads."""

    def __init__(self, arrays: dict[str, Any], quads: int) -> None:
        """Raises OSError."""
        self._folder = tempfile.TemporaryDirectory(prefix="relievo-quads-")
        source, self._made = (Path(self._folder.name) / name for name in ("in.npz", "out.npz"))
        self._said = Path(self._folder.name) / "said"
        np.savez(source, vertices=arrays["vertices"], faces=arrays["faces"])
        # The module bpy is no program, but Python itself can run the script there.
        blender = [bpy.app.binary_path, "-b", "--factory-startup", "--python-exit-code", "3", "--python"]
        command = blender if bpy.app.binary_path else [sys.executable]
        with self._said.open("w") as said:
            self._process = subprocess.Popen(
                [*command, __file__, "--", str(source), str(self._made), str(quads)],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        self._begin = time.monotonic()

    @property
    def fraction(self) -> float:
        return 1 - 2 ** (-(time.monotonic() - self._begin) / (_SECONDS / 3))

    def wait(self, seconds: float) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.poll() is not None

    def cancel(self) -> None:
        self._process.kill()

    def take(self) -> dict[str, Any] | None:
        """Returns vertices, `starts` and `loops` of the polygons, `uv` of the loops, and their `triangles` (vertices)
        and `corners` (loops); None where it failed."""
        try:
            if self._process.poll() != 0 or not self._made.is_file():
                return None
            with np.load(self._made, allow_pickle=False) as arrays:
                return dict(arrays)
        finally:
            self._folder.cleanup()

    def why(self) -> str:
        """Returns the last line that the Blender said."""
        lines = [line for line in self._said.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""

    def forget(self) -> None:
        self.cancel()
        self._process.wait()
        self._folder.cleanup()


def _read(items: Any, name: str, width: int, kind: type) -> Any:
    values: Any = np.empty(width * len(items), kind)
    items.foreach_get(name, values)
    return values.reshape(-1, width)


def _remesh(thing: bpy.types.Object, wanted: int) -> None:
    """Gives the object about so many quads. QuadriFlow is often far off at first, so it is asked again for as many more
    or fewer, and the best of its answers counts. Raises RuntimeError where it refuses."""
    given, best, ask = thing.data, None, float(wanted)
    for seed in range(_TRIES):
        thing.data = given.copy()
        ended = bpy.ops.object.quadriflow_remesh(
            mode="FACES",
            target_faces=round(ask),
            use_mesh_symmetry=False,
            use_preserve_boundary=True,
            seed=seed,
        )
        made = thing.data
        if ended != {"FINISHED"} or len(made.polygons) == 0:
            continue
        if best is None or _off(made, wanted) < _off(best, wanted):
            best = made
        if _off(best, wanted) < _NEAR:
            break
        ask *= min(max(wanted / len(made.polygons), 0.25), 4.0)
    if best is None:
        raise RuntimeError("QuadriFlow made no faces.")
    thing.data = best


def _off(mesh: bpy.types.Mesh, wanted: int) -> float:
    return abs(math.log(len(mesh.polygons) / wanted))


def _main(source: str, made: str, quads: int) -> None:
    """Does the work. Raises RuntimeError where QuadriFlow refuses."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with np.load(source, allow_pickle=False) as arrays:
        vertices, faces = arrays["vertices"], arrays["faces"]
    mesh = bpy.data.meshes.new("quads")
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", vertices.ravel())
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    mesh.update(calc_edges=True)
    thing = bpy.data.objects.new("quads", mesh)
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    thing.select_set(True)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    # Vertices are split at seams; QuadriFlow wants one surface.
    bpy.ops.mesh.remove_doubles(threshold=1e-6 * max(thing.dimensions))
    bpy.ops.object.mode_set(mode="OBJECT")
    _remesh(thing, quads)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.uv.smart_project(angle_limit=_ANGLE, island_margin=_MARGIN, margin_method="FRACTION")
    bpy.ops.object.mode_set(mode="OBJECT")
    mesh = thing.data
    beside = made + ".part.npz"
    np.savez(
        beside,
        vertices=_read(mesh.vertices, "co", 3, np.float32),
        starts=_read(mesh.polygons, "loop_start", 1, np.int32).ravel(),
        loops=_read(mesh.loops, "vertex_index", 1, np.int32).ravel(),
        uv=_read(mesh.uv_layers.active.uv, "vector", 2, np.float32),
        triangles=_read(mesh.loop_triangles, "vertices", 3, np.int32),
        corners=_read(mesh.loop_triangles, "loops", 3, np.int32),
    )
    Path(beside).rename(made)


if __name__ == "__main__":
    given = sys.argv[sys.argv.index("--") + 1 :]
    _main(given[0], given[1], int(given[2]))
