"""Made-up raw news of any size, for benchmarks: a folder that `onrecord run` takes as it takes any other.

Outlets, places, people and events are invented here; sentences are drawn from templates of our own whose slots are
drawn in turn, so that two articles share phrases and hardly ever a sequence of words that would make them duplicates. A
document is drawn from the seed and its number alone: a smaller corpus is the beginning of a larger one.
"""

import datetime
import gzip
import json
import random
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

OUTLETS = 12
SHARD = 500
"""Records of an outlet in one file."""
PAGES, COPIES, BAD = 97, 47, 211
"""One document in so many is a web page; repeats, cut or whole, the one ten before it; cannot be used. Primes, so that
the three fall on all outlets."""
_NUMBERS = {"n": (2, 90), "m": (100, 4000)}
"""Slots of numbers, small and large: least and greatest, the small ones more often."""
_FIRST_DAY = datetime.date(2029, 1, 1)
_DAYS = 730


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was written: raw documents, those among them that must be rejected, and bytes on disk."""

    documents: int
    bad: int
    bytes: int


def write(folder: Path, documents: int, *, seed: int = 0, changed: Collection[int] = ()) -> Corpus:
    """Write a corpus of so many raw documents below `folder`, which must not hold one yet; equal for equal arguments.

    An article has 150 to 250 words with direct, mixed and reported speech, days, numbers, praise and blame. `changed`
    are numbers of documents, from 0, that come in a later edition: with one more paragraph. Raises FileExistsError.
    """
    for outlet in range(min(OUTLETS, documents)):
        home = folder / _slug(outlet)
        home.mkdir(parents=True)
        facts = {"outlet": _name(outlet), "url": f"https://{_slug(outlet)}.example/", "licence": "CC0-1.0"}
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in facts.items()]
        lines += ["publish_text = false\n"] if outlet == OUTLETS - 1 else []
        (home / "source.toml").write_text("".join(lines), encoding="utf-8", newline="\n")
    for first in range(0, documents, OUTLETS * SHARD):
        for outlet in range(OUTLETS):
            numbers = range(first + outlet, min(first + OUTLETS * SHARD, documents), OUTLETS)
            _write_shard(folder / _slug(outlet), f"{first // (OUTLETS * SHARD):04d}", numbers, seed, changed)
    bad = sum(_kind(number) == "bad" for number in range(documents))
    return Corpus(documents, bad, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))


def texts(documents: int, *, seed: int = 0) -> Iterator[str]:
    """The same articles as plain texts, without those that cannot be used."""
    for number in range(documents):
        if _kind(number) != "bad":
            title, paragraphs, _, _ = _article(number, seed, changed=False)
            yield "\n\n".join([title, *paragraphs]) + "\n"


def pages(documents: int, *, seed: int = 0) -> Iterator[bytes]:
    """The first articles of a corpus, each as a web page."""
    return (_page(number, seed, changed=False) for number in range(documents))


def _kind(number: int) -> str:
    if number % BAD == BAD - 1:
        return "bad"
    if number % PAGES == PAGES - 1:
        return "page"
    return "copy" if number % COPIES == COPIES - 1 else "article"


def _write_shard(home: Path, name: str, numbers: range, seed: int, changed: Collection[int]) -> None:
    """One file of an outlet's records, for every second outlet packed, and its pages beside it."""
    records = b""
    for number in numbers:
        if _kind(number) == "page":
            (home / f"page-{number:06d}.html").write_bytes(_page(number, seed, number in changed))
        else:
            records += _line(number, seed, number in changed) + b"\n"
    if numbers and numbers[0] % OUTLETS % 2:
        (home / f"{name}.jsonl.gz").write_bytes(gzip.compress(records, 1, mtime=0))
    elif numbers:
        (home / f"{name}.jsonl").write_bytes(records)


def _line(number: int, seed: int, changed: bool) -> bytes:
    """One record of a JSON Lines file, or what stands where one should be."""
    title, paragraphs, day, author = _article(number, seed, changed)
    text = "\n\n".join(paragraphs)
    record = {"id": number, "title": title, "published": day.isoformat(), "author": author, "text": text}
    record["url"] = f"{day:%Y/%m}/{number}"
    line = json.dumps(record, ensure_ascii=number % 5 == 0).encode()
    if _kind(number) != "bad":
        return line
    faults = (
        line[:-20],
        line.replace(b'"text"', b'"body"'),
        line.replace(b'"text": "', b'"text": "\\ud800'),
        line.replace(b'"text": "', b'"text": "\xff\xfe\x81'),
        json.dumps({**record, "text": " \n "}).encode(),
        json.dumps({**record, "published": "last spring"}).encode(),
        b"[" * 5000,
    )
    return faults[number // BAD % len(faults)]


def _page(number: int, seed: int, changed: bool) -> bytes:
    title, paragraphs, day, author = _article(number, seed, changed)
    menu = "".join(f'<li><a href="/{word}">{word.title()}</a></li>' for word in _POOLS["topic"][:12])
    body = "".join(f"<p>{paragraph}</p>\n" for paragraph in paragraphs)
    others = "".join(
        f'<li><a href="/{n}">{_article(n, seed, changed=False)[0]}</a></li>' for n in range(number + 1, number + 6)
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title} - {_name(number % OUTLETS)}</title>
<meta property="og:title" content="{title}"><meta name="author" content="{author}">
<meta property="article:published_time" content="{day}T06:00:00Z">
<link rel="canonical" href="https://{_slug(number % OUTLETS)}.example/{day:%Y/%m}/{number}">
<style>body {{ margin: 0 auto; max-width: 40em }} nav li {{ display: inline }}</style>
<script>window.page = {{number: {number}}};</script></head>
<body><header><nav><ul>{menu}</ul></nav></header>
<main><article><h1>{title}</h1><div class="byline">By {author}, <time>{day}</time></div>
{body}</article></main>
<aside class="related"><h2>More from us</h2><ul>{others}</ul></aside>
<footer><p>All rights in this page are invented, like everything that it says.</p></footer></body></html>
""".encode()


def _article(number: int, seed: int, changed: bool) -> tuple[str, list[str], datetime.date, str]:
    """Headline, paragraphs, day and author."""
    if _kind(number) == "copy" and number >= 10:
        _, paragraphs, day, author = _article(number - 10, seed, changed=False)
        title = _article(number + 1_000_000_000, seed, changed=False)[0]
        return title, paragraphs[: len(paragraphs) - number % 2] + changed * [_LATER], day, author
    draw = random.Random(seed * 2_000_000_011 + number)
    day = _FIRST_DAY + datetime.timedelta(number * 7919 % _DAYS)
    cast = _cast(draw, day)
    title = _filled(_pick(draw, "headline"), cast, draw)
    title = title[:1].upper() + title[1:]
    shape = ["lead", *_SHAPES[int(draw.random() * len(_SHAPES))]]
    templates = dict.fromkeys(_pick(draw, kind) for kind in shape)  # each once
    sentences = [_filled(template, cast, draw) for template in templates]
    paragraphs = [sentences[0]]
    for sentence in sentences[1:]:
        if len(paragraphs[-1]) < 220 and draw.random() < 0.55:
            paragraphs[-1] += " " + sentence
        else:
            paragraphs.append(sentence)
    return title, paragraphs + changed * [_LATER], day, _person(draw)


def _cast(draw: random.Random, day: datetime.date) -> dict[str, str]:
    """What stays the same throughout an article."""
    cast = {}
    for letter, other in (("a", "A"), ("b", "B")):
        cast[letter] = _person(draw)
        cast[other] = cast[letter].rsplit(" ", 1)[1]
    cast |= {key: _pick(draw, pool) for key, pool in (("x", "body"), ("y", "body"), ("p", "place"), ("q", "place"))}
    cast |= {"c": _pick(draw, "country"), "d": _pick(draw, "country"), "t": _pick(draw, "thing")}
    earlier = day - datetime.timedelta(1 + int(draw.random() * 6))
    ago = day - datetime.timedelta(30 + int(draw.random() * 900))
    cast |= {
        "day": f"{earlier:%A}",
        "ago": f"{ago.day} {ago:%B %Y}",
        "month": f"{ago:%B}",
        "now": f"{day.day} {day:%B}",
    }
    return cast


def _person(draw: random.Random) -> str:
    return f"{_pick(draw, 'given')} {_pick(draw, 'onset')}{_pick(draw, 'middle')}{_pick(draw, 'coda')}"


def _pick(draw: random.Random, pool: str) -> str:
    values = _POOLS[pool]
    return values[int(draw.random() * len(values))]


def _filled(template: str, cast: dict[str, str], draw: random.Random) -> str:
    """A template with its slots filled from the cast, else from the pool of that name, and so on within."""
    parts = []
    for at, part in enumerate(_parts(template)):
        if at % 2 == 0:
            parts.append(part)
        elif part in cast:
            parts.append(cast[part])
        elif part in _NUMBERS:
            low, high = _NUMBERS[part]
            parts.append(str(low + int(draw.random() ** 2 * (high - low))))
        else:
            parts.append(_filled(_pick(draw, part), cast, draw))
    text = "".join(parts)
    return text[:1].upper() + text[1:] if template[:1] == "{" and template[-1:] in ".”" else text


@cache
def _parts(template: str) -> tuple[str, ...]:
    return tuple(re.split(r"\{(\w+)\}", template))


def _name(outlet: int) -> str:
    return _POOLS["outlet"][outlet]


def _slug(outlet: int) -> str:
    return _name(outlet).lower().replace(" ", "-")


_LATER = "This report was extended after its first edition; nothing in it was taken back."

# What follows the lead, sentence by sentence.
_SHAPES = [
    shape.split()
    for shape in (
        "reported direct own number mixed own reported blame direct date own number",
        "direct own reported number own direct praise own mixed date reported number",
        "own number reported own date direct blame reported mixed own direct own",
        "mixed direct own number own reported date praise direct own reported blame",
        "own direct reported blame number mixed reported own date direct praise own",
    )
]

_POOLS = {
    section.partition("]\n")[0]: section.partition("]\n")[2].strip().split("\n")
    for section in re.split(r"(?m)^\[", Path(__file__).with_suffix(".txt").read_text(encoding="utf-8"))[1:]
}
_POOLS["year"] = [str(year) for year in range(2011, 2029)]
_POOLS["percent"] = [*map(str, range(3, 96)), "2.5", "7.5", "12.5"]
