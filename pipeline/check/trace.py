"""The laws that need the raw documents: their hash, the alignment of their text, and the bytes of each row's words."""

import hashlib
import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from pipeline import schema
from pipeline.corpus import Corpus
from pipeline.offsets import Alignment, RawSpans

_HASH = "raw bytes hash to raw_sha256"
_ALIGNMENT = "alignment gives the text"
_SPAN = "raw bytes hold the words"
TRACES = ((_HASH, "documents"), (_ALIGNMENT, "texts"), (_SPAN, "claims"), (_SPAN, "dates"))
"""Each law with the table it is about."""


def trace(
    corpus: Corpus, contents: Callable[[str], bytes | None], asked: Mapping[str, str]
) -> Iterator[tuple[str, str, str, object, str]]:
    """(law, table, key, value, message) of what the real bytes contradict, document by document in order of `source`.

    `contents` gives the raw bytes of a `source`. All are hashed; `asked` has for each table the relation whose rows are
    led back to them.
    """
    documents = corpus.rows(
        "SELECT d.source, d.document_id, d.raw_sha256, d.raw_bytes, d.encoding, d.format, t.text, t.alignment "
        f"FROM documents d LEFT JOIN {asked['texts']} t USING (document_id) WHERE d.raw_sha256 IS NOT NULL ORDER BY ALL"
    )
    placed = " UNION ALL ".join(
        f"SELECT d.source, d.document_id, '{table}', r.{schema.load(table).primary_key}, r.text, r.start, r.\"end\", "
        f"r.raw_start, r.raw_end FROM {asked[table]} r JOIN {asked['documents']} d USING (document_id) "
        "WHERE d.raw_sha256 IS NOT NULL"
        for table in ("claims", "dates")
    )
    groups = groupby(corpus.rows(f"{placed} ORDER BY ALL"), key=itemgetter(0, 1))
    of, rows = next(groups, (None, ()))
    for source, document_id, sha256, size, encoding, form, text, written in documents:
        here: Iterable[Any] = ()
        if of == (source, document_id):
            here = list(rows)
            of, rows = next(groups, (None, ()))
        content = contents(source)
        if content is None or hashlib.sha256(content).hexdigest() != sha256:
            told = "the raw document is not there" if content is None else "the raw bytes have another hash"
            yield _HASH, "documents", document_id, source, told
            continue
        if len(content) != size:
            yield _HASH, "documents", document_id, size, f"there are {len(content)} raw bytes"
        if text is None or encoding is None:
            continue
        try:
            alignment = Alignment.parse(written)
            raw_spans = RawSpans(content, encoding, alignment)
            decoded = content.decode(encoding)
        except (LookupError, ValueError) as error:
            yield _ALIGNMENT, "texts", document_id, encoding, str(error)
            continue
        if alignment.result_length != len(text) or any(
            decoded[start : start + length] != text[place : place + length] for start, place, length in alignment.kept
        ):
            yield _ALIGNMENT, "texts", document_id, alignment.cigar(), "what it keeps is not the same on both sides"
            continue
        for _, _, table, key, words, start, end, raw_start, raw_end in here:
            if not 0 <= start < end <= len(text):
                continue
            first, last = raw_spans.span(start, end)
            if (first, last) != (raw_start, raw_end):
                yield _SPAN, table, key, f"{raw_start}-{raw_end}", f"the alignment leads to {first}-{last}"
            elif not _holds(content[first:last].decode(encoding), words, form):
                yield _SPAN, table, key, words, f"its letters are not in the raw bytes {first}-{last}"


def _holds(raw: str, words: str, form: str) -> bool:
    """Whether the words' ASCII letters and digits stand in the raw text in their order, entities and escapes read."""
    if form == "html":
        raw = html.unescape(raw)
    elif form == "jsonl":
        raw = re.sub(r"\\u00([0-7][0-9a-fA-F])", lambda match: chr(int(match[1], 16)), raw)
    if words in raw:  # as nearly always
        return True
    from pipeline.personal import without_marks

    letters = iter(raw)
    return all(letter in letters for letter in without_marks(words) if letter.isascii() and letter.isalnum())
