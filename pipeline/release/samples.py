"""Rows to show: claims and stances in the paragraph they stand in, with the words that decided marked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pipeline.corpus import Corpus, Source

CLAIMS = 6
STANCES = 3
NEWEST = 100
"""Claims that the page lists without script: 50 kB of it."""
_AROUND = 300  # code points shown on either side of the marked words of a long paragraph

_SHOWN = ", ".join(
    f"c.{column}"
    for column in (
        *("claim_id", "document_id", "outlet", "text", "spans", "voice", "speaker", "speaker_span", "cue_span"),
        *("claim_type", "date", "outlet_stance"),
    )
)
"""What is shown of a claim."""
_READABLE = (
    "JOIN documents d USING (document_id) "
    "WHERE d.duplicate_of IS NULL AND document_id IN (SELECT document_id FROM texts)"
)
"""Rows whose document's text is published and repeats no earlier one."""


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


def claims(tables: Mapping[str, Source]) -> tuple[Sample, ...]:
    """The first attributed claim with speaker and cue of each outlet, from the texts that are published."""
    corpus = Corpus.of(tables)
    firsts = (
        "SELECT min({day: coalesce(d.published_start, 'infinity'), document: document_id, start: r.start, "
        f"claim_id: r.claim_id}}) AS least FROM claims r {_READABLE} "
        "AND r.speaker_span IS NOT NULL AND r.cue_span IS NOT NULL GROUP BY r.outlet ORDER BY least"
    )
    keys = [least["claim_id"] for (least,) in corpus.rows(f"{firsts} LIMIT {CLAIMS}")]
    rows = {row["claim_id"]: row for row in corpus.dicts(f"SELECT {_SHOWN} FROM claims c WHERE claim_id IN $k", k=keys)}
    marked = (("claim", "spans"), ("cue", "cue_span"), ("speaker", "speaker_span"))
    return _samples([rows[key] for key in keys], marked, corpus)


def stances(tables: Mapping[str, Source]) -> tuple[Sample, ...]:
    """The first assessed stances with evidence, from the texts that are published."""
    corpus = Corpus.of(tables)
    rows = corpus.dicts(
        f"SELECT r.* FROM stances r {_READABLE} AND r.evidence IS NOT NULL AND r.polarity <> 'insufficient' "
        f"ORDER BY d.published_start NULLS LAST, document_id, r.stance_id LIMIT {STANCES}"
    )
    return _samples(rows, (("evidence", "evidence"),), corpus)


def newest(tables: Mapping[str, Source]) -> list[dict[str, Any]]:
    """The claims of the documents published last, the last first; those without a date after them."""
    return Corpus.of(tables).dicts(
        f"SELECT {_SHOWN} FROM claims c LEFT JOIN documents d USING (document_id) "
        f"ORDER BY d.published_start DESC NULLS LAST, document_id DESC, c.start DESC, c.claim_id DESC LIMIT {NEWEST}"
    )


def _samples(
    rows: Sequence[Mapping[str, Any]], marked: Iterable[tuple[str, str]], corpus: Corpus
) -> tuple[Sample, ...]:
    keys = [row["document_id"] for row in rows]
    held = corpus.dicts("SELECT * FROM documents WHERE document_id IN $keys", keys=keys)
    document = {row["document_id"]: row for row in held}
    text = dict(corpus.rows("SELECT document_id, text FROM texts WHERE document_id IN $keys", keys=keys))
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
