"""The words of the headless commands and what they answer. Knows nothing of Blender."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import console, own_views
from .facts import SETTINGS
from .failure import Failure

if TYPE_CHECKING:
    import relievo

FORMATS = ("blend", "usdz", "glb", "obj", "fbx", "ply", "stl", "3mf")
_VIEWS_HELP = (
    "your own views: one to six pictures named like cup_az030_el20.png, with commas between them, a folder or a JSON "
    "list of them; or six at the published cameras, also in one picture of 3 rows x 2 columns"
)
# The program's own command line runs these, with all of its words.
PROGRAMS_COMMANDS = {
    "models": "list, fetch, check, import and remove models",
    "devices": "show what can compute here",
    "plan": "plan a run, on this machine or on one that is not there",
    "finish": "make textured meshes ready for engines and printers",
    "bake": "bake what one textured mesh shows onto another one",
    "check": "judge meshes: how sound they are, and whether they meet what is required",
}
SOME_FAILED = 5  # exit status of a run over several pictures


class WordsError(Exception):
    """Has the fields of a relievo.Error."""

    code, exit_status, remedy = "invalid_settings", 2, ""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(frozen=True)
class Task:
    """One picture and the settings of its result."""

    picture: str
    folder: Path  # folder of the result's files
    name: str  # name of the result's files
    settings: dict[str, Any]
    # Checksums of earlier content of the picture.
    former: list[str] = field(default_factory=list)
    failure: Failure | None = None  # why it cannot be made


@dataclass
class Outcome:
    """The outcome of one picture."""

    picture: str
    result: relievo.Result | None = None
    files: list[Path] = field(default_factory=list)
    failure: Failure | None = None
    report: str = ""  # the JSON object that is printed for it
    thumbnail: bytes = b""  # of the batch's report
    met: list[str] | None = None  # what the mesh meets, where something was required


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="blender -b -c relievo", allow_abbrev=False)
    commands = root.add_subparsers(required=True, metavar="COMMAND", dest="command")
    words = commands.add_parser("generate", help="make a textured mesh of each picture", allow_abbrev=False)
    words.add_argument("pictures", nargs="*", metavar="PICTURE", help="PNG, JPEG, WebP or EXR files")
    _add_words(words)
    for side in ("front", "left", "right", "top"):
        words.add_argument(f"--{side}", default="", metavar="FILE", help=f"a picture of the {side}")
    words = commands.add_parser(
        "batch",
        help="make a textured mesh of each picture of a folder or manifest; goes on where it was stopped",
        allow_abbrev=False,
    )
    words.add_argument(
        "source", type=Path, metavar="FOLDER|MANIFEST", help="a folder of pictures, or a JSON or .jsonl file"
    )
    _add_words(words)
    words.add_argument("--recursive", action="store_true", help="take in the pictures of subfolders")
    words.add_argument("--again", action="store_true", help="make everything anew, also what is finished")
    words.add_argument("--retry-failed", action="store_true", help="make only what failed the last time")
    words.add_argument(
        "--dry-run",
        action="store_true",
        help="only say what would be made, and what time and memory that would take; write nothing",
    )
    words.add_argument(
        "--until", default="", metavar="HH:MM", help="begin no picture after this time of day, such as 07:00"
    )
    words.add_argument(
        "--require",
        type=_list,
        default=[],
        metavar="WORDS",
        help="what a mesh must meet, with commas between the words (check --help lists them)",
    )
    words.add_argument(
        "--no-report",
        action="store_false",
        dest="report",
        help="write no relievo-report.html, relievo-metrics.jsonl and relievo-metrics.csv",
    )
    words.add_argument(
        "--no-sides",
        action="store_false",
        dest="sides",
        help="make an object of each picture, also of cup_front.png and cup_back.png",
    )
    words.add_argument("--ray", default="", metavar="ADDRESS", help="for the command of the Python package alone")
    words.add_argument(
        "--no-lock",
        action="store_false",
        dest="lock",
        help="do not keep other batches from writing into the folder: for file systems without locks",
    )
    words = commands.add_parser("setup", help="get LibTorch, which computes: once on each machine", allow_abbrev=False)
    words.add_argument(
        "--runtime",
        choices=("cpu", "cuda"),
        help="for any computer, or for NVIDIA GPUs; default: cuda where NVIDIA's driver is loaded",
    )
    words.add_argument(
        "--from",
        type=Path,
        dest="source",
        metavar="ZIP|FOLDER",
        help="a studio's offline zip, which is unpacked, or a folder that holds LibTorch, which is used where it lies",
    )
    words.add_argument("--again", action="store_true", help="also where LibTorch is there already")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    for name, told in PROGRAMS_COMMANDS.items():
        commands.add_parser(name, help=told, add_help=False)
    words = commands.add_parser(
        "gpu-check", help="compare what each device computes with what the CPU computes", allow_abbrev=False
    )
    words.add_argument("--devices", default="", metavar="LIST", help="as generate has them; default: every GPU")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    words = commands.add_parser(
        "profile", help="measure what the steps cost here, for plans and batches that fit", allow_abbrev=False
    )
    words.add_argument("--devices", default="", metavar="LIST", help="as generate has them; default: every GPU")
    words.add_argument("--model", default="", metavar="NAME", help="default: the first that is installed, else preview")
    words.add_argument("--quick", action="store_true", help="smaller sizes, one picture at a time")
    words.add_argument("--json", action="store_true", help="print one JSON object a kind of device")
    return root


def _add_words(words: argparse.ArgumentParser) -> None:
    words.add_argument("-o", "--output", required=True, type=Path, metavar="DIR", help="made if need be")
    words.add_argument(
        "--format", type=_formats, default=["blend"], help=f"any of {', '.join(FORMATS)}; default: blend"
    )
    for name, facts in SETTINGS.items():
        _add_setting(words, name, facts)
    _add_machine(words)
    words.add_argument(
        "--turntable",
        type=console.number(int, 0, 3600),
        default=0,
        metavar="N",
        help="frames of a turn around the object; 0: none",
    )
    words.add_argument("--exr", action="store_true", help="a front view as OpenEXR layers; the turntable's frames too")
    words.add_argument(
        "--no-sheet", action="store_false", dest="contact_sheet", help="no preview picture NAME_sheet.png"
    )
    _add_library(words)
    words.add_argument("--json", action="store_true", help="print one JSON object a picture")


def _add_library(words: argparse.ArgumentParser) -> None:
    """Adds the options about an asset library of Blender's."""
    words.add_argument(
        "--library", type=Path, metavar="DIR", help="also write the objects as assets of Blender, into this folder"
    )
    words.add_argument(
        "--library-file",
        choices=("each", "one"),
        default="each",
        help="each asset in a file of its own, or all in one; default: each",
    )
    words.add_argument(
        "--catalog",
        default="Relievo",
        metavar="PATH",
        help="where the assets are listed: props/kitchen; subfolders add to it",
    )
    words.add_argument("--tags", type=_list, default=[], metavar="WORDS", help="words to find the assets by")
    words.add_argument("--author", default="", help="of the pictures; default: what each picture's file says")
    words.add_argument("--licence", default="", help="of the pictures; default: what each picture's file says")


def _add_machine(words: argparse.ArgumentParser) -> None:
    """Adds the options about the machine; those that are not given are as in the preferences."""
    words.add_argument("--devices", metavar="LIST", help="what computes: cuda:0,cuda:1 or, with shares, cpu*2@3GiB")
    words.add_argument("--strategy", choices=("auto", "single", "data", "stage", "guidance", "split", "offload"))
    words.add_argument("--policy", choices=("fastest", "balanced", "memory"))
    words.add_argument(
        "--allocator",
        metavar="WORDS",
        help="how torch's allocator of GPUs is set: auto, expandable-segments, max_split_size_mb=N, or torch's own",
    )
    words.add_argument(
        "--cuda-graphs",
        action="store_true",
        default=None,
        help="record a step of the diffusion once and give it to a GPU by one call (not yet tried on one)",
    )
    words.add_argument(
        "--no-lossy", action="store_false", dest="lossy", default=None, help="never change the result to save memory"
    )


def machine_of(options: argparse.Namespace) -> dict[str, Any]:
    """Of the engine's options, those that were given."""
    names = ("devices", "strategy", "policy", "lossy", "allocator", "cuda_graphs")
    given = {name: getattr(options, name) for name in names}
    return {name: value for name, value in given.items() if value is not None}


def _add_setting(words: argparse.ArgumentParser, name: str, facts: dict[str, Any]) -> None:
    """Adds a setting's option in the native program's words: --mask-invert, --no-projection, --grid N."""
    default = facts["default"]
    word = name.replace("_", "-")
    if name == "projection":
        off: dict[str, Any] = {"action": "store_const", "const": "off", "dest": name, "default": argparse.SUPPRESS}
        words.add_argument("--no-projection", **off, help="the same as --projection off")
    if isinstance(default, bool):
        action = "store_false" if default else "store_true"
        words.add_argument(f"--no-{word}" if default else f"--{word}", action=action, dest=name)
    elif name == "mask":
        words.add_argument("--mask", default=default, metavar="auto|alpha|FILE")
    elif name == "back":
        words.add_argument("--back", default=default, metavar="auto|mirror|fill|FILE")
    elif isinstance(default, list):
        words.add_argument(f"--{word}", type=_list, default=default, metavar="FILES|FOLDER|LIST", help=_VIEWS_HELP)
    elif "choices" in facts:
        words.add_argument(f"--{word}", choices=facts["choices"], default=default, help=f"default: {default}")
    elif "min" in facts:
        described = f"from {facts['min']} to {facts['max']}; default: {default}"
        read = console.number(type(default), facts["min"], facts["max"])
        words.add_argument(f"--{word}", type=read, default=default, help=described)
    else:
        words.add_argument(f"--{word}", type=type(default), default=default)


def _list(words: str) -> list[str]:
    return words.split(",")


def _formats(words: str) -> list[str]:
    formats = words.split(",")
    for word in formats:
        if word not in FORMATS:
            raise argparse.ArgumentTypeError(f"'{word}' is none of {', '.join(FORMATS)}")
    return formats


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    settings = {name: getattr(options, name) for name in SETTINGS}
    if sides := sides_of(options):
        settings["back"] = settings["back"] if "back" not in sides else SETTINGS["back"]["default"]
        settings["views"] = [*settings["views"], *own_views.of_sides(sides)]
    return settings


def sides_of(options: argparse.Namespace) -> dict[str, str]:
    """Returns the pictures of sides that were given. Raises WordsError where they cannot be meant."""
    given = {side: getattr(options, side, "") for side in own_views.SIDES}
    if given["back"] in SETTINGS["back"]["choices"]:
        given["back"] = ""
    sides = {side: path for side, path in given.items() if path}
    if sides and options.command == "batch":
        raise WordsError(
            "A batch cannot have one picture of the back for all.",
            "Use --back mirror or --back fill, or name each object's sides in a manifest.",
        )
    pictures = options.pictures if options.command == "generate" else []
    if sides and len(pictures) > 1:
        raise WordsError(f"Sides are given for {len(pictures)} pictures.", "Give the sides of one object at a time.")
    return sides


def pictures_of(options: argparse.Namespace) -> list[str]:
    """Returns the pictures; where only sides are named, the first of these. Raises WordsError where there is none."""
    if options.pictures:
        return list(options.pictures)
    if sides := sides_of(options):
        return [next(iter(sides.values()))]
    raise WordsError("No picture is named.", "Name picture files, or sides by --front.")


def further_inputs(settings: dict[str, Any]) -> list[str]:
    """Returns files and folders that are read besides the picture."""
    mask = [] if settings["mask"] in ("auto", "alpha") else [settings["mask"]]
    return [*mask, *own_views.files(settings["views"])]


def planned(task: Task, as_json: bool) -> str:
    """Returns the line that --dry-run prints for a picture."""
    result = str(task.folder / task.name)
    return json.dumps({"picture": task.picture, "result": result}) if as_json else f"{task.picture}: {result}"


def _notes(outcome: Outcome) -> list[str]:
    """Returns the notes of the result, followed by those about its files."""
    assert outcome.result is not None
    formats = sorted({Path(file).suffix.removeprefix(".") for file in outcome.files})
    return outcome.result.notes + outcome.result.notes_on_files(formats)


def as_text(outcome: Outcome) -> str:
    if outcome.failure is not None:
        return f"{outcome.picture}: {outcome.failure}"
    assert outcome.result is not None
    mesh = outcome.result.mesh
    seconds = sum(stage.seconds for stage in outcome.result.stages)
    first = f"{outcome.picture}: {len(mesh.vertices)} vertices, {len(mesh.faces)} faces, {seconds:.1f} s"
    below = [_soundness(mesh), *_notes(outcome), *map(str, outcome.files)]
    return "\n".join([first, *(f"  {line}" for line in below)])


def _soundness(mesh: relievo.Mesh) -> str:
    report, texture = mesh.report, getattr(mesh, "texture_report", None)
    closed = "watertight" if report.watertight else "not watertight"
    manifold = "manifold" if report.manifold else "not manifold"
    components = f"{report.components} {'component' if report.components == 1 else 'components'}"
    charts = f"; {texture.charts} charts cover {100 * texture.coverage:.0f} % of the texture" if texture else ""
    return f"{closed}, {manifold}, {components}, Euler number {report.euler}{charts}"


def exit_status(failures: Sequence[Failure | None], pictures: int) -> int:
    """Returns the exit status of a run over that many pictures, of which those that were tried ended so."""
    failed = [failure for failure in failures if failure is not None]
    for failure in failed:
        if failure.code == "cancelled":
            return failure.exit_status
    if failed and pictures > 1:
        return SOME_FAILED
    return failed[0].exit_status if failed else 0


class ProgressLine:
    """One line on the terminal that follows a job, on standard error and only where that is a terminal."""

    WIDTH = 24

    def __init__(self, is_wanted: bool) -> None:
        self._is_on = is_wanted and sys.stderr.isatty()
        self._is_drawn = False

    def draw(self, title: str, status: relievo.JobStatus) -> None:
        if not self._is_on:
            return
        filled = int(status.fraction * self.WIDTH)
        bar = "█" * filled + "░" * (self.WIDTH - filled)
        left = "" if status.seconds_left is None else f"{status.seconds_left:.0f} s left"
        print(
            f"\r\033[K{title}  {bar} {100 * status.fraction:3.0f} %  {status.stage:<11} {left}",
            end="",
            file=sys.stderr,
            flush=True,
        )
        self._is_drawn = True

    def clear(self) -> None:
        if self._is_drawn:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
            self._is_drawn = False
