"""The names of pictures that are arrays, and the arrays that are refused."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import relievo
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from shapes import QUICK, disc


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("low", "high", "words", "hint"),
    [(0, 255, "from 0 to 255", "by 255"), (-1, 1, "from -1 to 1", "clip"), (0, 4, "from 0 to 4", "255")],
)
def test_floats_beyond_0_to_1_are_refused_with_their_range(low: float, high: float, words: str, hint: str) -> None:
    picture = np.linspace(low, high, 32 * 32 * 3, dtype=np.float32).reshape(32, 32, 3)
    with pytest.raises(relievo.InvalidImageError, match=words) as caught:
        relievo.generate(picture, **QUICK)
    assert hint in caught.value.hint


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_floats_that_are_no_numbers_are_refused(bad: float) -> None:
    picture = disc().astype(np.float32) / 255
    picture[3, 4, 1] = bad
    with pytest.raises(relievo.InvalidImageError, match="not finite"):
        relievo.generate(picture, **QUICK)


def test_floats_that_were_rounded_beyond_1_are_taken() -> None:
    picture = disc().astype(np.float32) / 255 * np.float32(1.001)
    assert relievo.generate(picture, **QUICK).mesh.faces.size > 0


def test_array_of_another_type_is_refused_by_its_name() -> None:
    with pytest.raises(relievo.InvalidImageError, match="float64"):
        relievo.generate(disc() / 255.0, **QUICK)


def without_drawing(result: relievo.Result) -> list[str]:
    """The notes, but for the one that the picture has flat colours."""
    return [note for note in result.notes if "--shape extrude" not in note]


def test_glass_below_the_threshold_is_noted_with_the_remedy() -> None:
    bottle = Image.new("RGBA", (256, 256))
    draw = ImageDraw.Draw(bottle)
    draw.rounded_rectangle([80, 90, 176, 240], 20, fill=(120, 170, 200, 102))
    draw.rectangle([110, 20, 146, 89], fill=(60, 90, 60, 255))
    (note,) = without_drawing(relievo.generate(png(bottle), **QUICK))
    assert "% of the visible subject" in note
    assert "--mask-threshold 0.2" in note
    (kept,) = without_drawing(relievo.generate(png(bottle), mask_threshold=0.2, grid=24, texture_size=64))
    assert "see-through, like glass" in kept


def test_round_corners_are_no_cut_out() -> None:
    picture = Image.new("RGB", (256, 256), (235, 235, 235))
    ImageDraw.Draw(picture).ellipse([48, 48, 208, 208], fill=(200, 70, 50))
    corners = Image.new("L", (1024, 1024))
    ImageDraw.Draw(corners).rounded_rectangle([0, 0, 1023, 1023], 102, fill=255)
    picture.putalpha(corners.resize((256, 256), Image.Resampling.LANCZOS))
    result = relievo.generate(png(picture), **QUICK)
    assert any("taken for a frame" in note for note in result.notes)
    assert result.crop[2] == pytest.approx(160 / 0.85, abs=12)  # the disc's, not the frame's


def colours(result: relievo.Result) -> NDArray[np.float64]:
    cut_out = result.foreground.astype(float)
    shown: NDArray[np.float64] = cut_out[..., :3][cut_out[..., 3] > 128]
    return shown


def test_colours_that_are_multiplied_by_alpha_are_divided_again() -> None:
    y, x = np.mgrid[:256, :256]
    alpha = np.clip((95 - np.hypot(x - 128, y - 128)) / 24 + 0.5, 0, 1)[..., None]
    colour = np.full((256, 256, 3), (200.0, 70.0, 50.0))
    rgba = np.dstack([colour * alpha, alpha * 255]).round().astype(np.uint8)
    result = relievo.generate(rgba, **QUICK)
    assert any("multiplied by its alpha" in note for note in result.notes)
    assert np.abs(colours(result) - (200, 70, 50)).max() <= 4
    straight = relievo.generate(np.dstack([colour, alpha * 255]).round().astype(np.uint8), **QUICK)
    assert without_drawing(straight) == []


def masked(tmp_path: Path, mask: Image.Image) -> relievo.Result:
    mask.save(tmp_path / "mask.png")
    photo = np.random.default_rng(1).integers(60, 200, (256, 256, 3)).astype(np.uint8)
    return relievo.generate(photo, mask=tmp_path / "mask.png", grid=24, texture_size=64)


def test_mask_that_is_opaque_everywhere_is_its_grey(tmp_path: Path) -> None:
    grey = Image.new("L", (256, 256))
    ImageDraw.Draw(grey).ellipse([60, 60, 160, 160], fill=255)
    opaque = Image.merge("RGBA", [grey, grey, grey, Image.new("L", (256, 256), 255)])
    assert masked(tmp_path, opaque).crop[2] == pytest.approx(101 / 0.85, abs=3)


@pytest.mark.parametrize("given", [os.fsencode, os.fsdecode, lambda path: Path(os.fsdecode(path))])
def test_path_of_a_mask_need_be_no_text(tmp_path: Path, given: Callable[[bytes], str | bytes | Path]) -> None:
    mask = os.fsencode(tmp_path) + b"/m\xffsk.png"
    Image.fromarray(disc()).save(os.fsdecode(mask))
    opaque = np.full((96, 96, 3), 128, np.uint8)
    settings: relievo.Settings = {**QUICK, "mask": given(mask)}
    assert relievo.generate(opaque, **settings).crop[2] == pytest.approx(0.8 * 96 / 0.85, abs=3)


def test_mask_of_another_shape_is_refused_with_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(relievo.InvalidImageError, match="128 x 200 pixels and the picture 256 x 256"):
        masked(tmp_path, Image.new("L", (128, 200), 255))


def test_pale_things_that_the_network_does_not_see_whole_are_noted() -> None:
    glass = Image.new("RGB", (512, 512), "white")
    draw = ImageDraw.Draw(glass)
    draw.polygon([(190, 80), (322, 80), (300, 220), (212, 220)], fill=(225, 232, 238))
    draw.rectangle([250, 220, 262, 390], fill=(215, 222, 230))
    draw.ellipse([190, 380, 322, 410], fill=(220, 228, 235))
    draw.polygon([(202, 150), (311, 150), (300, 220), (212, 220)], fill=(130, 20, 40))
    assert any("bring one of your own" in note for note in relievo.generate(png(glass), **QUICK).notes)


@pytest.mark.parametrize("name", ["teddy.jpg", "chicken.jpg", "cactus.jpg"])
def test_nothing_is_noted_of_a_clear_subject(name: str) -> None:
    picture = Path(__file__).parents[1] / "data" / "pictures" / name
    assert relievo.generate(picture, **QUICK).notes == []
