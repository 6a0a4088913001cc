"""Views of one's own in Python, with the small random model of the golden fixtures as InstantMesh (base)."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import relievo
from shapes import disc, png

GOLDEN = Path(__file__).resolve().parents[1] / "data" / "golden" / "lrm_mesh"
QUICK: dict[str, Any] = {"model": "instant-mesh-base", "input_size": 64, "grid": 16, "texture_size": 64}


@pytest.fixture
def shots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    model = tmp_path / "models" / "instant-mesh-base"
    model.mkdir(parents=True)
    shutil.copy(GOLDEN / "weights.safetensors", model / "instant_mesh_base.ckpt")
    shutil.copy(GOLDEN / "config.json", model)
    monkeypatch.setenv("RELIEVO_MODELS", str(tmp_path / "models"))
    for name in ("a_az000.png", "b.png"):
        (tmp_path / name).write_bytes(png(disc()))
    return tmp_path


def test_views_are_paths_and_entries(shots: Path) -> None:
    entry: relievo.View = {"picture": bytes(shots / "b.png"), "azimuth": 95.5, "elevation": 5, "fov": 50}
    result = relievo.generate(views=[shots / "a_az000.png", entry], **QUICK)
    assert result.name == "a_az000"
    named: relievo.View = {"picture": shots / "a_az000.png", "azimuth": 0}
    again = relievo.generate(views=(named, entry), **QUICK)
    assert np.array_equal(result.mesh.vertices, again.mesh.vertices)
    alone = relievo.generate(views=named, **QUICK)
    assert not np.array_equal(result.mesh.vertices, alone.mesh.vertices)


@pytest.mark.parametrize(
    ("view", "told"),
    [
        ({"azimuth": 3}, "names no picture."),
        ({"picture": 3, "azimuth": 3}, "Invalid picture '3'."),
        ({"picture": "b.png", "azimuth": "3"}, "is not a number."),
        ({"picture": "b.png", "azimuth": float("nan")}, "Invalid azimuth 'nan'."),
        ({"picture": "b.png", "azimuth": 0, "tilt": 3}, "Unknown word 'tilt' in the view"),
        ({"picture": "b.png", "azimuth": 0, "orthographic": 1}, "orthographic is neither true nor false."),
        ({"picture": "b.png", "azimuth": 0, "elevation": 91}, "The elevation of the view 'b.png' is 91 degrees."),
        (3, "Invalid views '3'."),
    ],
)
def test_entries_that_cannot_be_meant_are_refused(shots: Path, view: Any, told: str) -> None:
    with pytest.raises(relievo.InvalidSettingsError) as caught:
        relievo.generate(views=[view], **QUICK)
    assert told in caught.value.message
    assert caught.value.hint


def test_batch_gives_entries_back(shots: Path) -> None:
    entry: relievo.View = {"picture": str(shots / "b.png"), "mask": str(shots / "b.png"), "azimuth": 90.0}
    (shots / "in").mkdir()
    (shots / "a_az000.png").rename(shots / "in" / "a.png")
    with relievo.Batch(shots / "in", shots / "out", dry_run=True, views=[entry], **QUICK) as batch:
        (view,) = batch.left[0].settings["views"]
    assert view == {**entry, "elevation": 0.0, "fov": 30.0}
