"""The extension's downloads: the store, with Blender's own Python as its way to the server."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from extension_source import ROOT, imported

sys.path.append(str(ROOT / "tests" / "app"))
from lying_server import BODY, CUT, FIRST, KEPT, SMALL, TRUE_AFTER_ALL, WHOLE, LyingServer, lying

LIES = [name for name in (*WHOLE, *CUT) if name in SMALL or os.environ.get("RELIEVO_ALL_LIES")]


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with imported(tmp_path_factory.mktemp("downloads"), "downloads") as module:
        yield module


@pytest.fixture
def downloads(module: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(module.settings, "patience", 1.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return module


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with lying() as server:
        yield server


@pytest.mark.parametrize("name", LIES)
def test_nothing_wrong_gets_the_name_and_the_next_try_mends(
    downloads: Any, tmp_path: Path, server: LyingServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = {"path": "m.safetensors", "url": server.url(name), "bytes": None, "sha256": None}
    facts = {"name": "m", "title": "M", "licence": "MIT", "stages": ["reconstruct"], "embedded": False}
    (tmp_path / "catalogue.json").write_text(json.dumps({"version": 1, "models": [{**facts, "files": [file]}]}))
    monkeypatch.setenv("RELIEVO_CATALOGUE", str(tmp_path / "catalogue.json"))
    monkeypatch.setenv("RELIEVO_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("RELIEVO_MODEL_MIRRORS", raising=False)
    models = importlib.import_module(f"{downloads.__package__}.models")
    models.catalogue.cache_clear()
    (model,) = models.catalogue()

    def failure() -> Any:
        installation = models.install_online(model)
        assert installation.wait(60)
        return installation.failure

    path = model.folder / "m.safetensors"
    failed = failure()
    if name in TRUE_AFTER_ALL:
        assert failed is None and path.read_bytes() == BODY
        return
    assert failed.code in ("io", "model_corrupt") and failed.message and failed.hint
    assert not path.exists()
    part = path.with_name("m.safetensors.part")
    if name in KEPT:
        assert part.read_bytes() == BODY[:FIRST]
    server.is_honest = True
    assert failure() is None
    assert path.read_bytes() == BODY
    assert not part.exists()


def test_wish_to_cancel_ends_a_transfer_that_waits(downloads: Any, tmp_path: Path, server: LyingServer) -> None:
    downloads.settings.patience = 60.0
    download = downloads.Download(server.url("silence"), tmp_path / "m.safetensors")

    def report(doing: str, done: int) -> None:
        raise downloads.CancelledError

    with pytest.raises(downloads.CancelledError):
        downloads.fetch(download, report, "Fetching")


def test_cancelled_check_is_taken_up_without_asking_again(downloads: Any, tmp_path: Path, server: LyingServer) -> None:
    server.is_honest = True
    download = downloads.Download(server.url("honest"), tmp_path / "m.safetensors")

    def cancel_the_check(doing: str, done: int) -> None:
        if doing.startswith("Checking"):
            raise downloads.CancelledError

    with pytest.raises(downloads.CancelledError):
        downloads.fetch(download, cancel_the_check, "Fetching")
    assert not download.path.exists()
    downloads.fetch(download, lambda doing, done: None, "Fetching")
    assert download.path.read_bytes() == BODY
    assert len(server.requests) == 1


def test_file_that_another_process_fetches_is_left_to_it(downloads: Any, tmp_path: Path, server: LyingServer) -> None:
    server.is_honest = True
    download = downloads.Download(server.url("honest"), tmp_path / "m.safetensors")
    lock = downloads.store.Lock(tmp_path / "m.safetensors.part")  # as the program has it while it fetches
    with pytest.raises(downloads.SetupError, match="Another process is fetching"):
        downloads.fetch(download, lambda doing, done: None, "Fetching")
    lock.release()
    downloads.fetch(download, lambda doing, done: None, "Fetching")
    assert download.path.read_bytes() == BODY


def test_certificates_that_cannot_be_read_are_named(downloads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads.settings, "certificates", "/no/such.pem")
    with pytest.raises(downloads.SetupError, match=r"/no/such\.pem"):
        downloads.transport()
