"""What 0.1.0 has left is read; objects and history are in test_redo.py and test_records.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from test_extension import ZIP


def test_preferences_of_0_1_0_are_read(tmp_path: Path) -> None:
    """As data/0.1.0/make.py has set them, none of them as it was by default."""
    script = Path(__file__).with_name("former_preferences.py")
    ended = subprocess.run([sys.executable, script, tmp_path, ZIP], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert json.loads((tmp_path / "preferences.json").read_text()) == {
        "runtime_folder": "/studio/libtorch",
        "idle_minutes": 42.0,
        "threads": 3,
        "strategy": "data",
        "policy": "memory",
        "lossy": False,
        "devices": "cpu*2",
    }
