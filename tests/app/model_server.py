"""A web server for downloads that can misbehave in the ways that real ones do."""

from __future__ import annotations

import hashlib
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Behaviour:
    """The way in which one file is served."""

    content: bytes
    etag: str | None = '"v1"'
    break_after: list[int] = field(default_factory=list)  # of each next reply: bytes until the connection breaks
    statuses: list[int] = field(default_factory=list)  # of each next reply, instead of the file
    ignores_range: bool = False
    claims_bytes: int | None = None  # in Content-Length
    sends_extra: bytes = b""  # behind the file, without announcing a length
    redirect_to: str | None = None
    linked_etag: str | None = None  # huggingface.co's digest, told in the redirect
    repo_commit: str | None = None  # huggingface.co's revision, told in every reply
    seconds_a_block: float = 0
    wrong_range: bool = False  # claims another first byte than it was asked for


@dataclass
class Request:
    path: str
    range: str | None
    if_range: str | None


class ModelServer:
    def __init__(self, certificates: Path | None = None) -> None:
        """Over TLS with a key and certificate of its own, which are written into the file `certificates`."""
        self.files: dict[str, Behaviour] = {}
        self.requests: list[Request] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                owner.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates, write_certificate(certificates))
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
            scheme = "https"
        self.address = f"{scheme}://127.0.0.1:{self.http.server_address[1]}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked, condition = handler.headers.get("Range"), handler.headers.get("If-Range")
        self.requests.append(Request(handler.path, asked, condition))
        handler.close_connection = True
        behaviour = self.files.get(handler.path)
        status = behaviour.statuses.pop(0) if behaviour and behaviour.statuses else 200 if behaviour else 404
        if status != 200 or behaviour is None:
            page = b"<html>no</html>"
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(page)))
            handler.end_headers()
            handler.wfile.write(page)
            return
        if behaviour.redirect_to:
            handler.send_response(302)
            handler.send_header("Location", behaviour.redirect_to)
            if behaviour.linked_etag:
                handler.send_header("X-Linked-ETag", f'"{behaviour.linked_etag}"')
            if behaviour.repo_commit:
                handler.send_header("X-Repo-Commit", behaviour.repo_commit)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        self.send_file(handler, behaviour, asked, condition)

    def send_file(
        self, handler: BaseHTTPRequestHandler, behaviour: Behaviour, asked: str | None, condition: str | None
    ) -> None:
        total, first = len(behaviour.content), 0
        is_same = condition is None or condition == behaviour.etag
        if asked and is_same and not behaviour.ignores_range:
            first = int(asked.removeprefix("bytes=").removesuffix("-"))
            if first >= total:
                handler.send_response(416)
                handler.send_header("Content-Range", f"bytes */{total}")
                handler.send_header("Content-Length", "0")
                handler.end_headers()
                return
            handler.send_response(206)
            claimed = 0 if behaviour.wrong_range else first
            handler.send_header("Content-Range", f"bytes {claimed}-{total - 1}/{total}")
        else:
            handler.send_response(200)
        body = behaviour.content[first:] + behaviour.sends_extra
        if not behaviour.sends_extra:
            handler.send_header("Content-Length", str(behaviour.claims_bytes or len(body)))
        if behaviour.etag:
            handler.send_header("ETag", behaviour.etag)
        if behaviour.repo_commit:
            handler.send_header("X-Repo-Commit", behaviour.repo_commit)
        handler.end_headers()
        if behaviour.break_after:
            body = body[: behaviour.break_after.pop(0)]
        for at in range(0, len(body), 1 << 16):
            try:
                handler.wfile.write(body[at : at + (1 << 16)])
            except OSError:  # the other side was killed
                return
            time.sleep(behaviour.seconds_a_block)

    def ranges(self) -> list[str | None]:
        return [request.range for request in self.requests]


def write_certificate(file: Path) -> Path:
    """Writes a certificate for 127.0.0.1, signed by itself; returns the file of its key."""
    key = file.with_suffix(".key")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(file)]
    subprocess.run([*command, *more], check=True, capture_output=True)
    return key


@contextmanager
def serving(certificates: Path | None = None) -> Iterator[ModelServer]:
    server = ModelServer(certificates)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        thread.join()
        server.http.server_close()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
