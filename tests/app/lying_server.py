"""A web server that lies in many ways, one a path: /NAME/m.safetensors.

A lie gets the request's handler and may write anything. Those of `CUT` are asked for the rest of a file whose first
50,000 bytes came from an honest reply that was cut off.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import pickle
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SIZE = 300_000
FIRST = 50_000  # bytes of the first reply, where it is cut
PAGE = b"<!DOCTYPE html><html><title>Log in to the hotel's network</title></html>"
VERSION = '"v1"'


def weights(size: int = SIZE, fill: int = 31) -> bytes:
    data = bytes(i * fill % 251 for i in range(size))
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header + data


BODY = weights()
OTHER = weights(fill=17)  # another version, as long


class Handler(BaseHTTPRequestHandler):
    server: LyingServer

    def log_message(self, *_: object) -> None:
        pass

    def reply(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        if length != -1:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def part(self, first: int, body: bytes, total: int = len(BODY), **headers: str) -> None:
        """A 206 that says so."""
        said = {"ETag": VERSION, "Content_Range": f"bytes {first}-{first + max(len(body), 1) - 1}/{total}"}
        self.reply(206, body, None, **{**said, **headers})

    def raw(self, content: bytes) -> None:
        self.wfile.write(content)
        self.wfile.flush()

    @property
    def first(self) -> int:
        """The first byte of the range that is asked for; 0 for the whole file."""
        return int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))

    def honest(self) -> None:
        first, tag = self.first, self.headers.get("If-Range", VERSION)
        if first >= len(BODY):
            self.reply(416, b"", Content_Range=f"bytes */{len(BODY)}")
        elif first and tag == VERSION:
            self.part(first, BODY[first:])
        else:
            self.reply(200, BODY, ETag=VERSION)

    def do_GET(self) -> None:
        name = self.path.split("/")[1]
        self.server.requests.append(self.path)
        with contextlib.suppress(OSError):  # the other side has given up
            if self.server.is_honest or name not in {**WHOLE, **CUT}:
                self.honest()
            elif name in WHOLE:
                WHOLE[name](self)
            elif not self.first and name not in self.server.begun:
                self.server.begun.add(name)
                self.reply(200, BODY[:FIRST], len(BODY), ETag=VERSION)
            else:
                CUT[name](self)
        self.close_connection = True


class LyingServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.is_honest = False
        self.begun: set[str] = set()  # whose first reply was given
        self.requests: list[str] = []

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}/m.safetensors"

    def handle_error(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def lying() -> Iterator[LyingServer]:
    server = LyingServer()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def _head(*lines: str) -> bytes:
    return "\r\n".join(("HTTP/1.1 200 OK", "Content-Type: application/octet-stream", *lines, "", "")).encode()


def _for_ever(handler: Handler, head: bytes, piece: bytes, seconds: float = 0.05) -> None:
    handler.raw(head)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        handler.raw(piece)
        time.sleep(seconds)


def _chunks(handler: Handler, *chunks: bytes) -> None:
    handler.raw(_head("Transfer-Encoding: chunked"))
    for chunk in chunks:
        handler.raw(b"%x\r\n%s\r\n" % (len(chunk), chunk))


def _reset(handler: Handler) -> None:
    handler.raw(_head(f"Content-Length: {len(BODY)}") + BODY[:1000])
    handler.connection.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER: closing resets the connection
    handler.connection.close()


class _Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise SystemExit('the pickle ran')",)


Lie = Callable[[Handler], None]

# These lie whatever is asked for.
WHOLE: dict[str, Lie] = {
    "log_in_page": lambda h: h.reply(200, PAGE, Content_Type="text/html"),
    "log_in_page_of_no_type": lambda h: h.reply(200, PAGE),
    "log_in_page_as_bytes": lambda h: h.reply(200, b"\n  " + PAGE, Content_Type="application/octet-stream"),
    "redirect_to_page": lambda h: h.reply(302, b"", Location="/log_in_page/in.html"),
    "redirect_for_ever": lambda h: h.reply(302, b"", Location=h.path),
    "redirect_to_ftp": lambda h: h.reply(302, b"", Location="ftp://127.0.0.1/m.safetensors"),
    "redirect_to_file": lambda h: h.reply(302, b"", Location="file:///etc/passwd"),
    "redirect_to_nowhere": lambda h: h.reply(302, b""),
    "redirect_to_nonsense": lambda h: h.reply(302, b"", Location="http://[:::]:x/%zz"),
    "empty": lambda h: h.reply(200, b""),
    "empty_chunked": lambda h: _chunks(h, b""),
    "empty_closed": lambda h: h.reply(200, b"", -1),
    "no_content_204": lambda h: h.reply(204, b""),
    "not_modified_304": lambda h: h.reply(304, b""),
    "gzip": lambda h: h.reply(200, gzip.compress(BODY), Content_Encoding="gzip"),
    "brotli_in_name_only": lambda h: h.reply(200, BODY, Content_Encoding="br"),
    "transfer_gzip": lambda h: h.raw(_head("Transfer-Encoding: gzip") + gzip.compress(BODY)),
    "part_not_asked_for": lambda h: h.part(0, BODY[:1000]),
    "whole_as_part": lambda h: h.part(0, BODY),
    "range_not_there_at_once": lambda h: h.reply(416, b"", Content_Range=f"bytes */{len(BODY)}"),
    "forbidden": lambda h: h.reply(403, PAGE, Content_Type="text/html"),
    "not_found": lambda h: h.reply(404, PAGE),
    "fault_for_ever": lambda h: h.reply(500, b"no"),
    "busy_for_ever": lambda h: h.reply(503, b"", Retry_After="100000"),
    "shorter_than_the_file": lambda h: h.reply(200, BODY[:-1000]),
    "length_too_small": lambda h: h.reply(200, BODY, len(BODY) - 1000),
    "length_too_large": lambda h: h.reply(200, BODY, len(BODY) + 1000),
    "length_negative": lambda h: h.raw(_head("Content-Length: -5") + BODY[:5000]),
    "length_enormous": lambda h: h.raw(_head("Content-Length: 9223372036854775807") + BODY),
    "two_lengths": lambda h: h.raw(_head("Content-Length: 5000", f"Content-Length: {len(BODY)}") + BODY[:5000]),
    "closed_early_without_length": lambda h: h.reply(200, BODY[:100_000], -1),
    "chunks_end_early": lambda h: _chunks(h, BODY[:100_000]),
    "chunk_of_no_size": lambda h: h.raw(_head("Transfer-Encoding: chunked") + b"xyz\r\n" + BODY[:1000]),
    "chunk_is_cut": lambda h: h.raw(_head("Transfer-Encoding: chunked") + b"fffff\r\n" + BODY[:1000]),
    "chunk_extensions_for_ever": lambda h: _for_ever(h, _head("Transfer-Encoding: chunked") + b"5", b";a=b"),
    "one_byte_at_a_time": lambda h: _for_ever(h, _head(f"Content-Length: {len(BODY)}"), b"x"),
    "headers_for_ever": lambda h: _for_ever(h, b"HTTP/1.1 200 OK\r\n", b"X-More: of this\r\n"),
    "header_without_end": lambda h: _for_ever(h, b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
    "continue_for_ever": lambda h: _for_ever(h, b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "silence": lambda h: _for_ever(h, b"", b""),
    "silence_after_header": lambda h: _for_ever(h, _head(f"Content-Length: {len(BODY)}"), b""),
    "status_of_nonsense": lambda h: h.raw(b"HTTP/1.1 xyz OK\r\n\r\n" + BODY),
    "no_http_at_all": lambda h: h.raw(BODY),
    "closes_at_once": lambda h: None,
    "resets_the_connection": _reset,
    "zeros": lambda h: h.reply(200, bytes(len(BODY))),
    "header_of_weights_cut": lambda h: h.reply(200, BODY[:40] + bytes(len(BODY) - 40)),
    "lfs_pointer": lambda h: h.reply(200, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"),
    "pickle_that_runs": lambda h: h.reply(200, pickle.dumps({"w": _Evil()}, protocol=2)),
}

# These lie when they are asked for the rest.
CUT: dict[str, Lie] = {
    "shifted_part": lambda h: h.part(FIRST + 7, BODY[FIRST + 7 :]),
    "part_from_the_beginning": lambda h: h.part(0, BODY),
    "shorter_part": lambda h: h.part(h.first, BODY[h.first : h.first + 80_000]),
    "longer_part_than_said": lambda h: h.part(
        h.first, BODY[h.first :] + b"more", Content_Range=f"bytes {h.first}-{len(BODY) - 1}/{len(BODY)}"
    ),
    "empty_part": lambda h: h.part(h.first, b""),
    "part_without_range": lambda h: h.reply(206, BODY[FIRST:], ETag=VERSION),
    "part_of_a_backward_range": lambda h: h.part(h.first, BODY[FIRST:], Content_Range=f"bytes {FIRST}-5/{len(BODY)}"),
    "part_of_numbers_too_large": lambda h: h.part(h.first, BODY[FIRST:], Content_Range=f"bytes {FIRST}-{'9' * 30}/*"),
    "part_of_another_total": lambda h: h.part(h.first, BODY[h.first :], len(BODY) + 1000),
    "part_of_another_version": lambda h: h.part(h.first, OTHER[h.first :], ETag='"v2"'),
    "parts_at_once": lambda h: h.reply(
        206, b"--X\r\n\r\n" + BODY[FIRST:] + b"\r\n--X--", Content_Type="multipart/byteranges; boundary=X"
    ),
    "empty_whole": lambda h: h.reply(200, b"", ETag=VERSION),
    "no_content_after_cut": lambda h: h.reply(204, b""),
    "page_after_cut": lambda h: h.reply(200, PAGE, Content_Type="text/html"),
    "coded_after_cut": lambda h: h.reply(200, gzip.compress(BODY), Content_Encoding="gzip"),
    "range_not_there": lambda h: h.reply(416, b"", Content_Range="bytes */10"),
    "range_not_there_of_nothing": lambda h: h.reply(416, b""),
    "gone_after_cut": lambda h: h.reply(404, b""),
    "slow_after_cut": lambda h: _for_ever(h, _head(f"Content-Length: {len(BODY)}"), b""),
}

# After these, the bytes that came before are still there for the next try.
KEPT = {
    "shifted_part",
    "part_without_range",
    "parts_at_once",
    "empty_part",
    "empty_whole",
    "no_content_after_cut",
    "page_after_cut",
    "coded_after_cut",
    "gone_after_cut",
    "slow_after_cut",
}
# With these, the file comes in the end, because nothing that it consists of is untrue.
TRUE_AFTER_ALL = {"shorter_part"}
# These run in every run of the tests; the others run with RELIEVO_ALL_LIES=1 (`make test-downloads`).
SMALL = {
    "log_in_page",
    "log_in_page_as_bytes",
    "empty",
    "gzip",
    "redirect_to_file",
    "chunk_extensions_for_ever",
    "zeros",
    "shifted_part",
    "shorter_part",
    "part_of_another_version",
    "empty_whole",
    "page_after_cut",
}
