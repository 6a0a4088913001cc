"""The layered OpenEXR renders of native/render as OpenImageIO and Blender's compositor read them.

The sample: the box of test_mesh_import.py (x -0.5..1, y -1..2, z -1.5..3) seen by a camera at y = -9.5 along +Y, 40
degrees high, 64 x 48 pixels: its front lies at a depth of 8.5 m.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from numpy.typing import NDArray

BUILD = Path(os.environ.get("RELIEVO_BUILD", Path(__file__).resolve().parents[2] / "build"))
WIDTH, HEIGHT = 64, 48
CHANNELS = {
    *("R", "G", "B", "A"),
    *("albedo.R", "albedo.G", "albedo.B", "albedo.A"),
    "depth.Z",
    *("normal.X", "normal.Y", "normal.Z"),
    *("position.X", "position.Y", "position.Z"),
}
FLOATS = {"depth.Z", "position.X", "position.Y", "position.Z"}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layers")
    subprocess.run(
        [BUILD / "test_render", "--gtest_filter=LayersFile.SamplesAreWritten"],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "RELIEVO_LAYER_SAMPLES": str(folder)},
    )
    return folder


@pytest.fixture(scope="module")
def oiio() -> Any:
    """OpenImageIO as Blender carries it."""
    packages = Path(bpy.utils.system_resource("PYTHON")) / "lib" / "python3.11" / "site-packages"
    sys.path.append(str(packages))
    try:
        return importlib.import_module("OpenImageIO")
    finally:
        sys.path.remove(str(packages))


def read(oiio: Any, path: Path) -> dict[str, NDArray[np.float32]]:
    buffer = oiio.ImageBuf(str(path))
    pixels = buffer.get_pixels(oiio.FLOAT)
    assert pixels.shape == (HEIGHT, WIDTH, len(CHANNELS))
    return {name: pixels[:, :, i] for i, name in enumerate(buffer.spec().channelnames)}


@pytest.mark.parametrize("kind", ["half", "float"])
def test_channels_have_their_names_and_widths(oiio: Any, samples: Path, kind: str) -> None:
    spec = oiio.ImageInput.open(str(samples / f"{kind}.exr")).spec()
    widths = {name: str(spec.channelformat(i)) for i, name in enumerate(spec.channelnames)}
    expected = {name: "float" if kind == "float" or name in FLOATS else "half" for name in CHANNELS}
    assert widths == expected


@pytest.mark.parametrize("kind", ["half", "float"])
def test_layers_hold_what_the_camera_sees(oiio: Any, samples: Path, kind: str) -> None:
    layers = read(oiio, samples / f"{kind}.exr")
    focal = 0.5 / np.tan(np.radians(20)) * HEIGHT
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    x = 0.25 + (columns + 0.5 - WIDTH / 2) / focal * 8.5  # where each pixel's ray meets the plane of the front
    z = 0.75 - (rows + 0.5 - HEIGHT / 2) / focal * 8.5
    front = (x > -0.5) & (x < 1) & (z > -1.5) & (z < 3)
    assert front.sum() > 100
    assert layers["depth.Z"][front] == pytest.approx(8.5, abs=1e-5)
    assert np.all(layers["depth.Z"][~front] == np.float32(1e10))
    assert np.abs(layers["position.X"] - x)[front].max() < 1e-5
    assert np.abs(layers["position.Y"] + 1)[front].max() < 1e-5
    assert np.abs(layers["position.Z"] - z)[front].max() < 1e-5
    normal = np.stack([layers[f"normal.{axis}"] for axis in "XYZ"], axis=-1)
    assert np.linalg.norm(normal[front], axis=-1) == pytest.approx(1, abs=2e-3)
    assert np.all(normal[front][:, 1] < -0.5)
    assert np.all(normal[~front] == 0)
    # Red at the top left, green top right, blue bottom left, yellow bottom right; row 0 is the top.
    corners = [(0.2, 0.2), (0.8, 0.2), (0.2, 0.8), (0.8, 0.8)]
    expected = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0)]
    inner_rows, inner_columns = np.flatnonzero(front.any(axis=1)), np.flatnonzero(front.any(axis=0))
    for (across, down), colour in zip(corners, expected, strict=True):
        row = inner_rows[int(down * len(inner_rows))]
        column = inner_columns[int(across * len(inner_columns))]
        strongest = [layers[f"albedo.{c}"][row, column] > 0.45 for c in "RGB"]
        assert strongest == [bool(c) for c in colour]


def test_colours_are_multiplied_by_alpha(oiio: Any, samples: Path) -> None:
    layers = read(oiio, samples / "float.exr")
    edge = (layers["A"] > 0) & (layers["A"] < 1)
    assert edge.any()
    brightest = np.max([layers[f"albedo.{c}"] for c in "RGB"], axis=0)
    assert np.all(brightest[edge] <= layers["A"][edge] + 1e-5)
    assert np.all(layers["R"][layers["A"] == 0] == 0)


def test_blenders_compositor_offers_every_layer(oiio: Any, samples: Path, tmp_path: Path) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    image = bpy.data.images.load(str(samples / "half.exr"))
    assert tuple(image.size) == (0, 0)  # of files in layers only the compositor knows; asking makes Blender read it
    assert image.type == "MULTILAYER"
    scene = bpy.context.scene
    scene.use_nodes = True
    scene.node_tree.nodes.clear()
    node = scene.node_tree.nodes.new("CompositorNodeImage")
    node.image = image
    names = {socket.name for socket in node.outputs if socket.enabled}
    assert {"Combined", "albedo", "depth", "normal", "position"} <= names
    # The values are checked too: the position goes through Blender and out again.
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_depth = "32"
    scene.render.filepath = str(tmp_path / "position.exr")
    output = scene.node_tree.nodes.new("CompositorNodeComposite")
    scene.node_tree.links.new(node.outputs["position"], output.inputs["Image"])
    bpy.ops.render.render(write_still=True)
    through_blender = oiio.ImageBuf(str(tmp_path / "position.exr")).get_pixels(oiio.FLOAT)
    layers = read(oiio, samples / "half.exr")
    for i, axis in enumerate("XYZ"):
        assert np.abs(through_blender[:, :, i] - layers[f"position.{axis}"]).max() < 1e-4
