"""Getting models: fetched, or taken from a folder, a zip or a file. The native program finds what lies there then."""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import relievo
from extension_source import imported
from in_blender import ROOT, facts_of
from wheel_server import WheelServer

PROGRAM = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build")) / "relievo"
WEIGHTS = (ROOT / "models" / "u2netp.safetensors").read_bytes()
PARTS = {"model_index.json": b"{}", "unet/diffusion_pytorch_model.bin": WEIGHTS, "vae/model.safetensors": WEIGHTS}


def safetensors(size: int) -> bytes:
    """A weight file of `size` bytes that are not all the same."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(i % 251 for i in range(size))


def entry(server: WheelServer, name: str, paths: list[str], stage: str, **facts: Any) -> dict[str, Any]:
    files = [
        {"path": path, "url": server.url(f"{name}/{path}"), "bytes": None, "sha256": None, **facts} for path in paths
    ]
    return {
        "name": name,
        "title": f"The model {name}",
        "licence": "CC0-1.0",
        "stages": [stage],
        "embedded": False,
        "files": files,
    }


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WheelServer]:
    folder = tmp_path / "server"
    for path, content in {"shape/shape.ckpt": WEIGHTS, **{f"views/{name}": c for name, c in PARTS.items()}}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    serving = WheelServer(folder)
    yield serving
    serving.close()


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with imported(tmp_path_factory.mktemp("models"), "models") as module:
        yield module


@pytest.fixture
def models(module: Any, server: WheelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module with a catalogue of two models that the server has, and an empty folder for them."""
    catalogue = tmp_path / "catalogue.json"
    entries = [entry(server, "shape", ["shape.ckpt"], "reconstruct"), entry(server, "views", [*PARTS], "multiview")]
    catalogue.write_text(json.dumps({"version": 1, "models": entries}))
    monkeypatch.setenv("RELIEVO_CATALOGUE", str(catalogue))
    monkeypatch.setenv("RELIEVO_MODELS", str(tmp_path / "models"))
    module.catalogue.cache_clear()
    module._told.clear()
    module._asked.clear()
    module.look_again()
    yield module
    module.catalogue.cache_clear()


def states() -> dict[str, str]:
    """Returns the state of each model, as the native program sees it."""
    ended = subprocess.run([PROGRAM, "models", "list", "--json"], capture_output=True, text=True, check=True)
    return {model["name"]: model["state"] for model in map(json.loads, ended.stdout.splitlines())}


def verified(name: str) -> dict[str, Any]:
    ended = subprocess.run([PROGRAM, "models", "verify", name, "--json"], capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def ended(installation: Any) -> Any:
    """The failure of an installation."""
    assert installation.wait(60)
    return installation.failure


def test_fetched_models_are_those_of_the_native_program(models: Any) -> None:
    shape, views = models.catalogue()
    assert (shape.label, shape.is_installed, shape.bytes) == ("The model shape", False, None)
    assert states() == {"shape": "missing", "views": "missing"}
    assert ended(models.install_online(views)) is None
    assert (shape.is_installed, views.is_installed) == (False, True)
    assert states() == {"shape": "missing", "views": "installed"}
    assert ended(models.install_online(shape)) is None
    assert verified("shape") == {"name": "shape", "ok": True, "unknown": []}


def test_models_of_a_set_come_with_one_bar(models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shape, _ = models.catalogue()
    (together, alone) = models.sets_with(shape)
    assert [model.name for model in together.models] == ["shape", "views"] and list(alone.models) == [shape]
    assert together.told().startswith("The model shape with The model views: 4 files, size unknown; ")
    bars: list[tuple[str, int, int]] = []
    show = models.Installation.show

    def shown(installation: Any, doing: str, done: int, total: int) -> None:
        bars.append((doing, done, total))  # what the panel draws
        show(installation, doing, done, total)

    monkeypatch.setattr(models.Installation, "show", shown)
    assert ended(models.install_online(*together.models)) is None
    done = [bar[1] for bar in bars]
    size = 3 * len(WEIGHTS) + len(PARTS["model_index.json"])
    assert done == sorted(done) and done[-1] == size and bars[-1][2] == size
    assert {bar[0] for bar in bars} >= {"Fetching 1 of 4: shape.ckpt", "Fetching 4 of 4: vae"}
    told = together.told()
    assert f"4 files, {size / 1e6:.0f} MB; " in told and "free on the disk" in told


def test_licence_is_told_with_what_the_server_vouches_for(models: Any) -> None:
    shape, _ = models.catalogue()
    assert shape.is_free
    assert shape.terms == (
        "License: CC0-1.0. Checksums of 1 of its files are not published: the server's own are taken."
    )


@pytest.mark.parametrize("kind", ["plain", "linked", "linked with size"])
def test_server_is_asked_for_sizes_that_are_not_known(models: Any, server: WheelServer, kind: str) -> None:
    shape, views = models.catalogue()
    if kind != "plain":
        server.linked_digest = "0" * 64
    if kind == "linked with size":
        server.linked_size = "123456"
    models.ask_sizes([shape, views])
    assert not models.is_asking(30)
    told = 123456 if kind == "linked with size" else None
    assert shape.bytes == (told or len(WEIGHTS))
    assert views.bytes == (3 * told if told else sum(map(len, PARTS.values())))
    assert {request.partition(" ")[0] for request in server.requests} == {"HEAD"}
    asked = len(server.requests)
    models.ask_sizes([shape, views])
    assert not models.is_asking(30)
    assert len(server.requests) == asked  # once is enough
    assert not shape.is_installed


def test_size_that_nobody_tells_stays_unknown(models: Any, server: WheelServer) -> None:
    shape, views = models.catalogue()
    (server.folder / "shape" / "shape.ckpt").unlink()
    models.ask_sizes([shape, views])
    assert not models.is_asking(30)
    assert shape.bytes is None
    assert views.bytes == sum(map(len, PARTS.values()))


def test_fetching_goes_on_where_it_was_cut_off(models: Any, server: WheelServer) -> None:
    _, views = models.catalogue()
    server.cut_after, server.answers_left = 1_000_000, 2  # model_index.json is whole
    failure = ended(models.install_online(views))
    assert failure.code == "io" and "kept" in failure.hint
    server.cut_after = server.answers_left = None
    assert ended(models.install_online(views)) is None
    assert [asked for asked in server.ranges if asked] == ["bytes=1000000-"]
    assert (views.folder / "vae" / "model.safetensors").read_bytes() == WEIGHTS
    assert not list(views.folder.rglob("*.part*"))


def test_rest_of_another_version_is_not_appended(models: Any, server: WheelServer) -> None:
    shape, _ = models.catalogue()
    server.cut_after, server.answers_left = 1_000_000, 1
    assert ended(models.install_online(shape)) is not None
    server.cut_after = server.answers_left = None
    changed = safetensors(500_000)
    (server.folder / "shape" / "shape.ckpt").write_bytes(changed)
    assert ended(models.install_online(shape)) is None
    assert (shape.folder / "shape.ckpt").read_bytes() == changed


def test_file_with_another_digest_than_the_servers_is_refused(models: Any, server: WheelServer) -> None:
    """huggingface.co tells the digest when it sends one on to where a large file lies."""
    shape, _ = models.catalogue()
    server.linked_digest = hashlib.sha256(b"another file").hexdigest()
    failure = ended(models.install_online(shape))
    assert failure.code == "model_corrupt" and "SHA-256" in failure.message
    server.linked_digest = hashlib.sha256(WEIGHTS).hexdigest()
    assert ended(models.install_online(shape)) is None


def test_mirror_is_asked_first(models: Any, server: WheelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    shape, _ = models.catalogue()
    monkeypatch.setenv("RELIEVO_MODEL_MIRRORS", server.url("mirror"))
    (server.folder / "mirror" / "shape").mkdir(parents=True)
    (server.folder / "mirror" / "shape" / "shape.ckpt").write_bytes(WEIGHTS)
    assert ended(models.install_online(shape)) is None
    record = json.loads((shape.folder / "relievo-model.json").read_text())["shape.ckpt"]
    assert record["source"] == server.url("mirror/shape/shape.ckpt")


def test_fetches_through_a_proxy(models: Any, server: WheelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    shape, _ = models.catalogue()
    monkeypatch.setenv("RELIEVO_MODEL_MIRRORS", "http://models.invalid")  # only the proxy finds it
    monkeypatch.setenv("http_proxy", server.url(""))
    monkeypatch.setenv("no_proxy", "")
    assert ended(models.install_online(shape)) is None
    assert server.requests == ["GET http://models.invalid/shape/shape.ckpt"]
    assert verified("shape")["ok"] is True


def test_cancelled_fetch_is_no_failure_of_the_server(models: Any, server: WheelServer) -> None:
    shape, _ = models.catalogue()
    server.seconds_a_chunk = 1.0
    installation = models.install_online(shape)
    installation.cancel()
    assert ended(installation).code == "cancelled"
    assert not shape.is_installed


@pytest.mark.parametrize("kind", ["folder", "folder of models", "zip", "safetensors for bin"])
def test_model_of_parts_is_found_where_it_lies(models: Any, tmp_path: Path, kind: str) -> None:
    _, views = models.catalogue()
    source = tmp_path / "source"
    below = source / "a" / "views" if kind == "folder of models" else source
    for path, content in PARTS.items():
        name = path.replace(".bin", ".safetensors") if kind == "safetensors for bin" else path
        (below / name).parent.mkdir(parents=True, exist_ok=True)
        (below / name).write_bytes(content)
    if kind == "zip":
        source = tmp_path / "views.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for path, content in PARTS.items():
                archive.writestr(f"views/{path}", content)
    assert ended(models.install_from(views, source)) is None
    assert views.is_installed
    assert states()["views"] == "installed"
    assert verified("views")["ok"] is True


def test_single_file_may_have_any_name(models: Any, tmp_path: Path) -> None:
    shape, _ = models.catalogue()
    (tmp_path / "mine.safetensors").write_bytes(WEIGHTS)
    assert ended(models.install_from(shape, tmp_path / "mine.safetensors")) is None
    assert states()["shape"] == "installed"


@pytest.mark.parametrize(
    ("source", "code"), [("text.ckpt", "model_corrupt"), ("empty", "model_missing"), ("none.zip", "io")]
)
def test_what_holds_no_weights_is_refused_and_nothing_is_left(
    models: Any, tmp_path: Path, source: str, code: str
) -> None:
    (tmp_path / "text.ckpt").write_text("no weights\n" * 100)
    (tmp_path / "empty").mkdir()
    shape, _ = models.catalogue()
    failure = ended(models.install_from(shape, tmp_path / source))
    assert failure.code == code
    assert failure.hint
    assert not shape.is_installed
    assert not [file for file in tmp_path.glob("models/*/*") if file.suffix != ".json"]


def test_fetching_again_mends_what_is_wrong(models: Any) -> None:
    shape, _ = models.catalogue()
    assert ended(models.install_online(shape)) is None
    (shape.folder / "shape.ckpt").write_bytes(b"<html>log in</html>")
    assert verified("shape")["ok"] is False
    assert ended(models.install_online(shape)) is None
    assert verified("shape")["ok"] is True


def test_folder_of_the_preferences_is_used_where_the_environment_names_none(
    models: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.use_folder(str(tmp_path / "mine"))
    assert models.models_folder() == tmp_path / "models"
    monkeypatch.delenv("RELIEVO_MODELS")
    models.use_folder(str(tmp_path / "mine"))
    assert models.models_folder() == tmp_path / "mine"
    models.use_folder("")
    assert models.models_folder().parts[-2:] == ("relievo", "models")


def test_folder_can_be_a_mirror(models: Any, server: WheelServer, tmp_path: Path) -> None:
    (tmp_path / "disk" / "shape").mkdir(parents=True)
    (tmp_path / "disk" / "shape" / "shape.ckpt").write_bytes(WEIGHTS)
    models.settings.mirrors = [str(tmp_path / "disk")]
    try:
        shape, _ = models.catalogue()
        assert ended(models.install_online(shape)) is None
        assert server.requests == []
    finally:
        models.settings.mirrors = []


def damaged(path: Path, kind: str) -> Path:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("shape.ckpt", bytes(range(256)) * 40)
    data = bytearray(content.getvalue())
    directory = data.index(b"PK\1\2")
    if kind == "encrypted":
        data[6] |= 1
        data[directory + 8] |= 1
    elif kind == "of an unknown method":
        data[8:10] = data[directory + 10 : directory + 12] = struct.pack("<H", 99)
    elif kind == "of a later version":
        data[4] = data[directory + 6] = 99
    elif kind == "damaged":
        data[60:90] = b"\xff" * 30
    else:
        del data[len(data) // 2 :]
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", ["encrypted", "of an unknown method", "of a later version", "damaged", "cut"])
def test_zip_that_cannot_be_read_is_said_to_be_one(models: Any, tmp_path: Path, kind: str) -> None:
    shape, _ = models.catalogue()
    failure = ended(models.install_from(shape, damaged(tmp_path / "mine.zip", kind)))
    assert failure.code == "io" and "mine.zip' cannot be read as a zip" in failure.message and failure.hint
    assert ("encrypted" in failure.message) == (kind == "encrypted")
    assert not [path for path in (tmp_path / "models").glob("*") if path.name != "shape"]


def test_removed_model_is_gone(models: Any) -> None:
    shape, _ = models.catalogue()
    assert ended(models.install_online(shape)) is None
    models.remove(shape)
    assert states()["shape"] == "missing"


def test_package_tells_its_models() -> None:
    models = {model.name: model for model in relievo.models()}
    facts = json.loads((ROOT / "models" / "catalogue.json").read_text())["models"]
    assert list(models) == [model["name"] for model in facts]
    preview = models["preview"]
    assert (preview.embedded, preview.installed, preview.bytes) == (True, True, len(WEIGHTS))
    assert models["instant-mesh-large"].stages == ["reconstruct"]


# Inside Blender.


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("models_panel")
    (folder / "server" / "shape").mkdir(parents=True)
    (folder / "server" / "views").mkdir()
    (folder / "server" / "shape" / "shape.ckpt").write_bytes(WEIGHTS)
    server = WheelServer(folder / "server")
    preview = {**entry(server, "preview", ["u2netp.safetensors"], "foreground", url=None), "embedded": True}
    missing = entry(server, "views", ["views.ckpt"], "multiview", bytes=1234567890)
    missing |= {"licence": "CC-BY-NC-4.0", "licence_note": "Not to be sold.", "untried": True}
    entries = [preview, entry(server, "shape", ["shape.ckpt"], "reconstruct"), missing]
    (folder / "catalogue.json").write_text(json.dumps({"version": 1, "models": entries}))
    yield facts_of("models", folder)
    server.close()


def test_panel_offers_models_that_make_objects(panel: dict[str, Any]) -> None:
    assert panel["choices"] == [["preview", "CHECKMARK"], ["shape", "IMPORT"]]
    assert panel["default"] == "preview"


def test_panel_shows_what_the_chosen_model_needs(panel: dict[str, Any]) -> None:
    texts = panel["needed"]
    assert {"The model shape", "Download", "The model views", "Download (1.2 GB)"} <= set(texts)
    assert "The model views" not in panel["needed_with_own_views"]


def test_panel_asks_for_sizes_once_it_may_go_online(panel: dict[str, Any]) -> None:
    assert "Download" in panel["needed"]
    online, then = panel["sizes"]
    assert f"Download ({len(WEIGHTS) / 1e6:.0f} MB)" in then
    assert online == [False, True]


def test_panel_does_not_fetch_while_blender_is_offline(panel: dict[str, Any]) -> None:
    assert "may not go online" in panel["offline"]
    shown = panel["needed"]
    assert shown.count("Allow Online Access") == 1, "said once, before the buttons that are grey for it"
    assert shown.index("Allow Online Access") < shown.index("Download All of It")


def test_panel_fetches_a_model(panel: dict[str, Any]) -> None:
    assert panel["fetched"] == "['FINISHED']"
    assert panel["choices_then"] == [["preview", "CHECKMARK"], ["shape", "CHECKMARK"]]


def test_panel_offers_what_works_together_in_one_click(panel: dict[str, Any]) -> None:
    texts = " ".join(panel["needed"])
    assert "The model shape with The model views: 2 files, size unknown" in texts
    assert "The model shape with your own views: 1 file, size unknown" in texts
    assert panel["needed"].count("Download All of It") == 2


def test_panel_tells_licences_before_a_download(panel: dict[str, Any]) -> None:
    assert "License: CC-BY-NC-4.0. Not to be sold." in " ".join(panel["needed"])


def test_licence_that_was_not_accepted_is_said_and_nothing_is_fetched(panel: dict[str, Any]) -> None:
    assert "The license 'CC-BY-NC-4.0' of the model 'views' was not accepted." in panel["unaccepted"]
    assert "Not to be sold." in panel["asked"] and "I accept this" in panel["asked"]


def test_failure_to_fetch_is_shown(panel: dict[str, Any]) -> None:
    assert "Cannot fetch 'views.ckpt'" in panel["not_there"]
    assert any("views.ckpt" in text for text in panel["all"])


def test_panel_removes_and_imports_a_model(panel: dict[str, Any]) -> None:
    assert panel["removed"] == [["preview", "CHECKMARK"], ["shape", "IMPORT"]]
    assert panel["imported"] == [["preview", "CHECKMARK"], ["shape", "CHECKMARK"]]


def test_generating_with_a_missing_model_leads_to_the_setup(panel: dict[str, Any]) -> None:
    assert panel["mend"] == "setup"
