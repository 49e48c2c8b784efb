"""Rows to show: claims and stances in the paragraph they stand in, with the words that decided marked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

CLAIMS = 6
STANCES = 3
NEWEST = 100
"""Claims that the page lists without script: 50 kB of it."""
_AROUND = 300  # code points shown on either side of the marked words of a long paragraph


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of a passage that carry the same marks: of 'claim', 'cue', 'speaker' and 'evidence'."""

    text: str
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """A row with its document's row and the passage in pieces, in reading order."""

    row: Mapping[str, Any]
    document: Mapping[str, Any]
    passage: tuple[Piece, ...]


def claims(tables: Mapping[str, pa.Table], text: Callable[[str], str]) -> tuple[Sample, ...]:
    """The first attributed claim with speaker and cue of each outlet, from the texts that are published.

    `text` gives the text of a document by its key.
    """
    table = _readable(tables, "claims")
    wanted = table.filter(pc.and_(pc.is_valid(table["speaker_span"]), pc.is_valid(table["cue_span"])))
    firsts = wanted.append_column("row", pa.array(range(wanted.num_rows), pa.int64()))
    firsts = firsts.group_by("outlet").aggregate([("row", "min")])["row_min"].to_pylist()
    rows = wanted.take(sorted(firsts)[:CLAIMS]).to_pylist()
    return tuple(
        _sample(
            row, tables, text, [("claim", row["spans"]), ("cue", row["cue_span"]), ("speaker", row["speaker_span"])]
        )
        for row in rows
    )


def stances(tables: Mapping[str, pa.Table], text: Callable[[str], str]) -> tuple[Sample, ...]:
    """The first assessed stances with evidence, from the texts that are published."""
    table = _readable(tables, "stances")
    assessed = pc.and_(pc.is_valid(table["evidence"]), pc.not_equal(table["polarity"], "insufficient"))
    wanted = table.filter(assessed)
    return tuple(
        _sample(row, tables, text, [("evidence", row["evidence"].partition(";")[0])])
        for row in wanted.slice(0, STANCES).to_pylist()
    )


def newest(tables: Mapping[str, pa.Table]) -> list[dict[str, Any]]:
    """The claims of the documents published last, the last first; those without a date after them."""
    dated = tables["documents"].filter(pc.is_valid(tables["documents"]["published_start"]))
    table = tables["claims"]
    known = pc.is_in(table["document_id"], value_set=dated["document_id"].combine_chunks())
    order = pa.concat_tables([table.filter(pc.invert(known)), table.filter(known)])
    return order.slice(max(0, order.num_rows - NEWEST)).to_pylist()[::-1]


def _readable(tables: Mapping[str, pa.Table], name: str) -> pa.Table:
    """The rows whose text is published and repeats no earlier one."""
    documents, table = tables["documents"], tables[name]
    first = documents.filter(pc.is_null(documents["duplicate_of"]))["document_id"]
    texts = tables["texts"]["document_id"].combine_chunks()
    return table.filter(pc.is_in(table["document_id"], value_set=first.filter(pc.is_in(first, value_set=texts))))


def _sample(
    row: Mapping[str, Any],
    tables: Mapping[str, pa.Table],
    text: Callable[[str], str],
    marks: Iterable[tuple[str, str]],
) -> Sample:
    documents = tables["documents"]
    document = documents.slice(pc.index(documents["document_id"], row["document_id"]).as_py(), 1).to_pylist()[0]
    spans = [(start, end, mark) for mark, written in marks for start, end in _spans(written)]
    return Sample(row, document, passage(text(row["document_id"]), spans))


def _spans(written: str) -> list[tuple[int, int]]:
    return [(int(start), int(end)) for start, _, end in (span.partition("-") for span in written.split(";"))]


def passage(text: str, spans: Iterable[tuple[int, int, str]]) -> tuple[Piece, ...]:
    """The paragraphs that hold the spans, cut at every border of a span; a long one is cut short with '…'.

    Args:
        text: paragraphs parted by an empty line.
        spans: (start, end, mark), half-open, in code points of the text.
    """
    spans = list(spans)
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    start = text.rfind("\n\n", 0, first) + 2 if "\n\n" in text[:first] else 0
    end = text.find("\n\n", last) if "\n\n" in text[last:] else len(text)
    shown, until = max(start, first - _AROUND), min(end, last + _AROUND)
    borders = sorted({shown, until, *(at for span in spans for at in span[:2])})
    pieces = [Piece("…", ())] if shown > start else []
    for left, right in pairwise(borders):
        marks = dict.fromkeys(mark for begin, finish, mark in spans if begin <= left and right <= finish)
        pieces.append(Piece(text[left:right], tuple(marks)))
    return (*pieces, Piece("…", ())) if until < end else tuple(pieces)
