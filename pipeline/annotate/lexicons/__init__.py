"""The closed word lists of the annotators, one TOML file a subject, each with its source in its header.

A file has up to four tables. `[words]`: lists of words as they stand. `[verbs]`: base forms, read with all their
inflections; irregular forms follow the base after slashes ("fight/fought"). `[phrases]`: lists of literal phrases.
`[weights]`: a number for each word.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.errors import SchemaError

FOLDER = Path(__file__).parent
_VOWELS = "aeiou"


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One file of word lists.

    Attributes:
        words: list name -> its words, lower case; lists of `[verbs]` hold all inflected forms.
        phrases: list name -> its phrases, lower case, in the order of the file.
        weights: list name -> word -> number.
    """

    words: dict[str, frozenset[str]]
    phrases: dict[str, tuple[str, ...]]
    weights: dict[str, dict[str, float]]


@cache
def load(name: str) -> Lexicon:
    """The lists of `<name>.toml` in `FOLDER`."""
    return read(FOLDER / f"{name}.toml")


def read(path: Path) -> Lexicon:
    """Read and check one file; SchemaError names the file and the key of what is wrong."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    unknown = set(raw) - {"words", "verbs", "phrases", "weights"}
    if unknown:
        raise SchemaError(f"{path.name}: unknown table {min(unknown)!r}. Use words, verbs, phrases or weights.")
    words = {key: frozenset(text.split()) for key, text in raw.get("words", {}).items()}
    for key, text in raw.get("verbs", {}).items():
        if key in words:
            raise SchemaError(f"{path.name}: {key!r} stands in words and in verbs. Rename one.")
        words[key] = frozenset(form for entry in text.split() for form in inflections(entry))
    return Lexicon(
        words=words,
        phrases={key: tuple(values) for key, values in raw.get("phrases", {}).items()},
        weights={key: dict(values) for key, values in raw.get("weights", {}).items()},
    )


def inflections(entry: str) -> frozenset[str]:
    """All forms of a verb written as 'base' or 'base/past' or 'base/past/participle'.

    >>> sorted(inflections("fight/fought"))
    ['fight', 'fighting', 'fights', 'fought']
    """
    base, *irregular = entry.split("/")
    if base.endswith("e"):
        third, stem = base + "s", base[:-1]
    elif base.endswith("y") and base[-2] not in _VOWELS:
        third, stem = base[:-1] + "ies", base
    elif base.endswith(("s", "x", "z", "ch", "sh", "o")):
        third, stem = base + "es", base
    else:
        third, stem = base + "s", base
    past = base[:-1] + "ied" if third.endswith("ies") and base.endswith("y") else stem + "ed"
    forms = {base, third, *(irregular or [past])}
    if base.endswith("ie"):
        forms.add(base[:-2] + "ying")
    elif base.endswith("ee"):
        forms.add(base + "ing")
    else:
        forms.add(stem + "ing")
    if _doubles(base):
        forms.add(base + base[-1] + "ing")
        if not irregular:
            forms.add(base + base[-1] + "ed")
    return frozenset(forms)


def _doubles(base: str) -> bool:
    """Whether the last consonant may be doubled before -ed and -ing (both spellings are then read)."""
    return len(base) > 2 and base[-1] not in _VOWELS + "wxy" and base[-2] in _VOWELS and base[-3] not in _VOWELS
