"""Everything that the documents show and name exists: commands, options, targets of make, files."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
from processes import PROGRAM, ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")])
# It says what earlier versions had, too.
OF_TODAY = [file for file in DOCUMENTS if file.name != "CHANGELOG.md"]


# Words of `blender -b -c relievo` that the program does not have.
OF_BLENDER = {"--format blend"}


def code(text: str) -> list[str]:
    """Returns the text in fences and between backticks; a line that is continued in the next one counts as one."""
    fences = re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```\w*\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for fence in fences for line in re.sub(r"\n +", " ", fence).splitlines()]
    return lines + [" ".join(words.split()) for words in re.findall(r"`([^`]+)`", rest)]


@cache
def help_of(program: str, *command: str) -> str:
    words = [str(PROGRAM.with_name(program)), *command, "--help"]
    shown = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return shown.stdout if shown.returncode == 0 else ""


def options_of(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def wrong_in(line: str) -> list[str]:
    """Returns the words in a line of code that relievo, relievo-bench or make do not know."""
    wrong = []
    for name, words in re.findall(r"(?:^|[ /(])(relievo(?:-bench)?) ([a-z-]+[^|;&#]*)", line):
        if name == "relievo-bench":
            known = help_of(name)
            first = words.split()[0]
            if not first.startswith("--") and not re.search(rf"^ +{re.escape(first)}\b", known, re.MULTILINE):
                wrong.append(f"{name} {first}")
        else:
            first, *others = words.split()
            known = help_of(name, first)
            if first.startswith("--"):
                known, others = help_of(name), [first]
            elif first == "setup" and f"-c relievo {first}" in line:  # Blender's command alone has it
                known = (ROOT / "addon" / "words.py").read_text()
            elif "-c relievo" in line and first in ("generate", "batch"):  # with words of its own: libraries
                known += (ROOT / "addon" / "words.py").read_text()
            elif first == "models" and others:
                known = "".join(help_of(name, first, each) for each in ("list", "fetch", "verify", "import", "remove"))
            elif not re.search(rf"^ +{re.escape(first)} +[A-Z]", help_of(name), re.MULTILINE):
                wrong.append(f"{name} {first}")
                continue
            words = " ".join(others)
        wrong += sorted(options_of(words) - options_of(known))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    wrong += [f"make {target}" for target in re.findall(r"(?:^|&& )make ([a-z-]+)", line) if target not in targets]
    return wrong


@pytest.mark.parametrize("file", OF_TODAY, ids=lambda file: file.name)
def test_commands_that_are_shown_are_understood(file: Path) -> None:
    shown = code(file.read_text())
    assert {line: wrong for line in shown if (wrong := wrong_in(line))} == {}


def test_what_is_not_understood_is_seen() -> None:
    assert wrong_in("build/relievo generate cup.png --facets 3") == ["--facets"]
    assert wrong_in("relievo paint cup.png") == ["relievo paint"]
    assert wrong_in("relievo models fetch NAME --twice") == ["--twice"]
    assert wrong_in("relievo-bench speed") == ["relievo-bench speed"]
    assert wrong_in("make everything") == ["make everything"]


def names_of_files(text: str) -> set[str]:
    """Paths from the root, or from native/, as the documents write them."""
    folders = "|".join(
        sorted({path.name for base in (ROOT, ROOT / "native") for path in base.iterdir() if path.is_dir()})
    )
    found = re.findall(rf"(?<![\w/.-])((?:{folders})/[\w./-]+\.(?:h|cpp|cuh|py|md|json|txt|cmake))\b", text)
    return {name for name in found if not name.startswith(("build", "dist", "demo", "models/NAME"))}


@pytest.mark.parametrize("file", OF_TODAY, ids=lambda file: file.name)
def test_files_that_are_named_are_there(file: Path) -> None:
    places = (ROOT, ROOT / "native", file.parent)
    missing = {
        name for name in names_of_files(file.read_text()) if not any((place / name).exists() for place in places)
    }
    assert missing == set()


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_links_lead_somewhere(file: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", file.read_text())
    assert [link for link in links if not (file.parent / link).exists()] == []


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_fences_have_a_language_and_no_long_lines(file: Path) -> None:
    """Prose is mdformat's (tests/run.py)."""
    text = file.read_text()
    fences = re.findall(r"^```([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert [body for language, body in fences if not language] == []
    assert [line for _, body in fences for line in body.splitlines() if len(line) > 100] == []
    assert not re.search(r"^\n {4}\w", text, re.MULTILINE)  # a block of code that is only set in
