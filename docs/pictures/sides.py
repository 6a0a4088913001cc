"""Draws sides.webp for the user guide: what front, right, back, left and top mean.

python docs/pictures/sides.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SCALE = 3  # drawn larger and reduced, so that edges are smooth
CELL, NOTE = 190, 44
INK, PAPER, BODY, NOSE, EYE, SCARF = "#333333", "#ffffff", "#d9e4ee", "#e8833a", "#333333", "#c0392b"


class Drawing:
    """A cell whose unit is a pixel of the finished picture."""

    def __init__(self, title: str, note: str) -> None:
        self.image = Image.new("RGB", (CELL * SCALE, (CELL + NOTE) * SCALE), PAPER)
        self.draw = ImageDraw.Draw(self.image)
        for text, size, y in ((title, 15, CELL + 2), (note, 12, CELL + 22)):
            font = ImageFont.load_default(size * SCALE)
            self.draw.text((CELL * SCALE / 2, y * SCALE), text, INK, font, anchor="ma")

    def ellipse(self, x: float, y: float, across: float, high: float, colour: str) -> None:
        box = [SCALE * v for v in (x - across, y - high, x + across, y + high)]
        self.draw.ellipse(box, fill=colour, outline=INK, width=SCALE)

    def shape(self, points: list[tuple[float, float]], colour: str) -> None:
        self.draw.polygon([(SCALE * x, SCALE * y) for x, y in points], fill=colour, outline=INK, width=SCALE)


def snowman(drawing: Drawing, nose: int | None) -> None:
    """Draws it looking out of the picture (0), to the left (-1), to the right (1), or away (None)."""
    middle = CELL / 2
    drawing.ellipse(middle, 128, 48, 48, BODY)
    drawing.ellipse(middle, 58, 32, 32, BODY)
    drawing.shape([(middle - 28, 78), (middle + 28, 78), (middle + 30, 90), (middle - 30, 90)], SCARF)
    if nose is None:
        return
    if nose == 0:
        for x in (-11, 11):
            drawing.ellipse(middle + x, 50, 3, 3, EYE)
        drawing.ellipse(middle, 62, 6, 5, NOSE)
        return
    drawing.ellipse(middle + 18 * nose, 50, 3, 3, EYE)
    drawing.shape([(middle + 29 * nose, 57), (middle + 29 * nose, 67), (middle + 58 * nose, 63)], NOSE)


def from_above(drawing: Drawing) -> None:
    middle = CELL / 2
    drawing.ellipse(middle, 88, 48, 48, BODY)
    drawing.ellipse(middle, 88, 32, 32, BODY)
    drawing.shape([(middle - 5, 118), (middle + 5, 118), (middle, 146)], NOSE)


def main() -> None:
    cells = []
    for title, note, nose in (
        ("front", "seen from -Y (Numpad 1)", 0),
        ("right", "seen from +X (Numpad 3)", -1),
        ("back", "seen from +Y (Ctrl Numpad 1)", None),
        ("left", "seen from -X (Ctrl Numpad 3)", 1),
    ):
        cells.append(Drawing(title, note))
        snowman(cells[-1], nose)
    cells.append(Drawing("top", "seen from +Z (Numpad 7)"))
    from_above(cells[-1])
    whole = Image.new("RGB", (CELL * len(cells), CELL + NOTE), PAPER)
    for number, cell in enumerate(cells):
        whole.paste(cell.image.resize((CELL, CELL + NOTE), Image.Resampling.LANCZOS), (CELL * number, 0))
    whole.save(Path(__file__).with_name("sides.webp"), quality=90)


if __name__ == "__main__":
    main()
