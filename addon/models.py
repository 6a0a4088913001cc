"""The catalogue's models: which are on this machine, fetching them, and importing them from where they lie already.

Knows nothing of Blender. The store (relievo._store) does all of it, as the program `relievo` does, and in the same
folder; here is what Blender shows of it, and zips.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from . import labels, zips
from .downloads import Installation, SetupError, settings, setup_errors, transport
from .store import StoreError, store

_WEIGHTS = (".safetensors", ".bin", ".ckpt", ".pt", ".pth", ".onnx", ".json")

Check = Callable[[Path], None]  # raises when a file is not wanted


@dataclass(frozen=True)
class ModelFile:
    path: str  # in the model's folder, with slashes
    url: str | None
    bytes: int | None  # by the catalogue: to the byte, or roughly
    sha256: str | None


@dataclass(frozen=True)
class Model:
    name: str
    title: str
    description: str
    licence: str
    licence_note: str
    # The stages that need it: foreground, multiview, reconstruct.
    stages: tuple[str, ...]
    one_picture: bool  # it makes objects of the picture itself, not of views
    embedded: bool
    is_untried: bool  # nobody has looked yet at what is made with the published weights
    is_free: bool  # may be used for anything
    files: tuple[ModelFile, ...]

    @property
    def label(self) -> str:
        return labels.model(self.name, self.title)

    @property
    def terms(self) -> str:
        """Returns the text about license (as Blender spells it) and checksums that is shown before a download."""
        text = f"License: {self.licence}. {self.licence_note.replace('icence', 'icense')}".rstrip()
        if untold := sum(file.sha256 is None for file in self.files):
            text += f" Checksums of {untold} of its files are not published: the server's own are taken."
        return text

    @property
    def folder(self) -> Path:
        return models_folder() / self.name

    @property
    def missing(self) -> list[ModelFile]:
        """The missing files, as they were when the disk was last looked at: a panel that draws must not read the
        disk."""
        if self.name not in _missing:
            _missing[self.name] = frozenset(store.missing(self.name))
        return [file for file in self.files if file.path in _missing[self.name]]

    @property
    def is_installed(self) -> bool:
        return not self.missing

    @property
    def bytes(self) -> int | None:
        """The bytes of the missing files, by the catalogue or by the server (ask_sizes()); None where not known."""
        sizes = [file.bytes for file in self.missing]
        return _told.get(self.name) if None in sizes else sum(size for size in sizes if size is not None)


_missing: dict[str, frozenset[str]] = {}  # paths, by the model's name


def look_again() -> None:
    """Forgets what is installed, because the disk may have changed."""
    _missing.clear()


@functools.cache
def catalogue() -> tuple[Model, ...]:
    """Returns the models. Raises relievo.Error where $RELIEVO_CATALOGUE names no catalogue."""
    return tuple(
        Model(
            model.name,
            model.title,
            model.description,
            model.licence,
            model.licence_note,
            tuple(model.stages),
            model.one_picture,
            model.embedded,
            model.untried,
            model.free,
            tuple(
                ModelFile(file.path, file.url or None, file.bytes or file.about, file.sha256) for file in model.files
            ),
        )
        for model in store.catalogue()
    )


@dataclass(frozen=True)
class ModelSet:
    """Models that work together."""

    title: str
    models: tuple[Model, ...]

    def told(self) -> str:
        """Returns its title and files, what is there already and the disk's free space. Reads the disk."""
        total = store.total([model.name for model in self.models])
        text = f"{self.title}: {total.files} {'file' if total.files == 1 else 'files'}, "
        text += "size unknown" if total.bytes is None else labels.size(total.bytes)
        if total.bytes_there and total.bytes_there != total.bytes:
            text += f" ({labels.size(total.bytes_there)} of it there)"
        return text if total.bytes_free is None else f"{text}; {labels.size(total.bytes_free)} free on the disk"


def sets_with(model: Model) -> list[ModelSet]:
    """Returns the sets that make objects with this model."""
    by_name = {each.name: each for each in catalogue()}
    return [ModelSet(each.title, tuple(by_name[name] for name in each.models)) for each in store.sets_with(model.name)]


def models_folder() -> Path:
    return Path(store.models_folder())


# The engine's module and the store's module each read this variable.
_VARIABLE = "RELIEVO_MODELS"
_is_ours = False  # the value is ours, not the person's own


def use_folder(folder: str) -> None:
    """Uses the preferences' folder, unless the environment names one; an empty text means the usual one."""
    global _is_ours
    if _VARIABLE in os.environ and not _is_ours:
        return
    os.environ.pop(_VARIABLE, None)
    if folder:
        os.environ[_VARIABLE] = folder
    _is_ours = bool(folder)
    look_again()


def install_online(*wanted: Model) -> Installation:
    """Fetches the files of these models that are missing or wrong."""

    def work(installation: Installation) -> None:
        fetched: list[str] = []  # the last one is being fetched

        def tell(path: str, phase: str, done: int, total: int) -> None:
            if phase == "fetching" and fetched[-1:] != [path]:
                fetched.append(path)
            name = PurePosixPath(path).parts[0]
            verb = (
                "Checking"
                if phase == "checking"
                else f"Fetching {len(fetched)} of {count}:"
                if count > 1
                else "Fetching"
            )
            installation.show(f"{verb} {name}", done, total)

        with setup_errors(), _changing():
            count = sum(len(model.missing) for model in wanted)
            names = [model.name for model in wanted]
            store.fetch(names, transport(), sources=settings.mirrors, listener=tell, patience=settings.patience)

    return Installation(work)


def install_from(model: Model, source: Path, check: Check | None = None) -> Installation:
    """Copies a model out of a folder, a zip or a weight file, each file once the store has read it and `check`, where
    there is one, lets the source pass."""

    def work(installation: Installation) -> None:
        def tell(path: str, phase: str, done: int, total: int) -> None:
            verb = "Checking" if phase == "checking" else "Copying"
            installation.show(f"{verb} {PurePosixPath(path).name}", done, total)

        with setup_errors(), _changing():
            # PyTorch's files are zips, too.
            if source.suffix.lower() == ".zip":
                _import_zip(model, source, installation, tell)
                return
            if check is not None and source.is_file():
                check(source)
            store.import_model(source, model.name, listener=tell)

    return Installation(work)


@contextlib.contextmanager
def _changing() -> Iterator[None]:
    try:
        yield
    finally:
        look_again()


def _import_zip(
    model: Model, source: Path, installation: Installation, tell: Callable[[str, str, int, int], None]
) -> None:
    """Imports by way of a folder beside the models, which is removed afterwards."""
    with zips.opened(source) as archive:
        members = [member for member in archive.infolist() if member.filename.lower().endswith(_WEIGHTS)]
        zips.check_space(sum(member.file_size for member in members), models_folder())
        models_folder().mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".import-", dir=models_folder()))
        try:
            for member in members:
                zips.extract(archive, member, folder / zips.inner_path(member), installation.report)
            installation.done = 0
            try:
                store.import_model(folder, model.name, listener=tell)
            except StoreError as error:  # the person knows the zip, not the folder
                message = error.message.replace(str(folder), str(source))
                raise SetupError(message, error.hint, error.code) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)


_told: dict[str, int] = {}  # by the model's name
_asked: set[str] = set()
_asking: threading.Thread | None = None
_is_ending = threading.Event()


def ask_sizes(wanted: Sequence[Model]) -> bool:
    """Asks the servers for the sizes of missing files, on a thread, once in this Blender; returns whether it began to.

    Nothing is fetched.
    """
    global _asking
    unknown = [model for model in wanted if model.name not in _asked and model.missing and model.bytes is None]
    if not unknown or is_asking():
        return False
    _asked.update(model.name for model in unknown)
    _is_ending.clear()
    _asking = threading.Thread(target=_ask, args=(unknown,), name="relievo sizes", daemon=True)
    _asking.start()
    return True


def stop_asking() -> None:
    """Is called before Blender ends, because a thread in the middle of native code would crash it."""
    _is_ending.set()
    is_asking(5)


atexit.register(stop_asking)  # where Blender is a module, add-ons are not disabled at its end


def is_asking(seconds: float = 0.0) -> bool:
    """Returns whether ask_sizes() still waits for an answer, after waiting for so many seconds."""
    if _asking is not None:
        _asking.join(seconds)
    return _asking is not None and _asking.is_alive()


def _ask(wanted: Sequence[Model]) -> None:
    for model in wanted:
        if _is_ending.is_set():
            _asked.discard(model.name)
            continue
        try:
            size = store.size_of_missing(
                model.name, transport(_is_ending.is_set), sources=settings.mirrors, patience=10.0
            )
        except Exception:  # not known, then
            continue
        if size is not None:
            _told[model.name] = size


def remove(model: Model) -> None:
    """Removes a model. Raises SetupError."""
    if not model.embedded:
        with setup_errors(), _changing():
            store.remove(model.name)
