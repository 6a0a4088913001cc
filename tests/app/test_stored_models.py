"""`relievo models verify, remove and import`: what is on the disk."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
from pathlib import Path
from typing import Any

import model_shop
from model_shop import CHECKPOINT, CONTENT, Shop, fetched, safetensors
from processes import PROGRAM, wait_for

shop = model_shop.shop


def test_verify_finds_changed_and_missing_files(shop: Shop) -> None:
    shop.file["sha256"] = None  # compared with what was noted at the fetch
    shop.serve()
    fetched(shop)
    assert shop.run("verify", "toy") == (0, {"name": "toy", "ok": True, "unknown": []})
    changed = bytearray(CONTENT)
    changed[5000] ^= 1
    shop.path.write_bytes(changed)
    error = shop.fails("verify", "toy")
    assert error["code"] == "model_corrupt" and "'toy.ckpt'" in error["message"] and "SHA-256" in error["message"]
    assert "what is wrong is replaced" in error["hint"]
    shop.path.write_bytes(CONTENT[:-1])
    assert shop.fails("verify", "toy")["code"] == "model_corrupt"
    shop.path.unlink()
    error = shop.fails("verify", "toy")
    assert error["code"] == "model_missing" and "relievo models fetch toy" in error["hint"]


def test_fetch_mends_what_verify_refuses(shop: Shop) -> None:
    shop.file["sha256"] = shop.file["bytes"] = None
    shop.serve()
    fetched(shop)
    for content in (CONTENT[:-1], CONTENT[:5000] + b"x" + CONTENT[5001:], b"", b"<html>log in</html>"):
        shop.path.write_bytes(content)
        assert shop.fails("verify", "toy")["code"] == "model_corrupt"
        fetched(shop)
        assert shop.run("verify", "toy")[0] == 0


def test_a_wrong_file_stays_until_the_right_one_is_there(shop: Shop) -> None:
    shop.serve()
    fetched(shop)
    shop.path.write_bytes(b"old")
    shop.server.files.clear()
    assert shop.fails("fetch", "toy")["code"] == "io"
    assert shop.path.read_bytes() == b"old"


def test_a_checksum_once_seen_is_kept_and_compared(shop: Shop) -> None:
    shop.file["sha256"] = shop.file["bytes"] = None
    shop.serve()
    fetched(shop)
    assert shop.run("remove", "toy")[0] == 0
    shop.serve(content=safetensors(1000), etag='"v2"')
    error = shop.fails("fetch", "toy")
    assert error["code"] == "model_corrupt" and "relievo-checksums.json" in error["hint"]
    assert not shop.path.exists()
    (shop.models / "relievo-checksums.json").unlink()
    assert shop.run("fetch", "toy")[0] == 0
    assert shop.path.read_bytes() == safetensors(1000)


def test_a_model_that_is_being_fetched_is_not_removed(shop: Shop) -> None:
    shop.serve(seconds_a_block=0.2)
    process = shop.start("fetch", "toy")
    wait_for(lambda: shop.part.exists() and shop.part.stat().st_size > 0, process)
    assert "Another process is fetching" in shop.fails("remove", "toy")["message"]
    process.communicate(timeout=30)
    assert process.returncode == 0 and shop.path.read_bytes() == CONTENT


def test_notes_of_a_download_may_hold_anything(shop: Shop) -> None:
    shop.part.parent.mkdir(parents=True)
    notes = shop.part.with_name("toy.ckpt.part.json")
    url = json.dumps(shop.file["url"])
    for text in (
        "[" * 200_000,
        "[]",
        "5",
        '{"url": 5}',
        f'{{"url": {url}, "validator": [], "total": -1, "sha256": 5}}',
    ):
        shop.part.write_bytes(CONTENT[:1000])
        notes.write_text(text)
        (shop.path.parent / "relievo-model.json").write_text(text)
        (shop.models / "relievo-checksums.json").write_text(text)
        shop.serve()
        fetched(shop)
        shop.path.unlink()


def test_list_and_remove(shop: Shop) -> None:
    shop.serve()
    assert shop.run("list")[1]["state"] == "missing"
    fetched(shop)
    listed = shop.run("list")[1]
    assert listed["state"] == "installed" and listed["files"][0]["installed"] is True
    assert listed["stages"] == ["reconstruct"] and listed["licence"] == "MIT"
    assert shop.run("remove", "toy") == (0, {"name": "toy", "ok": True, "removed": True})
    assert not shop.path.parent.exists()
    assert shop.run("remove", "toy")[1]["removed"] is False


def test_import_takes_a_file_that_can_be_read(shop: Shop, tmp_path: Path) -> None:
    mine = tmp_path / "mine.bin"
    shutil.copy(CHECKPOINT, mine)
    assert shop.fails("import", mine)["code"] == "invalid_settings"
    status, answer = shop.run("import", mine, "--as", "toy")
    assert status == 0 and answer["imported"] == ["toy.ckpt"] and answer["state"] == "installed"
    assert answer["unpublished"] == ["toy.ckpt"]
    assert shop.path.read_bytes() == CHECKPOINT.read_bytes()
    assert shop.run("verify", "toy")[0] == 0


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/relievo-was-here",)


def test_import_refuses_a_program(shop: Shop, tmp_path: Path) -> None:
    mine = tmp_path / "toy.ckpt"
    mine.write_bytes(pickle.dumps({"state_dict": Hostile()}, protocol=2))
    error = shop.fails("import", mine)
    assert error["code"] == "model_corrupt" and "safetensors" in error["hint"]
    assert not shop.path.exists()


def test_a_diffusers_folder_is_imported_whole(tmp_path: Path) -> None:
    folder = tmp_path / "snapshot"
    weights = safetensors(10)
    for name in ("unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "vision_encoder/model"):
        path = folder / f"{name}.safetensors"
        path.parent.mkdir(parents=True)
        path.write_bytes(weights)
    (folder / "text_encoder").mkdir()
    (folder / "text_encoder" / "part1.safetensors").write_bytes(weights)
    index = {"weight_map": {"w": "part1.safetensors"}}
    (folder / "text_encoder" / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model_index.json").write_text("{}")
    environment = os.environ | {"RELIEVO_MODELS": str(tmp_path / "models")}
    for words in (["import", str(folder)], ["verify", "zero123plus-v1.2"]):
        result = subprocess.run(
            [str(PROGRAM), "models", *words, "--json"], env=environment, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout
    copied = sorted(path.name for path in (tmp_path / "models" / "zero123plus-v1.2" / "text_encoder").iterdir())
    assert copied == ["model.safetensors.index.json", "part1.safetensors"]
