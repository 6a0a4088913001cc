"""Pictures of several sides on the command line and in manifests, with the model preview."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import trimesh
from PIL import Image, ImageDraw
from processes import PROGRAM

QUICK = ("--grid", "48", "--texture-size", "128", "--no-sheet")


@pytest.fixture
def turnaround(tmp_path: Path) -> Path:
    """An object 40 wide, 80 deep and 60 high, from four sides and as a sheet on paper."""
    sheet = Image.new("RGB", (340, 100), "white")
    for number, (side, width, height, colour) in enumerate(
        [("front", 40, 60, "red"), ("right", 80, 60, "green"), ("back", 40, 60, "blue"), ("top", 40, 80, "grey")]
    ):
        picture = Image.new("RGBA", (100, 100))
        box = (50 - width // 2, 50 - height // 2, 49 + width // 2, 49 + height // 2)
        ImageDraw.Draw(picture).rectangle(box, fill=colour)
        picture.save(tmp_path / f"{side}.png")
        if side != "top":
            shifted = (box[0] + 110 * number, box[1], box[2] + 110 * number, box[3])
            ImageDraw.Draw(sheet).rectangle(shifted, fill=colour)
    sheet.save(tmp_path / "sheet.png")
    return tmp_path


def run(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(PROGRAM), *map(str, words), "-o", "out"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, check=False
    )


def made(folder: Path, *words: str | Path) -> dict[str, Any]:
    ended = run(folder, *words, "--json", *QUICK)
    assert ended.returncode == 0, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def proportions(folder: Path, answer: dict[str, Any]) -> tuple[float, float]:
    """Width over depth, and height over depth; a GLB is Y up."""
    width, height, depth = trimesh.load(folder / answer["files"][0], force="mesh").extents
    return width / depth, height / depth


@pytest.mark.parametrize(
    "words",
    [
        ("front.png", "--right", "right.png"),
        ("--front", "front.png", "--right", "right.png", "--back", "back.png"),
        ("--back", "back.png", "--left", "right.png"),
        ("front.png", "--top", "top.png"),
        ("sheet.png", "--sheet", "front,right,back"),
        ("front.png", "--views", "sides.json"),
    ],
    ids=lambda words: " ".join(words),
)
def test_sides_give_the_depth(turnaround: Path, words: tuple[str, ...]) -> None:
    (turnaround / "sides.json").write_text('[{"picture": "right.png", "side": "right"}]')
    answer = made(turnaround, "generate", *words)
    assert proportions(turnaround, answer) == pytest.approx((0.5, 0.75), abs=0.03)
    assert answer["watertight"] and answer["manifold"] and answer["components"] == 1


def test_manifest_gives_each_object_its_sides(turnaround: Path) -> None:
    right = {"picture": "right.png", "side": "right"}
    entries = [
        {"picture": "front.png", "settings": {"views": [right]}},
        {"picture": "sheet.png", "settings": {"sheet": "front,right,back"}},
        {"name": "all", "settings": {"views": [{"picture": "back.png", "side": "back"}, right], "back": "mirror"}},
    ]
    (turnaround / "list.json").write_text(json.dumps(entries))
    ended = run(turnaround, "batch", "list.json", "--json", *QUICK)
    assert ended.returncode == 0, ended.stderr
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [Path(answer["files"][0]).name for answer in answers] == ["front.glb", "sheet.glb", "all.glb"]
    for answer in answers:
        folder = turnaround if (turnaround / answer["files"][0]).exists() else turnaround / "out"
        assert proportions(folder, answer) == pytest.approx((0.5, 0.75), abs=0.03)
    again = run(turnaround, "batch", "list.json", "--dry-run", *QUICK)
    assert again.stdout == ""
    (turnaround / "right.png").write_bytes((turnaround / "top.png").read_bytes())
    told = run(turnaround, "batch", "list.json", "--dry-run", *QUICK).stdout.splitlines()
    assert [line for line in told if ": out" in line] == ["front.png: out/front", "back.png: out/all"]


def test_a_word_for_the_back_is_kept_with_the_result(turnaround: Path) -> None:
    answer = made(turnaround, "generate", "front.png", "--back", "fill")
    assert answer["ok"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("front.png", "back.png", "--right", "right.png"), "Sides are given for 2 pictures."),
        (("front.png", "--front", "front2.png", "--right", "right.png"), "The front is given twice"),
        (("--right", "right.png"), "The views show neither the front nor the back."),
        (("sheet.png", "--sheet", "front,side"), "Invalid sheet 'front,side'."),
        (("sheet.png", "--sheet", "front,right"), "The sheet shows 3 figures, and 2 sides are named."),
        (("front.png", "--views", "a_az30.png"), "and the view 'a_az30.png' is none."),
        (("front.png", "--right", "gone.png"), "gone.png"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_meant_is_refused(turnaround: Path, words: tuple[str, ...], told: str) -> None:
    ended = run(turnaround, "generate", *words, *QUICK)
    assert ended.returncode in (2, 3), ended.stdout + ended.stderr
    assert told in ended.stderr


def test_a_batch_has_no_picture_of_the_back(turnaround: Path) -> None:
    ended = run(turnaround, "batch", ".", "--back", "back.png")
    assert ended.returncode == 2
    assert "A batch cannot have one picture of the back for all." in ended.stderr
