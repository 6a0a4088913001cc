"""The catalogue's models: which are on this machine, fetching them, taking them from where they lie already.

Knows nothing of Blender. The catalogue is models/catalogue.json; models lie where the program `relievo` keeps its own
(native/weights/catalogue.h), so that both use the same.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import threading
import urllib.parse
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from .atomic_file import write_atomically
from .downloads import Download, Installation, Report, SetupError, chunks, fetch, sha256, size_of

_RECORDS = "relievo-model.json"
_DEPTH = 4  # folders below the one that a person names
# As diffusers and transformers name the weights of a part.
_COMPONENT = ("diffusion_pytorch_model", "model", "pytorch_model")

Check = Callable[[Path], None]  # raises when a weight file cannot be read


@dataclass(frozen=True)
class ModelFile:
    path: str  # in the model's folder, with slashes
    url: str | None
    bytes: int | None
    sha256: str | None


@dataclass(frozen=True)
class Model:
    name: str
    title: str
    licence: str
    stages: tuple[str, ...]  # that need it: foreground, multiview, reconstruct
    embedded: bool
    files: tuple[ModelFile, ...]

    @property
    def label(self) -> str:
        """instant-mesh-large: Instant Mesh Large."""
        return " ".join(word[:1].upper() + word[1:] for word in self.name.split("-"))

    @property
    def folder(self) -> Path:
        return models_folder() / self.name

    @property
    def missing(self) -> list[ModelFile]:
        return [] if self.embedded else [file for file in self.files if not _is_there(self.folder / file.path)]

    @property
    def is_installed(self) -> bool:
        return not self.missing

    @property
    def bytes(self) -> int | None:
        """Of what is missing, by the catalogue or by the server (ask_sizes()); None: not known."""
        sizes = [file.bytes or (_told.get(file.url) if file.url else None) for file in self.missing]
        return None if None in sizes else sum(size for size in sizes if size is not None)


@functools.cache
def catalogue() -> tuple[Model, ...]:
    """Raises OSError, ValueError or KeyError where $RELIEVO_CATALOGUE names no catalogue."""
    file = os.environ.get("RELIEVO_CATALOGUE") or Path(__file__).parent / "relievo" / "models" / "catalogue.json"
    return tuple(
        Model(
            model["name"],
            model["title"],
            model["licence"],
            tuple(model["stages"]),
            model["embedded"],
            tuple(ModelFile(**entry) for entry in model["files"]),
        )
        for model in json.loads(Path(file).read_text())["models"]
    )


def models_folder() -> Path:
    if given := os.environ.get("RELIEVO_MODELS"):
        return Path(given)
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (data if data.is_absolute() else Path.home() / ".local" / "share") / "relievo" / "models"


def install_online(model: Model) -> Installation:
    """Fetches what is missing."""

    def work(installation: Installation) -> None:
        missing = model.missing
        for number, file in enumerate(missing, 1):
            installation.done = installation.total = 0
            count = f" ({number} of {len(missing)})" if len(missing) > 1 else ""
            doing = f"Fetching {PurePosixPath(file.path).parts[0]}{count}"
            url, size, digest = _fetch(model, file, installation, doing)
            _record(model, file.path, size, digest, url)

    return Installation(work)


def install_from(model: Model, source: Path, check: Check) -> Installation:
    """Copies what is missing out of a folder, a zip or a weight file, each once `check` has let it pass."""

    def work(installation: Installation) -> None:
        with _open(source) as archive:
            copies = _copies(model, archive)
            if not copies:
                raise SetupError(
                    f"{source} holds no file of {model.name}.",
                    f"It consists of {', '.join(file.path for file in model.files)}.",
                    "model_missing",
                )
            installation.total = sum(archive.size(name) for name, _ in copies)
            for name, path in copies:
                _copy_in(archive, name, model.folder / path, check, installation.report)
                size = (model.folder / path).stat().st_size
                digest = sha256(model.folder / path, installation.report, f"Checking {path}")
                _record(model, path, size, digest, str(source))

    return Installation(work)


_told: dict[str, int] = {}  # by the published address
_asked: set[str] = set()
_asking: threading.Thread | None = None


def ask_sizes(wanted: Sequence[Model]) -> bool:
    """Asks the servers how large what is missing is, on a thread, once in this Blender; whether it began to.

    Nothing is fetched.
    """
    global _asking
    files = [
        file
        for model in wanted
        for file in model.missing
        if file.url is not None and file.bytes is None and file.url not in _asked
    ]
    if not files or is_asking():
        return False
    _asked.update(file.url for file in files if file.url)
    _asking = threading.Thread(target=_ask, args=(files,), name="relievo sizes", daemon=True)
    _asking.start()
    return True


def is_asking(seconds: float = 0.0) -> bool:
    """Whether ask_sizes() still waits for an answer, after waiting for so long."""
    if _asking is not None:
        _asking.join(seconds)
    return _asking is not None and _asking.is_alive()


def _ask(files: Sequence[ModelFile]) -> None:
    for file in files:
        size = next(filter(None, map(size_of, _addresses(file))), None)
        if size is not None and file.url is not None:
            _told[file.url] = size


def remove(model: Model) -> None:
    """Raises OSError."""
    if not model.embedded and model.folder.exists():
        shutil.rmtree(model.folder)


def _fetch(model: Model, file: ModelFile, installation: Installation, doing: str) -> tuple[str, int, str]:
    """From the first address that gives it; which one that was, the file's size and digest."""

    def on_total(total: int) -> None:
        installation.total = total

    error: SetupError | None = None
    for url in _addresses(file):
        try:
            download = Download(url, model.folder / file.path, file.bytes, file.sha256)
            return url, *fetch(download, installation.report, doing, on_total)
        except SetupError as failed:
            if failed.code == "cancelled":
                raise
            error = error or failed
            installation.done = 0
    raise error or SetupError(f"Nobody is known to give {file.path}.", "Use a folder or a zip that holds it.")


def _addresses(file: ModelFile) -> Iterator[str]:
    """A mirror of $RELIEVO_MODEL_MIRRORS stands for the host of the published address."""
    if file.url is None:
        return
    for mirror in os.environ.get("RELIEVO_MODEL_MIRRORS", "").split():
        if mirror.startswith(("http://", "https://")):
            yield mirror.rstrip("/") + urllib.parse.urlsplit(file.url).path
    yield file.url


# A folder, a zip and a file look the same from here


class _Files:
    """Files of a folder, by their path in it."""

    def __init__(self, names: Sequence[str], root: Path) -> None:
        self.names, self._root = names, root

    def size(self, name: str) -> int:
        return (self._root / name).stat().st_size

    def open(self, name: str) -> IO[bytes]:
        return (self._root / name).open("rb")


class _Zip(_Files):
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.names, self._archive = [name for name in archive.namelist() if not name.endswith("/")], archive

    def size(self, name: str) -> int:
        return self._archive.getinfo(name).file_size

    def open(self, name: str) -> IO[bytes]:
        return self._archive.open(name)


@contextlib.contextmanager
def _open(source: Path) -> Iterator[_Files]:
    # PyTorch's files are zips, too.
    if source.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(source) as archive:
                yield _Zip(archive)
        except (zipfile.BadZipFile, OSError) as error:
            raise SetupError(f"{source} cannot be read as a zip: {error}.", "Choose another file.") from error
    elif source.is_dir():
        yield _Files(_names_below(source), source)
    elif source.is_file():
        yield _Files([source.name], source.parent)
    else:
        raise SetupError(f"There is no {source}.", "Choose a folder, a zip or a weight file.")


def _names_below(folder: Path) -> list[str]:
    found = []
    for place, folders, names in os.walk(folder):
        inside = Path(place).relative_to(folder)
        if len(inside.parts) >= _DEPTH:
            folders.clear()  # os.walk goes no deeper then
        found += [(inside / name).as_posix() for name in names]
    return found


def _copies(model: Model, files: _Files) -> list[tuple[str, str]]:
    """Pairs of a file there and its path in the model's folder."""
    copies: list[tuple[str, str]] = []
    for file in model.missing:
        wanted = PurePosixPath(file.path)
        found = _best(files.names, file.path) or ("/" not in file.path and _best(files.names, wanted.name))
        if found:
            copies.append((found, file.path))
        elif "/" in file.path:  # the same weights under another of the published names, perhaps in several files
            parts = [name for name in files.names if _is_component(PurePosixPath(name), wanted.parent.name)]
            copies += [(name, f"{wanted.parent}/{PurePosixPath(name).name}") for name in parts]
    if not copies and len(files.names) == len(model.files) == 1:  # under a name of the person's own
        copies = [(files.names[0], model.files[0].path)]
    return copies


def _best(names: Sequence[str], path: str) -> str:
    """The name that ends in this path with the least before it; empty where there is none."""
    return min((name for name in names if f"/{name}".endswith(f"/{path}")), key=len, default="")


def _is_component(name: PurePosixPath, folder: str) -> bool:
    is_weights = name.suffix in (".safetensors", ".bin") or name.name.endswith(".index.json")
    return name.parent.name == folder and is_weights and name.name.startswith(_COMPONENT)


def _is_there(path: Path) -> bool:
    return path.is_file() or any(
        (path.parent / f"{name}.{ending}").is_file()
        for name in _COMPONENT
        for ending in ("safetensors", "safetensors.index.json", "bin", "bin.index.json")
        if path.parent.parent.parent == models_folder()  # a part of a model, in a folder of its own
    )


def _copy_in(files: _Files, name: str, path: Path, check: Check, report: Report) -> None:
    """Whole, and once it was read, or not at all."""
    beside = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.open(name) as source, beside.open("wb") as target:
            for chunk in chunks(source):
                target.write(chunk)
                report(f"Copying {path.name}", len(chunk))
        if path.suffix != ".json":
            check(beside)
        beside.replace(path)
    except OSError as error:
        raise SetupError(f"Cannot copy {name} to {path}: {error}.", "Free some space on this disk.") from error
    finally:
        beside.unlink(missing_ok=True)


def _record(model: Model, path: str, size: int, digest: str, source: str) -> None:
    """What the file was when it came, for `relievo models verify`."""
    file = model.folder / _RECORDS
    try:
        records: dict[str, Any] = dict(json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        records = {}
    records[path] = {"bytes": size, "sha256": digest, "source": source}
    write_atomically(file, (json.dumps(records, indent=2) + "\n").encode())
