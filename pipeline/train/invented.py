"""Invented sentences for the reader of polarity: states, armies and movements, and targets that are spoken of unalike.

`invented.txt` holds patterns in the project's own words. A pattern is drawn twice with the same words and other names,
so that both can be required to be read alike. Names are those of countries, and invented ones of persons and movements:
nobody who lives gets invented words.
"""

import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from pipeline.annotate.lexicons import FOLDER

PATTERNS = Path(__file__).with_name("invented.txt")
LABELS = {"-": "negative", "0": "neutral", "+": "positive"}
FORCES = {"A": ("army", "navy", "air force", "militia"), "T": ("soldiers", "troops", "forces", "army units")}
BODIES = """
Harvest|Lantern|Free Coast|Northern|Green Valley|Miners'|Red Bridge|Three Rivers|Tenants'|New Morning|Highland|Weavers'
Front|League|Movement|Union|Party|Alliance|Brotherhood|Federation|Committee|Assembly
"""
PERSONS = """
Ilvi|Maret|Odo|Tamsin|Jorun|Belka|Ruvim|Sefa|Linus|Anouk|Dragan|Perpetua|Hale|Nuri|Oswin|Katrien
Varo|Trennick|Osmer|Quillfeather|Dahlbeck|Ruun|Marchetto|Ostrow|Pellam|Vint|Kessering|Abara|Solheim|Tarquist|Lummis|Brek
"""

_EITHER = re.compile(r"\(([^()|]+(?:\|[^()|]+)+)\)")
_SLOT = re.compile(r"\{([-0+]?)([SJATMP])\}")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Names:
    states: list[str]
    adjectives: list[str]


def patterns(held_out: bool) -> list[str]:
    """The patterns that are trained on, or the one in eight that is not."""
    lines = (line for line in PATTERNS.read_text(encoding="utf-8").splitlines() if line and line[0] != "#")
    return [line for line in lines if (int(sha256(line.encode()).hexdigest(), 16) % 8 == 0) == held_out]


def drawn(pattern: str, draw: Random) -> list[tuple[Row, Row]]:
    """The rows of a pattern, one for each target that it labels, each beside the same with other names.

    A row is like NewsMTSC's: text, start and end of the target, label; `coref` is empty.
    """
    words = _EITHER.sub(lambda found: draw.choice(found[1].split("|")), pattern)
    return list(zip(_named(words, draw), _named(words, draw), strict=True))


def _named(words: str, draw: Random) -> list[Row]:
    """One row for each labelled target; no name stands twice."""
    text, spans, taken, at = "", [], set[str](), 0
    for slot in _SLOT.finditer(words):
        text += words[at : slot.start()]
        before, name = _name(slot[2], draw)
        while taken & set(name.split()):
            before, name = _name(slot[2], draw)
        taken.update(name.split())
        text += before
        if slot[1]:
            spans.append((len(text), len(text) + len(name), LABELS[slot[1]]))
        text, at = text + name, slot.end()
    text += words[at:]
    text = text[0].upper() + text[1:]
    return [{"text": text, "start": start, "end": end, "coref": [], "label": label} for start, end, label in spans]


def _name(kind: str, draw: Random) -> tuple[str, str]:
    """What stands before a name, and a name of that kind."""
    known = _names()
    if kind == "S":
        return "", draw.choice(known.states)
    if kind == "J":
        return "", draw.choice(known.adjectives)
    if kind == "M":
        first, last = (draw.choice(line.split("|")) for line in BODIES.split("\n")[1:3])
        return "the ", f"{first} {last}"
    if kind == "P":
        first, last = (draw.choice(line.split("|")) for line in PERSONS.split("\n")[1:3])
        return "", draw.choice((f"{first} {last}", last))
    force = draw.choice(FORCES[kind])
    if draw.random() < 0.25:
        return "", f"{draw.choice(known.states)}'s {force}"
    return "the " if kind == "A" else "", f"{draw.choice(known.adjectives)} {force}"


@cache
def _names() -> _Names:
    """Countries and the seats of their governments, and the adjectives of countries."""
    lines = (FOLDER / "countries.txt").read_text(encoding="utf-8").splitlines()
    parts = [[part.strip() for part in line.split("|")] for line in lines if line and line[0] != "#"]
    states = [name for part in parts for name in (part[0], part[0], part[3].partition(";")[0].strip()) if name]
    return _Names(states, [first for part in parts if (first := part[2].partition(";")[0].strip())])
