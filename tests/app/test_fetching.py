"""`relievo models fetch`, against a real web server on this machine."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import model_shop
import pytest
from model_server import Behaviour, serving, sha256
from model_shop import CHECKPOINT, CONTENT, Shop, fetched
from processes import PROGRAM, wait_for

shop = model_shop.shop


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
