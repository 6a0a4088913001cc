"""The models of this machine, and downloads. Needs no LibTorch, which it fetches.

Every failure raises a subclass of `relievo.Error`. A listener is told the path in the model's folder, "fetching" or
"checking", how many bytes are done, and of how many (0 where that is not known); it is called about every second or
more often, and an exception of its own ends the work, with what has arrived kept.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, final

from ._types import PathLike

Listener = Callable[[str, str, int, int], object]

# One request and its reply, redirects not followed: method, address, headers, and who takes the reply. Returns None
# when all has come or the receiver has stopped it, else whether another try may succeed, and the reason.
Transport = Callable[[str, str, list[tuple[str, str]], Receiver], tuple[bool, str] | None]

@final
class Receiver:
    """Receives a reply. Its functions return False when the transfer must stop."""

    def begin(self, status: int, headers: Sequence[tuple[str, str]]) -> bool: ...
    def body(self, content: bytes) -> bool: ...
    def wait(self) -> bool:
        """Is to be called about every second or more often while nothing comes."""

@final
class ModelFile:
    @property
    def path(self) -> str:
        """The path in the model's folder, with slashes."""
    @property
    def url(self) -> str:
        """Empty for a file that comes with Relievo."""
    @property
    def bytes(self) -> int | None: ...
    @property
    def about(self) -> int | None:
        """The approximate size in bytes, where the exact one is not known."""
    @property
    def sha256(self) -> str | None: ...

@final
class Model:
    """A model of the catalogue."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str:
        """The name as its authors write it."""
    @property
    def description(self) -> str: ...
    @property
    def licence(self) -> str:
        """The licence's name by SPDX."""
    @property
    def licence_note(self) -> str:
        """What the licence means for use of the model and of its results."""
    @property
    def stages(self) -> list[str]: ...
    @property
    def one_picture(self) -> bool:
        """True when it makes objects of the picture itself, not of views."""
    @property
    def embedded(self) -> bool: ...
    @property
    def untried(self) -> bool:
        """True when nobody has looked yet at what Relievo makes with the published weights."""
    @property
    def free(self) -> bool:
        """True when the licence lets it and its results be used for anything."""
    @property
    def files(self) -> list[ModelFile]: ...

@final
class ModelSet:
    """Models that work together."""

    @property
    def title(self) -> str: ...
    @property
    def models(self) -> list[str]: ...

@final
class ModelTotal:
    """The size of several models together."""

    @property
    def files(self) -> int: ...
    @property
    def bytes(self) -> int | None:
        """The bytes of all files; None where the size of one is not known."""
    @property
    def bytes_there(self) -> int:
        """The bytes of installed files, and of downloads that were broken off."""
    @property
    def bytes_free(self) -> int | None:
        """Free bytes on the disk of the models' folder, where the system tells."""

def catalogue() -> list[Model]: ...
def sets_with(name: str) -> list[ModelSet]:
    """Returns the sets that make objects with this model: with each that paints views for it, with views of one's own,
    or alone."""

def total(names: Sequence[str]) -> ModelTotal: ...
def models_folder() -> Path: ...
def state(name: str) -> str:
    """`missing`, `partial`, `installed` or `embedded`; contents are not looked at."""

def missing(name: str) -> list[str]:
    """Paths of the files that are not there."""

def fetch_file(
    sources: Sequence[str],
    path: PathLike,
    transport: Transport,
    *,
    bytes: int | None = None,  # noqa: A002
    sha256: str | None = None,
    listener: Listener | None = None,
    patience: float = 30.0,
) -> tuple[int, str]:
    """Fetches one file, or the rest of it, from the first source that gives it; returns its size and SHA-256."""

def fetch(
    names: Sequence[str],
    transport: Transport,
    *,
    sources: Sequence[str] = [],
    listener: Listener | None = None,
    patience: float = 30.0,
) -> list[tuple[str, str]]:
    """Fetches the files of these models that are missing or wrong; returns model and path of each file that was
    fetched.

    `sources` are addresses of mirrors or folders that are tried before all others. The listener is told the bytes of
    all files together.
    """

def size_of_missing(
    name: str, transport: Transport, *, sources: Sequence[str] = [], patience: float = 30.0
) -> int | None:
    """Returns the bytes of a model's missing files, by the catalogue or by the servers; None where one is not known."""

def verify(name: str, *, listener: Listener | None = None) -> list[str]:
    """Compares a model's files with their checksums; returns the paths for which none is known."""

def import_model(source: PathLike, name: str, *, listener: Listener | None = None) -> list[str]:
    """Copies a weight file, or a folder's files of a model, in; returns the catalogue's paths."""

def remove(name: str) -> bool:
    """Deletes a model's files; returns whether there were any."""
@final
class Lock:
    """A file that the operating system locks for this process, until release() or the end of both.

    Raises IoError while another process has it.
    """

    def __init__(self, path: PathLike) -> None: ...
    def release(self) -> None: ...

def check_weights(path: PathLike) -> None:
    """Reads a weight file's directory, or that of a folder of them, strictly."""

def read_json(content: str | bytes) -> Any:
    """Parses a document of any origin. Raises ValueError where it is not JSON, or too deep or too large."""

def exit_statuses() -> dict[str, int]: ...
