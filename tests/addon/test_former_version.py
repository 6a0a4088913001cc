"""Preferences and panels that version 0.1.0 has left are read; objects and history are in test_redo.py and
test_records.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from in_blender import ZIP


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The settings are those of data/0.1.0/make.py, none of which is a default, except those that it does not
    mention."""
    folder = tmp_path_factory.mktemp("former")
    script = Path(__file__).with_name("former_settings.py")
    ended = subprocess.run([sys.executable, script, folder, ZIP], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    facts: dict[str, Any] = json.loads((folder / "facts.json").read_text())
    return facts


def test_preferences_of_0_1_0_are_read(former: dict[str, Any]) -> None:
    assert former["preferences"] == {
        "runtime_folder": "/studio/libtorch",
        "idle_minutes": 42.0,
        "threads": 3,
        "strategy": "data",
        "policy": "memory",
        "lossy": False,
        "devices": "cpu*2",
    }


def test_panel_of_a_file_of_0_1_0_is_as_it_was_left(former: dict[str, Any]) -> None:
    assert former["panel"].pop("size") == pytest.approx(0.12)
    assert former["panel"] == {
        "source": "IMAGE",
        "grid": 16,
        "texture_size": 64,
        "depth": 0.5,
        "normalise": False,
        "origin_at_base": False,
        "mask": "auto",
    }
