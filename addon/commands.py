"""The headless command: blender -b -c relievo generate PICTURE... -o DIR

Timers do not fire with -b, so this waits for the jobs itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TextIO

import bpy

from . import backend, import_mesh, words
from .backend import Failure
from .words import Outcome

if TYPE_CHECKING:
    import relievo


def run(arguments: list[str]) -> int:
    """Returns the exit status."""
    try:
        options = words.parser().parse_args(arguments)
    except SystemExit as ended:  # argparse has said why, or printed its help
        return ended.code if isinstance(ended.code, int) else 2
    try:
        with _answers() as answers, _interrupts() as interrupts:
            return _generate(options, answers, interrupts)
    except Exception as error:
        failure = Failure.of(error)
        print(f"relievo: {failure}", file=sys.stderr)
        return failure.exit_status


def _generate(options: Namespace, answers: TextIO, interrupts: list[int]) -> int:
    engine = backend.engine()
    pictures: list[str] = options.pictures
    names = words.result_names(pictures)

    def submit(i: int) -> relievo.Job:
        return engine.submit(pictures[i], name=names[i], **words.settings_of(options))

    failures: list[Failure | None] = []
    following = submit(0)
    for i, picture in enumerate(pictures):
        job = following
        if i + 1 < len(pictures):  # the next is computed while this one is written
            following = submit(i + 1)
        while not job.wait(0.1):
            if interrupts:
                job.cancel()
                following.cancel()
        outcome = _save(picture, job, options)
        failures.append(outcome.failure)
        if options.json:
            print(json.dumps(words.as_json(outcome)), file=answers, flush=True)
        else:
            print(words.as_text(outcome), file=answers if outcome.result else sys.stderr, flush=True)
        if interrupts:
            break
    return words.exit_status(failures)


def _save(picture: str, job: relievo.Job, options: Namespace) -> Outcome:
    if job.error is not None:
        return Outcome(picture, failure=Failure.of(job.error))
    assert job.result is not None
    files: list[Path] = []
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        for name in options.format:
            if name == "blend":
                files.append(save_blend(job.result, options.output))
            else:
                files += job.result.save(options.output, [name])
    except OSError as error:
        hint = "Choose a folder that you may write to, on a disk with space left."
        return Outcome(picture, failure=Failure("io", f"Cannot write to {options.output}: {error}.", hint, 3))
    except Exception as error:
        return Outcome(picture, failure=Failure.of(error))
    return Outcome(picture, job.result, files)


def save_blend(result: relievo.Result, folder: Path) -> Path:
    """Writes a file that holds the object alone, texture packed, in the person's own start-up scene.

    Replaces what is open in Blender. Raises OSError.
    """
    path = folder / f"{result.name}.blend"
    beside = folder / f".{result.name}.part.blend"
    bpy.ops.wm.read_homefile(use_empty=True)
    import_mesh.add_object(result, bpy.context.scene)
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(beside), copy=True, compress=True)
        beside.replace(path)
    except RuntimeError as error:  # what Blender says when it cannot write
        raise OSError(str(error).strip()) from error
    finally:
        beside.unlink(missing_ok=True)
    return path


@contextlib.contextmanager
def _answers() -> Iterator[TextIO]:
    """Standard output for the answers alone: what Blender and other add-ons print meanwhile goes to standard error."""
    flush_all = ctypes.CDLL(None).fflush  # Blender's own prints wait in the buffers of the C library
    sys.stdout.flush()
    flush_all(None)
    kept = os.dup(1)
    os.dup2(2, 1)
    # A stream of another kind belongs to somebody who called run() from Python and listens.
    is_own = sys.stdout is sys.__stdout__
    try:
        with (
            os.fdopen(os.dup(kept), "w") if is_own else contextlib.nullcontext(sys.stdout) as answers,
            contextlib.redirect_stdout(sys.stderr),
        ):
            yield answers
    finally:
        flush_all(None)
        os.dup2(kept, 1)
        os.close(kept)


@contextlib.contextmanager
def _interrupts() -> Iterator[list[int]]:
    """A list that is no longer empty after Ctrl-C. Blender's own handler would only end the process at the second."""
    caught: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        caught.append(number)

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield caught
    finally:
        # None: the handler was Blender's, which cannot be put back from here.
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
