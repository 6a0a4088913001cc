"""Baking from a detailed mesh onto a simple one: `relievo.bake` beside Cycles' selected-to-active bake, in turn.

    .venv/bin/python benchmarks/mesh_bake.py [--size 2048] [--repeats 5] [--threads N] [--check FILE]

Both bake colors and a normal map of the same meshes, which are in memory, at one sample a texel; the times are of the
bakes alone. The report gives both medians and the median of the paired ratios. With --check, nothing is timed: the maps
of both are written to an .npz file, for tests/app/test_bake.py.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

REACH = 0.02  # share of the source's diagonal


def ball(rings: int, bumps: float = 0.0) -> dict[str, NDArray[Any]]:
    """A ball with waves on it, its UVs as on a map of the world."""
    v, u = np.mgrid[: rings + 1, : 2 * rings + 1]
    polar, around = np.pi * v / rings, np.pi * u / rings
    radius = 1 + bumps * np.sin(9 * around) * np.sin(polar) ** 3 * np.cos(7 * polar)
    points = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], -1)
    places = (radius[..., None] * points).reshape(-1, 3)
    uv = np.stack([u / (2 * rings), 1 - v / rings], -1).reshape(-1, 2)
    # Vertices of one place are one: those of the poles, and of the first and the last column.
    number = np.arange(len(places)).reshape(v.shape)
    own = number.copy()
    own[:, -1] = own[:, 0]
    own[0], own[-1] = own[0, 0], own[-1, 0]
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    corners = np.concatenate([np.stack([a, b, c], -1)[:-1].reshape(-1, 3), np.stack([a, c, d], -1)[1:].reshape(-1, 3)])
    used, faces = np.unique(own.ravel()[corners], return_inverse=True)
    return {
        "vertices": places[used].astype(np.float32),
        "faces": faces.reshape(-1, 3).astype(np.int32),
        "corner_uv": uv[corners].astype(np.float32),
    }


def picture(side: int) -> NDArray[np.uint8]:
    """Smooth colors with detail of some twenty texels, the same on both sides of the map's seam."""
    y, x = (np.mgrid[:side, :side] + 0.5) / side
    wave = 2 * np.pi * np.round(side / 128)
    channels = [np.sin(wave * x) * np.cos(wave * y), np.cos(wave * (x + y)), np.sin(2 * np.pi * (3 * x + 5 * y))]
    colors: NDArray[np.uint8] = np.round(127.5 + 110 * np.stack(channels, -1)).astype(np.uint8)
    return colors


class Cycles:
    """Both meshes as objects in a scene of Blender's, and Cycles' bake from one to the other."""

    def __init__(
        self, source: dict[str, Any], target: dict[str, Any], texture: NDArray[np.uint8], threads: int
    ) -> None:
        import bpy

        self._bpy = bpy
        bpy.ops.wm.read_factory_settings(use_empty=True)
        scene = bpy.context.scene
        scene.render.engine = "CYCLES"
        scene.cycles.device, scene.cycles.samples, scene.cycles.use_denoising = "CPU", 1, False
        if threads > 0:
            scene.render.threads_mode, scene.render.threads = "FIXED", threads
        shown = bpy.data.images.new("texture", texture.shape[1], texture.shape[0])
        opaque = np.ones((*texture.shape[:2], 4), np.float32)
        opaque[..., :3] = texture[::-1] / 255
        shown.pixels.foreach_set(opaque.ravel())
        self._source = self._object("source", source)
        self._target = self._object("target", target)
        self._show(self._source, shown)
        # The bake goes into the image of the active node.
        self._into = self._show(self._target, None)
        self._reach = REACH * float(np.linalg.norm(np.ptp(source["vertices"], axis=0)))
        self._source.select_set(True)
        self._target.select_set(True)
        bpy.context.view_layer.objects.active = self._target

    def _object(self, name: str, arrays: dict[str, Any]) -> Any:
        bpy = self._bpy
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(arrays["vertices"].tolist(), [], arrays["faces"].tolist())
        mesh.uv_layers.new(name="UVMap").uv.foreach_set("vector", arrays["corner_uv"].ravel())
        mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
        thing = bpy.data.objects.new(name, mesh)
        bpy.context.scene.collection.objects.link(thing)
        return thing

    def _show(self, thing: Any, image: Any) -> Any:
        """Gives it a material that shines with the image: what is baked then is the texture, and no light."""
        material = self._bpy.data.materials.new(thing.name)
        material.use_nodes = True
        nodes, links = material.node_tree.nodes, material.node_tree.links
        nodes.clear()
        texture, light, output = (nodes.new(f"ShaderNode{kind}") for kind in ("TexImage", "Emission", "OutputMaterial"))
        texture.image = image
        links.new(texture.outputs["Color"], light.inputs["Color"])
        links.new(light.outputs["Emission"], output.inputs["Surface"])
        nodes.active = texture
        thing.data.materials.append(material)
        return texture

    def bake(self, size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Returns colors and normal map `[size, size, 4]`, 0..1, row 0 at the top; what was not baked is black."""
        return self._one("EMIT", size), self._one("NORMAL", size)

    def _one(self, kind: str, size: int) -> NDArray[np.float32]:
        bpy = self._bpy
        image = bpy.data.images.new(kind, size, size, alpha=True)
        image.generated_color = (0, 0, 0, 0)
        image.colorspace_settings.name = "sRGB" if kind == "EMIT" else "Non-Color"
        self._into.image = image
        bpy.ops.object.bake(
            type=kind,
            use_selected_to_active=True,
            cage_extrusion=self._reach,
            max_ray_distance=2 * self._reach,
            margin=0,
            use_clear=True,
        )
        pixels = np.empty(size * size * 4, np.float32)
        image.pixels.foreach_get(pixels)
        bpy.data.images.remove(image)
        return pixels.reshape(size, size, 4)[::-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--check", type=Path)
    options = parser.parse_args()
    if options.threads > 0:
        os.environ["OMP_NUM_THREADS"] = str(options.threads)
    import relievo

    source, texture = ball(250, 0.01), picture(options.size)
    arrays: Any = {**source, "materials": [{"texture": texture}]}
    # The target's UVs are an atlas, as they are where meshes are finished.
    simple: Any = ball(24)
    plain: Any = {**simple, "materials": [{"texture": texture}]}
    atlas = relievo.finish(plain, uv="new", texture_size=options.size).mesh
    target: Any = {"vertices": atlas.vertices, "faces": atlas.faces, "corner_uv": atlas.corner_uv}
    cycles = Cycles(source, target, texture, options.threads)

    def ours() -> Any:
        return relievo.bake(arrays, target, uv="keep", texture_size=options.size, reach=REACH).mesh

    if options.check:
        mesh = ours()
        albedo, normals = cycles.bake(options.size)
        np.savez(options.check, albedo=mesh.albedo, normals=mesh.normal_map, cycles=albedo, cycles_normals=normals)
        return
    ours()
    cycles.bake(options.size)
    times: list[tuple[float, float]] = []
    for _ in range(options.repeats):
        begin = time.perf_counter()
        ours()
        middle = time.perf_counter()
        cycles.bake(options.size)
        times.append((middle - begin, time.perf_counter() - middle))
    report = {
        "faces": [len(source["faces"]), len(target["faces"])],
        "size": options.size,
        "relievo_seconds": statistics.median(own for own, _ in times),
        "cycles_seconds": statistics.median(theirs for _, theirs in times),
        "ratio": statistics.median(theirs / own for own, theirs in times),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
