"""The cleaning rules, each `str -> Iterator[Edit]`, in the one order in which they run.

What they leave: paragraphs parted by exactly one empty line, single spaces, no character that cannot be seen, no mark
of decoration. They never change a word, a number or a quotation mark: those are evidence.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise

from pipeline.offsets import Edit

Rule = Callable[[str], Iterator[Edit]]

# UTF-8 read as Windows-1252 or Latin-1: the image of a lead byte, then that of a continuation byte.
_TAIL = "\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_SUSPECT = re.compile(f"[\x80-\x9f]|[ÂÃÄÅÎÏÐÑØÙâàáãäåæçèéêëìíîïðñòóô][{_TAIL} ]")
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_SPACE = re.compile("[\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_BLANKS = re.compile(r"(?m)^ +| +$|(?<= ) +")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_BREAK = re.compile(r"\n+")
_LINE = re.compile(r"(?m)^.*")
_BULLETS = "►▶▷▸▹■□▪▫●○◦•·‣⁃∙◆◇➤➔➢★☆✔✓✦❖"
_ORNAMENT = re.compile(f"(?m)^[ *_=~#–—{_BULLETS}-]+$")
_BULLET = re.compile(f"(?m)^ *(?:[{_BULLETS}] ?|[*–-] )+(?=[^ \\n])")
_NUMBER = re.compile(r"(?m)^ *([0-9]{1,3})[.)] (?=[^ \n])")
_KEY = re.compile(r"[\W_]+")
# Format characters that are seen: signs written before or around numbers in Arabic, Syriac and Kaithi.
_VISIBLE_FORMAT = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
_JOINERS = "\u200c\u200d"

MIN_WRAP, MAX_WRAP = 40, 120
"""Length of the longest line, in code points, of a text that an editor wrapped. Mail and wire copy end at 60 to 80."""
MIN_WRAPPED = 0.6
"""Share of line ends next to text on both sides that must be forced by the width for a text to be evidently
hard-wrapped: all of them in wrapped paragraphs, about one in ten where each line is a paragraph, and fewer than one in
four paragraphs of news has a single line."""
MIN_WRAPS = 4
"""Line ends inside paragraphs below which nothing is evident."""
HEADLINE_WITHIN = 4
"""Paragraphs from the top among which a repeated headline is looked for."""
MAX_COMPARED = 80
"""Code points of a word and its mended form up to which they are compared letter by letter, which takes the square."""
MAX_HEADLINE = 400
"""Code points of the longest headline."""
MAX_MARKS = 64
"""Combining characters above which a stretch is left as it is: sorting them takes the square of their number."""


def mojibake(text: str) -> Iterator[Edit]:
    """Undo wrong decodings that were saved: `donâ€™t`. ftfy decides, on the lines where something is suspect."""
    if not _SUSPECT.search(text):
        return
    import ftfy

    config = ftfy.TextFixerConfig(
        unescape_html=False,
        uncurl_quotes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        replace_lossy_sequences=False,  # it would put U+FFFD where something is lost
        restore_byte_a0=False,  # it takes any space behind "Ã" for a part of "à"
    )
    for line in _LINE.finditer(text):
        if _SUSPECT.search(line[0]):
            yield from _difference(line[0], ftfy.fix_encoding(line[0], config), line.start())


def line_ends(text: str) -> Iterator[Edit]:
    """Every kind of line end becomes a newline."""
    for match in _LINE_END.finditer(text):
        yield Edit(match.start(), match.end(), "\n")


def invisible(text: str) -> Iterator[Edit]:
    """Delete control characters and format characters: zero width, direction, soft hyphen, byte order mark, tags.

    A joiner between two letters beyond Latin stays: it spells words in Persian and Indic scripts.
    """
    if text.replace("\n", "").isprintable():
        return
    gone = {c for c in set(text) if unicodedata.category(c) in ("Cc", "Cf") and c not in "\n\t"} - _VISIBLE_FORMAT
    if not gone:
        return
    for match in re.finditer(f"[{''.join(map(re.escape, sorted(gone)))}]+", text):
        start, end = match.span()
        if match[0] in _JOINERS and start > 0 and end < len(text) and min(text[start - 1], text[end]) > "\u02ff":
            continue
        yield Edit(start, end)


def spaces(text: str) -> Iterator[Edit]:
    """A no-break, thin or otherwise odd space and a tab become a space."""
    for match in _SPACE.finditer(text):
        yield Edit(match.start(), match.end(), " ")


def canonical(text: str) -> Iterator[Edit]:
    """Unicode NFC, a stretch of letters at a time."""
    if unicodedata.is_normalized("NFC", text):
        return
    for match in _NOT_ASCII.finditer(text):
        start = max(match.start() - 1, 0)  # the letter that a first accent belongs to
        part = text[start : match.end()]
        if len(part) > MAX_MARKS and sum(map(bool, map(unicodedata.combining, part))) > MAX_MARKS:
            continue
        if not unicodedata.is_normalized("NFC", part):
            yield from _difference(part, unicodedata.normalize("NFC", part), start)


def wrapped(text: str) -> Iterator[Edit]:
    """Join the lines of a paragraph, where the whole text is evidently hard-wrapped.

    Evident is it when no line is long and nearly every line inside a paragraph ends where the next word had no room. A
    line that would have had room for it ends its paragraph; so does one before an indentation or a bullet.
    """
    width = max(map(len, map(str.rstrip, text.split("\n"))))
    if not MIN_WRAP <= width <= MAX_WRAP:
        return
    lines = [(match.start(), match[0]) for match in _LINE.finditer(text)]
    inside = [
        (
            at + len(line.rstrip(" ")),
            after + len(following) - len(following.lstrip(" ")),
            _forced(line, following, width),
        )
        for (at, line), (after, following) in pairwise(lines)
        if line.strip() and following.strip() and not _starts_paragraph(line, following)
    ]
    forced = [(start, end) for start, end, full in inside if full]
    if len(inside) < MIN_WRAPS or len(forced) < MIN_WRAPPED * len(inside):
        return
    for start, end in forced:
        broken_word = text[start - 1] == "-" and text[start - 2 : start - 1].isalpha() and text[end].islower()
        yield Edit(start, end, "" if broken_word else " ")


def blanks(text: str) -> Iterator[Edit]:
    """Delete indentation and spaces at line ends; several spaces become one."""
    if not (text[:1] == " " or text[-1:] == " " or any(run in text for run in ("  ", "\n ", " \n"))):
        return
    for match in _BLANKS.finditer(text):
        yield Edit(match.start(), match.end())


def ornaments(text: str) -> Iterator[Edit]:
    """Delete lines that only decorate: `* * *`, `-----`."""
    for match in _ORNAMENT.finditer(text):
        yield Edit(match.start(), match.end())


def paragraphs(text: str) -> Iterator[Edit]:
    """One empty line between paragraphs, none before the first and after the last; each line is a paragraph."""
    for match in _BREAK.finditer(text):
        if match.start() == 0 or match.end() == len(text):
            yield Edit(match.start(), match.end())
        elif match[0] != "\n\n":
            yield Edit(match.start(), match.end(), "\n\n")


def repeated_headline(text: str) -> Iterator[Edit]:
    """Delete what comes again, word for word, among the first paragraphs: the headline stands once."""
    first = text.split("\n\n", HEADLINE_WITHIN)[:HEADLINE_WITHIN]
    if all(paragraph.endswith(".") for paragraph in first[1:]):
        return
    seen: set[str] = set()
    at = 0
    for paragraph in first:
        key = headline_key(paragraph)
        if key and key in seen and not paragraph.endswith("."):
            yield Edit(at - 2, at + len(paragraph))
        seen.add(key)
        at += len(paragraph) + 2


def list_marks(text: str) -> Iterator[Edit]:
    """Delete bullets before paragraphs, and numbers where paragraphs are numbered 1, 2 and so on."""
    numbers = {int(match[1]) for match in _NUMBER.finditer(text)}
    found = [match.span() for match in _BULLET.finditer(text)]
    if {1, 2} <= numbers:
        found += (match.span() for match in _NUMBER.finditer(text))
    for start, end in sorted(found):
        yield Edit(start, end)


RULES: tuple[Rule, ...] = (
    mojibake,  # first: it needs the control characters that others take away
    line_ends,
    invisible,
    spaces,
    canonical,
    wrapped,  # needs the indentation that the next one takes away
    blanks,
    ornaments,
    paragraphs,
    repeated_headline,
    list_marks,  # last: where a mark was deleted, an item begins
)


def headline_key(text: str) -> str:
    """A headline as it is compared: letters and digits alone, without case; empty for what is too long for one."""
    if len(text) > MAX_HEADLINE:
        return ""
    return _KEY.sub("", unicodedata.normalize("NFKC", text).casefold())


def _forced(line: str, following: str, width: int) -> bool:
    """Whether the first word of the next line had no room at the end of this one."""
    return len(line.rstrip()) + 1 + len(following.split(maxsplit=1)[0]) > width


def _starts_paragraph(line: str, following: str) -> bool:
    indented = len(following) - len(following.lstrip(" ")) > len(line) - len(line.lstrip(" "))
    return indented or following.lstrip(" ")[0] in _BULLETS


def _difference(old: str, new: str, at: int) -> Iterator[Edit]:
    """Edits that make `new` of `old`, which stands at `at`; word by word, so that the work grows with the length."""
    before, after = old.split(" "), new.split(" ")
    if len(before) != len(after):
        before, after = [old], [new]
    for word, mended in zip(before, after, strict=True):
        if word != mended:
            for start, end, replacement in _changes(word, mended):
                yield Edit(at + start, at + end, replacement)
        at += len(word) + 1


@lru_cache(maxsize=4096)
def _changes(old: str, new: str) -> tuple[tuple[int, int, str], ...]:
    """The changed stretches of a word, or of what is too long for one as a whole between what its ends share."""
    if len(old) + len(new) <= MAX_COMPARED:
        codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        return tuple((i, j, new[k:m]) for tag, i, j, k, m in codes if tag != "equal")
    same = _shared(old, new)
    tail = _shared(old[same:][::-1], new[same:][::-1])
    return ((same, len(old) - tail, new[same : len(new) - tail]),)


def _shared(one: str, other: str) -> int:
    """Number of code points that two texts begin with alike."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
