"""Makes the user guide's pictures of those that the window test has left.

    .venv/bin/python tests/gui/guide_pictures.py

build/gui/NAME.png becomes docs/pictures/guide_NAME.webp, small enough for a repository.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("panel", "progress", "object", "mask", "models", "machine", "failure", "set-up")
MOST_BYTES = 150_000


def main() -> int:
    scene = bpy.context.scene
    scene.view_settings.view_transform = "Standard"  # as the pictures are
    scene.render.image_settings.file_format = "WEBP"
    scene.render.image_settings.color_mode = "RGB"
    scene.render.image_settings.quality = 85
    for name in NAMES:
        image = bpy.data.images.load(str(ROOT / "build" / "gui" / f"{name}.png"))
        path = ROOT / "docs" / "pictures" / f"guide_{name}.webp"
        image.save_render(str(path), scene=scene)
        size = path.stat().st_size
        print(f"{path.relative_to(ROOT)}  {image.size[0]} x {image.size[1]}, {size / 1e3:.0f} kB")
        if size > MOST_BYTES:
            print(f"guide_pictures: {path.name} is larger than {MOST_BYTES / 1e3:.0f} kB", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
