"""What the set-up says where Blender may not go online, by how Blender was started.

blender -b [--offline-mode] --python offline_texts.py -- FILE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import bpy

MODULE = "bl_ext.user_default.relievo"


class Layout:
    """Notes what is drawn."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.operators: list[str] = []

    def label(self, text: str = "", **_: Any) -> None:
        self.texts.append(text)

    def operator(self, name: str, **_: Any) -> None:
        self.operators.append(name)

    def column(self, **_: Any) -> Layout:
        return self


layout = Layout()
setup_panel = sys.modules[f"{MODULE}.setup_panel"]
setup_panel.draw_online(layout, 2000)
try:
    setup_panel.refuse_offline()
    refusal = ""
except setup_panel.SetupError as error:
    refusal = error.hint
told = {
    "override": bpy.app.online_access_override,
    "texts": layout.texts,
    "button": "relievo.allow_online" in layout.operators,
    "refusal": refusal,
}
Path(sys.argv[-1]).write_text(json.dumps(told))
