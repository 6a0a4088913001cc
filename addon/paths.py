"""The kinds of paths that are chosen in the window, as options of properties of files and folders.

A path that belongs to a .blend may be relative to it, which Blender must know from 4.5 on. A path that belongs to the
person or the machine, or that is only asked for, is not.
"""

from __future__ import annotations

from typing import Any

import bpy

_RELATIVE = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()

FILE: dict[str, Any] = {"subtype": "FILE_PATH"}
FOLDER: dict[str, Any] = {"subtype": "DIR_PATH"}
FILE_IN_BLEND: dict[str, Any] = {**FILE, "options": _RELATIVE}
# Options for a path that an operator asks for anew each time.
ASKED_FILE: dict[str, Any] = {**FILE, "options": {"SKIP_SAVE"}}
ASKED_FOLDER: dict[str, Any] = {**FOLDER, "options": {"SKIP_SAVE"}}
ASKED_FILE_IN_BLEND: dict[str, Any] = {**FILE, "options": {"SKIP_SAVE", *_RELATIVE}}
