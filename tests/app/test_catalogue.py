"""What `relievo models list` and `fetch` tell of the catalogue: sums, licences and who vouches for a checksum."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess

import model_shop
import pytest
from model_server import sha256
from model_shop import CHECKPOINT, CONTENT, Shop, fetched
from processes import PROGRAM

shop = model_shop.shop


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


def test_unknown_names_are_model_missing(shop: Shop) -> None:
    for words in (("fetch", "cat"), ("verify", "cat"), ("remove", "cat"), ("import", CHECKPOINT, "--as", "cat")):
        error = shop.fails(*words)
        assert error["code"] == "model_missing" and "toy" in error["hint"]


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
