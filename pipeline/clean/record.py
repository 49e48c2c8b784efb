"""One line of a .jsonl file: where its text stands, and what it tells about it.

A record is a JSON object. Read are `text` (required) and, all optional, `title`, `published` (EDTF, or an ISO 8601 time
of which the day counts), `url`, `author`, `language` (BCP 47), `outlet`, `licence`, `id`: strings, `id` also a whole
number. null and "" tell nothing. `id` is for the people who made the file: a record's key here is its line. Other keys
are ignored.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]  # in every Python, in no stub

from pipeline.offsets import Edit
from pipeline.read import RejectedError
from pipeline.read.limits import MAX_JSON_DEPTH

FIELDS = ("title", "published", "url", "author", "language", "outlet", "licence")

_BLANK = re.compile(r"[ \t\n\r]*")
# A string without an end goes on to the last character, so that each is read once.
_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?+|([\[{])|([\]}])', re.DOTALL)
_ESCAPE = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", re.DOTALL
)
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Record:
    """What a line holds.

    Attributes:
        edits: what is left of the line after them is the text: all else deleted, escapes undone.
        facts: the fields that tell something, of `FIELDS`.
    """

    edits: tuple[Edit, ...]
    facts: dict[str, str]


def parse(line: str) -> Record:
    """Read one line; raises RejectedError with the place in it, in code points."""
    _refuse_depth(line)
    fields = dict(_fields(line))
    if fields.get("text", (None, 0, 0))[0] is None:
        raise RejectedError("missing_text", "the record has no field text")
    for name in ("text", *FIELDS, "id"):
        value, start, _ = fields.get(name, (None, 0, 0))
        number = name == "id" and isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not isinstance(value, str) and not number:
            raise RejectedError(
                "invalid_metadata", f"{name} at character {start} is no string but {type(value).__name__}"
            )
        if isinstance(value, str):
            _refuse_surrogate(name, value)
    _, start, end = fields["text"]
    edits = [Edit(0, start + 1)]
    edits += (
        Edit(start + 1 + edit.start, start + 1 + edit.end, edit.replacement)
        for edit in _escapes(line[start + 1 : end - 1])
    )
    edits.append(Edit(end - 1, len(line)))
    told = {name: str(fields[name][0] or "").strip() for name in FIELDS if name in fields}
    return Record(tuple(edits), {name: value for name, value in told.items() if value})


def _escapes(source: str) -> Iterator[Edit]:
    for match in _ESCAPE.finditer(source):
        high, low, plain, short = match.groups()
        if high:
            character = chr(0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF))
        else:
            character = chr(int(plain, 16)) if plain else _SHORT.get(short, short)
        yield Edit(match.start(), match.end(), character)


def _refuse_surrogate(name: str, value: str) -> None:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RejectedError("bad_unicode", f"a lone surrogate in {name}, its character {error.start}") from error


def _refuse_depth(line: str) -> None:
    depth = 0
    for match in _BRACKET.finditer(line):
        depth += bool(match[1]) - bool(match[2])
        if depth > MAX_JSON_DEPTH:
            raise RejectedError("too_deep", f"more than {MAX_JSON_DEPTH} open brackets at character {match.start()}")


def _fields(line: str) -> Iterator[tuple[str, tuple[object, int, int]]]:
    """Each key of the object with its value and the place of that; raises RejectedError."""
    decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
    seen: set[str] = set()
    at = _past(line, 1 if line.startswith("\ufeff") else 0, "{", "an object")
    at = _skip(line, at)
    if line[at : at + 1] == "}":
        _end(line, at + 1)
        return
    while True:
        at = _past(line, at, '"', "a key")
        try:
            key, at = scanstring(line, at, True)
            at = _skip(line, _past(line, at, ":", "a colon"))
            value, end = decoder.raw_decode(line, at)
        except (ValueError, RecursionError) as error:
            raise RejectedError("invalid_json", _shown(str(error))) from error
        if key in seen:
            raise RejectedError("invalid_json", f"the key {_shown(key)!r} stands twice")
        seen.add(key)
        yield key, (value, at, end)
        at = _skip(line, end)
        if line[at : at + 1] == "}":
            _end(line, at + 1)
            return
        at = _skip(line, _past(line, at, ",", "a comma or the end of the object"))


def _skip(line: str, at: int) -> int:
    return _BLANK.match(line, at).end()  # type: ignore[union-attr]  # it matches everywhere


def _past(line: str, at: int, sign: str, meaning: str) -> int:
    """The place after `sign`, which must be next."""
    at = _skip(line, at)
    if line[at : at + 1] != sign:
        raise RejectedError("invalid_json", f"expected {meaning} at character {at}")
    return at + 1


def _end(line: str, at: int) -> None:
    at = _skip(line, at)
    if at != len(line):
        raise RejectedError("invalid_json", f"more after the object, at character {at}")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key of an inner object stands twice")
    return found


def _constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _shown(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")[:120]
