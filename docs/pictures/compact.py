"""Draws compact.webp for the model card: photographs and drawings, each as `preview` and as `compact` shape it.

RELIEVO_MODELS=FOLDER python docs/pictures/compact.py build/relievo [WORK]

FOLDER holds the weights of `compact` (docs/training.md). WORK keeps the drawings and both results.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

ROOT = Path(__file__).resolve().parents[2]
PHOTOGRAPHS = ["armchair.jpg", "cactus.jpg", "chelsea.png", "chicken.jpg", "coffee.jpg", "desk_lamp.jpg", "flower.jpg"]
PHOTOGRAPHS += ["rocket.jpg", "teddy.jpg"]
SIDE, SCALE = 512, 3
INK = "#2b2622"

Points = list[tuple[float, float]]


class Sketch:
    """A drawing on a transparent ground, in units of a hundredth of its side, larger than it will be."""

    def __init__(self) -> None:
        self.image = Image.new("RGBA", (SIDE * SCALE, SIDE * SCALE))
        self.draw = ImageDraw.Draw(self.image)

    @staticmethod
    def _scaled(points: Points) -> Points:
        return [(x * SIDE * SCALE / 100, y * SIDE * SCALE / 100) for x, y in points]

    def shape(self, points: Points, colour: str, line: int = 4) -> None:
        self.draw.polygon(self._scaled(points), fill=colour, outline=INK, width=line * SCALE)

    def round(self, x: float, y: float, across: float, high: float, colour: str, line: int = 4) -> None:
        box = self._scaled([(x - across, y - high), (x + across, y + high)])
        self.draw.ellipse([*box[0], *box[1]], fill=colour, outline=INK, width=line * SCALE)

    def bar(self, points: Points, colour: str, width: float) -> None:
        scaled = self._scaled(points)
        broad = int(width * SIDE * SCALE / 100)
        self.draw.line(scaled, INK, broad + 8 * SCALE, joint="curve")
        self.draw.line(scaled, colour, broad, joint="curve")

    def finished(self, ground: str | None) -> Image.Image:
        small = self.image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        if ground is None:
            return small
        paper = Image.new("RGBA", small.size, ground)
        paper.alpha_composite(small)
        return paper.convert("RGB")


def house(s: Sketch) -> None:
    s.shape([(18, 46), (60, 52), (60, 92), (18, 84)], "#e8c890")
    s.shape([(60, 52), (84, 44), (84, 80), (60, 92)], "#c9a668")
    s.shape([(12, 48), (38, 14), (66, 20), (60, 54)], "#b8482e")
    s.shape([(60, 54), (66, 20), (90, 44)], "#8f3622")
    s.shape([(30, 64), (42, 66), (42, 89), (30, 86)], "#6b4a2f")
    s.shape([(68, 58), (77, 55), (77, 68), (68, 72)], "#a9d3e6")


def car(s: Sketch) -> None:
    s.shape([(6, 62), (10, 50), (28, 46), (38, 30), (68, 30), (80, 46), (94, 52), (94, 68), (6, 70)], "#d8433b")
    s.shape([(33, 46), (41, 34), (53, 34), (53, 46)], "#bfe3f2")
    s.shape([(57, 46), (57, 34), (66, 34), (74, 46)], "#bfe3f2")
    for x in (25, 75):
        s.round(x, 70, 10, 10, "#2f2f33")
        s.round(x, 70, 4, 4, "#c8c8cc")


def mushroom(s: Sketch) -> None:
    s.shape([(42, 50), (58, 50), (62, 90), (38, 90)], "#f2e6cf")
    s.draw.pieslice(
        [*s._scaled([(10, 12), (90, 96)])[0], *s._scaled([(10, 12), (90, 96)])[1]], 180, 360, "#cf3a30", INK, 12
    )
    for x, y, r in ((34, 34, 6), (56, 26, 5), (70, 42, 5), (48, 44, 4), (22, 46, 4)):
        s.round(x, y, r, r, "#fbf5ea", 2)


def sword(s: Sketch) -> None:
    s.shape([(46, 66), (54, 66), (54, 14), (50, 5), (46, 14)], "#cfd6dd")
    s.shape([(50, 66), (54, 66), (54, 14), (50, 5)], "#9aa4ae", 2)
    s.shape([(30, 64), (70, 64), (72, 71), (28, 71)], "#d4a72c")
    s.shape([(46, 71), (54, 71), (54, 88), (46, 88)], "#6b3f24")
    s.round(50, 92, 6, 5, "#d4a72c")


def robot(s: Sketch) -> None:
    s.bar([(50, 18), (50, 8)], "#8b97a3", 2)
    s.round(50, 7, 4, 4, "#e2574c")
    s.shape([(44, 40), (56, 40), (56, 48), (44, 48)], "#66788a")
    s.shape([(32, 18), (68, 18), (68, 42), (32, 42)], "#9fb4c7")
    for x in (42, 58):
        s.round(x, 29, 5, 5, "#fff6c9")
    s.shape([(26, 46), (74, 46), (70, 76), (30, 76)], "#7f98b0")
    for sign in (-1, 1):
        s.bar([(50 + 26 * sign, 50), (50 + 36 * sign, 60), (50 + 36 * sign, 70)], "#9fb4c7", 7)
        s.shape([(50 + 4 * sign, 76), (50 + 16 * sign, 76), (50 + 18 * sign, 96), (50 + 4 * sign, 96)], "#66788a")


def fish(s: Sketch) -> None:
    s.shape([(68, 50), (94, 28), (88, 50), (94, 72)], "#f08a3c")
    s.shape([(40, 30), (60, 14), (64, 34)], "#f08a3c")
    s.round(42, 50, 34, 22, "#f5a445")
    s.shape([(40, 54), (58, 70), (38, 66)], "#e2752b", 3)
    s.round(22, 44, 4, 4, "#ffffff", 3)
    s.round(21, 44, 1.6, 1.6, INK, 1)


def boot(s: Sketch) -> None:
    s.shape([(30, 8), (58, 8), (58, 54), (72, 62), (88, 68), (90, 82), (30, 82)], "#8a5a34")
    s.shape([(28, 82), (92, 82), (92, 91), (52, 91), (50, 87), (46, 91), (28, 91)], "#3b2a20")
    for y in (26, 36, 46):
        s.bar([(46, y), (58, y + 2)], "#e9dcc4", 1.6)


def chair(s: Sketch) -> None:
    for x in (30, 66):
        s.bar([(x, 60), (x - 2, 94)], "#9a6a3c", 4)
    for x in (44, 80):
        s.bar([(x, 52), (x, 82)], "#7f5630", 4)
    s.shape([(26, 58), (68, 64), (84, 52), (44, 47)], "#c48d55")
    s.shape([(42, 10), (82, 14), (82, 42), (42, 38)], "#c48d55")
    s.bar([(44, 38), (44, 48)], "#9a6a3c", 3)
    s.bar([(80, 42), (80, 52)], "#9a6a3c", 3)


def mug(s: Sketch) -> None:
    s.draw.arc([*s._scaled([(54, 36), (88, 74)])[0], *s._scaled([(54, 36), (88, 74)])[1]], -100, 110, "#3a7f8c", 36)
    s.shape([(18, 28), (70, 28), (66, 86), (22, 86)], "#4a9dac")
    s.round(44, 86, 22, 6, "#4a9dac")
    s.shape([(21, 70), (67, 70), (66, 86), (22, 86)], "#4a9dac", 0)
    s.round(44, 28, 26, 8, "#5d3a24")


def ghost(s: Sketch) -> None:
    hem: Points = [(20 + 10 * i, 92 if i % 2 == 0 else 84) for i in range(7)]
    s.round(50, 40, 30, 32, "#f4f4fb")
    s.shape([(20, 40), *hem, (80, 40)], "#f4f4fb")
    s.shape([(23, 34), (77, 34), (77, 44), (23, 44)], "#f4f4fb", 0)
    for x in (40, 60):
        s.round(x, 38, 4, 7, INK)
    s.round(50, 56, 5, 6, INK)


def tree(s: Sketch) -> None:
    s.shape([(44, 60), (56, 60), (60, 94), (40, 94)], "#7a4f2d")
    for x, y, r in ((34, 46, 20), (66, 46, 20), (50, 30, 24), (50, 52, 20)):
        s.round(x, y, r, r, "#5c9a3f", 3)


def potion(s: Sketch) -> None:
    s.shape([(42, 10), (58, 10), (58, 36), (42, 36)], "#cfe8ea")
    s.round(50, 64, 30, 30, "#8d4fc2")
    s.shape([(40, 4), (60, 4), (59, 14), (41, 14)], "#a8763e")
    s.round(40, 54, 6, 8, "#c79be8", 1)


DRAWINGS: dict[str, tuple[Callable[[Sketch], None], str | None]] = {
    "house": (house, "#ffffff"),
    "car": (car, None),
    "mushroom": (mushroom, "#ffffff"),
    "sword": (sword, None),
    "robot": (robot, None),
    "fish": (fish, "#ffffff"),
    "boot": (boot, None),
    "chair": (chair, "#ffffff"),
    "mug": (mug, None),
    "ghost": (ghost, "#5a6d86"),
    "tree": (tree, "#ffffff"),
    "potion": (potion, None),
}


def pictures(work: Path) -> list[Path]:
    drawn = work / "drawn"
    drawn.mkdir(parents=True, exist_ok=True)
    for name, (draw, ground) in DRAWINGS.items():
        sketch = Sketch()
        draw(sketch)
        sketch.finished(ground).save(drawn / f"{name}.png")
    data = ROOT / "tests" / "data" / "pictures"
    return [*(data / name for name in PHOTOGRAPHS), *(drawn / f"{name}.png" for name in DRAWINGS)]


def sheets(program: str, model: str, files: list[Path], work: Path) -> list[Image.Image]:
    folder = work / model
    subprocess.run([program, "generate", *map(str, files), "-o", str(folder), "--model", model], check=True)
    return [Image.open(folder / f"{file.stem}_sheet.png").convert("RGB") for file in files]


def main() -> None:
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(temporary)
        files = pictures(work)
        before, after = sheets(program, "preview", files, work), sheets(program, "compact", files, work)
        pairs = []
        for one, other in zip(before, after, strict=True):
            pair = Image.new("RGB", (one.width, one.height + other.height), "white")
            pair.paste(one, (0, 0))
            pair.paste(other, (0, one.height))
            pairs.append(
                pair.resize((pair.width * 480 // pair.width, pair.height * 480 // pair.width), Image.Resampling.LANCZOS)
            )
        columns = 3
        rows = (len(pairs) + columns - 1) // columns
        width, height = pairs[0].size
        whole = Image.new("RGB", (columns * (width + 8), rows * (height + 8)), "white")
        for i, pair in enumerate(pairs):
            whole.paste(pair, (i % columns * (width + 8), i // columns * (height + 8)))
        whole.filter(ImageFilter.UnsharpMask(1, 40)).save(Path(__file__).with_suffix(".webp"), quality=78)


if __name__ == "__main__":
    main()
