"""The demo: pictures of real things become textured objects in a headless Blender, through the installed extension.

    .venv/bin/python packaging/demo.py

Installs build/relievo-extension.zip into a throw-away Blender profile as a user would and runs its headless command on
the pictures of tests/data/pictures. Leaves in demo/ for each picture NAME.glb and NAME.png (a Cycles render of the
imported GLB: three-quarter and front view), and relievo.blend with all objects side by side. Measures how well each
object's outline, seen from the front by Cycles, agrees with the picture's mask, and fails below 0.9.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pictures import Sample

ROOT = Path(__file__).resolve().parents[1]
EXTENSION = ROOT / "build" / "relievo-extension.zip"
OUTPUT = ROOT / "demo"
SIDE = 512  # of the square in which outlines are compared, in pixels
LEAST_IOU = 0.9


def install_extension() -> Any:
    """Returns the enabled extension's module."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.extensions.package_install_files(filepath=str(EXTENSION), repo="user_default", enable_on_install=True)
    return importlib.import_module("bl_ext.user_default.relievo")


def generate(extension: Any, sample: Sample) -> dict[str, Any]:
    """Runs the extension's headless command on one picture and returns its line of JSON."""
    words = ["generate", str(sample.picture), "-o", str(OUTPUT), "--format", "glb", "--mask", sample.mask, "--json"]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        extension.commands.run(words)
    report: dict[str, Any] = json.loads(printed.getvalue())
    if not report["ok"]:
        raise SystemExit(f"demo: {sample.name}: {report['error']['message']} {report['error']['hint']}")
    return report


def placed_mask(extension: Any, sample: Sample) -> NDArray[np.bool_]:
    """The subject in the engine's square cut-out of the picture: the true mask where there is one, else its own."""
    from outline import place
    from pictures import read_picture

    relievo = importlib.import_module(f"{extension.__name__}.relievo")
    result = relievo.generate(sample.picture, mask=sample.mask)
    if sample.true_mask:
        return place(read_picture(sample.true_mask)[..., 0], result.crop, SIDE) >= 0.5
    alpha = result.foreground[..., 3] / 255
    return place(alpha, (0, 0, alpha.shape[0]), SIDE) >= 0.5


@contextlib.contextmanager
def quiet_blender(log: Path) -> Iterator[TextIO]:
    """Sends what Blender prints of its own into a file; yields the standard output that it would have gone to."""
    with log.open("w") as file, os.fdopen(os.dup(1), "w") as output:
        sys.stdout.flush()
        os.dup2(file.fileno(), 1)
        try:
            yield output
        finally:
            sys.stdout.flush()
            os.dup2(output.fileno(), 1)


def main(output: TextIO) -> int:
    if not EXTENSION.exists():
        raise SystemExit(f"demo: {EXTENSION.relative_to(ROOT)} is missing; `make demo` builds it first")
    import studio
    from outline import iou
    from pictures import samples

    begin = time.monotonic()
    everything = samples()
    extension = install_extension()
    reports = {sample.name: generate(extension, sample) for sample in everything}
    masks = {sample.name: placed_mask(extension, sample) for sample in everything}

    def say(*cells: object) -> None:
        print("{:<18} {:<6} {:>8} {:>8} {:<10} {:>7} {:>11}".format(*cells), file=output, flush=True)

    say("picture", "mask", "vertices", "faces", "watertight", "seconds", "outline IoU")
    worst = 1.0
    for sample in everything:
        report = reports[sample.name]
        studio.empty_scene()
        stand = studio.import_glb(OUTPUT / f"{sample.name}.glb")
        agreement = iou(studio.front_outline(SIDE), masks[sample.name])
        worst = min(worst, agreement)
        studio.take_picture(stand, OUTPUT / f"{sample.name}.png")
        seconds = sum(stage["seconds"] for stage in report["stages"])
        kind = "given" if sample.mask != "auto" else "auto"
        closed = "yes" if report["watertight"] else "no"
        say(
            sample.name,
            kind,
            report["vertices"],
            report["faces"],
            closed,
            f"{seconds:.2f}",
            f"{agreement:.4f}",
        )
    studio.save_line_up([OUTPUT / f"{sample.name}.glb" for sample in everything], OUTPUT / "relievo.blend")
    seconds = time.monotonic() - begin
    print(f"{len(everything)} objects in {OUTPUT.relative_to(ROOT)}/ after {seconds:.0f} seconds", file=output)
    if worst < LEAST_IOU:
        print(f"demo: an outline agrees with its mask by less than {LEAST_IOU}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    OUTPUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as profile, quiet_blender(OUTPUT / "blender.log") as terminal:
        # Read by Blender when bpy is imported.
        os.environ["BLENDER_USER_RESOURCES"] = profile
        sys.path.insert(0, str(ROOT / "tests" / "addon"))
        status = main(terminal)
    sys.exit(status)
