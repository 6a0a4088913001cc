"""The pictures of tests/data are the ones whose source and licence their README states."""

import hashlib
import re
from pathlib import Path

PICTURES = Path(__file__).resolve().parents[1] / "data" / "pictures"


def test_readme_lists_every_picture_with_its_checksum() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", (PICTURES / "README.md").read_text(), re.MULTILINE)
    files = [file for file in PICTURES.iterdir() if file.is_file() and file.name != "README.md"]
    assert dict(rows) == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
