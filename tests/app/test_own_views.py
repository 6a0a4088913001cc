"""Views of one's own on the command line, with the small random model of the golden fixtures as InstantMesh (base)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from processes import PROGRAM, ROOT

GOLDEN = ROOT / "tests" / "data" / "golden" / "lrm_mesh"
QUICK = ("--model", "instant-mesh-base", "--input-size", "64", "--grid", "16", "--texture-size", "64", "--no-sheet")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    (folder / "instant-mesh-base").mkdir()
    shutil.copy(GOLDEN / "weights.safetensors", folder / "instant-mesh-base" / "instant_mesh_base.ckpt")
    shutil.copy(GOLDEN / "config.json", folder / "instant-mesh-base")
    return folder


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """A folder with three views of their own cameras; one needs its mask."""
    folder = tmp_path / "shots"
    folder.mkdir()
    for name, colour in (("cup_az000_el10", "red"), ("cup_az120_el10_fov50", "green")):
        picture = Image.new("RGBA", (96, 96))
        ImageDraw.Draw(picture).ellipse((20, 10, 76, 86), fill=colour)
        picture.save(folder / f"{name}.png")
    mask = Image.new("L", (120, 80))
    ImageDraw.Draw(mask).ellipse((40, 10, 80, 70), fill=255)
    mask.save(tmp_path / "mask.png")
    Image.new("RGB", (120, 80), "blue").save(tmp_path / "back.jpg")
    return folder


def run(models: Path, folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "RELIEVO_MODELS": str(models)}
    command = [str(PROGRAM), *map(str, words), "-o", str(folder / "out")]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL
    )


def made(models: Path, folder: Path, *words: str | Path) -> dict[str, Any]:
    ended = run(models, folder, "generate", *words, "--json", *QUICK)
    assert ended.returncode == 0, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def test_views_need_no_picture(models: Path, shots: Path, tmp_path: Path) -> None:
    names = sorted(str(path) for path in shots.iterdir())
    of_files = made(models, tmp_path, "--views", ",".join(names))
    assert [Path(file).name for file in of_files["files"]] == ["cup_az000_el10.glb"]
    assert Path(of_files["picture"]).name == "cup_az000_el10.png"
    assert of_files["seed"] is None
    of_folder = made(models, tmp_path, "--views", shots)
    assert (of_folder["vertices"], of_folder["faces"]) == (of_files["vertices"], of_files["faces"])


def test_list_tells_cameras_and_masks(models: Path, shots: Path, tmp_path: Path) -> None:
    views = [
        {"picture": "shots/cup_az000_el10.png"},
        {"picture": "back.jpg", "mask": "mask.png", "azimuth": 180, "elevation": 70},
    ]
    (tmp_path / "views.json").write_text(json.dumps(views))
    answer = made(models, tmp_path, "--views", tmp_path / "views.json")
    (note,) = [note for note in answer["notes"] if "cameras" in note]  # others are of the random mesh
    assert "trained with other cameras than that of 'back.jpg'" in note


def refused(models: Path, folder: Path, *words: str | Path) -> str:
    ended = run(models, folder, "generate", *words, *QUICK)
    assert ended.returncode in (2, 3), ended.stdout + ended.stderr
    message, hint = ended.stderr.strip().splitlines()[-2:]
    assert message.startswith("relievo: ") and hint.startswith("  ") and len(hint) > 10
    return message


@pytest.mark.parametrize(
    ("views", "told"),
    [
        (",".join(f"a_az{20 * i}.png" for i in range(7)), "There are 7 views."),
        ("", "A view names no picture."),
        ("a_az0.png,b.png", "The view 'b.png' has no camera."),
        ("a_az0.png,b_az360.png", "The views 'a_az0.png' and 'b_az360.png' have the same camera."),
        ("a_az0_el95.png", "The elevation of the view 'a_az0_el95.png' is 95 degrees."),
        ("shots/gone_az0.png", "shots/gone_az0.png"),
        ("gone.json", "gone.json"),
        ("wrong.json", "'wrong.json' is not a list of views: it is not a list."),
        ("typo.json", "Unknown word 'azimut' in the view"),
    ],
)
def test_views_that_cannot_be_meant_are_refused(
    models: Path, shots: Path, tmp_path: Path, views: str, told: str
) -> None:
    (tmp_path / "wrong.json").write_text("{}")
    (tmp_path / "typo.json").write_text('[{"picture": "a.png", "azimut": 3}]')
    assert told in refused(models, tmp_path, "--views", views)


def test_models_that_take_no_views_say_so(models: Path, shots: Path, tmp_path: Path) -> None:
    ended = run(models, tmp_path, "generate", "--views", shots, "--model", "triposr")
    assert ended.returncode == 2
    assert "The model 'triposr' takes no views.\n  Use preview or a reconstruction model" in ended.stderr


def test_no_picture_and_no_views_are_refused(models: Path, tmp_path: Path) -> None:
    assert "No picture is named." in refused(models, tmp_path)


def test_batch_takes_entries_of_views_and_makes_them_again_when_one_changes(
    models: Path, shots: Path, tmp_path: Path
) -> None:
    views = [
        {"picture": "shots/cup_az000_el10.png", "azimuth": 0},
        {"picture": "back.jpg", "mask": "mask.png", "azimuth": 180},
    ]

    def report(azimuth: int) -> list[Any]:
        views[1]["azimuth"] = azimuth
        (tmp_path / "all.json").write_text(json.dumps([{"name": "cup", "settings": {"views": views}}]))
        ended = run(models, tmp_path, "batch", "all.json", "--json", *QUICK)
        assert ended.returncode == 0, ended.stderr
        assert "0 failed" in ended.stderr
        return ["1 made" in ended.stderr, Path(json.loads(ended.stdout)["files"][0]).name]

    assert report(180) == [True, "cup.glb"]
    assert report(180)[0] is False
    assert report(170) == [True, "cup.glb"]
    (tmp_path / "mask.png").write_bytes((shots / "cup_az000_el10.png").read_bytes())
    ended = run(models, tmp_path, "batch", "all.json", "--json", *QUICK)
    assert ended.returncode == 2 and "mask" in ended.stdout, "a mask of another shape"
