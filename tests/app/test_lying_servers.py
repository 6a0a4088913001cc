"""`relievo models fetch` from servers that lie, where the catalogue knows neither size nor checksum."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lying_server import BODY, CUT, FIRST, KEPT, SMALL, TRUE_AFTER_ALL, WHOLE, LyingServer, lying

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build")) / "relievo"
LIES = [name for name in (*WHOLE, *CUT) if name in SMALL or os.environ.get("RELIEVO_ALL_LIES")]


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with lying() as server:
        yield server


def fetch(folder: Path, url: str, *words: str) -> tuple[int, dict[str, Any]]:
    file = {"path": "m.safetensors", "url": url, "bytes": None, "sha256": None}
    facts = {"name": "m", "title": "M", "licence": "MIT", "stages": ["reconstruct"], "embedded": False}
    (folder / "catalogue.json").write_text(json.dumps({"version": 1, "models": [{**facts, "files": [file]}]}))
    added = {"RELIEVO_CATALOGUE": str(folder / "catalogue.json"), "RELIEVO_MODELS": str(folder / "models")}
    environment = os.environ | added | {"RELIEVO_MODEL_MIRRORS": "", "no_proxy": "127.0.0.1"}
    command = [str(PROGRAM), "models", "fetch", "m", "--json", "--patience", "1", *words]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    return ended.returncode, json.loads(ended.stdout)


@pytest.mark.parametrize("name", LIES)
def test_nothing_wrong_gets_the_name_and_the_next_try_mends(tmp_path: Path, server: LyingServer, name: str) -> None:
    path = tmp_path / "models" / "m" / "m.safetensors"
    status, answer = fetch(tmp_path, server.url(name))
    if name in TRUE_AFTER_ALL:
        assert status == 0 and path.read_bytes() == BODY
        return
    assert status in (3, 4), answer
    assert answer["error"]["message"] and answer["error"]["hint"]
    assert not path.exists()
    part = path.with_name("m.safetensors.part")
    if name in KEPT:
        assert part.read_bytes() == BODY[:FIRST]
    server.is_honest = True
    assert fetch(tmp_path, server.url(name))[0] == 0
    assert path.read_bytes() == BODY
    assert not part.exists()
