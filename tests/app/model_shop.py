"""A catalogue of models, the web server that has them, and the program that fetches them."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from model_server import Behaviour, ModelServer, serving, sha256
from processes import ROOT, start


def safetensors(numbers: int) -> bytes:
    """A weight file of `numbers` floats that are not all the same."""
    data = bytes(i * 31 % 251 for i in range(4 * numbers))
    header = json.dumps({"w": {"dtype": "F32", "shape": [numbers], "data_offsets": [0, len(data)]}}).encode()
    return struct.pack("<Q", len(header)) + header + data


CHECKPOINT = ROOT / "tests" / "data" / "golden" / "checkpoint_files" / "lightning.ckpt"
CONTENT = safetensors(200_000)


@dataclass
class Shop:
    """A catalogue of one model `toy` of one file `toy.ckpt`, and the server that has it."""

    server: ModelServer
    folder: Path
    catalogue: Path
    file: dict[str, Any]
    mirrors: str = ""
    licence: str = "MIT"
    more: list[dict[str, Any]] = field(default_factory=list)  # models

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @property
    def path(self) -> Path:
        return self.models / "toy" / "toy.ckpt"

    @property
    def part(self) -> Path:
        return self.models / "toy" / "toy.ckpt.part"

    def serve(self, path: str = "/toy.ckpt", content: bytes = CONTENT, **facts: Any) -> Behaviour:
        self.server.files[path] = Behaviour(content, **facts)
        return self.server.files[path]

    def environment(self) -> dict[str, str]:
        model = {
            "name": "toy",
            "title": "A toy",
            "licence": self.licence,
            "stages": ["reconstruct"],
            "embedded": False,
            "files": [self.file],
        }
        self.catalogue.write_text(json.dumps({"version": 1, "models": [model, *self.more]}))
        added = {"RELIEVO_CATALOGUE": str(self.catalogue), "RELIEVO_MODELS": str(self.models)}
        return os.environ | added | {"RELIEVO_MODEL_MIRRORS": self.mirrors, "no_proxy": "127.0.0.1"}

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        return start("models", *words, env=self.environment())

    def run(self, *words: str | Path) -> tuple[int, dict[str, Any]]:
        """The exit status and the one object that --json prints."""
        process = self.start(*words, "--json")
        output, errors = process.communicate(timeout=60)
        (line,) = output.splitlines() or [errors]
        return process.returncode, json.loads(line)

    def fails(self, *words: str | Path) -> dict[str, Any]:
        status, answer = self.run(*words)
        assert answer["ok"] is False
        error: dict[str, Any] = answer["error"]
        assert error["message"] and error["hint"]
        assert status == {"io": 3, "invalid_settings": 2}.get(error["code"], 4)
        return error


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with serving() as server:
        url = f"{server.address}/toy.ckpt"
        file = {"path": "toy.ckpt", "url": url, "bytes": len(CONTENT), "sha256": sha256(CONTENT)}
        yield Shop(server, tmp_path, tmp_path / "catalogue.json", file)


def fetched(shop: Shop) -> None:
    """A fetch that succeeds leaves the file, its record and nothing else."""
    status, answer = shop.run("fetch", "toy")
    assert status == 0, answer
    assert answer["fetched"] == ["toy.ckpt"]
    assert shop.path.read_bytes() == CONTENT
    assert sorted(path.name for path in shop.path.parent.iterdir()) == ["relievo-model.json", "toy.ckpt"]
    assert json.loads((shop.path.parent / "relievo-model.json").read_text())["toy.ckpt"]["sha256"] == sha256(CONTENT)
