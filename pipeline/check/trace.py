"""The laws that need the raw documents: their hash, the alignment of their text, and the bytes of each row's words."""

import hashlib
import html
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from pipeline import schema
from pipeline.offsets import Alignment, RawSpans

_HASH = "raw bytes hash to raw_sha256"
_ALIGNMENT = "alignment gives the text"
_SPAN = "raw bytes hold the words"
TRACES = ((_HASH, "documents"), (_ALIGNMENT, "texts"), (_SPAN, "claims"), (_SPAN, "dates"))
"""Each law with the table it is about."""

Row = Mapping[str, Any]


def trace(
    tables: Mapping[str, pa.Table],
    documents: Mapping[str, Row],
    texts: Mapping[str, str],
    contents: Callable[[str], bytes | None],
) -> Iterator[tuple[str, str, str, object, str]]:
    """(law, table, key, value, message) of what the real bytes contradict, document by document.

    `documents` and `texts` are the rows and texts by `document_id`; `contents` gives the raw bytes of a `source`.
    """
    alignments = dict(_rows(tables["texts"], "document_id", "alignment"))
    placed: dict[str, list[tuple[str, tuple[Any, ...]]]] = defaultdict(list)
    for table in ("claims", "dates"):
        key = schema.load(table).primary_key
        columns = ("document_id", key, "text", "start", "end", "raw_start", "raw_end")
        for document_id, *row in _rows(tables[table], *columns):
            placed[document_id].append((table, tuple(row)))
    for document_id, document in documents.items():
        if document["raw_sha256"] is None:
            continue
        content = contents(document["source"])
        if content is None or hashlib.sha256(content).hexdigest() != document["raw_sha256"]:
            told = "the raw document is not there" if content is None else "the raw bytes have another hash"
            yield _HASH, "documents", document_id, document["source"], told
            continue
        if len(content) != document["raw_bytes"]:
            yield _HASH, "documents", document_id, document["raw_bytes"], f"there are {len(content)} raw bytes"
        if document_id not in texts or document["encoding"] is None:
            continue
        text, encoding = texts[document_id], document["encoding"]
        try:
            alignment = Alignment.parse(alignments[document_id])
            raw_spans = RawSpans(content, encoding, alignment)
            source = content.decode(encoding)
        except (LookupError, ValueError) as error:
            yield _ALIGNMENT, "texts", document_id, encoding, str(error)
            continue
        if alignment.result_length != len(text) or any(
            source[start : start + length] != text[place : place + length] for start, place, length in alignment.kept
        ):
            yield _ALIGNMENT, "texts", document_id, alignment.cigar(), "what it keeps is not the same on both sides"
            continue
        for table, (key, words, start, end, raw_start, raw_end) in placed[document_id]:
            if not 0 <= start < end <= len(text):
                continue
            first, last = raw_spans.span(start, end)
            if (first, last) != (raw_start, raw_end):
                yield _SPAN, table, key, f"{raw_start}-{raw_end}", f"the alignment leads to {first}-{last}"
            elif not _holds(content[first:last].decode(encoding), words, document["format"]):
                yield _SPAN, table, key, words, f"its letters are not in the raw bytes {first}-{last}"


def _rows(table: pa.Table, *columns: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(table[column].to_pylist() for column in columns), strict=True)


def _holds(raw: str, words: str, form: str) -> bool:
    """Whether the words' ASCII letters and digits stand in the raw text in their order, entities and escapes read."""
    if form == "html":
        raw = html.unescape(raw)
    elif form == "jsonl":
        raw = re.sub(r"\\u00([0-7][0-9a-fA-F])", lambda match: chr(int(match[1], 16)), raw)
    letters = iter(raw)
    return all(letter in letters for letter in words if letter.isascii() and letter.isalnum())
