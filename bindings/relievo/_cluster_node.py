"""What a node of a Ray cluster does for a batch (_cluster.py): pictures in by content, results out by content."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import _native
from ._errors import Error, IoError


@dataclass
class Work:
    """A picture on its way to a node, with all that is read for it."""

    picture: str  # as this machine calls it
    folder: str  # of the results, on this machine
    name: str
    settings: dict[str, Any]  # paths are keys of `files`
    files: dict[str, bytes]
    formats: list[str]
    renders: dict[str, Any]
    required: list[str]


@dataclass
class Made:
    """What comes back: the files by name, or an error as code, message and hint."""

    report: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    thumbnail: bytes = b""
    error: tuple[str, str, str] | None = None


class Maker:
    """Makes pictures on a node, as an actor."""

    def __init__(self, machine: dict[str, Any], models: list[str], mirrors: list[str]) -> None:
        from . import _store, _web
        from ._engine import Engine

        missing = [name for name in models if _store.state(name) not in ("installed", "embedded")]
        if missing:  # the store's lock lets one process of a node fetch them
            _store.fetch(missing, _web.transport(), sources=mirrors)
        self._engine = Engine(**machine)

    def slots(self) -> int:
        """How many pictures at a time keep all its devices busy."""
        return 2 * len(self._engine.workers) + 1

    def make(self, work: Work) -> Made:
        made = Made()
        try:
            with tempfile.TemporaryDirectory(prefix="relievo-") as folder:
                self._make(work, Path(folder), made)
        except Error as error:
            made.error = (error.code, error.message, error.hint)
        except OSError as error:
            made.error = (IoError.code, f"A node cannot write its files: {error}.", "Free some space on its disk.")
        return made

    def _make(self, work: Work, folder: Path, made: Made) -> None:
        out = folder / "out"
        places = {}
        for number, (path, content) in enumerate(work.files.items()):
            place = folder / str(number) / Path(path).name
            place.parent.mkdir()
            place.write_bytes(content)
            places[path] = str(place)
        settings = _with_paths(work.settings, places)
        job = self._engine.submit(places[work.picture], name=work.name, **settings)
        job.wait()
        made.thumbnail = _native.thumbnail_of(job)
        if job.error is not None:
            raise job.error
        result = job.take()
        assert result is not None
        met = _native.require(result, work.required) if work.required else None
        written = [*result.save(out, work.formats), *result.save_renders(out, **work.renders)]
        names = [str(path.relative_to(out)) for path in written]
        made.files = {name: (out / name).read_bytes() for name in names}
        made.report = _native.report_of(work.picture, result, [Path(work.folder) / name for name in names], met)


def _with_paths(settings: dict[str, Any], places: dict[str, str]) -> dict[str, Any]:
    """Replaces the paths in settings."""

    def view(given: Any) -> Any:
        if isinstance(given, str):
            return places[given]
        return {**given, **{name: places[given[name]] for name in ("picture", "mask") if name in given}}

    mask = settings["mask"]
    return {**settings, "mask": places.get(mask, mask), "views": [view(each) for each in settings["views"]]}
