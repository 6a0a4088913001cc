from __future__ import annotations

import os
import sys
from pathlib import Path

BUILD = Path(os.environ.get("RELIEVO_BUILD", Path(__file__).resolve().parents[2] / "build"))
sys.path.insert(0, str(BUILD / "python"))
os.environ["PYTHONPATH"] = str(BUILD / "python")  # of the nodes' processes
os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
