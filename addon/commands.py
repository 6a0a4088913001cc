"""The headless commands: blender -b -c relievo generate PICTURE... -o DIR, batch FOLDER|MANIFEST -o DIR, setup,
gpu-check and profile, and those that the program's own command line runs.

Timers do not fire with -b, so this waits for the jobs itself.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from argparse import Namespace
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import blender_files, console, documents, headless_setup, library, words
from .console import Answers, Interrupts
from .failure import Failure
from .runtime import runtime
from .words import Outcome, Task

if TYPE_CHECKING:
    import relievo


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit status."""
    if arguments and arguments[0] in words.PROGRAMS_COMMANDS:
        return headless_setup.run_program(arguments)
    with console.answers() as answers, Interrupts() as interrupts:
        try:
            status = _run_command(arguments, answers, interrupts)
        except Exception as error:
            failure = headless_setup.told(Failure.of(error))
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
    if (failure := blender_files.why_not(getattr(options, "format", ()))) is not None:
        print(f"relievo: {failure}", file=sys.stderr)
        return failure.exit_status
    commands = {
        "generate": _generate,
        "batch": _batch,
        "setup": headless_setup.run,
        "gpu-check": _gpu_check,
        "profile": _profile,
    }
    made = commands[options.command]
    if getattr(options, "library", None) is None or getattr(options, "dry_run", False):
        options.assets = None
        return made(options, answers, interrupts)
    options.assets = library.of_options(options)
    try:
        return made(options, answers, interrupts)
    finally:
        library.close(options.assets)
        print(f"relievo: The assets are in '{options.library}'.", file=sys.stderr)


def _gpu_check(options: Namespace, answers: Answers, interrupts: Interrupts) -> int:
    def tell(line: str) -> None:
        if interrupts.number:
            raise KeyboardInterrupt
        if not options.json:
            answers.print(line)

    try:
        _, report, failed = runtime.package()._native._gpu_check(options.devices, tell)
    except KeyboardInterrupt:
        return interrupts.status
    if options.json:
        answers.print(report)
    return 1 if failed else 0


def _profile(options: Namespace, answers: Answers, interrupts: Interrupts) -> int:
    def tell(device: str, what: str, share: float) -> None:
        if interrupts.number:
            raise KeyboardInterrupt

    try:
        kinds = runtime.package().profile(
            devices=options.devices, model=options.model, quick=options.quick, progress=tell
        )
    except KeyboardInterrupt:
        return interrupts.status
    for kind in kinds:
        if options.json:
            answers.print(json.dumps(kind))
            continue
        answers.print(f"{kind['device']}: {kind['product']}, {kind['threads']} threads, model {kind['model']}")
        for sample in kind["samples"]:
            answers.print(
                f"{sample['stage']}: {sample['seconds']:.3f} s ({sample['mode']}, {sample['precision']}, "
                f"{sample['batch']} at a time)"
            )
        answers.print(f"kept in {kind['kept_in']}")
    return 0


def _generate(options: Namespace, answers: Answers, interrupts: Interrupts) -> int:
    package = runtime.package()
    package.prepare_folder(options.output)
    settings, given = words.settings_of(options), words.pictures_of(options)
    wanted = [package.NamedPicture(Path(picture).stem, _checksum(picture)) for picture in given]
    names = package.name_results(
        wanted,
        options.output,
        formats=options.format,
        **_renders(options),
        inputs=[*given, *words.further_inputs(settings)],
    )
    pictures = zip(given, names, strict=True)
    tasks = [Task(picture, options.output, name, settings) for picture, name in pictures]
    outcomes = _run(tasks, options, answers, interrupts, is_strict=True)
    return words.exit_status([outcome.failure for _, outcome in outcomes], len(tasks))


def _batch(options: Namespace, answers: Answers, interrupts: Interrupts) -> int:
    package = runtime.package()
    if options.ray:
        raise package.InvalidSettingsError(
            "Blender's command knows no Ray cluster.",
            "Use the command `relievo` of the Python package, with Ray beside it: pip install 'relievo[cluster]'.",
        )
    end = package._native._until(options.until) if options.until else None
    with package.Batch(
        options.source,
        options.output,
        formats=options.format,
        contact_sheet=options.contact_sheet,
        turntable=options.turntable,
        exr=options.exr,
        recursive=options.recursive,
        sides=options.sides,
        again=options.again,
        only_failed=options.retry_failed,
        lock=options.lock,
        dry_run=options.dry_run,
        required=options.require,
        report=options.report,
        **words.settings_of(options),
    ) as batch:
        for note in batch.notes:
            print(f"relievo: {note}", file=sys.stderr)
        tasks = [_task(task) for task in batch.left]
        if options.json:
            for report in batch.made_before:
                answers.print(json.dumps(report))
        if options.dry_run:
            _tell_plan(batch.left, tasks, options, answers)
            print(batch.summary, file=sys.stderr)
            return 0
        failures: list[Failure] = []
        made = 0
        for place, outcome in _run(tasks, options, answers, interrupts, begin=batch.begin, end=end):
            if (failure := outcome.failure) is None:
                made += 1
                batch.finish(place, outcome.report, outcome.files, outcome.thumbnail)
            else:
                failures.append(failure)
                batch.fail(place, failure.code, failure.message, failure.hint, outcome.files, outcome.thumbnail)
        print(batch.summary, file=sys.stderr)
        has_report = not options.report or _write_report(batch)
        status = words.exit_status(failures, batch.pictures)
        if status == 0 and made < len(tasks):
            return words.SOME_FAILED
        return package.IoError.exit_status if status == 0 and not (has_report and batch.is_recorded) else status


def _task(task: relievo.BatchTask) -> Task:
    failure = None if task.error is None else Failure.of(task.error)
    return Task(task.picture, task.folder, task.name, task.settings, task.former, failure)


def _write_report(batch: relievo.Batch) -> bool:
    """Returns whether it could be written; else it says why."""
    try:
        print(f"relievo: The report is '{batch.write_report()}'.", file=sys.stderr)
    except runtime.package().IoError as error:
        print(f"relievo: {error.message}", file=sys.stderr)
        return False
    return True


def _tell_plan(left: list[relievo.BatchTask], tasks: list[Task], options: Namespace, answers: Answers) -> None:
    """Says what would be made, and what that would take."""
    for task in tasks:
        if task.failure is not None:
            print(f"relievo: {task.failure.message}", file=sys.stderr)
        answers.print(words.planned(task, options.json))
    machine = {**runtime.options, **words.machine_of(options)}
    names = ("devices", "strategy", "policy", "lossy")
    given = {name: machine[name] for name in names if name in machine}
    report, sentence = runtime.package()._native._estimate(left, **given)
    for refused in documents.read(report)["refused"]:
        print(f"relievo: {refused}", file=sys.stderr)
    if options.json:
        answers.print(report)
    elif sentence:
        answers.print(sentence)


def _renders(options: Namespace) -> dict[str, Any]:
    return {"sheet": options.contact_sheet, "turntable": options.turntable, "exr": options.exr}


def _checksum(picture: str) -> str:
    """Returns the checksum, empty for a picture that cannot be read: that is reported when its turn comes."""
    package = runtime.package()
    try:
        checksum: str = package.picture_checksum(picture)
    except package.Error:
        return ""
    return checksum


def _run(
    tasks: list[Task],
    options: Namespace,
    answers: Answers,
    interrupts: Interrupts,
    is_strict: bool = False,
    begin: Callable[[int], None] = lambda place: None,
    end: float | None = None,
) -> Iterator[tuple[int, Outcome]]:
    """Makes, saves and reports one task after the other; a failure stops nothing, but Ctrl-C does. Yields places in
    tasks. None is begun after the time `end`, in seconds since 1970.

    With is_strict all tasks have the same settings, and impossible ones are raised and not reported for a picture.
    """
    if not tasks:
        return
    runtime.options |= words.machine_of(options)
    engine = runtime.engine()

    def submit(task: Task) -> relievo.Job | Failure:
        if task.failure is not None:
            return task.failure
        try:
            return engine.submit(task.picture, name=task.name, **task.settings)
        except Exception as error:
            if is_strict:
                raise
            return Failure.of(error)

    line = words.ProgressLine(not options.json)
    # So many jobs are submitted that no worker waits while results are written, and no more, because results take
    # memory until then.
    ahead = 2 * len(engine.workers)
    submitted: deque[relievo.Job | Failure] = deque()
    made = failed = 0
    for i, task in enumerate(tasks):
        if interrupts.number:
            break
        if end is not None and time.time() >= end:
            left = len(tasks) - i
            print(
                f"relievo: The time of --until has come, so {left} of {len(tasks)} pictures are left.", file=sys.stderr
            )
            break
        while len(submitted) <= ahead and i + len(submitted) < len(tasks):
            submitted.append(submit(tasks[i + len(submitted)]))
        begin(i)
        job = submitted.popleft()
        if isinstance(job, Failure):
            outcome = _reported(Outcome(task.picture, failure=job))
        else:
            while not job.wait(0.1):
                line.draw(f"[{i + 1}/{len(tasks)}] {task.name}", job.status)
                if interrupts.number:
                    for other in (job, *submitted):
                        if not isinstance(other, Failure):
                            other.cancel()
            line.clear()
            outcome = _reported(_save(task, job, options, interrupts))
        if options.json:
            answers.print(outcome.report)
        elif outcome.result:
            answers.print(words.as_text(outcome))
        else:
            print(words.as_text(outcome), file=sys.stderr, flush=True)
        made += outcome.failure is None
        failed += outcome.failure is not None and outcome.failure.code != "cancelled"
        yield i, outcome
        outcome.result = None  # the caller may keep outcomes, not meshes
    for waiting in submitted:
        if not isinstance(waiting, Failure):
            waiting.cancel()
    if interrupts.number:
        left = len(tasks) - made - failed
        print(f"relievo: Interrupted: {made} of {len(tasks)} made, {failed} failed, {left} left.", file=sys.stderr)


def _reported(outcome: Outcome) -> Outcome:
    package = runtime.package()
    if (failure := outcome.failure) is not None:
        facts = (failure.code, failure.message, failure.hint)
        outcome.report = package.report_of_failure(outcome.picture, *facts, outcome.files)
    else:
        outcome.report = package.report_of(outcome.picture, outcome.result, outcome.files, outcome.met)
    return outcome


def _save(task: Task, job: relievo.Job, options: Namespace, interrupts: Interrupts) -> Outcome:
    thumbnail = runtime.package().thumbnail_of(job) if options.command == "batch" and options.report else b""
    if job.error is not None:
        return Outcome(task.picture, failure=Failure.of(job.error), thumbnail=thumbnail)
    shaded = next((preview.pixels for preview in job.previews if preview.name == "shaded"), None)
    result = job.take()
    assert result is not None
    files: list[Path] = []
    met: list[str] | None = None
    try:
        if required := getattr(options, "require", []):
            met = runtime.package().require(result, required)
        for name in options.format:
            if name in blender_files.FORMATS:
                files.append(blender_files.save(result, task, name))
            else:
                files += result.save(task.folder, [name], former=task.former, named=True)
        if options.assets is not None:
            library.add(options.assets, result, task, shaded)
        with interrupts.raised():
            files += result.save_renders(task.folder, **_renders(options), former=task.former, named=True)
    except KeyboardInterrupt:
        return Outcome(task.picture, files=files, failure=Failure("cancelled", "Cancelled.", "", 130))
    except OSError as error:
        hint = "Choose a folder that you may write to, on a disk with space left."
        failure = Failure("io", f"Cannot write to {task.folder}: {error}.", hint, 3)
        return Outcome(task.picture, files=files, failure=failure)
    except Exception as error:
        return Outcome(task.picture, files=files, failure=Failure.of(error), thumbnail=thumbnail)
    return Outcome(task.picture, result, files, thumbnail=thumbnail, met=met)
