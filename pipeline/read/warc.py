"""Web archives: the pages of one .warc file, packed or not, each a document; a broken record is one as well.

warcio reads headers and chunked bodies. Cutting the file into records is ours, because readers go wrong without a word:
a length beyond the end of a record, or an archive that was cut off, is a short record to them, and one broken record
the end of the file. Here each record must have its length, the two line ends behind it, and the digest that it tells;
where one has not, the search goes on for the next, and what is in memory at a time is one record.
"""

import base64
import binascii
import codecs
import hashlib
import io
import re
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from pipeline.read.limits import MAX_DOCUMENT, MAX_HEADER, RejectedError
from pipeline.read.packed import CHUNK, refuse_bomb, whole

_DOCUMENTS = ("response", "resource", "conversion")
"""Types of record that hold a document; the others tell of the crawl, of another record, or nothing new."""
_KINDS = {"text/html": "html", "application/xhtml+xml": "html", "text/plain": "text"}
_MAX_TRIES = 10_000  # places at which a record is looked for behind a broken one

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"(?im)^content-length:[ \t]{0,9}([0-9]{1,15})[ \t]{0,9}\r?$")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?=T|$)")
_CHARSET = re.compile(r"charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_PACK = re.compile(rb"\x1f\x8b\x08")
_RECORD = re.compile(rb"WARC/[01]\.[0-9]{1,2}\r?\n")
_MARK = 256  # bytes in which the beginning of a record, packed or not, can be told


def documents(file: BinaryIO, *, packed: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """The documents of an archive: the place of each in the file, and its content or rejection, format and facts.

    The place is the offset of the record in bytes; of a record inside a pack with several, the offset of the pack and,
    behind a dot, that in what it unpacks to. `file` can be sought in.
    """
    for place, record in _records(file, packed):
        try:
            if isinstance(record, RejectedError):
                raise record
            found = _document(*record)
        except RejectedError as refused:
            found = {"format": "other", "rejected": refused.reason, "rejected_detail": refused.detail}
        if found:
            yield place, found


def _document(header: bytes, block: bytes) -> dict[str, Any] | None:
    """What a record is as a raw row; None for one that holds no document. Raises RejectedError."""
    told = _headers(header, "WARC/")
    if told["warc-type"] not in _DOCUMENTS:
        return None
    _refuse_digest(told.get("warc-block-digest"), block)
    if "warc-truncated" in told:
        raise RejectedError("bad_warc", f"the crawler cut the record off: {told['warc-truncated'][:40]}")
    url = told.get("warc-target-uri", "").strip("<>")
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise RejectedError("bad_warc", f"no address: {error}") from error
    day = _DAY.match(told.get("warc-date", ""))
    facts = {"url": url or None, "outlet": host and host.removeprefix("www."), "collected": day and day[0]}
    facts["site"] = f"{parts.scheme}://{parts.netloc}/" if host else None
    body, http = block, told
    if told["warc-type"] == "response" and parts.scheme in ("http", "https"):
        end = _HEADER_END.search(block, 0, MAX_HEADER)
        if not end:
            raise RejectedError("bad_warc", "a response without the header of one")
        http = _headers(block[: end.end()], "HTTP/")
        body = block[end.end() :]
        if http[""] != "200":
            raise RejectedError("not_served", f"the server answered {http['']}")
        body = _unpacked(body, http)
    mime = http.get("content-type", "text/html").partition(";")[0].strip().lower()
    if mime not in _KINDS:
        raise RejectedError("unsupported_format", f"content of type {mime[:80]} is not read")
    return {
        "format": _KINDS[mime],
        "content": body,
        "encoding": _encoding(body, http.get("content-type", "")),
    } | facts


def _headers(source: bytes, protocol: str) -> dict[str, str]:
    """Header fields by their names in lower case, the first of each; under "" the status of an answer."""
    from warcio.statusandheaders import StatusAndHeadersParser, StatusAndHeadersParserException

    try:
        found = StatusAndHeadersParser([protocol]).parse(io.BytesIO(source))
    except (StatusAndHeadersParserException, EOFError, ValueError) as error:
        raise RejectedError("bad_warc", f"no header of {protocol[:-1]}: {str(error)[:80]!r}") from error
    fields = {"": "".join(found.statusline.split()[1:2]), "warc-type": ""}
    for name, value in reversed(found.headers):
        fields[name.lower()] = value.strip()
    return fields


def _refuse_digest(told: str | None, block: bytes) -> None:
    """Raise RejectedError when a record does not have the digest that it tells; of kinds that we know."""
    algorithm, _, value = (told or "").partition(":")
    algorithm = algorithm.lower().replace("-", "")
    if algorithm not in ("md5", "sha1", "sha256", "sha512"):
        return
    digest = hashlib.new(algorithm, block, usedforsecurity=False).digest()
    if value.lower() == digest.hex():
        return
    try:
        same = base64.b32decode(value.upper()) == digest
    except (binascii.Error, ValueError):
        same = False
    if not same:
        raise RejectedError("bad_warc", f"the record does not have the digest that it tells, {value[:64]!r}")


def _unpacked(body: bytes, http: dict[str, str]) -> bytes:
    """The body of an answer without chunks and packing, as far as it still has them: archives often take them away."""
    from warcio.bufferedreaders import ChunkedDataReader

    if http.get("transfer-encoding", "").lower() == "chunked":
        body = ChunkedDataReader(io.BytesIO(body)).read()
    packing = http.get("content-encoding", "").lower()
    if packing in ("gzip", "x-gzip", "deflate") and body[:1] in (b"\x1f", b"\x78"):
        body = whole(_inflated(body))
    elif packing not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise RejectedError("unsupported_format", f"content packed with {packing[:40]} is not read")
    if len(body) > MAX_DOCUMENT:
        raise RejectedError("too_large", f"more than {MAX_DOCUMENT} bytes")
    return body


def _inflated(body: bytes) -> Iterator[bytes]:
    unpacker, total, rest = zlib.decompressobj(47), 0, body
    while not unpacker.eof:
        try:
            part = unpacker.decompress(rest, CHUNK)
        except zlib.error as error:
            raise RejectedError("bad_gzip", f"after {total} bytes: {error}") from error
        rest = unpacker.unconsumed_tail
        total += len(part)
        refuse_bomb(total, len(body))
        if not part and not rest and not unpacker.eof:
            raise RejectedError("bad_gzip", f"after {total} bytes: cut off")
        yield part


def _encoding(body: bytes, content_type: str) -> str | None:
    """The encoding that the server tells, where the bytes are no UTF-8 and it decodes them."""
    from pipeline.read.facts import codec_name

    told = _CHARSET.search(content_type)
    name = codec_name(told[1]) if told else None
    if name in ("iso8859-1", "ascii"):
        name = "cp1252"  # as browsers do
    for codec in filter(None, ("utf-8", name)):
        try:
            codecs.decode(body, codec)
        except UnicodeError:
            continue
        return None if codec == "utf-8" else codec
    return None


def _records(file: BinaryIO, packed: bool) -> Iterator[tuple[str, tuple[bytes, bytes] | RejectedError]]:
    """Place, header and block of each record; what is wrong instead of a broken one."""
    at = _past_padding(file, 0)
    while at is not None:
        stream = _Stream(file, at, packed)
        while True:
            start = stream.at
            place = f"{at}.{start}" if packed and start else str(at + start)
            try:
                record = stream.record()
            except RejectedError as refused:
                yield place, refused
                if not stream.recover(refused):
                    break
                continue
            if record is None:
                break
            yield place, record
        if not packed:
            return
        at = _next_pack(file, at + 1) if stream.end is None else _past_padding(file, stream.end)


class _Stream:
    """Records one after the other, from a place of a file to the end of the pack that begins there, or of the file.

    Attributes:
        at: bytes handed out so far.
        end: where in the file the pack ends; None as long as that is not known.
    """

    def __init__(self, file: BinaryIO, start: int, packed: bool) -> None:
        self.at = 0
        self.end: int | None = None
        self._file = file
        self._start = start
        self._unpacker = zlib.decompressobj(31) if packed else None
        self._total = 0  # bytes unpacked so far
        self._packed = b""
        self._held = b""
        self._taken: list[bytes] = []  # of the record that is being read
        file.seek(start)

    def record(self) -> tuple[bytes, bytes] | None:
        """Header and block of the next record; None behind the last. Raises RejectedError."""
        self._taken = []
        while not (end := _HEADER_END.search(self._held, 0, MAX_HEADER)) and len(self._held) < MAX_HEADER:
            if not self._more():
                break
        if not self._held:
            return None
        if not _RECORD.match(self._held):
            raise RejectedError("bad_warc", f"no record begins here: {self._held[:20]!r}")
        if not end:
            raise RejectedError("bad_warc", "a header without an end")
        header = self._take(end.end())
        lengths = _LENGTH.findall(header)
        if len(lengths) != 1:
            raise RejectedError("bad_warc", f"a header with {len(lengths)} lengths")
        length = int(lengths[0])
        if length > MAX_DOCUMENT + MAX_HEADER:
            raise RejectedError("too_large", f"a record of {length} bytes")
        block = self._take(length)
        if len(block) < length:
            raise RejectedError("bad_warc", f"cut off: {len(block)} of {length} bytes")
        behind = self._take(4)
        if behind != b"\r\n\r\n":
            raise RejectedError("bad_warc", f"{length} bytes, as it tells, are not its length")
        return header, block

    def recover(self, refused: RejectedError) -> bool:
        """Go to the next record behind the beginning of one that was refused; False when there is none in this pack."""
        if self._unpacker and refused.reason in ("too_large", "bomb"):
            return False  # whatever it would unpack to
        taken = b"".join(self._taken)
        self.at -= len(taken)
        self._held = taken + self._held
        while not (found := _RECORD.search(self._held, 1)):  # not the one that was refused
            gone = max(len(self._held) - _MARK, 0)
            self.at, self._held = self.at + gone, self._held[gone:]
            try:
                if not self._more():
                    return False
            except RejectedError:  # the same that was told
                return False
        self.at, self._held = self.at + found.start(), self._held[found.start() :]
        return True

    def _take(self, count: int) -> bytes:
        parts = [self._held]
        held = len(self._held)
        while held < count:
            self._held = b""
            if not self._more():
                break
            parts.append(self._held)
            held += len(self._held)
        whole = b"".join(parts)
        taken, self._held = whole[:count], whole[count:]
        self.at += len(taken)
        self._taken.append(taken)
        return taken

    def _more(self) -> bool:
        """Hold more; False when there is none. Raises RejectedError."""
        if self._unpacker is None:
            chunk = self._file.read(CHUNK)
            self._held += chunk
            return bool(chunk)
        if self._unpacker.eof:
            return False
        packed = self._packed or self._file.read(CHUNK)
        try:
            chunk = self._unpacker.decompress(packed, CHUNK)
        except zlib.error as error:
            raise RejectedError("bad_warc", f"the pack is broken: {error}") from error
        self._packed = self._unpacker.unconsumed_tail
        if self._unpacker.eof:
            self.end = self._file.tell() - len(self._unpacker.unused_data)
        elif not packed:
            raise RejectedError("bad_warc", "cut off inside a pack")
        self._held += chunk
        self._total += len(chunk)
        refuse_bomb(self._total, self._file.tell() - self._start)
        return True


def _past_padding(file: BinaryIO, at: int) -> int | None:
    """The first place from there on that is no zero byte; None when the file has none."""
    file.seek(at)
    while chunk := file.read(CHUNK):
        if rest := chunk.lstrip(b"\0"):
            return at + len(chunk) - len(rest)
        at += len(chunk)
    return None


def _next_pack(file: BinaryIO, at: int) -> int | None:
    """Where from a place on the next pack begins that holds a record; None when none does."""
    file.seek(at)
    held, tries = b"", 0
    while chunk := file.read(CHUNK):
        held += chunk
        for match in _PACK.finditer(held):
            if _begins(held[match.start() : match.start() + _MARK]):
                return at + match.start()
            tries += 1
            if tries > _MAX_TRIES:
                return None
        gone = max(len(held) - _MARK, 0)
        at, held = at + gone, held[gone:]
    return None


def _begins(pack: bytes) -> bool:
    try:
        return zlib.decompressobj(31).decompress(pack, 16).startswith(b"WARC/")
    except zlib.error:
        return False
