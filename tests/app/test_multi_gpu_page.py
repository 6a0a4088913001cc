"""Every command of docs/multi-gpu.md and docs/scale.md, on two GPUs that are not there and with the tiny models."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build"))
PROGRAM = BUILD / "relievo_on_fake_gpus"
PAGES = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("multi-gpu.md", "scale.md")]
COMMANDS = [
    line
    for page in PAGES
    for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]
# Only so that the test is short; what is devised here is the size of the work.
SMALL = ["--steps", "2", "--input-size", "64", "--grid", "20", "--texture-size", "64", "--no-sheet"]


def test_there_are_commands_and_all_are_relievos() -> None:
    assert len(COMMANDS) > 15
    assert {shlex.split(command)[0] for command in COMMANDS} == {"relievo"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_pages_does_what_it_says(command: str, tmp_path: Path) -> None:
    for name, colour in (("cup", (220, 90, 60, 255)), ("mug", (60, 90, 220, 255))):
        image = Image.new("RGBA", (48, 48))
        ImageDraw.Draw(image).ellipse((6, 4, 40, 44), fill=colour)
        image.save(tmp_path / f"{name}.png")
    words = shlex.split(command)[1:]
    is_generate = words[0] == "generate"
    gpus = {"gpus": [{"gib": 24}, {"gib": 24}]}
    done = subprocess.run(
        [str(PROGRAM), *words, *(SMALL if is_generate else [])],
        cwd=tmp_path,
        env=os.environ | {"RELIEVO_FAKE_GPUS": json.dumps(gpus), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if is_generate:
        pictures = [word for word in words if word.endswith(".png")]
        for picture in pictures:
            assert (tmp_path / "out" / Path(picture).with_suffix(".glb")).stat().st_size > 0
    else:
        assert done.stdout.strip()


def test_the_plan_speaks_as_the_page_says(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(PROGRAM), "plan", "--devices", "2x24GiB", "--images", "1"],
        cwd=tmp_path,
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for words in ("share every picture (", "decode by strips", "times as fast as one device alone", "peak"):
        assert words in done.stdout, words
