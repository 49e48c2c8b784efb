"""Change a text and keep the way back: edits, the alignment they compose into, and from there the bytes. Knows nothing
of news.

All positions are Unicode code points from 0 unless called bytes; all spans are half-open.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

_Run = tuple[int, int, bool]  # length in the source, length in the result, whether kept
_RUN = re.compile(r"(?:([0-9]{1,12})=)?(?:([0-9]{1,12})D)?(?:([0-9]{1,12})I)?")
_STEP = 512  # code points between two known byte offsets: a look-up encodes at most this many


class Edit(NamedTuple):
    """Replace `text[start:end]` by `replacement`.

    Attributes:
        start: first code point to replace.
        end: one past the last; equal to `start` for an insertion.
        replacement: what stands there afterwards; empty for a deletion.
    """

    start: int
    end: int
    replacement: str = ""


@dataclass(frozen=True, slots=True)
class Alignment:
    """How a result came from a source, block by block: what was kept, and what was replaced by what.

    Attributes:
        source_length: code points in the source.
        result_length: code points in the result.
        blocks: `(source start, result start, whether kept)`; each ends where the next begins, or where its text ends.
            What is not kept was replaced as a whole, deleted (no length in the result) or inserted (none in the
            source). Neighbours that could be one block are one, so equal alignments compare equal.
    """

    source_length: int
    result_length: int
    blocks: tuple[tuple[int, int, bool], ...]

    @classmethod
    def identity(cls, length: int) -> "Alignment":
        """Nothing was changed in a text of `length` code points."""
        return _aligned([(length, length, True)] if length else [])

    @classmethod
    def apply(cls, text: str, edits: Iterable[Edit]) -> tuple[str, "Alignment"]:
        """The text after `edits`, and the way back to it.

        The edits count in `text`, come in order and do not overlap; ValueError names the first that does not.
        """
        pieces: list[str] = []
        runs: list[_Run] = []
        at = 0
        for edit in edits:
            start, end, replacement = edit
            if not at <= start <= end <= len(text):
                raise ValueError(f"{edit} overlaps the one before it (which ends at {at}) or leaves the text")
            if at < start:
                _add(runs, start - at, start - at, True)
                pieces.append(text[at:start])
            _add(runs, end - start, len(replacement), False)
            pieces.append(replacement)
            at = end
        _add(runs, len(text) - at, len(text) - at, True)
        pieces.append(text[at:])
        return "".join(pieces), _aligned(runs)

    def then(self, after: "Alignment") -> "Alignment":
        """The alignment of this change followed by one of its result; ValueError when `after` is of another length.

        A block of the whole begins and ends where both can be cut: between blocks, and anywhere in what is kept,
        deleted or inserted. Where this one deletes and `after` inserts, the deletion comes first.
        """
        if after.source_length != self.result_length:
            raise ValueError(f"a result of {self.result_length} code points meets a source of {after.source_length}")
        mine, its = self.blocks, after.blocks
        if len(mine) == 1 and mine[0][2]:
            return after
        runs: list[_Run] = []
        source = result = last = first = second = 0  # the last two count the blocks that begin before the cut
        kept = False
        for middle in self._cuts(after):
            while first < len(mine) and mine[first][1] < middle:
                first += 1
            behind = first
            while behind < len(mine) and mine[behind][1] == middle:
                behind += 1
            gone = self._cut(middle, 1, first, behind)
            while second < len(its) and its[second][0] < middle:
                second += 1
            beyond = second
            while beyond < len(its) and its[beyond][0] == middle:
                beyond += 1
            come = after._cut(middle, 0, second, beyond)
            if gone and come:
                _add(runs, gone[0] - source, come[0] - result, kept and middle > last)
                _add(runs, gone[1] - gone[0], 0, False)
                _add(runs, 0, come[1] - come[0], False)
                source, result, last = gone[1], come[1], middle
                kept = bool(mine and its) and mine[behind - 1][2] and its[beyond - 1][2]
        return _aligned(runs)

    def _cuts(self, after: "Alignment") -> list[int]:
        """Where blocks of either begin, in what lies between the two, but for those of this one that make no
        difference: inside what `after` replaces, and between the first and last of what it deletes.
        """
        cuts = {0, self.result_length, *(block[0] for block in after.blocks)}
        behind = 0
        for index, (start, result, kept) in enumerate(after.blocks):
            end, place = after._end(index)
            first = bisect_left(self.blocks, start, behind, key=itemgetter(1))
            behind = bisect_left(self.blocks, end, first, key=itemgetter(1))
            if kept:
                cuts.update([block[1] for block in self.blocks[first:behind]])
            elif place == result and first < behind:
                cuts |= {self.blocks[first][1], self.blocks[behind - 1][1]}
        return sorted(cuts)

    def source(self, start: int, end: int) -> tuple[int, int]:
        """The smallest span of the source that holds `[start, end)` of the result.

        What was replaced leads to the whole block that it stands for, what was inserted to the empty span where it was.
        """
        if not 0 <= start <= end <= self.result_length:
            raise ValueError(f"[{start}, {end}) leaves a result of {self.result_length} code points")
        first, _ = self._place(start)
        return (first, first) if start == end else (first, self._place(end - 1)[1])

    def result(self, position: int) -> int:
        """Where a position of the source stands in the result: of a replaced stretch, where that begins."""
        if position == self.source_length:
            return self.result_length
        source, result, kept = self._block(position, 0)
        return result + position - source if kept else result

    @property
    def kept(self) -> Iterator[tuple[int, int, int]]:
        """`(source start, result start, length)` of each kept stretch, in order."""
        for index, (source, result, kept) in enumerate(self.blocks):
            if kept:
                yield source, result, self._end(index)[0] - source

    def cigar(self) -> str:
        """The alignment in runs: `n=` kept, `nD` deleted, `nI` inserted, `nDmI` replaced."""
        runs: list[str] = []
        for index, (source, result, kept) in enumerate(self.blocks):
            end, place = self._end(index)
            lengths = [(end - source, "=")] if kept else [(end - source, "D"), (place - result, "I")]
            runs += (f"{length}{sign}" for length, sign in lengths if length)
        return "".join(runs)

    @classmethod
    def parse(cls, cigar: str) -> "Alignment":
        """Read `cigar()` back. ValueError when it is no such string."""
        runs: list[_Run] = []
        read = 0
        for run in _RUN.finditer(cigar):
            if run.start() != read:
                break
            kept, source, result = (int(length or 0) for length in run.groups())
            _add(runs, kept, kept, True)
            _add(runs, source, result, False)
            read = run.end()
        if read != len(cigar):
            raise ValueError(f"no alignment from character {read} on: {cigar[read : read + 20]!r}")
        return _aligned(runs)

    def _end(self, index: int) -> tuple[int, int]:
        """Where a block ends, in source and result."""
        if index + 1 < len(self.blocks):
            return self.blocks[index + 1][:2]
        return self.source_length, self.result_length

    def _block(self, position: int, side: int) -> tuple[int, int, bool]:
        """The block that holds a position of the source (side 0) or the result (side 1)."""
        return self.blocks[bisect_right(self.blocks, position, key=itemgetter(side)) - 1]

    def _place(self, position: int) -> tuple[int, int]:
        """The source span of one position of the result; at its end, that of the source."""
        if position == self.result_length:
            return self.source_length, self.source_length
        index = bisect_right(self.blocks, position, key=itemgetter(1)) - 1
        source, result, kept = self.blocks[index]
        if kept:
            return source + position - result, source + position - result + 1
        return source, self._end(index)[0]

    def _cut(self, position: int, side: int, first: int, behind: int) -> tuple[int, int] | None:
        """What a cut at a position of one side (0 source, 1 result) is on the other: a span, as long as the blocks
        there that have no length on this side; None where the alignment cannot be cut. The blocks `first` to `behind`
        are those that begin at the position.
        """
        lengths = (self.source_length, self.result_length)
        if first < behind:
            start = self.blocks[first][1 - side]
            last = self.blocks[behind - 1]
            return start, last[1 - side] if position < lengths[side] else lengths[1 - side]
        if position == lengths[side]:
            return lengths[1 - side], lengths[1 - side]
        block, end = self.blocks[first - 1], self._end(first - 1)
        if block[2]:
            return (block[1 - side] + position - block[side],) * 2
        return (block[1 - side],) * 2 if end[1 - side] == block[1 - side] else None


class RawSpans:
    """The way from spans of a cleaned text to bytes of its raw document; one index for many look-ups.

    `raw` is the raw document, `encoding` the codec that decodes it (`documents.encoding`; a byte order mark is a
    character of the decoded text, so it counts), `alignment` leads from the decoded text to the cleaned one
    (`texts.alignment`). UnicodeDecodeError or ValueError when the three do not belong together.
    """

    __slots__ = ("_alignment", "_encoding", "_offsets", "_text")

    def __init__(self, raw: bytes, encoding: str, alignment: Alignment) -> None:
        self._text = raw.decode(encoding)
        self._encoding = encoding
        self._alignment = alignment
        if len(self._text) != alignment.source_length:
            raise ValueError(f"{len(self._text)} code points decoded, the alignment is over {alignment.source_length}")
        self._offsets = [0]
        for start in range(0, len(self._text), _STEP):
            self._offsets.append(self._offsets[-1] + len(self._text[start : start + _STEP].encode(encoding)))
        if self._offsets[-1] != len(raw):
            raise ValueError(f"the codec {encoding} does not give back the {len(raw)} bytes it decoded")

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Bytes of the raw document, half-open, that hold `[start, end)` of the cleaned text."""
        first, last = self._alignment.source(start, end)
        return self._byte(first), self._byte(last)

    def _byte(self, position: int) -> int:
        known = position // _STEP
        return self._offsets[known] + len(self._text[known * _STEP : position].encode(self._encoding))


def _add(runs: list[_Run], source: int, result: int, kept: bool) -> None:
    """Add a run, as one with the last where both are kept, deleted or inserted, or a deletion meets an insertion."""
    if not (source or result):
        return
    if runs:
        before, after, was_kept = runs[-1]
        if (kept and was_kept) or not (kept or was_kept or (after and (before or source)) or (result and source)):
            source, result = before + source, after + result
            runs.pop()
    runs.append((source, result, kept))


def _aligned(runs: Iterable[_Run]) -> Alignment:
    blocks: list[tuple[int, int, bool]] = []
    source = result = 0
    for before, after, kept in runs:
        blocks.append((source, result, kept))
        source, result = source + before, result + after
    return Alignment(source, result, tuple(blocks))
