"""Bytes of one file: as they are or unpacked, whole or by lines, never more of them in memory than a document has."""

import gzip
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from pipeline.read.limits import MAX_DOCUMENT, MAX_EXPANDED, MAX_RATIO, RATIO_FROM, RejectedError

CHUNK = 1 << 18


def chunks(file: BinaryIO, size: int, *, packed: bool) -> Iterator[bytes]:
    """The content of a file of `size` bytes, unpacked when it is a gzip file. Raises RejectedError when that is none,
    is cut off, or is a bomb.
    """
    if not packed:
        yield from iter(lambda: file.read(CHUNK), b"")
        return
    total = 0
    with gzip.GzipFile(fileobj=file) as stream:
        while True:
            try:
                chunk = stream.read(CHUNK)
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise RejectedError("bad_gzip", f"after {total} bytes: {error}") from error
            if not chunk:
                return
            total += len(chunk)
            refuse_bomb(total, size)
            yield chunk


def refuse_bomb(expanded: int, size: int) -> None:
    """Raise RejectedError when what has `size` bytes has become too many."""
    if expanded > MAX_EXPANDED:
        raise RejectedError("bomb", f"expands to more than {MAX_EXPANDED} bytes; store it in parts")
    if expanded > RATIO_FROM and expanded > MAX_RATIO * size:
        raise RejectedError("bomb", f"expands to more than {MAX_RATIO} times its size")


def whole(parts: Iterator[bytes]) -> bytes:
    """All of it; raises RejectedError when that is more than a document has."""
    content = bytearray()
    for part in parts:
        content += part
        if len(content) > MAX_DOCUMENT:
            raise RejectedError("too_large", f"more than {MAX_DOCUMENT} bytes")
    return bytes(content)


def lines(parts: Iterator[bytes]) -> Iterator[bytes | None]:
    """Lines with their ends, in memory of one line; None for one beyond the limit."""
    held = bytearray()
    too_long = False
    for part in parts:
        *ended, rest = part.split(b"\n")
        for line in ended:
            held += line
            yield None if too_long or len(held) > MAX_DOCUMENT else bytes(held)
            held.clear()
            too_long = False
        held += rest
        if len(held) > MAX_DOCUMENT:
            held.clear()
            too_long = True
    if held or too_long:
        yield None if too_long else bytes(held)
