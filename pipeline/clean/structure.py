"""What each paragraph of a cleaned text is: title, byline, dateline, heading, label, item or body.

Nothing is changed here. A piece covers words; a label, byline or dateline at the head of a paragraph is a piece of its
own, and what follows it on the line is another.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pipeline.clean.rules import headline_key

TOP = 6
"""Paragraphs from the top in which title, byline, date line and dateline are looked for."""
HEADING_WORDS = 16
TITLE_WORDS = 30
LABEL_WORDS = 4
BYLINE_WORDS = 12

_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?)"
)
_DAY = re.compile(
    rf"\b(?:[0-9]{{1,2}}(?:st|nd|rd|th)? {_MONTH}(?:,? [0-9]{{4}})?"
    rf"|{_MONTH} [0-9]{{1,2}}(?:st|nd|rd|th)?(?:,? [0-9]{{4}})?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{4})\b"
)
_DATE_WORDS = frozenset({
    "at", "on", "of", "from", "last", "first", "am", "pm", "a.m", "p.m", "gmt", "utc", "cet", "cest", "local",
    "time", "date", "dated", "issue", "edition", "programme", "program", "broadcast", "aired", "published",
    "updated", "posted", "filed", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
    "mon", "tue", "wed", "thu", "fri", "sat", "sun",
})  # fmt: skip
_DATED = re.compile(rf"\b{_MONTH}|[0-9]")
_BYLINE = re.compile(r"(?:By|BY|Written by|Reported by|Words by|Text by) (?=[^\W\d_])")
_CREDITS = re.compile(r"[(\[]?(?:Additional reporting|Reporting|Editing|Written|Compiled|Translated) (?:and \w+ )?by ")
_BRACKETED = re.compile(r"[(\[][^()\[\]]*[)\]]\.?")
_DATELINE_HEAD = re.compile(r"([^\n–—\"“‘?!:;]{2,80}?)(?: ?[–—] ?| ?-- ?| - |(?<=\))\. |(?<=\)): )(?=\S)")
_PLACE = re.compile(r"([^\W\d_][\w.'’/-]*(?: [\w.'’/-]+){0,4})")
_AGENCY = re.compile(r" ?\([^\W\d_][\w ./&-]{0,30}\)$")
_LABEL = re.compile(r"(?P<label>[^\W_][^\n:.!?\"“”‘]{0,48}?)(?P<stop>[:.])(?= |$|[\"“‘])")
_ASIDE = re.compile(r" ?\([^()]{1,30}\)$")
_WORD = re.compile(r"[^\W_](?:[\w'’.&-]*\w)?")
_SMALL = frozenset({
    "a", "an", "and", "at", "by", "de", "del", "der", "du", "for", "from", "in", "la", "le", "of", "on", "or",
    "the", "to", "van", "von", "vs", "with",
})  # fmt: skip
_FINAL = ".!?…。！？"
_CLOSING = "\"'”’»)]"
# Head words of run-in labels; the list is closed, because "It rained." has the same shape.
_LABEL_WORDS = frozenset({
    "aftermath", "analysis", "answer", "appendix", "assessment", "backdrop", "background", "brief", "caption",
    "clarification", "comment", "commentary", "conclusion", "conclusions", "consequences", "context", "correction",
    "details", "editor", "example", "excerpt", "explainer", "fact", "facts", "figures", "findings", "footnote",
    "glance", "history", "implications", "important", "interview", "key", "method", "methodology", "note", "notes",
    "numbers", "opinion", "outlook", "overview", "point", "points", "ps", "quotation", "quote", "quotes",
    "reaction", "reactions", "reason", "reasons", "recap", "reminder", "response", "result", "results", "source",
    "sources", "statement", "summary", "takeaway", "takeaways", "timeline", "transcript", "update", "verdict",
})  # fmt: skip
_ABBREVIATIONS = frozenset({
    "Capt", "Corp", "Prof", "Sept", "Messrs", "Hon", "Supt",
})  # fmt: skip
_NO_LABEL = frozenset({
    "he", "she", "it", "they", "we", "i", "you", "this", "that", "these", "those", "there", "here", "nobody",
    "everybody", "someone", "who", "what", "yes", "no",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the text: its kind (as in `texts.paragraphs`) and span in code points, half-open."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Structure:
    """What a text is made of.

    Attributes:
        pieces: in order; they cover every character but the white space between them.
        title: the headline as it stands in the text; None when there is none.
        byline: the author as it stands there, without "By".
        dateline: place, day and agency, or the line that holds only the date.
    """

    pieces: tuple[Piece, ...]
    title: str | None
    byline: str | None
    dateline: str | None

    def __str__(self) -> str:
        """As `texts.paragraphs` holds it."""
        return ";".join(f"{piece.kind}:{piece.start}-{piece.end}" for piece in self.pieces)


def structure(
    text: str,
    *,
    title: str | None = None,
    outlet: str | None = None,
    items: Collection[int] = (),
    headings: Collection[int] = (),
) -> Structure:
    """Find the pieces of a cleaned text.

    Args:
        text: paragraphs parted by one empty line.
        title: headline as metadata tell it, to be recognised in the text.
        outlet: name of the outlet; a line that holds nothing else is a heading.
        items: where, in `text`, paragraphs begin that are items of a list.
        headings: where paragraphs begin that a web page marks as headings.
    """
    spans = list(_paragraphs(text))
    shown = [text[start:end] for start, end in spans]
    headline = _headline(shown, title, outlet, items, spans)
    pieces: list[Piece] = []
    byline = dateline = None
    lead = True  # until the first paragraph of the article itself
    for index, (start, end) in enumerate(spans):
        words = shown[index]
        top = lead and index < TOP
        if index == headline:
            pieces.append(Piece("title", start, end))
        elif start in items:
            pieces += _labelled(text, start, end, "item")
        elif top and _is_byline(words):
            byline = byline or _BYLINE.sub("", words, count=1)
            pieces.append(Piece("byline", start, end))
        elif top and _is_date_line(words):
            dateline = dateline or words
            pieces.append(Piece("dateline", start, end))
        elif not lead and _CREDITS.match(words):
            pieces.append(Piece("byline", start, end))
        elif (
            start in headings
            or _is_heading(words, outlet)
            or ((top or index == len(spans) - 1) and _BRACKETED.fullmatch(words))
        ):
            pieces.append(Piece("heading", start, end))
        else:
            head = _dateline(words) if top else None
            if head:
                dateline = words[: head[0]]
                pieces.append(Piece("dateline", start, start + head[1]))
                start += head[1]
                start += len(text[start:end]) - len(text[start:end].lstrip())
            lead = False
            pieces += _labelled(text, start, end, "body")
    return Structure(tuple(pieces), shown[headline] if headline is not None else None, byline, dateline)


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    for paragraph in text.split("\n\n"):
        yield at, at + len(paragraph)
        at += len(paragraph) + 2


def _headline(
    shown: list[str], title: str | None, outlet: str | None, items: Collection[int], spans: list[tuple[int, int]]
) -> int | None:
    """Index of the paragraph that is the headline."""
    key = headline_key(title) if title else ""
    if key:
        for index, words in enumerate(shown[:TOP]):
            if headline_key(words) == key or (_is_heading(words, None) and headline_key(words).endswith(key)):
                return index
        return None
    for index, words in enumerate(shown[:TOP]):
        if (outlet and headline_key(words) == headline_key(outlet)) or _is_byline(words) or _is_date_line(words):
            continue
        if len(shown) == index + 1 or spans[index][0] in items or _ends(words) or words.endswith((":", ",", ";")):
            return None
        return index if len(words.split()) <= TITLE_WORDS and not _speaker(words) else None
    return None


def _ends(words: str) -> bool:
    """Whether a final stop ends it; a headline may end with a question or exclamation mark."""
    return words.rstrip(_CLOSING).endswith((".", "…", "。")) and not words.endswith("...")


def _is_byline(words: str) -> bool:
    return (
        bool(_BYLINE.match(words))
        and len(words.split()) <= BYLINE_WORDS
        and not words.rstrip(_CLOSING).endswith(tuple(_FINAL))
    )


def _is_date_line(words: str) -> bool:
    """A line that tells a day and nothing else: "Published 06:05, 7 June 2025"."""
    if not _DAY.search(words) or len(words.split()) > 9 or words.endswith((".", ";", ":")):
        return False
    others = [
        word
        for word in _WORD.findall(_DAY.sub(" ", words))
        if not word[0].isdigit() and word.casefold() not in _DATE_WORDS
    ]
    return len(others) <= 2 and all(word[0].isupper() for word in others)


def _is_heading(words: str, outlet: str | None) -> bool:
    """A short line without a final stop."""
    if outlet and headline_key(words) == headline_key(outlet):
        return True
    if len(words.split()) > HEADING_WORDS or words[0] in '"“‘«(' or words[0].islower():
        return False
    if words.endswith("?"):  # one question, of which nothing is told
        return len(words.split()) <= 8 and not re.search(r"[.!?]\s", words)
    return words.rstrip(_CLOSING)[-1:] not in (*_FINAL, ":", ",", ";") and not _speaker(words)


def _dateline(words: str) -> tuple[int, int] | None:
    """Where, in a paragraph, the dateline ends, without and with its dash: "PORT AMSEL, April 12 (CW) -"."""
    match = _DATELINE_HEAD.match(words)
    if not match:
        return None
    head = match[1].rstrip()
    agency = _AGENCY.search(head)
    told = head[: agency.start()] if agency else head
    place, *rest = (part.strip() for part in told.split(","))
    if not _PLACE.fullmatch(place) or not all(word[0].isupper() or word in _SMALL for word in place.split()):
        return None
    sure = place.isupper() and len(place) > 1
    if not sure and not (agency or any(_DAY.search(part) for part in rest)):
        return None
    if not all(part and (part[0].isupper() or _DATED.search(part)) and len(part.split()) <= 4 for part in rest):
        return None
    if not (words[match.end()].isupper() or words[match.end()].isdigit() or words[match.end()] in "\"“‘'"):
        return None
    return len(head), len(match[0].rstrip())


def _labelled(text: str, start: int, end: int, kind: str) -> Iterator[Piece]:
    """A paragraph as its run-in label, if it has one, and the rest."""
    match = _LABEL.match(text, start, end)
    if match and _is_label(match["label"], match["stop"], text[match.end() : end].strip()):
        yield Piece("label", start, match.end())
        start = match.end()
        start += len(text[start:end]) - len(text[start:end].lstrip())
    if start < end:
        yield Piece(kind, start, end)


def _speaker(words: str) -> bool:
    """Whether a line is a turn of a transcript: "HOST: Good evening"."""
    match = _LABEL.match(words)
    return bool(
        match and match["stop"] == ":" and _ASIDE.sub("", match["label"]).isupper() and words[match.end() :].strip()
    )


def _is_label(label: str, stop: str, rest: str) -> bool:
    words = _WORD.findall(_ASIDE.sub("", label))
    if not words or len(words) > LABEL_WORDS or not (words[0][0].isupper() or words[0][0].isdigit()):
        return False
    if words[0].casefold() in _NO_LABEL:
        return False
    plain = [word.casefold().removesuffix("'s").removesuffix("’s") for word in words]
    known = sum(word in _LABEL_WORDS for word in plain)
    titled = sum(word[0].isupper() or word[0].isdigit() for word in words)
    if not all(
        w[0].isupper() or w[0].isdigit() or p in _SMALL or p in _LABEL_WORDS for w, p in zip(words, plain, strict=True)
    ):
        return False
    if stop == ":":
        return True
    # With a full stop: a known word, or two written as in a title, "Important to Know."; no "Prime Minister Lt. Gen.
    # Drenn".
    sentence_follows = not rest or rest[0].isupper() or rest[0].isdigit() or rest[0] in "\"“‘'"
    return sentence_follows and (bool(known) or (titled > 1 and len(words[-1]) > 3 and words[-1] not in _ABBREVIATIONS))
