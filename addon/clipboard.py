"""The picture that is in the clipboard, where Blender itself cannot read it. Knows nothing of Blender.

Blender takes pictures from the clipboard on Windows, on macOS and, on Linux, under Wayland. Under X11 it reads text
alone, such as the path of a file that was copied in a file manager; for pictures there are the desktop's own programs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

from .files import is_file

_PNG = b"\x89PNG\r\n\x1a\n"
# The time that a program has to answer. Blender's window waits, and where the clipboard is Blender's own text, nobody
# answers.
_SECONDS = 1.0
# Each row: the program, the variable that says that its desktop runs, and its arguments before the kind of data.
_PROGRAMS = (
    ("wl-paste", "WAYLAND_DISPLAY", ("--no-newline", "--type")),
    ("xclip", "DISPLAY", ("-selection", "clipboard", "-out", "-target")),
)


def file_in(text: str, endings: tuple[str, ...]) -> Path | None:
    """Returns the first picture file that the text names by its path or as file://."""
    for line in text.splitlines():
        path = Path(as_path(line.strip()))
        if path.suffix.lower() in endings and path.is_absolute() and is_file(path):
            return path
    return None


def as_path(text: str) -> str:
    """A path as people paste it: in quotes, as file:// or from their home folder."""
    text = re.sub(r"""^(['"])(.*)\1$""", r"\2", text)
    if text.startswith("file:"):
        text = urllib.parse.unquote(urllib.parse.urlsplit(text).path)
    return str(Path(text).expanduser()) if text.startswith("~/") else text


def programs() -> list[str]:
    """Returns the programs that can be asked on this machine."""
    return [name for name, variable, _ in _PROGRAMS if os.environ.get(variable) and shutil.which(name)]


def file_by_program(endings: tuple[str, ...]) -> Path | None:
    """Returns a copied file, as the desktop's program tells it: some file managers leave no path as plain text."""
    return next((path for answer in _answers("text/uri-list") if (path := file_in(os.fsdecode(answer), endings))), None)


def picture_by_program() -> Path | None:
    """Returns the picture in a new file of the temporary folder, which the caller deletes; None where no program gives
    one."""
    for answer in _answers("image/png"):
        if answer.startswith(_PNG):
            number, name = tempfile.mkstemp(prefix="clipboard-", suffix=".png")
            with os.fdopen(number, "wb") as file:
                file.write(answer)
            return Path(name)
    return None


def hint() -> str:
    """Says what can be done where no picture could be read."""
    others = "copy a picture file in the file manager, or save the picture and choose that file."
    if programs() or not sys.platform.startswith("linux"):
        return f"Copy the picture once more, {others}"
    if os.environ.get("WAYLAND_DISPLAY"):
        return f"Install wl-clipboard, {others}"
    return f"Under X11 Blender reads no pictures from the clipboard. Install xclip, {others}"


def _answers(kind: str) -> list[bytes]:
    """Returns what each program gives of this kind; those that have nothing or fail give none."""
    found = []
    for name in programs():
        words = next(words for program, _, words in _PROGRAMS if program == name)
        try:
            ended = subprocess.run([name, *words, kind], capture_output=True, timeout=_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if ended.returncode == 0 and ended.stdout:
            found.append(ended.stdout)
    return found
