"""Tells what this version reads of the preferences and the panel that version 0.1.0 has left: python former_settings.py
FOLDER ZIP

Blender updates an extension and reads its preferences as it starts, which is done here in the same order.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

folder = Path(sys.argv[1])
os.environ["BLENDER_USER_RESOURCES"] = str(folder / "profile")

import bpy  # noqa: E402  (it reads the environment)

PANEL = ("grid", "texture_size", "normalise", "size", "origin_at_base", "depth", "source", "mask")
NAMES = ("runtime_folder", "idle_minutes", "threads", "strategy", "policy", "lossy", "devices")
OLD = Path(__file__).resolve().parents[1] / "data" / "0.1.0"

bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.extensions.package_install_files(filepath=sys.argv[2], repo="user_default", enable_on_install=False)
config = folder / "profile" / "config"
config.mkdir(parents=True, exist_ok=True)
shutil.copy(OLD / "userpref.blend", config)
bpy.ops.wm.read_userpref()
preferences = bpy.context.preferences.addons["bl_ext.user_default.relievo"].preferences
facts = {"preferences": {name: getattr(preferences, name) for name in NAMES}}
bpy.ops.wm.open_mainfile(filepath=str(OLD / "objects.blend"))
facts["panel"] = {name: getattr(bpy.context.scene.relievo, name) for name in PANEL}
(folder / "facts.json").write_text(json.dumps(facts))
