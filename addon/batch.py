"""A batch: which pictures, and which of them are finished. Knows nothing of Blender.

`DIR/relievo-batch.json` has the place and form of that of the program `relievo batch` (native/app/batch_state.h): it is
written anew after each picture, whole or not at all, so that a batch that was killed goes on without repeating what is
finished. What the one has made the other makes anew, though: each has its own list of what the files depend on.
"""

from __future__ import annotations

import json
import os
import re
from argparse import Namespace
from pathlib import Path
from typing import Any

from .facts import PICTURE_ENDINGS, SETTINGS
from .failure import Failure
from .words import Outcome, Task, as_json, result_names, settings_of

STATE = "relievo-batch.json"
_HINT = (
    "A manifest is a JSON list of pictures, or an object with `pictures`; each is a path or an object with `picture` "
    "and perhaps `name` and `settings`."
)
_LEFTOVER = re.compile(r"\..+\.(\d+-\d+\.)?part\.\w+")  # of a run that was killed


class RefusedError(Exception):
    """As a relievo.Error is; the package's own class is not known here."""

    def __init__(self, code: str, message: str, hint: str, exit_status: int) -> None:
        super().__init__(message)
        self.code, self.message, self.hint, self.exit_status = code, message, hint, exit_status


def tasks_of(options: Namespace) -> list[Task]:
    """Raises RefusedError."""
    source: Path = options.source
    common = settings_of(options)
    if source.is_dir():
        if options.output.exists() and source.samefile(options.output):
            hint = "Choose another folder with -o."
            raise RefusedError("invalid_settings", "The results would lie among the pictures.", hint, 2)
        found = sorted(
            str(file) for file in source.iterdir() if file.suffix.lower() in PICTURE_ENDINGS and file.is_file()
        )
        entries = [(picture, "", common) for picture in found]
    else:
        if source.exists() and (options.output / STATE).exists() and source.samefile(options.output / STATE):
            message = f"The list of what is finished would overwrite the input '{source}'."
            raise RefusedError("invalid_settings", message, "Choose another folder with -o.", 2)
        manifest = read_manifest(source)
        folder = source.parent
        common = _changed(common, manifest.get("settings", {}), folder)
        entries = [
            (
                str(folder / entry["picture"]),
                entry.get("name", ""),
                _changed(common, entry.get("settings", {}), folder),
            )
            for entry in manifest["pictures"]
        ]
    if not entries:
        hint = "Name a folder with PNG, JPEG, WebP or EXR files, or a manifest."
        raise RefusedError("invalid_settings", f"There is no picture in '{source}'.", hint, 2)
    names = result_names([f"{name}.x" if name else picture for picture, name, _ in entries])
    return [Task(picture, name, settings) for (picture, _, settings), name in zip(entries, names, strict=True)]


def read_manifest(path: Path) -> dict[str, Any]:
    """Its entries as objects. Raises RefusedError."""
    try:
        manifest = json.loads(path.read_text())
    except OSError as error:
        raise RefusedError("io", f"Cannot read '{path}': {error}.", "Check that the path is right.", 3) from error
    except ValueError:
        manifest = None
    if isinstance(manifest, list):
        manifest = {"pictures": manifest}
    if not isinstance(manifest, dict) or not isinstance(manifest.get("pictures"), list):
        raise RefusedError("invalid_settings", f"'{path}' is no manifest.", _HINT, 2)
    manifest["pictures"] = [{"picture": entry} if isinstance(entry, str) else entry for entry in manifest["pictures"]]
    _refuse_unknown(manifest, {"pictures", "settings"})
    for entry in manifest["pictures"]:
        if (
            not isinstance(entry, dict)
            or not isinstance(entry.get("picture"), str)
            or not isinstance(entry.get("name", ""), str)
        ):
            message = f"The manifest has an entry that names no picture: {json.dumps(entry)}."
            raise RefusedError("invalid_settings", message, _HINT, 2)
        _refuse_unknown(entry, {"picture", "name", "settings"})
    return manifest


def _refuse_unknown(entry: dict[str, Any], known: set[str]) -> None:
    for word in entry:
        if word not in known:
            raise RefusedError("invalid_settings", f"The manifest's word '{word}' is not known.", _HINT, 2)


def _changed(settings: dict[str, Any], changes: Any, folder: Path) -> dict[str, Any]:
    if not isinstance(changes, dict):
        raise RefusedError("invalid_settings", "A manifest's settings are not an object.", _HINT, 2)
    for name, value in changes.items():
        if name not in SETTINGS:
            raise RefusedError("invalid_settings", f"There is no setting '{name}'.", _HINT, 2)
        kind = type(SETTINGS[name]["default"])
        fits = isinstance(value, (int, float)) and not isinstance(value, bool) if kind is float else type(value) is kind
        if not fits:
            raise RefusedError("invalid_settings", f"The setting '{name}' has the wrong type.", _HINT, 2)
    merged = {**settings, **changes}
    if merged["mask"] not in ("auto", "alpha") and "mask" in changes:
        merged["mask"] = str(folder / merged["mask"])
    return merged


class State:
    """What is finished, by name."""

    def __init__(self, folder: Path, is_new: bool) -> None:
        """Makes the folder; a file that cannot be read counts as none. Raises RefusedError."""
        self._folder = folder
        self._finished: dict[str, Any] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            hint = "Choose a folder that you may write to."
            raise RefusedError("io", f"Cannot make the folder '{folder}': {error}.", hint, 3) from error
        for file in folder.iterdir():
            if _LEFTOVER.fullmatch(file.name):
                file.unlink(missing_ok=True)
        if not is_new:
            try:
                self._finished = dict(json.loads((folder / STATE).read_text())["finished"])
            except (OSError, ValueError, KeyError, TypeError):
                self._finished = {}

    def finished(self, task: Task, options: Namespace) -> dict[str, Any] | None:
        """The answer that was given; None when the picture has to be made: it never was, it or its settings have
        changed, or a file is missing."""
        entry = self._finished.get(task.name)
        if not isinstance(entry, dict) or entry.get("made_of") != _made_of(task, options):
            return None
        files = entry.get("files")
        if not files or not all(_is_there(self._folder / name) for name in files):
            return None
        return {**entry["answer"], "skipped": True}

    def finish(self, task: Task, options: Namespace, outcome: Outcome) -> None:
        """Raises OSError."""
        self._finished[task.name] = {
            "made_of": _made_of(task, options),
            "files": [os.path.relpath(file, self._folder) for file in outcome.files],
            "answer": as_json(outcome),
        }
        write_atomically(self._folder / STATE, json.dumps({"finished": self._finished}, indent=1).encode())


def summary(failures: dict[str, Failure], made: int, skipped: int) -> str:
    lines = [f"{made} made, {skipped} already there, {len(failures)} failed"]
    return "\n".join(lines + [f"  {picture}: {failure.message}" for picture, failure in failures.items()])


def write_atomically(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    beside = path.with_name(f".{path.stem}.part{path.suffix}")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _is_there(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0


def _made_of(task: Task, options: Namespace) -> dict[str, Any]:
    """All that the files depend on, as JSON gives it back."""
    picture = Path(task.picture)
    try:
        found = picture.stat()
        size, changed = found.st_size, found.st_mtime_ns
    except OSError:
        size = changed = 0
    facts = {
        "picture": os.path.normpath(picture.absolute()),
        "bytes": size,
        "changed": changed,
        "settings": task.settings,
        "formats": options.format,
        "sheet": options.sheet,
        "turntable": options.turntable,
        "exr": options.exr,
        "version": options.version,
    }
    again: dict[str, Any] = json.loads(json.dumps(facts))
    return again
