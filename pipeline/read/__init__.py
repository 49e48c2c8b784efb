"""A folder of raw texts in, one raw row per document out: nothing is decoded, nothing is lost.

Read are `.txt`, `.html`, `.htm` (a document a file), `.jsonl` (a document a line) and web archives, `.warc` and `.wet`
(a document a page), each also as `.gz`, and `.parquet` (a document a row, its columns the keys of a line). Any other
file is a rejected row; only `source.toml` (`facts`), the folder's own `aliases.toml` (read by `link.aliases`) and what
has a name that starts with a dot are no input.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.errors import SchemaError
from pipeline.read import packed, places
from pipeline.read.facts import LANGUAGE, codec_name, facts, facts_of
from pipeline.read.limits import MAX_DOCUMENT, RejectedError

__all__ = ["LANGUAGE", "RAW", "RejectedError", "Row", "codec_name", "read"]

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
        ("redact", pa.bool_()),
        ("collected", pa.string()),
    ]
)

Row = dict[str, Any]

_KINDS = {
    ".txt": "text",
    ".html": "html",
    ".htm": "html",
    ".jsonl": "jsonl",
    ".parquet": "parquet",
    ".warc": "warc",
    ".wet": "warc",
}
_TOLD_FIRST = ("outlet", "collected", "encoding")
"""What source.toml tells better than a web archive does."""


def read(raw: Path | str, *, redact: bool = False) -> Iterator[Row]:
    """The raw rows of all documents below a folder, keys as in `RAW`, ordered by path and line; files are read one by
    one, and in memory is one document at a time.

    `raw` may be an address that fsspec reads, of a folder or a file: `s3://bucket/prefix`, also as a `Path`. `redact`
    asks it of every document, whatever source.toml says.

    Raises, before the first row, SchemaError for a wrong source.toml and StoreError when `raw` cannot be listed.
    """
    where = places.place(raw, one_file=_kind(str(raw)) != "other")
    entries = sorted(where.entries())
    rows = _rows(where, entries, _facts(where, entries))
    return (row | {"redact": True} for row in rows) if redact else rows


def _kind(path: str) -> str:
    name = path.lower()
    kind = _KINDS.get(os.path.splitext(name.removesuffix(".gz"))[1], "other")
    return "other" if kind == "parquet" and name.endswith(".gz") else kind


def _facts(where: places.Place, entries: list[places.Entry]) -> dict[str, Mapping[str, Any]]:
    """What the files source.toml tell, by their folders. Raises SchemaError."""
    known = {entry.path for entry in entries}
    told = {}
    for path in sorted(known):
        folder, _, name = path.rpartition("/")
        if name == "source.toml":
            try:
                content = places.content(where, path)
            except RejectedError as refused:
                raise SchemaError(f"{path}: cannot be read: {refused.detail}.") from refused
            beside = f"{folder}/" if folder else ""
            told[folder] = facts(path, content, lambda name, beside=beside: beside + name in known)
    return told


def _rows(where: places.Place, entries: Iterable[places.Entry], told: Mapping[str, Mapping[str, Any]]) -> Iterator[Row]:
    for path, error in entries:
        name = path.rpartition("/")[2]
        if not error and (name == "source.toml" or path == "aliases.toml" or name.startswith(".")):
            continue
        row: Row = dict.fromkeys(RAW.names)
        row["source"] = os.fsencode(path).decode("utf-8", "backslashreplace")
        kind = _kind(path)
        row["format"] = kind if kind in ("text", "html", "jsonl") else "other"
        row |= facts_of(path, told)
        if error:
            yield row | {"format": "other", "rejected": "unreadable", "rejected_detail": f"folder: {error.strerror}"}
            continue
        used = False
        try:
            for inner, found in _documents(where, path, kind):
                used = True
                known = {key: row[key] for key in _TOLD_FIRST if row[key] is not None}
                yield row | found | known | {"source": row["source"] + inner}
            if not used:
                yield row | {"content": b""}
        except RejectedError as refused:
            row["source"] += "#rest" if used else ""
            yield row | _refused(refused)


def _documents(where: places.Place, path: str, kind: str) -> Iterator[tuple[str, Row]]:
    """What each document of a file adds to the file's name and row. Raises RejectedError for what is left of it."""
    if kind == "parquet":
        with where.named(path) as name:
            yield from _parquet(name)
        return
    with where.opened(path) as (file, size):
        gz = path.lower().endswith(".gz")
        if kind == "warc":
            from pipeline.read import warc

            yield from ((f"#{place}", found) for place, found in warc.documents(file, packed=gz))
        elif kind == "jsonl":
            yield from _lines(packed.chunks(file, size, packed=gz))
        elif kind == "other":
            raise RejectedError(
                "unsupported_format", f"{os.path.splitext(path)[1] or 'a name without an ending'} is not read"
            )
        else:
            yield "", {"content": packed.whole(packed.chunks(file, size, packed=gz))}


def _lines(chunks: Iterator[bytes]) -> Iterator[tuple[str, Row]]:
    line = 0
    try:
        for line, content in enumerate(packed.lines(chunks), start=1):
            if content is None:
                yield f"#{line}", _refused(RejectedError("line_too_long", f"more than {MAX_DOCUMENT} bytes"))
            elif content.strip():  # an empty line is no record
                yield f"#{line}", {"content": content.removesuffix(b"\n").removesuffix(b"\r")}
    except RejectedError as refused:
        if not line:
            raise
        yield f"#{line + 1}", _refused(refused)


def _parquet(name: str) -> Iterator[tuple[str, Row]]:
    from pipeline.read import parquet

    for number, found in parquet.records(name):
        yield (
            f"#{number}",
            (_refused(found) if isinstance(found, RejectedError) else {"content": found}) | {"format": "jsonl"},
        )


def _refused(refused: RejectedError) -> Row:
    return {"rejected": refused.reason, "rejected_detail": refused.detail}
