"""Pasting: a copied path, the desktop's own programs, and what is said where there is none of them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from in_blender import PICTURE, facts_of

ENDINGS = (".png", ".jpg")


@pytest.fixture(scope="module")
def clipboard(extension_package: Path) -> Any:
    return importlib.import_module("relievo_zip.clipboard")


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of programs, and neither desktop."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    return programs


def write_program(path: Path, kind: str, answer: Path) -> None:
    """Gives the file when it is asked for that kind of data, which is its last word; fails otherwise."""
    path.write_text(f'#!/bin/sh\nfor last; do :; done\n[ "$last" = "{kind}" ] && exec /bin/cat "{answer}"\nexit 1\n')
    path.chmod(0o755)


@pytest.mark.parametrize(
    "text",
    [
        "{path}",
        '"{path}"',
        "file://{quoted}",
        "copy\nfile://{quoted}\n",
        "/nowhere/none.png\n{path}\n{path}",
    ],
)
def test_copied_file_is_found(clipboard: Any, tmp_path: Path, text: str) -> None:
    path = tmp_path / "a cup ü.PNG"
    path.touch()
    quoted = path.as_uri().removeprefix("file://")
    assert clipboard.file_in(text.format(path=path, quoted=quoted), ENDINGS) == path


@pytest.mark.parametrize(
    ("pasted", "path"),
    [
        ('"/a b/cup.png"', "/a b/cup.png"),
        ("'//cup.png'", "//cup.png"),
        ("file:///a%20b/cup.png", "/a b/cup.png"),
        ("~/cup.png", str(Path.home() / "cup.png")),
        ("/a b/'cup' ", "/a b/'cup' "),
        ("'", "'"),
    ],
)
def test_pasted_path_is_one_that_can_be_opened(clipboard: Any, pasted: str, path: str) -> None:
    assert clipboard.as_path(pasted) == path


@pytest.mark.parametrize(
    "text", ["", "words", "cup.png", "/nowhere/none.png", "file:///nowhere/none.png", "/" + "a" * 9000 + ".png"]
)
def test_other_text_is_no_file(clipboard: Any, text: str) -> None:
    assert clipboard.file_in(text, ENDINGS) is None


def test_file_of_another_kind_is_none(clipboard: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    assert clipboard.file_in(str(tmp_path / "notes.txt"), ENDINGS) is None


@pytest.mark.parametrize(("program", "variable"), [("xclip", "DISPLAY"), ("wl-paste", "WAYLAND_DISPLAY")])
def test_desktops_program_gives_the_picture(
    clipboard: Any, desktop: Path, monkeypatch: pytest.MonkeyPatch, program: str, variable: str
) -> None:
    write_program(desktop / program, "image/png", PICTURE)
    assert clipboard.picture_by_program() is None  # its desktop does not run
    monkeypatch.setenv(variable, ":0")
    found = clipboard.picture_by_program()
    assert found.read_bytes() == PICTURE.read_bytes()
    assert clipboard.file_by_program(ENDINGS) is None
    found.unlink()


def test_program_that_gives_no_picture_is_not_believed(
    clipboard: Any, desktop: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    (tmp_path / "text").write_text("no picture")
    write_program(desktop / "xclip", "image/png", tmp_path / "text")
    assert clipboard.picture_by_program() is None
    assert "once more" in clipboard.hint()


def test_program_gives_the_copied_file(
    clipboard: Any, desktop: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    (tmp_path / "list").write_text(f"{PICTURE.as_uri()}\r\n")
    write_program(desktop / "xclip", "text/uri-list", tmp_path / "list")
    assert clipboard.file_by_program(ENDINGS) == PICTURE


@pytest.mark.parametrize(("variable", "package"), [("DISPLAY", "xclip"), ("WAYLAND_DISPLAY", "wl-clipboard")])
def test_hint_names_what_to_install(
    clipboard: Any, desktop: Path, monkeypatch: pytest.MonkeyPatch, variable: str, package: str
) -> None:
    monkeypatch.setenv(variable, ":0")
    assert f"nstall {package}" in clipboard.hint()
    assert "copy a picture file" in clipboard.hint()


# Inside Blender.


def test_button_takes_what_is_there_and_never_says_that_there_is_none(
    tmp_path: Path, desktop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    seen = facts_of("paste", tmp_path)
    assert seen["can"] is True
    assert "No picture could be read" in seen["nothing"] and "xclip" in seen["nothing"]
    assert "There is no picture" not in seen["nothing"]
    assert seen["by_program"] == ["IMAGE", "Clipboard", True]
    assert seen["by_blender"] == ["IMAGE", "Pasted"]
    assert seen["by_path"] == ["FILE", str(PICTURE)]
    assert seen["typed"] == [str(PICTURE)] * 3
    assert seen["generated"] == ["Clipboard", "image:Clipboard"]
    assert not list(Path(seen["temporary"]).glob("clipboard-*.png"))
