"""What is shown of a text whose source withholds it: single quotes of few words, and never two that touch.

Where `publish_text = false`, a package holds spans, hashes and short quotes. A claim shows its first words, at most
`WORDS`; and claims that lie side by side show no more than that together, so that the words of a release, laid in the
order of their spans, give no longer run of the text either. Whatever is cut ends in `SIGN`. The headline, by which one
cites, and names, roles and affiliations stay whole. The identifier of a row was made from its whole words and proves
them later.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

WORDS = 10
"""Words in a row that are shown at most: one less than the eleven that the Court of Justice of the European Union held
to be a part of a news article that may be protected (16 July 2009, C-5/08, Infopaq)."""
SIGN = "…"
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


def words(text: str) -> list[tuple[int, int]]:
    """The words of a text as half-open spans of code points: runs of letters and digits, so that "don't" counts as two.

    Of a script that sets no spaces (Chinese, Japanese, Thai, Lao, Burmese, Khmer) each character counts as a word.
    """
    return [match.span() for match in _WORD.finditer(text)]


def shortened(text: str) -> str:
    """The text, or its first `WORDS` words and `SIGN`."""
    found = words(text)
    return text if len(found) <= WORDS else f"{text[: found[WORDS - 1][1]]} {SIGN}"


def quotes(text: str, spans: Iterable[tuple[int, int]]) -> list[str]:
    """What is shown of each span of a withheld text: its words, its first words and `SIGN`, or `SIGN` alone.

    Args:
        text: the whole text.
        spans: half-open, in code points of it; an earlier one is served first where two touch.
    """
    found = words(text)
    starts, ends = [start for start, _ in found], [end for _, end in found]
    shown = bytearray(len(found))
    result = []
    for start, end in spans:
        first, last = bisect_right(ends, start), bisect_left(starts, end)
        place, room = first, WORDS - _run(shown, first, -1)
        while place < last and place - first + 1 + _run(shown, place + 1, 1) <= room:
            shown[place] = True
            place += 1
        if place == last:
            result.append(text[start:end])
        else:
            result.append(f"{text[start : ends[place - 1]]} {SIGN}" if place > first else SIGN)
    return result


def _run(shown: bytearray, place: int, step: int) -> int:
    """How many words from a place on, forwards (1) or before it backwards (-1), are shown without a gap."""
    at = place if step > 0 else place - 1
    count = 0
    while 0 <= at < len(shown) and shown[at] and count <= WORDS:
        at += step
        count += 1
    return count
