"""Rows to show: claims and stances in the paragraph they stand in, with the words that decided marked."""

from collections.abc import Callable, Iterable, Mapping, Sequence
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

Texts = Callable[[Sequence[str]], Mapping[str, str]]
"""Gives the texts of some documents by their keys."""


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


def claims(tables: Mapping[str, pa.Table], texts: Texts) -> tuple[Sample, ...]:
    """The first attributed claim with speaker and cue of each outlet, from the texts that are published."""
    table = tables["claims"]
    told = pc.and_(pc.is_valid(table["speaker_span"]), pc.is_valid(table["cue_span"]))
    wanted = pc.and_(told, _readable(tables, table["document_id"]))
    rows = pa.table({"outlet": table["outlet"], "row": pa.array(range(table.num_rows), pa.int64())}).filter(wanted)
    firsts = rows.group_by("outlet").aggregate([("row", "min")])["row_min"].to_pylist()
    marked = (("claim", "spans"), ("cue", "cue_span"), ("speaker", "speaker_span"))
    return _samples(
        table.take(pa.array(sorted(firsts)[:CLAIMS], pa.int64())).to_pylist(), marked, tables["documents"], texts
    )


def stances(tables: Mapping[str, pa.Table], texts: Texts) -> tuple[Sample, ...]:
    """The first assessed stances with evidence, from the texts that are published."""
    table = tables["stances"]
    assessed = pc.and_(pc.is_valid(table["evidence"]), pc.not_equal(table["polarity"], "insufficient"))
    wanted = table.filter(pc.and_(assessed, _readable(tables, table["document_id"])))
    return _samples(wanted.slice(0, STANCES).to_pylist(), (("evidence", "evidence"),), tables["documents"], texts)


def newest(tables: Mapping[str, pa.Table]) -> list[dict[str, Any]]:
    """The claims of the documents published last, the last first; those without a date after them."""
    documents, table = tables["documents"], tables["claims"]
    dated = documents.filter(pc.is_valid(documents["published_start"]))["document_id"]
    known = pc.is_in(table["document_id"], value_set=dated.combine_chunks())
    rows = pa.array(range(table.num_rows), pa.int64())
    order = pa.concat_arrays([rows.filter(pc.invert(known).combine_chunks()), rows.filter(known.combine_chunks())])
    return table.take(order.slice(max(0, len(order) - NEWEST))).to_pylist()[::-1]


def _readable(tables: Mapping[str, pa.Table], column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether the text of each row's document is published and repeats no earlier one."""
    documents = tables["documents"]
    first = documents.filter(pc.is_null(documents["duplicate_of"]))["document_id"]
    published = first.filter(pc.is_in(first, value_set=tables["texts"]["document_id"].combine_chunks()))
    return pc.is_in(column, value_set=published.combine_chunks())


def _samples(
    rows: Sequence[Mapping[str, Any]], marked: Iterable[tuple[str, str]], documents: pa.Table, texts: Texts
) -> tuple[Sample, ...]:
    keys = [row["document_id"] for row in rows]
    held = documents.filter(pc.is_in(documents["document_id"], value_set=pa.array(keys, pa.string()))).to_pylist()
    document = {row["document_id"]: row for row in held}
    text = texts(keys) if keys else {}
    found = []
    for row in rows:
        spans = [(start, end, mark) for mark, column in marked for start, end in _spans(row[column])]
        key = row["document_id"]
        found.append(Sample(row, document[key], passage(text[key], spans)))
    return tuple(found)


def _spans(written: str) -> list[tuple[int, int]]:
    return [(int(start), int(end)) for start, _, end in (span.partition("-") for span in written.split(";"))]


def passage(text: str, spans: Sequence[tuple[int, int, str]]) -> tuple[Piece, ...]:
    """The paragraph around the first span, cut at every border of a span in it; a long one is cut short with '…'.

    Args:
        text: paragraphs parted by an empty line.
        spans: (start, end, mark), half-open, in code points of the text; one that leaves the paragraph is not marked.
    """
    start = text.rfind("\n\n", 0, spans[0][0]) + 2 if "\n\n" in text[: spans[0][0]] else 0
    end = text.find("\n\n", spans[0][1]) if "\n\n" in text[spans[0][1] :] else len(text)
    inside = [span for span in spans if start <= span[0] and span[1] <= end]
    shown = max(start, min(span[0] for span in inside) - _AROUND)
    until = min(end, max(span[1] for span in inside) + _AROUND)
    borders = sorted({shown, until, *(at for span in inside for at in span[:2])})
    pieces = [Piece("…", ())] if shown > start else []
    for left, right in pairwise(borders):
        marks = dict.fromkeys(mark for begin, finish, mark in inside if begin <= left and right <= finish)
        pieces.append(Piece(text[left:right], tuple(marks)))
    return (*pieces, Piece("…", ())) if until < end else tuple(pieces)
