"""`relievo models`, against a real web server on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import pty
import shutil
import signal
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from model_server import Behaviour, ModelServer, serving, sha256
from processes import PROGRAM, ROOT, start, wait_for

CHECKPOINT = ROOT / "tests" / "data" / "golden" / "checkpoint_files" / "lightning.ckpt"


def safetensors(numbers: int) -> bytes:
    """A weight file of `numbers` floats that are not all the same."""
    data = bytes(i * 31 % 251 for i in range(4 * numbers))
    header = json.dumps({"w": {"dtype": "F32", "shape": [numbers], "data_offsets": [0, len(data)]}}).encode()
    return struct.pack("<Q", len(header)) + header + data


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


def test_fetches_once(shop: Shop) -> None:
    shop.serve()
    fetched(shop)
    assert shop.run("fetch", "toy")[1]["fetched"] == []
    assert shop.server.ranges() == [None]
    assert shop.run("verify", "toy")[0] == 0


def test_a_broken_connection_is_taken_up_where_it_broke(shop: Shop) -> None:
    shop.serve(break_after=[100_000, 50_000])
    fetched(shop)
    assert shop.server.ranges() == [None, "bytes=100000-", "bytes=150000-"]
    assert shop.server.requests[1].if_range == '"v1"'


def test_a_killed_process_is_resumed(shop: Shop) -> None:
    behaviour = shop.serve(seconds_a_block=0.2)
    process = shop.start("fetch", "toy")
    wait_for(lambda: shop.part.exists() and shop.part.stat().st_size > 0, process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert not shop.path.exists()
    there = shop.part.stat().st_size
    behaviour.seconds_a_block = 0
    fetched(shop)
    assert shop.server.ranges() == [None, f"bytes={there}-"]


def test_ctrl_c_keeps_what_has_arrived(shop: Shop) -> None:
    shop.serve(seconds_a_block=0.2)
    process = shop.start("fetch", "toy")
    wait_for(lambda: shop.part.exists() and shop.part.stat().st_size > 0, process)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "Interrupted: 0 of 1 files of 'toy' are there, 1 left" in said
    assert not shop.path.exists() and shop.part.stat().st_size > 0


def test_two_processes_do_not_write_one_file(shop: Shop) -> None:
    shop.serve(seconds_a_block=0.1)
    process = shop.start("fetch", "toy")
    wait_for(lambda: shop.part.exists() and shop.part.stat().st_size > 0, process)
    assert "Another process" in shop.fails("fetch", "toy")["message"]
    process.communicate(timeout=30)
    assert process.returncode == 0 and shop.path.read_bytes() == CONTENT


def test_a_server_that_ignores_ranges_begins_anew(shop: Shop) -> None:
    shop.serve(break_after=[100_000], ignores_range=True)
    fetched(shop)
    assert shop.server.ranges() == [None, "bytes=100000-"]


def test_a_file_that_changed_meanwhile_begins_anew(shop: Shop) -> None:
    shop.part.parent.mkdir(parents=True)
    shop.part.write_bytes(b"x" * 1000)
    notes = {"url": shop.file["url"], "validator": '"v0"'}
    shop.part.with_name("toy.ckpt.part.json").write_text(json.dumps(notes))
    shop.serve()
    fetched(shop)


def test_what_was_left_and_does_not_fit_is_fetched_whole(shop: Shop) -> None:
    shop.part.parent.mkdir(parents=True)
    shop.part.write_bytes(b"x" * 1000)  # nobody knows from where: only the digest tells
    shop.serve()
    fetched(shop)
    assert shop.server.ranges() == ["bytes=1000-", None]


def test_what_was_left_is_dropped_when_nothing_can_tell(shop: Shop) -> None:
    shop.file["sha256"] = None
    shop.part.parent.mkdir(parents=True)
    shop.part.write_bytes(b"x" * 1000)
    shop.serve()
    fetched(shop)
    assert shop.server.ranges() == [None]


def test_a_part_that_is_already_whole_gets_its_name(shop: Shop) -> None:
    shop.part.parent.mkdir(parents=True)
    shop.part.write_bytes(CONTENT)
    shop.serve()
    fetched(shop)


def test_another_part_than_asked_for_is_refused(shop: Shop) -> None:
    shop.serve(break_after=[100_000], wrong_range=True)
    assert "another part" in shop.fails("fetch", "toy")["message"]
    assert not shop.path.exists()


def test_a_length_that_is_never_reached_is_an_error(shop: Shop) -> None:
    shop.file["bytes"] = shop.file["sha256"] = None
    shop.serve(claims_bytes=len(CONTENT) + 1000, ignores_range=True)
    assert shop.fails("fetch", "toy")["code"] == "io"
    assert not shop.path.exists()


@pytest.mark.parametrize("facts", [{"claims_bytes": len(CONTENT) - 1000}, {"sends_extra": b"more"}])
def test_a_file_of_another_size_is_refused(shop: Shop, facts: dict[str, Any]) -> None:
    shop.serve(**facts)
    assert shop.fails("fetch", "toy")["code"] in ("io", "model_corrupt")
    assert not shop.path.exists()


def test_wrong_bytes_are_refused_and_not_kept(shop: Shop) -> None:
    wrong = bytearray(CONTENT)
    wrong[-1] ^= 1
    shop.serve(content=bytes(wrong))
    error = shop.fails("fetch", "toy")
    assert error["code"] == "model_corrupt" and "SHA-256" in error["message"]
    assert list(shop.path.parent.iterdir()) == []


def test_redirects_are_followed(shop: Shop) -> None:
    shop.serve(redirect_to="/elsewhere/toy.bin", break_after=[])
    shop.serve("/elsewhere/toy.bin", break_after=[5000])
    fetched(shop)
    assert [request.path for request in shop.server.requests] == ["/toy.ckpt", "/elsewhere/toy.bin"] * 2


def test_endless_redirects_and_other_schemes_are_refused(shop: Shop) -> None:
    shop.serve(redirect_to="/toy.ckpt")
    assert shop.fails("fetch", "toy")["code"] == "io"
    shop.serve(redirect_to=f"file://{CHECKPOINT}")
    assert shop.fails("fetch", "toy")["code"] == "io"
    assert not shop.path.exists()


def test_the_digest_that_the_server_tells_is_checked(shop: Shop) -> None:
    shop.file["bytes"] = shop.file["sha256"] = None
    shop.serve("/elsewhere")
    shop.serve(redirect_to="/elsewhere", linked_etag=sha256(b"other"))
    assert shop.fails("fetch", "toy")["code"] == "model_corrupt"
    shop.serve(redirect_to="/elsewhere", linked_etag=sha256(CONTENT))
    fetched(shop)


REVISION = "2da07e89919e1a130c9b5add1584c70c7aa065fd"


def test_another_revision_is_refused_before_anything_is_taken(shop: Shop) -> None:
    path = f"/maker/toy/resolve/{REVISION}/toy.ckpt"
    shop.file["url"] = f"{shop.server.address}{path}"
    shop.file["bytes"] = shop.file["sha256"] = None  # nothing else would tell
    other = "0" * 40
    for redirect_to in (None, "/elsewhere"):
        shop.serve("/elsewhere")
        shop.serve(path, repo_commit=other, redirect_to=redirect_to)
        error = shop.fails("fetch", "toy")
        assert error["code"] == "io" and f"the revision '{other}' instead of '{REVISION}'" in error["message"]
        assert not list(shop.path.parent.iterdir())
    shop.serve(path, repo_commit=REVISION, redirect_to="/elsewhere")
    fetched(shop)


@pytest.mark.parametrize(("told", "voucher"), [(True, "server"), (False, "nobody")])
def test_a_checksum_that_is_not_published_is_shown_as_what_it_is(shop: Shop, told: bool, voucher: str) -> None:
    shop.file["bytes"] = shop.file["sha256"] = None
    assert "checksums of 1 of its files are not published" in shop.start("list").communicate(timeout=60)[0]
    assert shop.run("list")[1]["files"][0]["sha256_from"] is None
    shop.serve("/elsewhere")
    shop.serve(redirect_to="/elsewhere", linked_etag=sha256(CONTENT) if told else None)
    said = shop.start("fetch", "toy").communicate(timeout=60)[0]
    assert ("is the server's own" if told else "Nobody tells a checksum of toy.ckpt") in said
    for _ in range(2):  # also when it is fetched again, and compared with what was noted
        listed = shop.run("list")[1]["files"][0]
        assert (listed["sha256"], listed["sha256_from"]) == (sha256(CONTENT), voucher)
        shop.run("remove", "toy")
        assert shop.run("fetch", "toy")[0] == 0


def test_a_published_checksum_is_the_catalogues(shop: Shop) -> None:
    listed = shop.run("list")[1]["files"][0]
    assert (listed["sha256"], listed["sha256_from"]) == (sha256(CONTENT), "catalogue")


def with_views(shop: Shop, about: int = 0) -> None:
    """Adds a model that paints views, of two files. With `about` the catalogue knows the approximate size of the
    second."""
    files = [
        {"path": name, "url": f"{shop.server.address}/{name}", "bytes": len(CONTENT), "sha256": sha256(CONTENT)}
        for name in ("one.ckpt", "two.ckpt")
    ]
    if about:
        files[1] |= {"bytes": None, "sha256": None, "about_bytes": about}
    painter = {"name": "views", "title": "Views", "licence": "MIT", "stages": ["multiview"], "embedded": False}
    shop.more = [painter | {"files": files}]


def test_what_works_together_is_listed_with_its_sum(shop: Shop) -> None:
    with_views(shop, about=2_000_000_000)
    text = shop.start("list").communicate(timeout=60)[0]
    assert "A toy with Views: 3 files, 2.0 GB\n    relievo models fetch toy views\n" in text
    assert "A toy with your own views: 1 file, 0.8 MB\n    relievo models fetch toy\n" in text
    output = shop.start("list", "--json").communicate(timeout=60)[0]
    together, alone = json.loads(output.splitlines()[0])["sets"]
    assert together["models"] == ["toy", "views"] and alone["models"] == ["toy"]
    assert together["bytes"] == 2 * len(CONTENT) + 2_000_000_000 and together["bytes_there"] == 0
    assert together["bytes_free"] > 0


def test_what_is_there_already_is_told(shop: Shop) -> None:
    with_views(shop)
    shop.serve()
    fetched(shop)
    (shop.models / "views").mkdir()
    (shop.models / "views" / "one.ckpt.part").write_bytes(CONTENT[:400_000])
    text = shop.start("list").communicate(timeout=60)[0]
    assert "A toy with Views: 3 files, 2.4 MB (1.2 MB of it there)\n" in text


def test_models_that_work_together_are_fetched_at_once(shop: Shop) -> None:
    with_views(shop)
    for path in ("/toy.ckpt", "/one.ckpt", "/two.ckpt"):
        shop.serve(path)
    output = shop.start("fetch", "toy", "views", "--json").communicate(timeout=60)[0]
    answers = [json.loads(line) for line in output.splitlines()]
    assert [(answer["name"], answer["fetched"]) for answer in answers] == [
        ("toy", ["toy.ckpt"]),
        ("views", ["one.ckpt", "two.ckpt"]),
    ]
    assert shop.start("fetch", "toy", "views").communicate(timeout=60)[0].count("as it should be") == 2


def test_room_for_all_is_looked_for_before_the_first(shop: Shop) -> None:
    with_views(shop, about=10**15)
    shop.serve()
    error = shop.fails("fetch", "toy", "views")
    assert error["code"] == "io" and "1000000.00 GB more" in error["message"]
    assert shop.server.requests == [] and not shop.path.exists()


def test_a_missing_file_is_named(shop: Shop) -> None:
    error = shop.fails("fetch", "toy")
    assert error["code"] == "io" and "404" in error["message"] and shop.file["url"] in error["message"]
    assert shop.server.ranges() == [None]


def test_a_busy_server_is_asked_again(shop: Shop) -> None:
    shop.serve(statuses=[503, 429])
    fetched(shop)
    assert shop.server.ranges() == [None] * 3


def test_mirrors_stand_in(shop: Shop) -> None:
    shop.serve("/mirror/toy.ckpt")
    shop.mirrors = f"{shop.server.address}/none {shop.server.address}/mirror/"
    fetched(shop)
    assert [request.path for request in shop.server.requests] == ["/none/toy.ckpt", "/mirror/toy.ckpt"]


def test_a_proxy_is_gone_through(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    address = "http://models.invalid/toy.ckpt"  # only the proxy finds it
    shop.file["url"] = address
    shop.serve(address)
    monkeypatch.setenv("http_proxy", shop.server.address)
    fetched(shop)
    assert [request.path for request in shop.server.requests] == [address]


def test_a_mirror_with_wrong_bytes_leads_to_the_next(shop: Shop) -> None:
    shop.serve("/mirror/toy.ckpt", content=b"y" * len(CONTENT))
    shop.serve()
    shop.mirrors = f"{shop.server.address}/mirror"
    fetched(shop)


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_folder_is_a_source(shop: Shop, tmp_path: Path, scheme: str) -> None:
    (tmp_path / "disk" / "toy").mkdir(parents=True)
    (tmp_path / "disk" / "toy" / "toy.ckpt").write_bytes(CONTENT)
    status, _ = shop.run("fetch", "toy", "--from", f"{scheme}{tmp_path / 'disk'}")
    assert status == 0 and shop.path.read_bytes() == CONTENT
    assert shop.server.requests == []


def test_a_disk_that_fills_at_nine_tenths_is_said_and_resumed(shop: Shop) -> None:
    """The limit on a file's size stands for the disk's: the same kind of error at the same place."""
    shop.serve()
    blocks = len(CONTENT) * 9 // 10 // 1024
    command = f'ulimit -f {blocks}; exec "{PROGRAM}" models fetch toy --json'
    process = subprocess.run(["bash", "-c", f"trap '' XFSZ; {command}"], env=shop.environment(), capture_output=True)
    answer = json.loads(process.stdout)
    assert process.returncode == 3 and answer["error"]["code"] == "io"
    assert "The disk is full" in answer["error"]["hint"] and "resumed" in answer["error"]["hint"]
    assert shop.part.stat().st_size == 1024 * blocks and not shop.path.exists()
    assert shop.run("list")[1]["state"] == "missing"
    fetched(shop)
    assert shop.server.ranges()[-1] == f"bytes={1024 * blocks}-"


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


def test_space_is_looked_for_before_anything_is_asked_for(shop: Shop) -> None:
    shop.file["bytes"] = 10**15
    shop.serve()
    error = shop.fails("fetch", "toy")
    assert error["code"] == "io" and "1000000.00 GB more" in error["message"]
    assert shop.server.requests == []


def test_space_is_looked_for_once_the_server_tells_the_size(shop: Shop) -> None:
    shop.file["bytes"] = shop.file["sha256"] = None
    shop.serve(claims_bytes=10**15)
    error = shop.fails("fetch", "toy")
    assert error["code"] == "io" and "1000000.00 GB more" in error["message"]
    assert not shop.part.exists()


def test_certificates_of_ones_own_are_trusted_and_others_are_not(shop: Shop, tmp_path: Path) -> None:
    certificates = tmp_path / "own.pem"
    with serving(certificates) as secure:
        secure.files["/toy.ckpt"] = Behaviour(CONTENT)
        shop.file["url"] = f"{secure.address}/toy.ckpt"
        assert shop.fails("fetch", "toy")["code"] == "io"
        assert not shop.path.exists()
        assert shop.run("fetch", "toy", "--certificates", certificates)[0] == 0
        assert shop.path.read_bytes() == CONTENT
    assert "none.pem" in shop.fails("fetch", "toy", "--certificates", tmp_path / "none.pem")["message"]


def test_https_never_leads_to_http(shop: Shop, tmp_path: Path) -> None:
    certificates = tmp_path / "own.pem"
    shop.serve()
    with serving(certificates) as secure:
        secure.files["/toy.ckpt"] = Behaviour(b"", redirect_to=f"{shop.server.address}/toy.ckpt")
        shop.file["url"] = f"{secure.address}/toy.ckpt"
        error = shop.fails("fetch", "toy", "--certificates", certificates)
        assert "not secure" in error["message"]
        assert shop.server.requests == []
        # A redirect over https must not lead on to http either.
        secure.files["/on"] = Behaviour(b"", redirect_to=f"{shop.server.address}/toy.ckpt")
        secure.files["/toy.ckpt"] = Behaviour(b"", redirect_to="/on")
        assert "not secure" in shop.fails("fetch", "toy", "--certificates", certificates)["message"]
        assert shop.server.requests == []


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


def test_unknown_names_are_model_missing(shop: Shop) -> None:
    for words in (("fetch", "cat"), ("verify", "cat"), ("remove", "cat"), ("import", CHECKPOINT, "--as", "cat")):
        error = shop.fails(*words)
        assert error["code"] == "model_missing" and "toy" in error["hint"]


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


def test_the_list_tells_licences_and_what_is_free(shop: Shop) -> None:
    listed = shop.start("list").communicate(timeout=60)[0]
    assert "1 file, 0.8 MB; licence: MIT." in listed and "Not yet run" not in listed
    assert "toy" in shop.start("list", "--free").communicate(timeout=60)[0]
    shop.licence = "CC-BY-NC-4.0"
    assert "toy" in shop.start("list").communicate(timeout=60)[0]
    assert "toy" not in shop.start("list", "--free").communicate(timeout=60)[0]


def at_a_terminal(shop: Shop, answer: str, *words: str) -> tuple[int, str]:
    """The exit status, and all that is seen."""
    ours, theirs = pty.openpty()
    command = [str(PROGRAM), "models", "fetch", "toy", *words]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=shop.environment())
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    seen = b""
    with contextlib.suppress(OSError):  # EIO: it has ended
        while part := os.read(ours, 4096):
            seen += part
    os.close(ours)
    return process.wait(60), seen.decode()


def test_a_terminal_is_asked_where_a_licence_forbids_something(shop: Shop) -> None:
    shop.serve()
    shop.licence = "CC-BY-NC-4.0"
    status, seen = at_a_terminal(shop, "n")
    assert status == 2 and "was not accepted" in seen
    assert not shop.path.exists() and not shop.server.requests
    status, seen = at_a_terminal(shop, "n", "--accept-licence")
    assert status == 0 and "[y/N]" not in seen and shop.path.exists()
    shop.run("remove", "toy")
    status, seen = at_a_terminal(shop, "y")
    assert status == 0 and "[y/N]" in seen and shop.path.read_bytes() == CONTENT


def test_where_nobody_can_be_asked_a_licence_is_not_accepted(shop: Shop) -> None:
    shop.serve()
    shop.licence = "CC-BY-NC-4.0"
    error = shop.fails("fetch", "toy")
    assert error["code"] == "invalid_settings" and "--accept-licence" in error["hint"]
    assert error["message"] == "The licence 'CC-BY-NC-4.0' of the model 'toy' was not accepted."
    assert not shop.path.parent.exists() and not shop.server.requests
    assert shop.run("fetch", "toy", "--accept-licence")[0] == 0


def test_a_terminal_is_not_asked_of_a_free_licence(shop: Shop) -> None:
    shop.serve()
    status, seen = at_a_terminal(shop, "n")
    assert status == 0 and "licence: MIT" in seen and "[y/N]" not in seen
    assert "free in" in seen and shop.path.exists()


def test_no_model_of_the_catalogue_is_said_to_be_tried(shop: Shop) -> None:
    """Nobody has looked yet at what is made with the published weights."""
    listed = subprocess.run([str(PROGRAM), "models", "list", "--json"], capture_output=True, text=True, check=True)
    models = {model["name"]: model for model in map(json.loads, listed.stdout.splitlines())}
    for name in ("zero123plus-v1.2", "instant-mesh-large", "triposr"):
        assert models[name]["untried"] is True
    text = subprocess.run([str(PROGRAM), "models", "list"], capture_output=True, text=True, check=True).stdout
    assert text.count("Not yet run with the published weights.") == 6
    assert "InstantMesh (large) with Zero123++ v1.2: 6 files, 5.4 GB" in text
    assert "InstantMesh (large) with your own views: 1 file, 1.5 GB" in text
