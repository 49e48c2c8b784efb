"""What stands in quotation marks: runs on offsets, paragraph by paragraph. No count of marks makes it fail.

Directed marks pair by kind, straight ones alternate; a run that is not closed goes to the end of its paragraph, and on
into the next one if that opens with a mark. A run inside a run is its child. Apostrophes are never marks.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from pipeline.annotate.article import Article, Piece
from pipeline.annotate.lexicons import load

SCARE_WORDS = 3  # up to so many words in the outlet's own frame are a scare quote, not a quote
TITLE_SHARE = 0.8  # share of capitalised content words from which unpunctuated words are a title or a name

MAX_DEPTH = 3  # runs inside runs; deeper marks are taken for words

_CLOSES = {"“": "”", "„": "“”", "«": "»", "‟": "”", '"': "”"}
_CLOSE = frozenset("”»")
_STRAIGHT = frozenset(('"', "``", "''"))
_DOUBLE = re.compile("[\"“”„‟«»]|``|''")
_MARK = re.compile("[\"“”„‟«»`'‘’]")
_WORD = re.compile(r"\w+(?:['’]\w{1,3})?")
_CONTRACTION = re.compile(r"\d|(?:tis|twas|til|em|cause|n|round|bout)\b", re.IGNORECASE)
_TITLE_CUE = re.compile(
    r"\b(?:titled|entitled|headlined|dubbed|named|nicknamed|called|known as|novel|book|film|movie|song|album|play|"
    r"documentary|series|show|programme|program|podcast|column|essay|article|report|party|channel|magazine|newspaper|"
    r"blog|website|painting|poem|operation|codenamed)[,:]?\s{0,2}$",
    re.IGNORECASE,
)
_NAME_AFTER = re.compile(
    r"\s{0,2}(?:party|channel|magazine|newspaper|programme|program|show|series|operation)\b", re.IGNORECASE
)
_HEADED = re.compile(r"\b(?:titled|entitled|headlined|nicknamed|codenamed)[,:]?\s{0,2}$", re.IGNORECASE)
_SPOKEN = re.compile(
    r"\b(?:say|says|said|saying|tells?|told|reads?|reading|chants?(?: of)?|chant(?:ed|ing)|sign|banner|"
    r"shout(?:s|ed|ing)?|wr[io]tes?|writing|tweet(?:s|ed|ing)?|add(?:s|ed|ing)|and|but|that|as)[,:]?\s{0,2}$",
    re.IGNORECASE,
)
_SMALL = load("attribution").words["small"]


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text in quotation marks.

    start, end    the stretch with its marks, half-open, in code points
    inner_start   first code point between the marks
    inner_end     code point after the last between the marks, or the end of the paragraph where none closes it
    paragraph     index of its paragraph in `Article.paragraphs`
    kind          speech; title (of a work, party, programme); phrase (too few words to tell speech from a scare quote)
    balanced      whether both marks are there
    parent        index of the run around it, or None
    continues     index of the run of the paragraph before that goes on in this one, or None
    """

    start: int
    end: int
    inner_start: int
    inner_end: int
    paragraph: int
    kind: str
    balanced: bool
    parent: int | None = None
    continues: int | None = None


@lru_cache(maxsize=1)
def quoted_runs(article: Article) -> tuple[Run, ...]:
    """All runs of the article in order of their start; a child follows its parent.

    Several annotators ask for those of the same article.
    """
    runs: list[Run] = []
    open_run: int | None = None
    for number, pieces in enumerate(article.paragraphs):
        first = len(runs)
        for piece in pieces:
            if piece.kind != "label":
                base = len(runs)
                for run in _piece_runs(article.text, piece, number):
                    runs.append(replace(run, parent=None if run.parent is None else run.parent + base))
        body = next((piece for piece in pieces if piece.kind != "label"), None)
        if open_run is not None and body is not None and len(runs) > first:
            before, after = runs[open_run], runs[first]
            reopened = article.text[body.start : after.start].strip("►•*- \t") == ""
            if reopened and _same_mark(article.text, before, after):
                runs[first] = replace(after, continues=open_run, kind=before.kind)
        top = [i for i in range(first, len(runs)) if runs[i].parent is None]
        if top:
            last = runs[top[-1]]
            open_run = (
                top[-1] if not last.balanced and last.kind != "title" and last.end >= pieces[-1].end - 1 else None
            )
        elif body is not None:
            open_run = None
    return tuple(runs)


def _same_mark(text: str, before: Run, after: Run) -> bool:
    return text[before.start] == text[after.start] or {text[before.start], text[after.start]} <= set('"“”')


@dataclass(slots=True)
class _Open:
    mark: str
    start: int
    inner: int
    index: int


def _piece_runs(text: str, piece: Piece, paragraph: int) -> list[Run]:
    """The runs of one piece; `parent` counts from the piece's first run."""
    found: list[Run] = []
    stack: list[_Open] = []

    def close(inner_end: int, end: int, balanced: bool) -> None:
        top = stack.pop()
        found[top.index] = replace(found[top.index], inner_end=inner_end, end=end, balanced=balanced)

    def open_at(mark: str, start: int, inner: int) -> None:
        parent = stack[-1].index if stack else None
        stack.append(_Open(mark, start, inner, len(found)))
        found.append(Run(start, piece.end, inner, piece.end, paragraph, "speech", False, parent))

    for mark, start, end, opens in _marks(text, piece):
        if opens:
            open_at(mark, start, end)
            continue
        if any(entry.mark == mark for entry in stack):
            while stack[-1].mark != mark:
                close(start, start, False)
            close(start, end, start < end)
    while stack:
        close(piece.end, piece.end, False)
    if not found:
        return []
    cased = title_cased(text, piece)
    return [replace(run, kind=_kind(text, piece, run, cased)) for run in found]


def _marks(text: str, piece: Piece) -> Iterator[tuple[str, int, int, bool]]:
    """The piece's quotation marks in order: opening form of the pair, start, end, whether it opens.

    A closer of no width stands where a closer is missing.
    """
    if not _MARK.search(text, piece.start, piece.end):
        return
    doubles = list(_DOUBLE.finditer(text, piece.start, piece.end))
    singles = _single_pairs(text, piece)
    alternate = sum(m.group() in _STRAIGHT for m in doubles) % 2 == 0
    directed = [m.start() for m in doubles if m.group() in _CLOSE]
    nested = sum(m.group() == "“" for m in doubles) == sum(m.group() == "”" for m in doubles)
    events = [(m.start(), m.end(), m.group()) for m in doubles]
    events += [(position, position + 1, "‘") for position in singles]
    opened: list[str] = []
    for start, end, mark in sorted(events):
        before = text[start - 1] if start > piece.start else " "
        after = text[end] if end < piece.end else " "
        looks_open = (before.isspace() or before in "([{—–-:;‘'/") and not after.isspace()
        looks_closed = not before.isspace() and not (after.isalnum() or after == "[")
        current = opened[-1] if opened else None
        if mark == "‘":
            yield mark, start, end, singles[start]
        elif mark in _STRAIGHT:
            if current == '"':
                if not alternate and looks_open and not looks_closed:
                    yield current, start, start, False
                    yield current, start, end, True
                else:
                    yield opened.pop(), start, end, False
            elif current is not None:
                # A straight mark inside directed ones closes them only where no directed closer is left.
                if looks_closed and bisect_left(directed, start) == len(directed):
                    yield opened.pop(), start, end, False
            elif alternate or looks_open or not looks_closed:
                opened.append('"')
                yield '"', start, end, True
        elif current is not None and (
            mark in _CLOSES[current] or (mark == current and looks_closed and not looks_open)
        ):
            yield opened.pop(), start, end, False
        elif mark in _CLOSE:
            if current is None and looks_open and not looks_closed:
                opened.append("“")
                yield "“", start, end, True
        elif current != '"' or not alternate:
            if current == '"' or (current == mark and not nested):
                yield opened.pop(), start, start, False
            if len(opened) < MAX_DEPTH:
                opened.append(mark)
                yield mark, start, end, True


def _single_pairs(text: str, piece: Piece) -> dict[int, bool]:
    """Places of single marks that quote (True where one opens), apostrophes left out."""
    openers: list[int] = []
    closers: list[int] = []
    for m in re.finditer("[‘’']", text[piece.start : piece.end]):
        at = piece.start + m.start()
        mark = m.group()
        before = text[at - 1] if at > piece.start else " "
        after = text[at + 1] if at + 1 < piece.end else " "
        if "'" in (before, after) and mark == "'":
            continue
        if (
            mark in "‘'"
            and not before.isalnum()
            and (after.isalnum() or after in '[(.…$£€“"#@')
            and before not in ".,!?’'"
            and not _CONTRACTION.match(text, at + 1)
        ):
            openers.append(at)
        if mark in "’'" and not before.isspace() and not after.isalnum() and at not in openers[-1:]:
            closers.append(at)
    pairs: dict[int, bool] = {}
    free = piece.start
    for n, at in enumerate(openers):
        if at < free:
            continue
        limit = openers[n + 1] if n + 1 < len(openers) else piece.end
        first = bisect_left(closers, at + 1)
        last = bisect_left(closers, limit)
        chosen = next(
            (c for c in closers[first : min(last, first + 8)] if not _possessive(text, c, piece.end)),
            closers[first] if first < last else None,
        )
        if chosen is not None and text[at + 1 : chosen].strip():
            pairs[at], pairs[chosen] = True, False
            free = chosen + 1
    return pairs


def _possessive(text: str, at: int, end: int) -> bool:
    """Whether a closing single mark reads as the apostrophe of a plural ("the workers' strike")."""
    return text[at - 1] in "sSxz" and re.match(r"\s[a-z]", text[at + 1 : min(at + 3, end)]) is not None


def title_cased(text: str, piece: Piece) -> bool:
    """Whether all of a piece is written like a headline, so that capitals tell nothing about a run in it."""
    words = [
        word
        for word in _WORD.findall(text, piece.start, min(piece.end, piece.start + 200))
        if word.lower() not in _SMALL
    ]
    return sum(word[0].isupper() or word[0].isdigit() for word in words) >= TITLE_SHARE * len(words)


def _kind(text: str, piece: Piece, run: Run, cased: bool) -> str:
    inner = text[run.inner_start : run.inner_end]
    before = text[max(piece.start, run.start - 40) : run.start]
    if _HEADED.search(before):
        return "title"
    words = _WORD.findall(inner[:400])
    content = [word for word in words if word.lower() not in _SMALL]
    capitalised = sum(word[0].isupper() or word[0].isdigit() for word in content)
    named = bool(content) and not cased and capitalised >= TITLE_SHARE * len(content)
    spoken = _SPOKEN.search(before) is not None
    stopped = inner.rstrip().endswith(("!", "?")) or (
        inner.rstrip().endswith((".", ",")) and (spoken or before.rstrip()[-1:] in ("", ",", ":"))
    )
    if (
        named
        and run.balanced
        and not spoken
        and (
            _TITLE_CUE.search(before)
            or _NAME_AFTER.match(text, run.end)
            or (len(content) > 1 and not stopped and len(words) < 15)
        )
    ):
        return "title"
    if text[run.start] in "'‘" and len(words) < 7 and run.start == piece.start and run.end >= piece.end - 1:
        return "title"
    return "phrase" if len(words) <= SCARE_WORDS else "speech"
