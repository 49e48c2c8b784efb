"""A folder of raw texts in, one raw row per document out: nothing is decoded, nothing is lost.

Read are `.txt`, `.html`, `.htm` (a document a file) and `.jsonl` (a document a line), each also as `.gz`. Any other
file is a rejected row; only `source.toml`, the folder's own `aliases.toml` (read by `link.aliases`) and what has a name
that starts with a dot are no input.

`source.toml` tells facts about the files beside it and below; the nearest one wins, key by key. Its keys, all optional:

    outlet        name of the outlet
    url           address of the outlet; in a file's own table the address of that document
    licence       SPDX identifier or name of the licence
    language      BCP 47 code
    encoding      name of a Python codec; without it the encoding is told from the bytes
    publish_text  whether the package may hold the cleaned text (true when not told)
    published     day of publication, EDTF or TOML date; in a file's own table as a rule
    author        byline
    collected     day on which the texts were collected, as `published`
    [files."name.txt"]  the same keys and `title` for one file, its path as seen from this source.toml
"""

import codecs
import datetime
import gzip
import os
import re
import stat
import tomllib
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin

import pyarrow as pa

from pipeline.annotate.dates import edtf
from pipeline.errors import SchemaError, StoreError

MAX_DOCUMENT = 20_000_000
"""Bytes of one document after decompression. A long report has under 1 MB; what is larger is data or an attack."""
MAX_EXPANDED = 100_000_000
"""Bytes that one .gz file may expand to."""
MAX_RATIO = 200
"""Times its own size that a .gz file may expand to, once past `_RATIO_FROM`. Text reaches 3 to 10, deflate's limit is
1032."""
_RATIO_FROM = 1_000_000
_CHUNK = 1 << 18

RAW = pa.schema(
    [
        ("source", pa.string()),  # as in documents, like all that bears a name from there
        ("format", pa.string()),
        ("content", pa.binary()),  # the document after decompression; a line without its end; null when not read
        ("rejected", pa.string()),
        ("rejected_detail", pa.string()),
        ("outlet", pa.string()),
        ("site", pa.string()),  # address of the outlet, against which an address in the document is resolved
        ("url", pa.string()),
        ("title", pa.string()),
        ("byline", pa.string()),
        ("published", pa.string()),
        ("language", pa.string()),
        ("licence", pa.string()),
        ("encoding", pa.string()),  # declared codec; null when not declared
        ("publish_text", pa.bool_()),
        ("collected", pa.string()),
    ]
)

Row = dict[str, Any]

LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}", re.ASCII)
_FORMATS = {".txt": "text", ".html": "html", ".htm": "html", ".jsonl": "jsonl"}
_TEXT_KEYS = ("outlet", "url", "licence", "language", "encoding", "author")
_DATE_KEYS = ("published", "collected")
_KEYS = {*_TEXT_KEYS, *_DATE_KEYS, "publish_text"}
# A byte of these cannot be led back to one place of the text, because what it means depends on the bytes before it.
_STATEFUL = re.compile(r"iso2022.*|hz|utf_?7|idna|punycode|.*unicode_escape|undefined|mbcs|oem")


def read(folder: Path) -> Iterator[Row]:
    """The raw rows of all documents below `folder`, keys as in `RAW`, ordered by path and line; files are read one by
    one.

    Raises, before the first row, SchemaError for a wrong source.toml and StoreError when `folder` cannot be listed.
    """
    root = Path(os.path.realpath(folder))
    if not root.is_dir():
        raise StoreError(f"{folder} is no folder; name one that holds .txt, .html or .jsonl files.")
    entries, facts = _walk(root)
    return _rows(root, entries, facts)


def codec_name(encoding: str) -> str | None:
    """Name of the codec that decodes it and gives the bytes back; None when there is none of that kind.

    A byte order mark stays in the text as its first character, so `utf-8-sig` is `utf-8` and `utf-16` is `utf-16-le`,
    the order that files without a mark have in practice.
    """
    try:
        codec = codecs.lookup(encoding)
        "".encode(encoding)  # refuses codecs that do not lead from text to bytes, such as hex and rot13
    except (LookupError, ValueError):
        return None
    name = codec.name.replace("-", "_")
    if _STATEFUL.fullmatch(name):
        return None
    return {"utf_8_sig": "utf-8", "utf_16": "utf-16-le", "utf_32": "utf-32-le"}.get(name, codec.name)


def _walk(root: Path) -> tuple[list[tuple[str, OSError | None]], dict[str, Mapping[str, Any]]]:
    """Paths of all inputs from `root`, sorted, with the error of a folder that cannot be listed; facts by folder."""
    entries: list[tuple[str, OSError | None]] = []
    facts: dict[str, Mapping[str, Any]] = {}
    waiting = [""]
    while waiting:
        place = waiting.pop()
        try:
            found = sorted(os.scandir(root / place), key=lambda entry: entry.name)
        except OSError as error:
            if not place:
                raise StoreError(f"{root} cannot be listed: {error.strerror}.") from error
            entries.append((place, error))
            continue
        for entry in found:
            path = os.path.join(place, entry.name)
            if entry.name == "source.toml":
                facts[place] = _facts(root, path)
            elif not entry.name.startswith(".") and path != "aliases.toml":
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                else:
                    entries.append((path, None))
    return sorted(entries, key=lambda entry: entry[0]), facts


def _rows(
    root: Path, entries: list[tuple[str, OSError | None]], facts: Mapping[str, Mapping[str, Any]]
) -> Iterator[Row]:
    for path, error in entries:
        name = path.lower().removesuffix(".gz")
        row: Row = dict.fromkeys(RAW.names)
        row["source"] = os.fsencode(path).decode("utf-8", "backslashreplace").replace(os.sep, "/")
        row["format"] = _FORMATS.get(os.path.splitext(name)[1], "other")
        row |= _facts_of(path, facts)
        if error:
            yield row | {"format": "other", "rejected": "unreadable", "rejected_detail": f"folder: {error.strerror}"}
            continue
        line = used = 0
        try:
            for line, content in enumerate(_contents(root, path, row["format"]), start=1):
                if row["format"] != "jsonl":
                    yield row | {"content": content}
                elif content is None:
                    yield row | {
                        "source": f"{row['source']}#{line}",
                        "rejected": "line_too_long",
                        "rejected_detail": f"more than {MAX_DOCUMENT} bytes",
                    }
                elif content.strip():
                    yield row | {
                        "source": f"{row['source']}#{line}",
                        "content": content.removesuffix(b"\n").removesuffix(b"\r"),
                    }
                else:
                    continue  # an empty line is no record
                used += 1
            if not used:
                yield row | {"content": b""}
        except RejectedError as refused:
            if line:  # what follows the last line that was read
                row["source"] += f"#{line + 1}"
            yield row | {"rejected": refused.reason, "rejected_detail": refused.detail}


def _facts_of(path: str, facts: Mapping[str, Mapping[str, Any]]) -> Row:
    """What the files source.toml from the root down to the file's folder tell about it."""
    told: dict[str, Any] = {}
    own: dict[str, Any] = {}
    parts = path.split(os.sep)
    for depth in range(len(parts)):
        here = facts.get(os.sep.join(parts[:depth]), {})
        told |= {key: value for key, value in here.items() if key != "files"}
        own |= here.get("files", {}).get("/".join(parts[depth:]), {})
    site = told.pop("url", None)
    told |= own
    return {
        "outlet": told.get("outlet"),
        "site": site,
        "url": urljoin(site or "", told["url"]) if "url" in told else None,
        "title": told.get("title"),
        "byline": told.get("author"),
        "published": told.get("published"),
        "language": told.get("language"),
        "licence": told.get("licence"),
        "encoding": told.get("encoding"),
        "publish_text": told.get("publish_text", True),
        "collected": told.get("collected"),
    }


class RejectedError(Exception):
    """An input that cannot be used: `documents.rejected` and `documents.rejected_detail`. It becomes a row, here or in
    clean.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def _contents(root: Path, path: str, kind: str) -> Iterator[bytes | None]:
    """The documents of one file; None for a line beyond the limit. Raises RejectedError."""
    target = _target(root, path)
    if kind == "other":
        raise RejectedError(
            "unsupported_format", f"{os.path.splitext(path)[1] or 'a name without an ending'} is not read"
        )
    try:
        descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise RejectedError("not_a_file", "no regular file any more when it was opened")
            if path.lower().endswith(".gz"):
                chunks = _expanded(file, status.st_size)
            else:
                chunks = iter(lambda: file.read(_CHUNK), b"")
            yield from _lines(chunks) if kind == "jsonl" else (_whole(chunks),)
    except OSError as error:
        raise RejectedError("unreadable", error.strerror or str(error)) from error


def _target(root: Path, path: str) -> str:
    """The regular file that a path of the raw folder leads to; raises RejectedError without opening anything."""
    target = os.path.realpath(root / path)
    if os.path.commonpath((root, target)) != str(root):
        raise RejectedError("symlink_outside", "a symbolic link that leads out of the raw folder")
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        raise RejectedError("not_a_file", "a link to nothing, or a file that went away") from None
    except OSError as error:
        raise RejectedError("unreadable", error.strerror or str(error)) from error
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a symbolic link to a folder"}
        kinds[stat.S_IFLNK] = "a symbolic link that leads to itself"
        raise RejectedError("not_a_file", kinds.get(stat.S_IFMT(mode), "a device"))
    return target


def _whole(chunks: Iterator[bytes]) -> bytes:
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > MAX_DOCUMENT:
            raise RejectedError("too_large", f"more than {MAX_DOCUMENT} bytes")
    return bytes(content)


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes | None]:
    """Lines with their ends, in memory of one line; None for one beyond the limit."""
    held = bytearray()
    too_long = False
    for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
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


def _expanded(file: BinaryIO, size: int) -> Iterator[bytes]:
    """A gzip file's content; raises RejectedError when it is none, is cut off, or is a bomb."""
    total = 0
    with gzip.GzipFile(fileobj=file) as stream:
        while True:
            try:
                chunk = stream.read(_CHUNK)
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise RejectedError("bad_gzip", f"after {total} bytes: {error}") from error
            if not chunk:
                return
            total += len(chunk)
            if total > MAX_EXPANDED:
                raise RejectedError(
                    "bad_gzip", f"expands to more than {MAX_EXPANDED} bytes; store it in parts or as it is"
                )
            if total > _RATIO_FROM and total > MAX_RATIO * size:
                raise RejectedError("bad_gzip", f"expands to more than {MAX_RATIO} times its size")
            yield chunk


def _facts(root: Path, path: str) -> Mapping[str, Any]:
    """One source.toml, checked. Raises SchemaError."""
    try:
        facts = tomllib.loads(Path(_target(root, path)).read_bytes().decode("utf-8"))
    except RejectedError as refused:
        raise SchemaError(f"{path}: cannot be read: {refused.detail}.") from refused
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SchemaError(f"{path}: cannot be read as TOML in UTF-8: {error}") from error
    files = facts.pop("files", {})
    if not isinstance(files, dict) or not all(isinstance(table, dict) for table in files.values()):
        raise SchemaError(f'{path}: key files: write one table for each file, [files."name.txt"].')
    checked: dict[str, Any] = {key: _fact(path, key, value, _KEYS) for key, value in facts.items()}
    checked["files"] = {}
    for name, table in files.items():
        key = f'files."{name}"'
        if not os.path.lexists((root / path).parent / name):
            raise SchemaError(f"{path}: key {key}: there is no such file beside it.")
        checked["files"][name] = {
            inner: _fact(path, inner, value, {*_KEYS, "title"}, f"{key}.") for inner, value in table.items()
        }
    return checked


def _fact(path: str, key: str, value: object, known: set[str], place: str = "") -> object:
    """One value as the rows hold it. Raises SchemaError that names file and key."""
    wrong = f"{path}: key {place}{key}"
    if key not in known:
        raise SchemaError(f"{wrong}: not known; known are {', '.join(sorted(known))}.")
    if key == "publish_text":
        if not isinstance(value, bool):
            raise SchemaError(f"{wrong}: {value!r} is neither true nor false.")
        return value
    if key in _DATE_KEYS and isinstance(value, datetime.date):
        return (value.date() if isinstance(value, datetime.datetime) else value).isoformat()
    if not isinstance(value, str) or not value.strip():
        raise SchemaError(f"{wrong}: {value!r} is no text; leave the key away when there is nothing to tell.")
    if key in _DATE_KEYS:
        try:
            return str(edtf.parse(value))
        except ValueError as error:
            raise SchemaError(f"{wrong}: {error}") from error
    if key == "language" and not LANGUAGE.fullmatch(value):
        raise SchemaError(f'{wrong}: {value!r} is no BCP 47 code such as "en" or "pt-BR".')
    if key == "encoding":
        name = codec_name(value)
        if name is None:
            raise SchemaError(f"{wrong}: {value!r} is no codec of Python that gives each byte its place in the text.")
        return name
    return value.strip()
