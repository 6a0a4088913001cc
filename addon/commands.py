"""The headless commands: blender -b -c relievo generate PICTURE... -o DIR, and batch FOLDER|MANIFEST -o DIR

Timers do not fire with -b, so this waits for the jobs itself.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from argparse import Namespace
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from . import batch, console, import_mesh, outputs, words
from .console import Answers, Interrupts
from .facts import VERSION
from .failure import Failure
from .runtime import runtime
from .words import Outcome, Task

if TYPE_CHECKING:
    import relievo


def run(arguments: list[str]) -> int:
    """Returns the exit status."""
    with console.answers() as answers, Interrupts() as interrupts:
        try:
            status = _run_command(arguments, answers, interrupts)
        except Exception as error:
            failure = Failure.of(error)
            print(f"relievo: {failure}", file=sys.stderr)
            status = failure.exit_status
        return interrupts.status or answers.status_after(status)


def _run_command(arguments: list[str], answers: Answers, interrupts: Interrupts) -> int:
    help_text = io.StringIO()
    try:
        with contextlib.redirect_stdout(help_text):
            options = words.parser().parse_args(arguments)
    except SystemExit as ended:  # argparse has said why, or made its help
        if help_text.getvalue():
            answers.print(help_text.getvalue().rstrip())
        return ended.code if isinstance(ended.code, int) else 2
    command = _batch if options.command == "batch" else _generate
    return command(options, answers, interrupts)


def _generate(options: Namespace, answers: Answers, interrupts: Interrupts) -> int:
    tasks = words.tasks_of(options)
    outputs.prepare(tasks, options)
    outcomes = _run(tasks, options, answers, interrupts, is_strict=True)
    return words.exit_status([outcome.failure for _, outcome in outcomes], len(tasks))


def _batch(options: Namespace, answers: Answers, interrupts: Interrupts) -> int:
    options.version = VERSION
    tasks = batch.tasks_of(options)
    outputs.prepare(tasks, options)
    state = batch.State(options.output, options.again)
    left = []
    for task in tasks:
        answer = state.finished(task, options)
        if answer is None:
            left.append(task)
        elif options.json:
            answers.print(json.dumps(answer))
    failures: dict[str, Failure] = {}
    made = 0
    for task, outcome in _run(left, options, answers, interrupts):
        if outcome.failure is not None:
            failures[task.picture] = outcome.failure
            continue
        made += 1
        try:
            state.finish(task, options, outcome)
        except OSError as error:  # the picture is made all the same
            print(f"relievo: {error}", file=sys.stderr)
    print(batch.summary(failures, made, len(tasks) - len(left)), file=sys.stderr)
    return words.exit_status(list(failures.values()), len(tasks))


def _run(
    tasks: list[Task], options: Namespace, answers: Answers, interrupts: Interrupts, is_strict: bool = False
) -> Iterator[tuple[Task, Outcome]]:
    """Makes, saves and tells one after the other; a failure stops nothing, Ctrl-C does.

    Strict: settings that cannot be, which are those of all, are raised and not told for a picture.
    """
    if not tasks:
        return
    runtime.options |= words.machine_of(options)
    engine = runtime.engine()

    def submit(task: Task) -> relievo.Job | Failure:
        try:
            return engine.submit(task.picture, name=task.name, **task.settings)
        except Exception as error:
            if is_strict:
                raise
            return Failure.of(error)

    line = words.ProgressLine(not options.json)
    # So many that no slot waits while results are written, and no more: results take memory until then.
    ahead = 2 * len(engine.slots)
    submitted: deque[relievo.Job | Failure] = deque()
    made = failed = 0
    for i, task in enumerate(tasks):
        if interrupts.number:
            break
        while len(submitted) <= ahead and i + len(submitted) < len(tasks):
            submitted.append(submit(tasks[i + len(submitted)]))
        job = submitted.popleft()
        if isinstance(job, Failure):
            outcome = Outcome(task.picture, failure=job)
        else:
            while not job.wait(0.1):
                line.draw(f"[{i + 1}/{len(tasks)}] {task.name}", job.status)
                if interrupts.number:
                    for other in (job, *submitted):
                        if not isinstance(other, Failure):
                            other.cancel()
            line.clear()
            outcome = _save(task.picture, job, options, interrupts)
        if options.json:
            answers.print(json.dumps(words.as_json(outcome)))
        elif outcome.result:
            answers.print(words.as_text(outcome))
        else:
            print(words.as_text(outcome), file=sys.stderr, flush=True)
        made += outcome.failure is None
        failed += outcome.failure is not None and outcome.failure.code != "cancelled"
        yield task, outcome
        outcome.result = None  # the caller may keep outcomes, not meshes
    if interrupts.number:
        left = len(tasks) - made - failed
        print(f"relievo: Interrupted: {made} of {len(tasks)} made, {failed} failed, {left} left.", file=sys.stderr)


def _save(picture: str, job: relievo.Job, options: Namespace, interrupts: Interrupts) -> Outcome:
    if job.error is not None:
        return Outcome(picture, failure=Failure.of(job.error))
    result = job.take()
    assert result is not None
    files: list[Path] = []
    try:
        for name in options.format:
            if name == "blend":
                files.append(save_blend(result, options.output))
            else:
                files += result.save(options.output, [name])
        with interrupts.raised():
            files += result.save_renders(
                options.output, sheet=options.sheet, turntable=options.turntable, exr=options.exr
            )
    except KeyboardInterrupt:
        return Outcome(picture, files=files, failure=Failure("cancelled", "Cancelled.", "", 130))
    except OSError as error:
        hint = "Choose a folder that you may write to, on a disk with space left."
        failure = Failure("io", f"Cannot write to {options.output}: {error}.", hint, 3)
        return Outcome(picture, files=files, failure=failure)
    except Exception as error:
        return Outcome(picture, files=files, failure=Failure.of(error))
    return Outcome(picture, result, files)


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
        result.mark_blend(beside)
        beside.replace(path)
    except RuntimeError as error:  # what Blender says when it cannot write
        raise OSError(str(error).strip()) from error
    finally:
        beside.unlink(missing_ok=True)
    return path
