"""The engine, the one that the process shares, and the call that does everything."""

from __future__ import annotations

import atexit
import json
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Required, TypedDict, Unpack

from . import _native
from ._native import JobStatus, Result
from ._types import InputPath, PathLike, Picture


class View(TypedDict, total=False):
    """A picture of the object with its camera (native/base/own_view.h). Without an azimuth or a side, the picture's
    name tells the camera: cup_az030_el20.png, cup_right.png."""

    picture: Required[InputPath]
    mask: InputPath  # a picture file; without one, the picture's transparency or what the mask network finds
    # "front", "back", "left", "right" or "top", as Blender names its views, in place of angles: right is what is seen
    # from +X. Seen from far away, unless there is a field of view.
    side: str
    azimuth: float  # degrees: 0 is the front, 90 the side that is on the right of the front picture
    elevation: float  # degrees: 90 looks straight down
    fov: float  # degrees that the picture's longer side spans; 30 where it is left out
    orthographic: bool  # seen from far away; has no field of view


class Settings(TypedDict, total=False):
    """The settings of a generation. Defaults and ranges are the engine's (native/engine/settings.h)."""

    model: str
    mask: InputPath  # "auto", "alpha" or a picture file
    mask_threshold: float
    mask_invert: bool
    subject: int  # which of several separate subjects, in reading order; 0 takes all as one
    # Views of one's own: up to six with their cameras, a folder or a JSON list of them; or six at the published
    # cameras, as pictures, as a folder, or as one picture of 3 rows x 2 columns. preview takes those of sides.
    views: InputPath | View | Sequence[InputPath | View]
    # Sides of the figures of a turnaround sheet, in reading order: "front,right,back".
    sheet: str
    back: str  # colours of a back that no picture shows: "auto", "mirror" or "fill"
    # The number of six or of painted views that the reconstruction sees: 6 or 4.
    view_count: int
    seed: int
    steps: int  # steps of the diffusion
    sampler: str  # "euler-ancestral", "dpm-solver++" or "unipc"
    guidance: float
    input_size: int  # pixels a side of each view
    precision: str  # "auto", "fp32", "bf16", "fp16", or by stage: "multiview=bf16,reconstruct=fp32"
    grid: int  # cubes a side of the box
    shape: str  # what preview makes of one picture: "inflate", or "extrude" for flat drawings
    depth: float  # thickness; 1 turns a disc into a ball
    faces: int  # most triangles; 0 keeps as many as the grid gives
    # Parts with less than this share of the surface are dropped; 0 drops none.
    debris: float
    open_at_box: bool  # leaves a shape that reaches the box open there
    texture_size: int  # texels a side
    # Projection of the picture onto the texture: "auto" (for preview), "on" or "off".
    projection: str
    normal_map: bool  # keeps the detail that fewer faces lose
    vertex_colours: bool  # also stores colours at the vertices


class Engine(_native.Engine):
    """Runs jobs on threads of its own. close() cancels them; so does leaving a `with` block.

    models is the folder of the embedded weights (default: the package's own), threads of the CPU (0: all). After
    idle_seconds without a job, models are unloaded (0, or infinity: never). devices says what computes:
    "cuda:0,cuda:1", "cpu*2@3GiB" (default: every GPU, without one the CPU); strategy ("auto", "single", "data",
    "stage", "guidance", "split", "offload") and policy ("fastest", "balanced", "memory") how; lossy, whether precision
    or input size may be lowered before a job fails for want of memory; allocator, how torch's allocator of GPUs is set
    ("auto", "expandable-segments", "max_split_size_mb=N", or torch's own words); cuda_graphs, whether a GPU that
    denoises alone records a step as a CUDA graph.

    A process that is forked off from one that has made an engine can use none: it raises InvalidSettingsError. Start
    processes by spawn (multiprocessing.get_context("spawn")).
    """

    def __init__(
        self,
        models: PathLike | None = None,
        threads: int = 0,
        idle_seconds: float = 0,
        devices: str = "",
        strategy: str = "auto",
        policy: str = "fastest",
        lossy: bool = True,
        allocator: str = "auto",
        cuda_graphs: bool = False,
    ) -> None:
        folder = Path(__file__).parent / "models" if models is None else models
        super().__init__(folder, threads, idle_seconds, devices, strategy, policy, lossy, allocator, cuda_graphs)


_lock = threading.Lock()
_shared: Engine | None = None


def _forget() -> None:
    """Is called in a process that was forked off: its parent's engine has no threads there, and one of them may hold
    the lock."""
    global _lock, _shared
    _lock, _shared = threading.Lock(), None


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget)


class EngineOptions(TypedDict, total=False):
    """The options of an Engine."""

    threads: int
    idle_seconds: float
    devices: str
    strategy: str
    policy: str
    lossy: bool
    allocator: str
    cuda_graphs: bool


def shared_engine(**options: Unpack[EngineOptions]) -> Engine:
    """Returns the process's own engine, which is made with these options when it is first asked for."""
    global _shared
    with _lock:
        if _shared is None:
            _shared = Engine(**options)
        return _shared


@atexit.register
def close_engine() -> None:
    """Cancels the shared engine's jobs and waits until it has stopped. The next use makes a new one."""
    global _shared
    with _lock:
        engine, _shared = _shared, None
    if engine is not None:
        engine.close()


def profile(
    *,
    devices: str = "",
    model: str = "",
    quick: bool = False,
    progress: Callable[[str, str, float], object] | None = None,
) -> list[dict[str, Any]]:
    """Measures what the stages cost on the devices, and the links between GPUs, and keeps both for later plans.

    devices is as Engine has it (default: every GPU, without one the CPU), model the one whose stages are measured
    (default: the first that is installed with all it needs, else "preview"). quick measures smaller sizes, one picture
    at a time. progress is given a device, what is measured on it, and the share that is done; what it raises ends the
    work. Returns what `relievo profile --json` prints, an object for each kind of device. Raises a subclass of Error.
    """
    tell = progress if progress is not None else _say_nothing
    return [json.loads(kind) for kind in _native._profile(devices, model, quick, tell)]


def _say_nothing(device: str, what: str, share: float) -> None:
    pass


def generate(
    picture: Picture | None = None,
    *,
    name: str = "",
    progress: Callable[[JobStatus], object] | None = None,
    **settings: Unpack[Settings],
) -> Result:
    """Makes a textured mesh of a picture and waits for it.

    picture is a file (PNG, JPEG, WebP, TIFF, GIF, BMP, HEIC, AVIF, EXR), the bytes of one, or an array `[height, width,
    3 or 4]`, sRGB-encoded, row 0 at the top, of uint8 or of float32 in 0..1; with views of one's own it may be left out
    for the first of them. name is that of the result (default: the file's, without its extension). progress is called
    about ten times a second and once at the end. Raises a subclass of Error; Ctrl-C, or an exception from progress,
    cancels the job.
    """
    job = shared_engine().submit(picture, name=name, **settings)
    try:
        is_over = False
        while not is_over:
            is_over = job.wait(0.1)
            if progress is not None:
                progress(job.status)
    except BaseException:
        job.cancel()
        raise
    if job.error is not None:
        raise job.error
    assert job.result is not None
    return job.result
