"""What the documents name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from processes import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")])
# It says what earlier versions had, too.
OF_TODAY = [file for file in DOCUMENTS if file.name != "CHANGELOG.md"]


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
