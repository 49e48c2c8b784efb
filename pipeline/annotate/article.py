"""The text of one document as the annotators see it: words and their structure, without bytes or tables."""

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of structure.

    kind   title, byline, dateline, heading, label, item or body, as in `texts.paragraphs`
    start  first code point in the text
    end    code point after its last
    """

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Article:
    """A document to annotate.

    document_id  key of the document
    outlet       who published it; None where unknown
    text         the cleaned text; every span of an annotation counts its code points from 0
    pieces       its structure in the order of the text
    """

    document_id: str
    outlet: str | None
    text: str
    pieces: tuple[Piece, ...]

    @classmethod
    def parse(cls, document_id: str, outlet: str | None, text: str, paragraphs: str) -> "Article":
        """The article of a `texts` row: `paragraphs` is its column, 'kind:start-end' joined by ';'."""
        pieces = []
        for entry in paragraphs.split(";") if paragraphs else ():
            kind, _, span = entry.partition(":")
            start, _, end = span.partition("-")
            pieces.append(Piece(kind, int(start), int(end)))
        return cls(document_id, outlet, text, tuple(pieces))

    @property
    def paragraphs(self) -> tuple[tuple[Piece, ...], ...]:
        """The pieces grouped into paragraphs: a line end parts them, and nothing else."""
        groups: list[tuple[Piece, ...]] = []
        group = list(self.pieces[:1])
        for before, piece in pairwise(self.pieces):
            if "\n" in self.text[before.end : piece.start]:
                groups.append(tuple(group))
                group = []
            group.append(piece)
        return (*groups, tuple(group)) if group else ()
