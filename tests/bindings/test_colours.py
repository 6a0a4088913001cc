"""Colours of any space become sRGB's: beside Pillow's ImageCms, and beside the formulas of the standards."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import profiles
import pytest
import relievo
from numpy.typing import NDArray
from PIL import Image, ImageCms
from profiles import Array, chunk, decode, encode, png

SIDE = 64
COLOURS = np.array([[200, 70, 50], [40, 60, 190], [60, 150, 80], [235, 220, 190], [30, 30, 34], [128, 128, 128]]) / 255


def patches(colours: Array = COLOURS) -> Array:
    """[64, 64, n]: stripes from top to bottom."""
    return np.repeat(np.repeat(colours[None], SIDE, 0), [11, 11, 11, 11, 10, 10], axis=1)


@pytest.fixture(scope="module")
def engine() -> Iterator[relievo.Engine]:
    with relievo.Engine() as engine:
        yield engine


def seen(engine: relievo.Engine, picture: bytes) -> NDArray[np.float64]:
    """The six stripes' colours, 0..255, of the cut-out of a picture with a mask of its own."""
    job = engine.submit(picture, name="stripes", mask="alpha", texture_size=512, only_foreground=True)
    job.wait()
    if job.error is not None:
        raise job.error
    return stripes_seen(job)


def stripes_seen(job: relievo.Job) -> NDArray[np.float64]:
    (preview,) = job.previews
    pixels = preview.pixels.astype(float)
    solid = pixels[128][pixels[128, :, 3] > 250, :3]
    middles = (np.cumsum([11, 11, 11, 11, 10, 10]) - 5.5) / SIDE * len(solid)
    colours: NDArray[np.float64] = solid[middles.astype(int)]
    return colours


def with_alpha(picture: Image.Image) -> Image.Image:
    """A border of two transparent pixels, so that the alpha is a mask."""
    wide = picture.convert("RGBA")
    framed = Image.new("RGBA", (SIDE + 16, SIDE + 16))
    framed.paste(wide, (8, 8))
    return framed


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def in_space(space: str, gamma: float) -> Image.Image:
    """The stripes, as a picture of that space."""
    light = decode(patches()) @ (np.linalg.inv(profiles.to_pcs(space)) @ profiles.to_pcs("srgb")).T
    return Image.fromarray(np.round(np.clip(light, 0, 1) ** (1 / gamma) * 255).astype(np.uint8))


@pytest.mark.parametrize(("space", "gamma"), [("adobe", 2.2), ("p3", 2.2), ("prophoto", 1.8), ("srgb", 1.0)])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_embedded_profile(engine: relievo.Engine, kind: str, space: str, gamma: float) -> None:
    stored = in_space(space, gamma)
    options: dict[str, Any] = {"icc_profile": profiles.rgb_profile(space, gamma)}
    if kind == "WEBP":
        options |= {"lossless": True, "exact": True}
    if kind == "AVIF":
        options |= {"quality": 100, "subsampling": "4:4:4"}
    found = seen(engine, saved(with_alpha(stored), kind, **options))
    source = ImageCms.ImageCmsProfile(io.BytesIO(options["icc_profile"]))
    by_pillow = ImageCms.profileToProfile(stored, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert by_pillow is not None
    expected = np.asarray(by_pillow)[32, [5, 16, 27, 38, 49, 59]].astype(float)
    tolerance = 4 if kind == "AVIF" else 2  # coded with loss; bytes were rounded in a dark linear or wide space
    assert np.abs(found - expected).max() <= tolerance
    # The formulas must agree too: the stored colours are seen, up to the rounding of the stored bytes.
    rounding = 8 if gamma == 1 else 4
    assert np.abs(found - COLOURS * 255).max() <= rounding


def test_profile_of_srgb_changes_nothing(engine: relievo.Engine) -> None:
    stripes = Image.fromarray(np.round(patches() * 255).astype(np.uint8))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found = seen(engine, saved(with_alpha(stripes), "PNG", icc_profile=profile))
    assert np.abs(found - np.round(COLOURS * 255)).max() == 0


def chromaticities(space: str) -> bytes:
    red, green, blue, white = profiles.SPACES[space]
    return chunk(
        b"cHRM", struct.pack(">8I", *(round(value * 1e5) for point in (white, red, green, blue) for value in point))
    )


def stripes_with_alpha(values: Array) -> Array:
    framed = np.zeros((SIDE + 16, SIDE + 16, 4))
    framed[8:-8, 8:-8] = np.concatenate([values, np.ones((SIDE, SIDE, 1))], -1)
    return framed


def gamma_chunk(gamma: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(gamma * 1e5)))


def test_png_of_linear_light(engine: relievo.Engine) -> None:
    found = seen(engine, png(stripes_with_alpha(decode(patches())), gamma_chunk(1.0)))
    assert np.abs(found - COLOURS * 255).max() <= 1


def test_png_with_the_gamma_that_srgb_is_written_with(engine: relievo.Engine) -> None:
    found = seen(engine, png(stripes_with_alpha(patches()), gamma_chunk(0.45455) + chromaticities("srgb")))
    assert np.abs(found - COLOURS * 255).max() <= 1


def test_png_with_primaries_and_gamma(engine: relievo.Engine) -> None:
    light = decode(patches()) @ (np.linalg.inv(profiles.to_xyz("adobe")) @ profiles.to_xyz("srgb")).T
    stored = np.clip(light, 0, 1) ** (1 / 2.2)
    found = seen(engine, png(stripes_with_alpha(stored), gamma_chunk(1 / 2.2) + chromaticities("adobe")))
    assert np.abs(found - COLOURS * 255).max() <= 1.5


def test_png_with_code_points_of_display_p3_goes_by_them(engine: relievo.Engine) -> None:
    light = decode(patches()) @ (np.linalg.inv(profiles.to_xyz("p3")) @ profiles.to_xyz("srgb")).T
    # A gamma beside them does not count.
    chunks = chunk(b"cICP", bytes([12, 13, 0, 1])) + gamma_chunk(1.0)
    found = seen(engine, png(stripes_with_alpha(encode(light)), chunks))
    assert np.abs(found - COLOURS * 255).max() <= 1.5


def test_png_that_says_srgb_is_left_alone(engine: relievo.Engine) -> None:
    found = seen(engine, png(stripes_with_alpha(patches()), chunk(b"sRGB", b"\0") + gamma_chunk(1.0)))
    assert np.abs(found - COLOURS * 255).max() <= 1


def test_lab_of_a_tiff(engine: relievo.Engine, tmp_path: Any) -> None:
    stripes = Image.fromarray(np.round(patches() * 255).astype(np.uint8))
    lab = ImageCms.profileToProfile(
        stripes, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    Image.new("L", (SIDE, SIDE), 255).save(tmp_path / "mask.png")
    job = engine.submit(saved(lab, "TIFF"), mask=tmp_path / "mask.png", texture_size=512, only_foreground=True)
    job.wait()
    found = stripes_seen(job)
    assert np.abs(found[-1] - 128).max() <= 1  # what is grey in Lab is grey
    assert np.abs(found - COLOURS * 255).max() <= 5  # steps of a whole L, a and b


def test_grey_with_a_profile(engine: relievo.Engine) -> None:
    grey = np.linspace(0.1, 0.9, 6)
    stored = np.round(np.repeat(decode(grey) ** (1 / 1.8), [11, 11, 11, 11, 10, 10])[None] * 255).repeat(SIDE, 0)
    picture = Image.fromarray(stored.astype(np.uint8)).convert("LA")
    framed = Image.new("LA", (SIDE + 16, SIDE + 16))
    framed.paste(picture, (8, 8))
    found = seen(engine, saved(framed, "PNG", icc_profile=profiles.grey_profile(1.8)))
    assert np.abs(found - grey[:, None] * 255).max() <= 2


PAPER = np.array([0.85, 0.88, 0.70])
INKS = np.array([[0.25, 0.35, 0.80], [0.45, 0.22, 0.25], [0.90, 0.92, 0.12], [0.05, 0.05, 0.05]])


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks_by_their_profile(engine: relievo.Engine, kind: str, tmp_path: Any) -> None:
    inks = np.array([[0, 0, 0, 0], [255, 0, 0, 0], [0, 255, 0, 0], [0, 0, 255, 0], [0, 0, 0, 255], [128, 64, 200, 32]])
    stored = Image.fromarray(patches(inks).astype(np.uint8), "CMYK")
    profile = profiles.ink_profile(PAPER, INKS)
    by_pillow = ImageCms.profileToProfile(
        stored, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert by_pillow is not None
    expected = np.asarray(by_pillow)[32, [5, 16, 27, 38, 49, 59]].astype(float)
    assert np.abs(expected[1] - (0, 255, 255)).max() > 30  # a cyan that no formula without the profile gives
    options: dict[str, Any] = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    picture = saved(stored, kind, icc_profile=profile, **options)
    Image.new("L", (SIDE, SIDE), 255).save(tmp_path / "mask.png")
    job = engine.submit(picture, name="inks", mask=tmp_path / "mask.png", texture_size=512, only_foreground=True)
    job.wait()
    assert np.abs(stripes_seen(job) - expected).max() <= 4


def test_damaged_profile_is_said_and_left_alone(engine: relievo.Engine) -> None:
    stripes = Image.fromarray(np.round(patches() * 255).astype(np.uint8))
    picture = saved(with_alpha(stripes), "PNG", icc_profile=b"no profile" * 20)
    assert np.abs(seen(engine, picture) - np.round(COLOURS * 255)).max() == 0
    job = engine.submit(picture, mask="alpha", grid=16, texture_size=64)
    job.wait()
    assert job.result is not None
    assert any("colour profile is damaged" in note for note in job.result.notes)
