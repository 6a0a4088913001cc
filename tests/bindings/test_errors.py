"""Errors arrive as exceptions of their own classes, with code and hint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import relievo
from shapes import QUICK, disc


def test_every_code_has_a_class_with_the_engines_exit_status() -> None:
    classes = {cls.code: cls.exit_status for cls in relievo.Error.__subclasses__()}
    assert classes == relievo._native.exit_statuses()


def test_error_reads_as_message_and_hint() -> None:
    assert str(relievo.IoError("It broke.", "Mend it.")) == "It broke. (Mend it.)"
    assert str(relievo.IoError("It broke.")) == "It broke."


def failure(picture: Any, **settings: Any) -> relievo.Error:
    with pytest.raises(relievo.Error) as caught:
        relievo.generate(picture, **settings)
    assert caught.value.message
    return caught.value


def test_missing_file(tmp_path: Path) -> None:
    error = failure(tmp_path / "none.png")
    assert isinstance(error, relievo.IoError)
    assert (error.code, error.exit_status) == ("io", 3)
    assert "none.png" in error.message
    assert error.hint


def test_text_file_that_is_called_png(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("this is no picture\n" * 20)
    assert isinstance(failure(tmp_path / "text.png"), relievo.InvalidImageError)


def test_picture_without_subject() -> None:
    error = failure(np.zeros((32, 32, 4), np.uint8))
    assert isinstance(error, relievo.NoSubjectError)
    assert error.hint


def test_unknown_model() -> None:
    assert isinstance(failure(disc(), model="instant-mesh-large"), relievo.ModelMissingError)


@pytest.mark.parametrize(
    ("name", "value"),
    [("grid", 7), ("grid", 513), ("depth", float("nan")), ("faces", 50), ("mask_threshold", 1.0), ("texture_size", 63)],
)
def test_settings_out_of_range_are_refused_by_name(name: str, value: float) -> None:
    error = failure(disc(), **{name: value})
    assert isinstance(error, relievo.InvalidSettingsError)
    assert name in error.message


def test_described_ranges_are_the_engines() -> None:
    settings = {name: facts for name, facts in relievo._native.describe_settings().items() if "min" in facts}
    assert set(settings) == {
        "mask_threshold",
        "subject",
        "view_count",
        "seed",
        "steps",
        "guidance",
        "input_size",
        "grid",
        "debris",
        "depth",
        "faces",
        "texture_size",
    }
    for name, facts in settings.items():
        step = 1 if isinstance(facts["default"], int) else 0.01
        for value in (facts["min"] - step, facts["max"] + step):
            assert isinstance(failure(disc(), **{name: value}), relievo.InvalidSettingsError)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 2), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros((8, 8, 3), np.float64),
        np.full((8, 8, 3), np.nan, np.float32),
    ],
    ids=["grey", "two-channels", "empty", "double", "nan"],
)
def test_arrays_that_are_no_pictures_are_refused(picture: Any) -> None:
    error = failure(picture)
    assert isinstance(error, relievo.InvalidImageError)
    assert error.hint


def test_settings_of_the_wrong_type_or_name_are_refused() -> None:
    for wrong in ({"grid": 24.5}, {"fases": 1000}, {"mask_invert": 1}, {"sampler": "ddim"}, {"views": [1]}):
        error = failure(disc(), **wrong)
        assert isinstance(error, relievo.InvalidSettingsError)
        assert next(iter(wrong)) in error.message


def test_arrays_of_any_layout_and_type_are_one_picture() -> None:
    picture = disc()
    expected = relievo.generate(picture, **QUICK)
    mirrored = np.ascontiguousarray(picture[:, ::-1])[:, ::-1]
    for same in (mirrored, np.asfortranarray(picture), picture.astype(np.float32) / 255):
        result = relievo.generate(same, **QUICK)
        assert (result.mesh.vertices == expected.mesh.vertices).all()
        assert (result.mesh.albedo == expected.mesh.albedo).all()
