"""A server of made-up wheels, which can be told to misbehave."""

from __future__ import annotations

import hashlib
import threading
import time
import zipfile
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def write_wheel(path: Path, members: Mapping[str, bytes | Path]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if isinstance(content, Path):
                archive.write(content, name)
            else:
                archive.writestr(name, content)


class WheelServer:
    """Serves the files of a folder on this machine, with ranges as the real one does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ranges: list[str | None] = []  # of the requests
        self.cut_after: int | None = None  # bytes of an answer, after which the connection ends
        self.answers_left: int | None = None  # after so many, nobody is answered any more
        self.knows_ranges = True
        self.seconds_a_chunk = 0.0
        self.requests: list[str] = []  # HEAD /name
        self.linked_size = ""  # which the redirect tells, too
        self.linked_digest = ""  # which a redirect tells, as huggingface.co does
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server._answer(self)

            def do_HEAD(self) -> None:
                server._answer(self)

            def log_message(self, *words: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def facts(self, name: str) -> dict[str, Any]:
        """A wheel as it stands in runtimes.json."""
        content = (self.folder / name).read_bytes()
        return {"url": self.url(name), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{name}"

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        if self.answers_left is not None:
            if self.answers_left == 0:
                request.close_connection = True
                return
            self.answers_left -= 1
        self.requests.append(f"{request.command} {request.path}")
        if self.linked_digest and not request.path.endswith("?linked"):
            request.send_response(302)
            request.send_header("Location", f"{request.path}?linked")
            request.send_header("X-Linked-ETag", f'"{self.linked_digest}"')
            if self.linked_size:
                request.send_header("X-Linked-Size", self.linked_size)
            request.end_headers()
            return
        asked = request.headers.get("Range")
        if request.command == "GET":
            self.ranges.append(asked)
        path = urlsplit(request.path).path  # of a whole address, where it stands in as a proxy
        file = self.folder / path[1:]
        if not file.exists():
            request.send_error(404)
            return
        content = file.read_bytes()
        version = f'"{hashlib.md5(content).hexdigest()}"'
        if request.headers.get("If-Range", version) != version:
            asked = None
        begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.knows_ranges else 0
        if begin >= len(content) > 0:
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(content)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(206 if begin else 200)
        if begin:
            request.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        request.send_header("ETag", version)
        request.send_header("Content-Length", str(len(content) - begin))
        request.end_headers()
        if request.command == "HEAD":
            return
        content = content[begin:][: self.cut_after]
        for start in range(0, len(content), 1 << 20):
            try:
                request.wfile.write(content[start : start + (1 << 20)])
            except ConnectionError:  # the other side has cancelled
                return
            time.sleep(self.seconds_a_chunk)
