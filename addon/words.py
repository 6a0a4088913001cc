"""The words of the headless command and what it answers. Knows nothing of Blender."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .backend import SETTINGS, Failure

if TYPE_CHECKING:
    import relievo

FORMATS = ("blend", "glb", "obj", "ply")
SOME_FAILED = 5  # exit status of a run over several pictures


@dataclass
class Outcome:
    """What became of one picture."""

    picture: str
    result: relievo.Result | None = None
    files: list[Path] = field(default_factory=list)
    failure: Failure | None = None


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="blender -b -c relievo", allow_abbrev=False)
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    words = commands.add_parser("generate", help="make a textured mesh of each picture", allow_abbrev=False)
    words.add_argument("pictures", nargs="+", metavar="PICTURE", help="PNG, JPEG, WebP or EXR files")
    words.add_argument("-o", "--output", required=True, type=Path, metavar="DIR", help="made if need be")
    words.add_argument(
        "--format", type=_formats, default=["blend"], help=f"any of {', '.join(FORMATS)}; default: blend"
    )
    words.add_argument("--mask", default=SETTINGS["mask"]["default"], metavar="auto|alpha|FILE")
    words.add_argument("--mask-invert", action="store_true", help="swap subject and background")
    words.add_argument("--keep-debris", action="store_true", help="keep small pieces that float beside the object")
    words.add_argument("--model", default=SETTINGS["model"]["default"])
    for name, kind in (
        ("mask_threshold", float),
        ("grid", int),
        ("depth", float),
        ("faces", int),
        ("texture_size", int),
    ):
        facts = SETTINGS[name]
        described = f"from {facts['min']} to {facts['max']}; default: {facts['default']}"
        words.add_argument(f"--{name.replace('_', '-')}", type=kind, default=facts["default"], help=described)
    words.add_argument("--json", action="store_true", help="print one JSON object a picture")
    return root


def _formats(words: str) -> list[str]:
    formats = words.split(",")
    for word in formats:
        if word not in FORMATS:
            raise argparse.ArgumentTypeError(f"'{word}' is none of {', '.join(FORMATS)}")
    return formats


def settings_of(options: argparse.Namespace) -> relievo.Settings:
    settings: relievo.Settings = {
        "model": options.model,
        "mask": options.mask,
        "mask_threshold": options.mask_threshold,
        "mask_invert": options.mask_invert,
        "grid": options.grid,
        "depth": options.depth,
        "faces": options.faces,
        "keep_debris": options.keep_debris,
        "texture_size": options.texture_size,
    }
    return settings


def result_names(pictures: Sequence[str]) -> list[str]:
    """Each file's name without its last extension; one that is taken gets a number."""
    names: list[str] = []
    for picture in pictures:
        stem = name = Path(picture).stem
        number = 1
        while name in names:
            number += 1
            name = f"{stem}_{number}"
        names.append(name)
    return names


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The object that `relievo generate --json` prints for a picture."""
    if outcome.failure is not None:
        failure = outcome.failure
        error = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        return {"picture": outcome.picture, "ok": False, "error": error}
    assert outcome.result is not None
    mesh = outcome.result.mesh
    return {
        "picture": outcome.picture,
        "ok": True,
        "files": [str(file) for file in outcome.files],
        "stages": [
            {"name": s.name, "seconds": s.seconds, "peak_bytes": s.peak_bytes, "device": s.device}
            for s in outcome.result.stages
        ],
        "vertices": len(mesh.vertices),
        "faces": len(mesh.faces),
        "watertight": mesh.report.watertight,
        "manifold": mesh.report.manifold,
        "components": mesh.report.components,
        "seed": None,  # nothing in the preview model is random
        "plan": outcome.result.plan,
    }


def as_text(outcome: Outcome) -> str:
    if outcome.failure is not None:
        return f"{outcome.picture}: {outcome.failure}"
    assert outcome.result is not None
    mesh = outcome.result.mesh
    seconds = sum(stage.seconds for stage in outcome.result.stages)
    closed = "watertight" if mesh.report.watertight else "not watertight"
    first = f"{outcome.picture}: {len(mesh.vertices)} vertices, {len(mesh.faces)} faces, {closed}, {seconds:.1f} s"
    return "\n".join([first, *(f"  {file}" for file in outcome.files)])


def exit_status(failures: Sequence[Failure | None]) -> int:
    """Of a run over pictures that ended so."""
    failed = [failure for failure in failures if failure is not None]
    for failure in failed:
        if failure.code == "cancelled":
            return failure.exit_status
    if failed and len(failures) > 1:
        return SOME_FAILED
    return failed[0].exit_status if failed else 0
