"""Who made a picture, and on which terms it may be used, as its file says: Exif, XMP, and PNG's texts. Knows nothing of
Blender."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape

_ARTIST, _COPYRIGHT = 0x013B, 0x8298  # tags of TIFF
_ASCII = 2
_XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
_MOST_ENTRIES = 1000
_MOST_LETTERS = 500  # of a name: a file may hold anything


@dataclass(frozen=True)
class Credits:
    author: str = ""
    licence: str = ""

    def over(self, other: Credits) -> Credits:
        """Returns these, and the other's where there is none."""
        return Credits(self.author or other.author, self.licence or other.licence)


def of_picture(data: bytes) -> Credits:
    """Reads a JPEG, PNG, WebP or TIFF file; of any other, and where nothing is said, both texts are empty."""
    found = Credits()
    try:
        for kind, part in _parts(data):
            found = found.over(of_exif(part) if kind == "exif" else of_xmp(part) if kind == "xmp" else _of_text(part))
    except (struct.error, IndexError, zlib.error):  # a file that is cut short or damaged
        pass
    return found


def _parts(data: bytes) -> Iterator[tuple[str, bytes]]:
    if data.startswith(b"\xff\xd8"):
        yield from _parts_of_jpeg(data)
    elif data.startswith(b"\x89PNG\r\n\x1a\n"):
        yield from _parts_of_png(data)
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        place = 12
        while place + 8 <= len(data):
            kind, size = struct.unpack_from("<4sI", data, place)
            part = data[place + 8 : place + 8 + size]
            if kind in (b"EXIF", b"XMP "):
                yield kind.decode().strip().lower(), part
            place += 8 + size + size % 2
    elif data[:4] in (b"II*\0", b"MM\0*"):
        yield "exif", data


def _parts_of_jpeg(data: bytes) -> Iterator[tuple[str, bytes]]:
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker, size = data[place + 1], struct.unpack_from(">H", data, place + 2)[0]
        if marker == 0xDA:  # the pixels
            return
        part = data[place + 4 : place + 2 + size]
        if marker == 0xE1 and part.startswith(b"Exif\0\0"):
            yield "exif", part[6:]
        elif marker == 0xE1 and part.startswith(_XMP_IN_JPEG):
            yield "xmp", part[len(_XMP_IN_JPEG) :]
        place += 2 + size


def _parts_of_png(data: bytes) -> Iterator[tuple[str, bytes]]:
    place = 8
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        part = data[place + 8 : place + 8 + size]
        if kind == b"eXIf":
            yield "exif", part
        elif kind == b"tEXt":
            yield "text", part
        elif kind == b"iTXt":
            key, _, rest = part.partition(b"\0")
            text = rest[2:].split(b"\0", 2)[2]
            if rest[0] == 1:
                text = zlib.decompressobj().decompress(text, 1 << 20)
            yield ("xmp", text) if key == b"XML:com.adobe.xmp" else ("text", key + b"\0" + text)
        place += 12 + size


def of_exif(data: bytes) -> Credits:
    """Reads the first directory of a TIFF file, which is what Exif is."""
    order = "<" if data[:2] == b"II" else ">"
    (place,) = struct.unpack_from(f"{order}I", data, 4)
    (entries,) = struct.unpack_from(f"{order}H", data, place)
    found = {}
    for i in range(min(entries, _MOST_ENTRIES)):
        tag, kind, count = struct.unpack_from(f"{order}HHI", data, place + 2 + 12 * i)
        if tag not in (_ARTIST, _COPYRIGHT) or kind != _ASCII:
            continue
        start = place + 2 + 12 * i + 8
        if count > 4:
            (start,) = struct.unpack_from(f"{order}I", data, start)
        # A copyright may be two texts, the photographer's and the editor's, with a zero in between.
        found[tag] = _told(data[start : start + count].split(b"\0")[0])
    return Credits(found.get(_ARTIST, ""), found.get(_COPYRIGHT, ""))


def of_xmp(data: bytes) -> Credits:
    """Reads the creator, and the licence: its address, else the terms of use, else the rights."""
    author = _first(rb"<dc:creator>.*?<rdf:li[^>]*>(.*?)</rdf:li>", data)
    licence = (
        _first(rb"cc:license[^>]*?rdf:resource\s*=\s*[\"']([^\"']*)", data)
        or _first(rb"<xmpRights:UsageTerms>.*?<rdf:li[^>]*>(.*?)</rdf:li>", data)
        or _first(rb"<dc:rights>.*?<rdf:li[^>]*>(.*?)</rdf:li>", data)
    )
    return Credits(author, licence)


def _of_text(data: bytes) -> Credits:
    key, _, text = data.partition(b"\0")
    if key == b"Author":
        return Credits(author=_told(text))
    return Credits(licence=_told(text)) if key in (b"Copyright", b"License") else Credits()


def _first(pattern: bytes, data: bytes) -> str:
    found = re.search(pattern, data[: 1 << 20], re.DOTALL)
    return unescape(_told(found.group(1))) if found else ""


def _told(text: bytes) -> str:
    """Decodes a text of any origin into one line."""
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        decoded = text.decode("latin-1")
    return " ".join(decoded.replace("\0", " ").split())[:_MOST_LETTERS]
