"""A web page: its main text with the way back to the page's source, and what its metadata tell.

Two readers look at the page. Our own walk over the source turns it into all its visible characters, each with its
place; trafilatura chooses which paragraphs are the article. Each of these is then found again, in order, among the
visible characters, so that the text is made of the page's own characters. What cannot be found, or is far less than the
page shows, refuses the page: trafilatura ends a text without a word at several faults of its input.
"""

import json
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urljoin

from pipeline.clean.markup import MIN_BLOCK, Walk, count_letters
from pipeline.clean.rules import headline_key
from pipeline.offsets import Alignment, Edit
from pipeline.read import RejectedError

MIN_SHARE = 0.5
"""Share of the letters in the page's own paragraphs, outside what is marked as navigation and the like, that the
extracted text must have."""
MIN_VISIBLE = 500
"""Letters that a page must show before its extracted text can be called too short."""
LAST_DAY = "2100-12-31"
"""No page is later, for htmldate: without a bound of ours it would ask the clock."""
_BLOCKS = ("p", "head", "item", "quote", "cell")
"""Elements of trafilatura's result that can be paragraphs."""
_PLAIN = frozenset({"body", *_BLOCKS, "list", "table", "row", "hi", "lb", "code", "del", "ref"})
"""Elements that do not make it ask another extractor what it thinks of them."""
_ANCHOR = 24  # characters at the head and tail of a paragraph by which one is found whose middle differs

_SEEN = re.compile("[^\\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")
_NO_NAME = re.compile(r"https?:|/|@")


@dataclass(frozen=True, slots=True)
class Page:
    """A page's main text and facts.

    Attributes:
        text: headline and paragraphs, parted by empty lines, made of the page's characters.
        alignment: from the page's source to `text`.
        headings: where, in `text`, paragraphs begin that the page marks as headings.
        items: the same for items of a list.
        title: headline in plain characters.
        byline, url, published: as metadata tell them; `url` absolute, `published` a day in ISO 8601.
    """

    text: str
    alignment: Alignment
    headings: frozenset[int]
    items: frozenset[int]
    title: str | None
    byline: str | None
    url: str | None
    published: str | None


def parse(source: str, site: str | None) -> Page:
    """Read a page; `site` is the address against which its own is resolved. Raises RejectedError."""
    from trafilatura import load_html

    walk = Walk(source)
    walk.run()
    shown, alignment = Alignment.apply(source, walk.edits)
    tree = load_html(source)
    published = _published(tree)
    blocks, spans = _article(tree, shown, walk.letters())
    title = _title(walk, shown, alignment)
    kinds = [kind for kind, _ in blocks]
    headline = _headline(walk, shown, alignment, title, spans)
    if headline:
        spans.insert(0, headline)
        kinds.insert(0, "head")
    text, selection = Alignment.apply(shown, _selection(shown, spans))
    starts = [selection.result(start) for start, _ in spans]
    return Page(
        text=text,
        alignment=alignment.then(selection),
        headings=frozenset(start for start, kind in zip(starts, kinds, strict=True) if kind == "head"),
        items=frozenset(start for start, kind in zip(starts, kinds, strict=True) if kind == "item"),
        title=title,
        byline=_byline(walk),
        url=_address(walk, site),
        published=published,
    )


def _article(tree: Any, shown: str, letters: int) -> tuple[list[tuple[str, str]], list[tuple[int, int]]]:
    """The article's paragraphs (p, head or item; words) and where each stands in what the page shows; raises
    RejectedError.

    `tree` is the page as trafilatura parses it, None where it cannot. `letters` are those of the page's own paragraphs.
    Tables are left out unless the article stands in one.
    """
    for tables in (False, True):
        blocks = [] if tree is None else _main_text(tree, tables, letters)
        if not any(kind != "head" for kind, _ in blocks):
            why = "the extractor found no article"
            continue
        spans = _locate(shown, [words for _, words in blocks])
        extracted = sum(count_letters(shown[start:end]) for start, end in spans)
        if letters < MIN_VISIBLE or extracted >= MIN_SHARE * letters:
            return blocks, spans
        why = f"the extractor found {extracted} letters"
    raise RejectedError(
        "text_loss" if letters >= MIN_VISIBLE else "no_main_text",
        f"{why}; the page's own paragraphs have {letters} letters",
    )


def _main_text(tree: Any, tables: bool, letters: int) -> list[tuple[str, str]]:
    """What trafilatura takes for the article in a parsed page, whose own paragraphs have so many letters.

    Two fifths of its work are two more extractors, of which it takes what they find where its own text is short, has no
    paragraphs or less than half of theirs. So they are asked only where the page holds more than twice its own text.
    """
    from trafilatura import bare_extraction

    most = _most(tree)
    found: Any
    if 5 * letters >= 2 * most:  # four characters in five are letters
        found = bare_extraction(tree, options=_options(tables, fast=True))
        if found is not None and _is_sure(found, most):
            return _blocks(found.body)
    found = bare_extraction(tree, options=_options(tables, fast=False))
    return [] if found is None else _blocks(found.body)


@cache
def _options(tables: bool, fast: bool) -> Any:
    """Settings of trafilatura, which reads a file of them where it is given none; for text, because it then tells the
    length that it compares.
    """
    from trafilatura.settings import Extractor

    return Extractor(output_format="txt", fast=fast, precision=True, comments=False, tables=tables)


def _most(tree: Any) -> int:
    """Characters that no extractor can find more than in a page, white space as one: all but scripts and style sheets.

    readability puts a word of its own into the frames of films.
    """
    most = len(_squeezed(tree.text_content()))
    for element in tree.iter("script", "style", "iframe"):
        most += len(" VIDEO") if element.tag == "iframe" else -len(_squeezed(element.text_content()))
    return most


def _is_sure(found: Any, most: int) -> bool:
    """Whether no other extractor can find what trafilatura would take instead, in `most` characters: its own rule."""
    tags = Counter(element.tag for element in found.body.iter())
    return (
        len(found.raw_text) >= max(_options(tables=False, fast=True).min_extracted_size, most / 2)
        and tags.keys() <= _PLAIN
        and tags["table"] <= tags["p"]
        and any(element.text for element in found.body.iter("p"))
    )


def _blocks(body: Any) -> list[tuple[str, str]]:
    blocks = []
    for element in body.iter(*_BLOCKS):
        if next(element.iterdescendants(*_BLOCKS), None) is None:
            words = "".join(element.itertext())
            if _seen(words):
                blocks.append((str(element.tag), words))
    return blocks


def _locate(shown: str, wanted: list[str]) -> list[tuple[int, int]]:
    """Where each paragraph stands among the visible characters, in order; raises RejectedError. White space does not
    count.
    """
    runs = _seen(shown)
    haystack = "".join(runs)
    offsets, starts, at = [0], [], 0
    for run in runs:
        starts.append(shown.index(run, at))
        at = starts[-1] + len(run)
        offsets.append(offsets[-1] + len(run))

    def place(position: int) -> int:
        run = bisect_right(offsets, position) - 1
        return starts[run] + position - offsets[run]

    needles = ["".join(_seen(words)) for words in wanted]
    numbers = range(len(needles))
    # The longest first: they bound the others, so that a heading of one word is not found in a menu. A long paragraph
    # that the page also shows elsewhere can mislead that; one after the other is right then.
    for order in (sorted(numbers, key=lambda number: (-len(needles[number]), number)), numbers):
        found: list[tuple[int, int, int]] = []  # number of the paragraph, start and end in the haystack
        for number in order:
            index = bisect_right(found, (number, 0, 0))
            low = found[index - 1][2] if index else 0
            high = found[index][1] if index < len(found) else len(haystack)
            start, end = _find(haystack, needles[number], low, high, last=bool(found) and not index)
            if start < 0:
                lost = wanted[number]
                break
            found.insert(index, (number, start, end))
        else:
            return [(place(start), place(end - 1) + 1) for _, start, end in found]
    raise RejectedError("text_loss", f"an extracted paragraph does not stand in the page: {lost[:40]!r}")


def _find(haystack: str, needle: str, low: int, high: int, *, last: bool) -> tuple[int, int]:
    """Where a paragraph stands between two places, by its ends where the extractor has changed its middle; (-1, -1)
    nowhere.

    `last` takes a short one at its last place: what leads to the first long paragraph stands right above it.
    """
    short = len(needle) < MIN_BLOCK
    start = haystack.rfind(needle, low, high) if last and short else haystack.find(needle, low, high)
    if start >= 0:
        return start, start + len(needle)
    if len(needle) < 2 * _ANCHOR:
        return -1, -1
    head = haystack.find(needle[:_ANCHOR], low, high)
    tail = (
        haystack.find(needle[-_ANCHOR:], head + _ANCHOR, min(high, head + len(needle) * 3 // 2 + _ANCHOR))
        if head >= 0
        else -1
    )
    return (head, tail + _ANCHOR) if tail >= 0 else (-1, -1)


def _selection(shown: str, spans: list[tuple[int, int]]) -> Iterator[Edit]:
    """Keep the spans, parted by empty lines."""
    at = 0
    for start, end in spans:
        yield Edit(at, start, "\n\n" if at else "")
        at = end
    yield Edit(at, len(shown))


def _title(walk: Walk, shown: str, alignment: Alignment) -> str | None:
    """The headline: what the page tells other sites, its only h1, what JSON-LD says, or the title element."""
    headlines = [_plain(shown[alignment.result(start) : alignment.result(end)]) for start, end in walk.headlines]
    headlines = [headline for headline in headlines if headline]
    told = _plain(walk.metas.get("og:title") or _ledger(walk, "headline") or walk.title or "")
    for headline in headlines:
        if headline_key(headline) and headline_key(told).startswith(headline_key(headline)):
            return headline
    if walk.metas.get("og:title"):
        return told
    return headlines[0] if len(headlines) == 1 else told or None


def _headline(
    walk: Walk, shown: str, alignment: Alignment, title: str | None, spans: list[tuple[int, int]]
) -> tuple[int, int] | None:
    """Where the page shows its headline, when that is above the extracted text and not part of it."""
    for start, end in walk.headlines:
        first, last = alignment.result(start), alignment.result(end)
        words = shown[first:last]
        if title and headline_key(words) == headline_key(title) and last <= spans[0][0]:
            first += len(words) - len(words.lstrip())
            return first, last - (len(words) - len(words.rstrip()))
    return None


def _byline(walk: Walk) -> str | None:
    for told in (walk.metas.get("author"), walk.metas.get("article:author"), _ledger(walk, "author")):
        name = re.sub(r"^by\s+", "", _plain(told or ""), flags=re.IGNORECASE)
        if name and not _NO_NAME.search(name):
            return name
    return None


def _address(walk: Walk, site: str | None) -> str | None:
    told = walk.canonical or walk.metas.get("og:url")
    try:
        address = urljoin(site or "", told.strip()) if told else ""
    except ValueError:
        return None
    return address if address.startswith(("http://", "https://")) and not re.search(r"\s", address) else None


def _published(tree: Any) -> str | None:
    from htmldate import find_date

    return None if tree is None else find_date(tree, extensive_search=False, original_date=True, max_date=LAST_DAY)


def _ledger(walk: Walk, key: str) -> str | None:
    """A headline or author from the JSON-LD of the page; None where it holds none or is no JSON."""
    for content in walk.ledgers:
        try:
            waiting = [json.loads(content)]
        except (ValueError, RecursionError):
            continue
        while waiting:
            node = waiting.pop(0)
            if isinstance(node, list):
                waiting += node
            elif isinstance(node, dict):
                waiting += [node["@graph"]] if "@graph" in node else []
                if "headline" in node and key in node:
                    return _names(node[key])
    return None


def _names(told: object) -> str | None:
    if isinstance(told, list):
        return ", ".join(filter(None, map(_names, told))) or None
    if isinstance(told, dict):
        told = told.get("name")
    return told if isinstance(told, str) else None


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _plain(text: str) -> str:
    return " ".join(_seen(text))


def _seen(text: str) -> list[str]:
    """Its runs of characters that are seen."""
    runs = text.split()
    return runs if "".join(runs).isprintable() else _SEEN.findall(text)
