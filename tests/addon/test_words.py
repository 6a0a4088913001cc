"""The words of the headless command, beside those of the native program."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from in_blender import ROOT

PROGRAM = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build")) / "relievo"


@pytest.fixture(scope="module")
def words(extension_package: Path) -> Any:
    return importlib.import_module("relievo_zip.words")


def of_blenders(words: Any, command: str) -> set[str]:
    (commands,) = (a for a in words.parser()._actions if isinstance(a, argparse._SubParsersAction))
    actions = commands.choices[command]._actions
    return {word for action in actions for word in action.option_strings}


def of_the_program(command: str) -> set[str]:
    told = subprocess.run([PROGRAM, command, "--help"], capture_output=True, text=True, check=True).stdout
    return {
        word.strip("!").partition("{")[0]
        for line in re.findall(r"^  (-\S+)", told, re.MULTILINE)
        for word in line.split(",")
    }


@pytest.mark.parametrize("command", ["generate", "batch"])
def test_words_are_those_of_the_native_program(words: Any, command: str) -> None:
    of_libraries = {"--library", "--library-file", "--catalog", "--tags", "--author", "--licence"}
    assert of_blenders(words, command) - of_libraries == of_the_program(command)
    assert of_libraries <= of_blenders(words, command)


def settings(words: Any, *given: str) -> dict[str, Any]:
    parsed = words.parser().parse_args(["generate", "a.png", "-o", "out", *given])
    found: dict[str, Any] = words.settings_of(parsed)
    return found


def test_settings_that_are_not_given_are_the_engines(words: Any) -> None:
    assert settings(words) == {name: facts["default"] for name, facts in words.SETTINGS.items()}


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ("--no-projection", "projection", "off"),
        ("--projection=on", "projection", "on"),
        ("--sampler=unipc", "sampler", "unipc"),
        ("--views=a.png,b.png", "views", ["a.png", "b.png"]),
        ("--guidance=3", "guidance", 3.0),
        ("--normal-map", "normal_map", True),
    ],
)
def test_words_set_what_they_say(words: Any, given: str, name: str, value: object) -> None:
    found = settings(words, given)
    assert found[name] == value
    assert type(found[name]) is type(value)


def test_word_that_is_no_choice_is_refused_with_the_choices(words: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        settings(words, "--sampler=fast")
    assert "dpm-solver++" in capsys.readouterr().err


def test_numbers_are_decimal_and_in_range(words: Any) -> None:
    assert settings(words, "--grid", "016")["grid"] == 16
    assert settings(words, "--depth", "15e-1")["depth"] == 1.5


@pytest.mark.parametrize(
    ("option", "word"),
    [
        *(("--grid", word) for word in ("0x10", "1e2", "32.0", "1_6", " 16", "4", "٣٢", "9" * 400)),
        *(("--depth", word) for word in ("nan", "inf", "NaN(1)", "1e400", "0x1p0", "1,5", "-1")),
        *(("--seed", word) for word in ("", "-", "2147483648")),
        *(("--turntable", word) for word in ("3601", "-1")),
    ],
)
def test_what_is_no_number_in_range_is_refused_with_the_range(
    words: Any, capsys: pytest.CaptureFixture[str], option: str, word: str
) -> None:
    with pytest.raises(SystemExit):
        settings(words, f"{option}={word}")
    said = capsys.readouterr().err
    assert f"Invalid value '{word}'. Use a " in said and " number from " in said


def outcome(words: Any, **settings: Any) -> Any:
    """Returns the outcome of a made-up result."""
    report = SimpleNamespace(watertight=True, manifold=False, components=3, euler=6)
    stage = SimpleNamespace(
        name="surface", seconds=2.0, peak_bytes=5, device="cuda:0", precision="bf16", batch=4, fragmentation=0.25
    )
    rest = SimpleNamespace(
        name="texture", seconds=0.0, peak_bytes=5, device="cpu", precision="fp32", batch=4, fragmentation=None
    )
    mesh = SimpleNamespace(
        vertices=range(9),
        faces=range(7),
        report=report,
        texture_report=SimpleNamespace(charts=12, coverage=0.71, mean_stretch=1.1),
        provenance=SimpleNamespace(settings=json.dumps({"model": "large", "views": [], "seed": 7, **settings})),
    )
    result = SimpleNamespace(
        mesh=mesh,
        stages=[stage, rest],
        plan="a plan",
        notes=["Views of 256 pixels."],
        lossy=True,
        notes_on_files=lambda formats: [f"No colours in {name}." for name in formats],
    )
    return words.Outcome("cup.png", result, ["cup.glb"])


def test_text_tells_how_sound_the_mesh_is_and_the_notes(words: Any) -> None:
    assert words.as_text(outcome(words)).splitlines() == [
        "cup.png: 9 vertices, 7 faces, 2.0 s",
        "  watertight, not manifold, 3 components, Euler number 6; 12 charts cover 71 % of the texture",
        "  Views of 256 pixels.",
        "  No colours in glb.",
        "  cup.glb",
    ]


def test_machine_is_only_what_was_given(words: Any) -> None:
    parse = words.parser().parse_args
    assert words.machine_of(parse(["generate", "a.png", "-o", "out"])) == {}
    given = ["--devices", "cpu*2@3GiB", "--policy", "memory", "--no-lossy", "--allocator", "max_split_size_mb=64"]
    assert words.machine_of(parse(["generate", "a.png", "-o", "out", *given])) == {
        "devices": "cpu*2@3GiB",
        "policy": "memory",
        "lossy": False,
        "allocator": "max_split_size_mb=64",
    }
