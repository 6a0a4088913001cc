"""The native module. Arrays are read-only views that keep their result alive; nothing is copied.

Every failure raises a subclass of `relievo.Error`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, Unpack, final

import numpy as np
from numpy.typing import NDArray

from ._engine import View
from ._errors import Error
from ._finish import BakeSettings, FinishSettings, MeshSource
from ._store import Transport
from ._types import InputPath, PathLike, Picture

@final
class SurfaceReport:
    """Facts about how sound a surface is."""

    @property
    def watertight(self) -> bool:
        """Every edge has exactly two faces, and there is a face."""
    @property
    def manifold(self) -> bool: ...
    @property
    def components(self) -> int:
        """Parts of the surface that are connected over edges."""
    @property
    def euler(self) -> int:
        """Vertices - edges + faces."""
    @property
    def area(self) -> float: ...
    @property
    def volume(self) -> float:
        """Positive when the faces look outward."""

@final
class TextureReport:
    """Facts about how well the texture is used."""

    @property
    def charts(self) -> int:
        """Charts that the surface is unwrapped into."""
    @property
    def coverage(self) -> float:
        """The charts' share of the texture, 0..1."""
    @property
    def mean_stretch(self) -> float:
        """1 where every face keeps its shape and scale."""
    @property
    def gap(self) -> float:
        """Distance between charts, as a share of the texture's side."""

@final
class Provenance:
    """The origin of a result."""

    @property
    def picture(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def settings(self) -> str:
        """One JSON object."""
    @property
    def version(self) -> str:
        """Version of Relievo."""
    @property
    def checksum(self) -> str:
        """SHA-256 of the picture's content, in hexadecimal."""

@final
class DetailLevel:
    """A coarser form of a mesh, which shows the same maps."""

    @property
    def vertices(self) -> NDArray[np.float32]: ...
    @property
    def faces(self) -> NDArray[np.int32]: ...
    @property
    def corner_uv(self) -> NDArray[np.float32]: ...

@final
class Mesh:
    """Right-handed, Z up, front towards -Y, metres: Blender's axes. Faces are counter-clockwise seen from outside."""

    @property
    def vertices(self) -> NDArray[np.float32]:
        """`[V, 3]`"""
    @property
    def faces(self) -> NDArray[np.int32]:
        """`[F, 3]`"""
    @property
    def corner_uv(self) -> NDArray[np.float32]:
        """`[F, 3, 2]`, origin at the bottom left of the albedo"""
    @property
    def albedo(self) -> NDArray[np.uint8]:
        """`[H, W, 3]`, sRGB, row 0 at the top"""
    @property
    def normal_map(self) -> NDArray[np.uint8] | None:
        """`[H, W, 3]`, tangent space"""
    @property
    def vertex_colours(self) -> NDArray[np.float32] | None:
        """`[V, 3]`, sRGB-encoded 0..1"""
    @property
    def occlusion(self) -> NDArray[np.uint8] | None:
        """`[S, S, 1]` ambient occlusion, where it was baked."""
    @property
    def roughness(self) -> float: ...
    @property
    def metallic(self) -> float: ...
    @property
    def levels(self) -> list[DetailLevel]:
        """Coarser levels of detail, each with fewer faces than that before it."""
    @property
    def report(self) -> SurfaceReport: ...
    @property
    def texture_report(self) -> TextureReport: ...
    @property
    def provenance(self) -> Provenance: ...

@final
class StageSeconds:
    """How a device spent the time of a stage."""

    @property
    def device(self) -> str: ...
    @property
    def computing(self) -> float: ...
    @property
    def transfer(self) -> float:
        """Copies from and to other devices."""
    @property
    def waiting(self) -> float:
        """For other devices: for their part of the stage, or for a picture from the device before it."""

@final
class SpeedUp:
    """What several devices were worth, over all pictures of a run so far."""

    @property
    def expected(self) -> float:
        """Times as fast as one device alone; 0 where no device can do it alone."""
    @property
    def reached(self) -> float: ...
    @property
    def limit(self) -> str:
        """What keeps it from more, as the end of a sentence; may be empty."""

@final
class IdleDevice:
    """A device that a plan leaves idle."""

    @property
    def device(self) -> str: ...
    @property
    def reason(self) -> str:
        """ "policy", "strategy", "nothing fits", "one picture" or "not faster"."""
    @property
    def why(self) -> str:
        """A sentence."""

@final
class PlanReport:
    @property
    def sentences(self) -> list[str]:
        """What would be done and why, then what would not and why not."""
    @property
    def idle(self) -> list[IdleDevice]: ...
    @property
    def seconds(self) -> float:
        """For all pictures, without loading weights."""
    @property
    def expected_speed_up(self) -> float:
        """Times as fast as one device alone; 0 where no device can do it alone."""
    @property
    def limit(self) -> str: ...

@final
class StageReport:
    @property
    def name(self) -> str: ...
    @property
    def seconds(self) -> float: ...
    @property
    def peak_bytes(self) -> int:
        """Highest use of the worker's budget during the stage, all weights in it included."""
    @property
    def device(self) -> str: ...
    @property
    def precision(self) -> str: ...
    @property
    def batch(self) -> int:
        """Pictures that were made together."""
    @property
    def fragmentation(self) -> float | None:
        """The share, 0..1, of a GPU's memory that torch's allocator held after the stage and that no tensor used."""
    @property
    def load_seconds(self) -> float:
        """Of the seconds, those for bringing weights in."""
    @property
    def devices(self) -> list[StageSeconds]: ...
    @property
    def on_side(self) -> bool:
        """It ran on a thread of the processor, while the device computed other pictures."""

@final
class PrintReport:
    """What a printer would meet. Lengths are millimetres."""

    @property
    def printable(self) -> bool:
        """Closed, in one piece, and no wall too thin."""
    @property
    def closed(self) -> bool: ...
    @property
    def pieces(self) -> int: ...
    @property
    def least_wall(self) -> float:
        """The thinnest wall; 0 where the surface is not closed."""
    @property
    def overhang(self) -> float:
        """Share of the surface that hangs over by more than 45 degrees."""
    @property
    def size(self) -> list[float]: ...

@final
class Finishing:
    """Work on a mesh, on a thread of its own."""

    @property
    def fraction(self) -> float: ...
    def cancel(self) -> None: ...
    def wait(self, seconds: float) -> bool:
        """Returns whether it is over."""
    def result(self) -> Result:
        """Waits for it. Raises what went wrong."""
    def print_report(self) -> PrintReport | None: ...

def _finish(mesh: MeshSource, *, name: str = "", **settings: Unpack[FinishSettings]) -> Finishing: ...
def _bake(source: MeshSource, target: MeshSource, *, name: str = "", **settings: Unpack[BakeSettings]) -> Finishing: ...
def _save_finished(result: Result, where: PathLike, formats: list[str], separate: bool) -> list[Path]: ...
@final
class Result:
    @property
    def name(self) -> str: ...
    @property
    def mesh(self) -> Mesh: ...
    @property
    def albedo_png(self) -> memoryview:
        """The albedo as a PNG file."""
    @property
    def normal_map_png(self) -> memoryview:
        """The normal map as a PNG file; empty when there is none."""
    @property
    def occlusion_png(self) -> memoryview:
        """The ambient occlusion as a PNG file; empty when there is none."""
    @property
    def foreground(self) -> NDArray[np.uint8]:
        """`[S, S, 4]` the cut-out that was meshed, sRGB-encoded, straight alpha"""
    @property
    def crop(self) -> tuple[int, int, int]:
        """x, y and side of the foreground's square in pixels of the picture; it may reach outside."""
    @property
    def stages(self) -> list[StageReport]: ...
    @property
    def expected_seconds(self) -> float:
        """Seconds of the stages, loading included, as they were expected before it began."""
    @property
    def speed_up(self) -> SpeedUp | None:
        """None where one device computed."""
    @property
    def plan(self) -> str:
        """Says in words what ran where."""
    @property
    def notes(self) -> list[str]:
        """Sentences that the person should know, about the picture, the shape or the memory."""
    @property
    def lossy(self) -> bool:
        """True when something was made worse for lack of memory."""
    def save_renders(
        self,
        folder: PathLike,
        *,
        sheet: bool = False,
        turntable: int = 0,
        exr: bool = False,
        former: Sequence[str] = (),
        named: bool = False,
    ) -> list[Path]:
        """Writes NAME_sheet.png, NAME_turntable.webp with its frames, NAME.exr, as asked, and returns the files.

        Files that are there are overwritten, and named has its meaning, as in save. Ctrl-C raises KeyboardInterrupt.
        """
    def save_by_blender(
        self,
        folder: PathLike,
        kind: str,
        write: Callable[[Path], object],
        *,
        former: Sequence[str] = (),
        named: bool = False,
    ) -> Path:
        """Writes NAME.KIND (blend or usdz) by write(file), which writes a compressed .blend file or a USDZ archive.

        Returns the file. What it was made of is recorded in it. Its name is found as in save, and former and named mean
        the same. If another file has taken the name meanwhile, write is called again.
        """
    def notes_on_files(self, formats: Sequence[str]) -> list[str]:
        """Returns the notes that a person should read about files of these formats; mostly none."""
    def save(
        self,
        where: PathLike,
        formats: Sequence[str] | None = None,
        *,
        former: Sequence[str] = (),
        named: bool = False,
    ) -> list[Path]:
        """Writes the mesh and returns the files.

        where is a folder that is there, a path without an ending, or one that ends in a slash: then formats (default:
        glb) says which files are written, named after the result, and the folder is made if need be. Any other path is
        a file, NAME.glb, NAME.obj or NAME.ply. A file that is there is overwritten only where an earlier result of the
        same picture wrote it, or one of those whose checksums are in former; otherwise the name gets a number. This
        also holds for files that other processes write at the same moment. named says that name_results or a Batch gave
        the name for this folder, which then is not listed again.
        """

@final
class JobStatus:
    @property
    def state(self) -> Literal["waiting", "running", "done", "failed", "cancelled"]: ...
    @property
    def stage(self) -> str:
        """foreground, multiview, reconstruct, surface, texture, or empty before the first and after the last."""
    @property
    def fraction(self) -> float:
        """Share of the whole job that is done, 0..1, which only grows."""
    @property
    def seconds(self) -> float:
        """Seconds since it began to run."""
    @property
    def seconds_left(self) -> float | None:
        """An estimate, None while it is unknown."""

@final
class LogLine:
    @property
    def seconds(self) -> float:
        """Seconds since the job began to run."""
    @property
    def text(self) -> str: ...

@final
class Preview:
    """A picture of what a job has made so far."""

    @property
    def name(self) -> str:
        """foreground (RGBA: the cut-out), shaded (RGB: the finished object)"""
    @property
    def pixels(self) -> NDArray[np.uint8]:
        """`[H, W, 3 or 4]`, sRGB, row 0 at the top, 256 a side at most"""

@final
class Job:
    """One generation. Every call is safe from any thread.

    In a process that was forked off since, all calls but number and name raise InvalidSettingsError.
    """

    @property
    def number(self) -> int:
        """A number in this process, in the order of submit()."""
    @property
    def name(self) -> str: ...
    @property
    def log(self) -> list[LogLine]: ...
    @property
    def notes(self) -> list[str]:
        """Sentences that the person should know, as they came; a result has them, too."""
    @property
    def previews(self) -> list[Preview]:
        """The previews in the order in which they came."""
    def take(self) -> Result | None:
        """Returns the result, which the job then forgets."""
    def __hash__(self) -> int: ...
    def __eq__(self, other: object) -> bool: ...
    @property
    def status(self) -> JobStatus: ...
    @property
    def error(self) -> Error | None:
        """The error of a failed or cancelled job."""
    @property
    def result(self) -> Result | None:
        """The result, None until the job is done."""
    def cancel(self) -> None: ...
    def wait(self, seconds: float | None = None) -> bool:
        """Waits until it has ended; returns False when the time passed first. Ctrl-C raises KeyboardInterrupt."""

class Engine:
    def __init__(
        self,
        models: PathLike,
        threads: int = 0,
        idle_seconds: float = 0,
        devices: str = "",
        strategy: str = "auto",
        policy: str = "fastest",
        lossy: bool = True,
        allocator: str = "auto",
        cuda_graphs: bool = False,
    ) -> None: ...
    @property
    def workers(self) -> list[str]:
        """Names of the workers that compute. Raises InvalidSettingsError for devices that are not there."""
    def plan(self, pictures: int = 1, **settings: Any) -> PlanReport:
        """Plans so many pictures with these settings."""
    def explain_plan(self, pictures: int = 1, **settings: Any) -> list[str]:
        """Returns the sentences of that plan."""
    def submit(
        self,
        picture: Picture | None = None,
        *,
        name: str = "",
        source: PathLike = "",
        only_foreground: bool = False,
        shows_mask: bool = False,
        model: str = ...,
        mask: InputPath = ...,
        mask_threshold: float = ...,
        mask_invert: bool = ...,
        subject: int = ...,
        views: InputPath | View | Sequence[InputPath | View] = ...,
        sheet: str = ...,
        back: str = ...,
        view_count: int = ...,
        seed: int = ...,
        steps: int = ...,
        sampler: str = ...,
        guidance: float = ...,
        input_size: int = ...,
        precision: str = ...,
        grid: int = ...,
        shape: str = ...,
        depth: float = ...,
        faces: int = ...,
        debris: float = ...,
        open_at_box: bool = ...,
        texture_size: int = ...,
        projection: str = ...,
        normal_map: bool = ...,
        vertex_colours: bool = ...,
    ) -> Job:
        """Submits a job. Raises InvalidSettingsError or ModelMissingError at once; every other error is the job's.

        With views of one's own, the picture may be left out for the first of them. source says where a picture in
        memory comes from. With only_foreground the job ends after the first stage without a result, and its preview
        shows the mask; it comes before all jobs that wait. With shows_mask its previews have the whole picture and the
        mask of it, too.
        """
    def queue(self) -> list[Job]:
        """The jobs that run, then those that wait, in order."""
    def move(self, job: Job, place: int) -> bool:
        """Moves a waiting job to a place among those that wait (0 is the next). Returns False when it does not wait."""
    def pause(self) -> None:
        """Keeps further jobs from beginning; one that runs goes on to its end."""
    def resume(self) -> None: ...
    @property
    def paused(self) -> bool: ...
    def unload(self) -> None:
        """Gives the memory of loaded models back; waits for no job."""
    @property
    def loaded(self) -> bool:
        """Returns whether models are in memory."""
    def set_idle_seconds(self, seconds: float) -> None:
        """Sets the time without a job after which models are unloaded; 0 or infinity keeps them."""
    def close(self) -> None:
        """Cancels the jobs that run and waits for them, about a second at most. The jobs stay valid."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

@final
class DeviceInfo:
    @property
    def device(self) -> str:
        """cuda:0 or cpu; empty for a GPU that cannot be used, which has a note."""
    @property
    def name(self) -> str: ...
    @property
    def total_bytes(self) -> int: ...
    @property
    def free_bytes(self) -> int: ...
    @property
    def busy_percent(self) -> int | None: ...
    @property
    def celsius(self) -> int | None: ...
    @property
    def other_processes(self) -> int: ...
    @property
    def others_bytes(self) -> int:
        """Bytes that other processes hold."""
    @property
    def note(self) -> str:
        """Says why it cannot be used and what to do; empty when it can be used."""

@final
class ModelInfo:
    """A model of the catalogue."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def stages(self) -> list[str]:
        """The stages that need it: foreground, multiview, reconstruct."""
    @property
    def embedded(self) -> bool:
        """It comes with the package."""
    @property
    def installed(self) -> bool:
        """All of its files are on this machine."""
    @property
    def bytes(self) -> int | None:
        """Bytes of all its files; None until they were fetched once."""

def models() -> list[ModelInfo]:
    """Returns the models in the catalogue's order."""

def check_weights(path: PathLike) -> None:
    """Reads the directory of a weight file, or of a folder of them, strictly. Raises IoError, ModelCorruptError."""

def devices() -> list[DeviceInfo]:
    """Returns the GPUs, then the CPU; without one of NVIDIA's, those of other makers come first. May take a tenth of a
    second."""
@final
class NamedPicture:
    """A picture that needs a name for its result.

    former has checksums of earlier content of the picture: files of those results are replaced too. keeps_name says
    that it had this name in an earlier run, so it comes before those that had none.
    """

    def __init__(
        self, name: str, checksum: str = "", *, former: Sequence[str] = (), keeps_name: bool = False
    ) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def checksum(self) -> str: ...
    @property
    def former(self) -> list[str]: ...
    @property
    def keeps_name(self) -> bool: ...

def name_results(
    pictures: Sequence[NamedPicture],
    folder: PathLike,
    *,
    formats: Sequence[str],
    sheet: bool = False,
    turntable: int = 0,
    exr: bool = False,
    inputs: Sequence[PathLike] = (),
    reserved: Sequence[str] = (),
) -> list[str]:
    """Chooses a name for each picture's result: the wanted one, cleaned, with a number where a file would be lost
    otherwise.

    inputs are kept whoever wrote them; reserved are names of other results, whose files are kept.
    """

def picture_checksum(picture: PathLike) -> str:
    """SHA-256 of the file's bytes. Raises IoError."""
@final
class BatchTask:
    """A picture whose result has to be made."""

    @property
    def picture(self) -> str: ...
    @property
    def folder(self) -> Path:
        """Folder of the result's files."""
    @property
    def name(self) -> str:
        """Name of the result's files."""
    @property
    def former(self) -> list[str]:
        """Checksums of earlier content of the picture."""
    @property
    def error(self) -> Error | None:
        """Why it cannot be made: a wrong line of a manifest."""
    @property
    def settings(self) -> dict[str, Any]:
        """Settings as Engine.submit takes them."""

@final
class BatchJournal:
    """The tasks and results of many pictures. Places are indices in `left`."""

    @property
    def pictures(self) -> int: ...
    @property
    def notes(self) -> list[str]: ...
    @property
    def made_before(self) -> list[str]:
        """A JSON object for each."""
    @property
    def left(self) -> list[BatchTask]: ...
    def begin(self, place: int) -> None: ...
    def finish(self, place: int, report: str, files: Sequence[PathLike], thumbnail: bytes = b"") -> None: ...
    def fail(
        self,
        place: int,
        code: str,
        message: str,
        hint: str = "",
        files: Sequence[PathLike] = (),
        thumbnail: bytes = b"",
    ) -> None: ...
    def write_report(self) -> Path: ...
    @property
    def is_recorded(self) -> bool: ...
    @property
    def summary(self) -> str: ...
    def close(self) -> None: ...

def open_batch(
    source: PathLike,
    folder: PathLike,
    *,
    formats: Sequence[str],
    contact_sheet: bool = False,
    turntable: int = 0,
    exr: bool = False,
    recursive: bool = False,
    sides: bool = True,
    again: bool = False,
    only_failed: bool = False,
    lock: bool = True,
    dry_run: bool = False,
    required: Sequence[str] = (),
    report: bool = False,
    **settings: Any,
) -> BatchJournal:
    """Reads all pictures, and all results that were made of them. Raises InvalidSettingsError, IoError."""

def report_of(picture: PathLike, result: Result, files: Sequence[PathLike], met: Sequence[str] | None = None) -> str:
    """Returns the JSON object that the commands print for a picture; met is what require() has returned."""

def require(result: Result, required: Sequence[str]) -> list[str]:
    """Returns all words of `relievo check --require` that the mesh meets. Raises InvalidSettingsError where it does not
    meet one that is required."""

def check(file: PathLike, required: Sequence[str] = ()) -> str:
    """`relievo check`: judges a GLB, OBJ or PLY file of anybody's, and returns a JSON object."""

def thumbnail_of(job: Job) -> bytes:
    """Returns a small picture of the cut-out and the object, for a batch's report: a WebP file, or nothing."""

def _until(time: str) -> float:
    """The next moment, in seconds since 1970, at which clocks show a time such as 07:00."""

def _estimate(
    tasks: Sequence[BatchTask],
    devices: str = "",
    strategy: str = "auto",
    policy: str = "fastest",
    lossy: bool = True,
) -> tuple[str, str]:
    """What making them would take: a JSON object, and a sentence."""

def _expanded(task: BatchTask) -> dict[str, Any]:
    """The task's settings, with folders, lists and names of views replaced by pictures with their cameras."""

def _batch_words(words: Sequence[str]) -> dict[str, Any]:
    """The words that follow `relievo batch`: what Batch takes as `batch`, what Engine takes as `machine`, and `until`,
    `report`, `json` and `ray`. Raises InvalidSettingsError."""

def _requirements() -> list[tuple[str, str]]:
    """The words of `relievo check --require` and what they mean."""

def report_of_failure(picture: PathLike, code: str, message: str, hint: str, files: Sequence[PathLike]) -> str: ...
def prepare_folder(folder: PathLike) -> None:
    """Makes the folder where it is not there, and checks that files can be written into it. Raises IoError."""

def version() -> str: ...
def picture_endings() -> list[str]: ...
def describe_settings() -> dict[str, dict[str, Any]]:
    """Returns each setting's default, and min and max, or choices, where there are any."""

def _run_command(words: Sequence[str], make_transport: Callable[[PathLike], Transport]) -> int:
    """The program's command line, which has the process for itself from here on; returns its exit status."""

def _profile(devices: str, model: str, quick: bool, tell: Callable[[str, str, float], object]) -> list[str]:
    """`relievo profile`: a JSON object for each kind of device.

    tell() is given a device, what is measured on it, and the share that is done; what it raises ends the work.
    """

def _gpu_check(devices: str, tell: Callable[[str], object]) -> tuple[str, str, int]:
    """`relievo gpu-check`: its lines, which are told one by one, its JSON object, and how many checks failed.

    What tell() raises ends it. Raises InvalidSettingsError.
    """

def exit_statuses() -> dict[str, int]:
    """Returns the exit status of each error code."""

def _count_subjects(mask: NDArray[np.uint8]) -> int:
    """Returns the number of separate subjects in a mask `[H, W]`, as the setting `subject` counts them."""

class Mending:
    """A mask that is being mended, on a thread of its own.

    A stroke has whether it is on the subject, its points (right, down) in the picture's pixels, and the brush's radius.
    """

    def __init__(
        self,
        picture: NDArray[np.uint8],
        mask: NDArray[np.uint8],
        strokes: Sequence[tuple[bool, Sequence[tuple[float, float]], float]],
    ) -> None: ...
    def wait(self, seconds: float) -> bool:
        """Returns whether it is over."""
    def cancel(self) -> None: ...
    @property
    def mask(self) -> NDArray[np.uint8]:
        """`[H, W]`; waits for it, and raises what has failed."""
