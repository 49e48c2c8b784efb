"""What no check refuses and somebody ought to look at: shapes of personal data and keys, names of mixed scripts, and
days of publication that are still to come.
"""

import datetime
import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from pipeline.check.report import Flag, Flagged
from pipeline.corpus import Corpus

_SEARCHED = {"texts": "text", "documents": "concat_ws(chr(10), title, byline, rejected_detail)"}
_ONE_DAY = datetime.timedelta(days=1)
_EAST_ASIAN = frozenset({"Cjk", "Hiragana", "Katakana", "Hangul", "Bopomofo"})
"""Scripts that stand beside each other, and beside Latin, in names as they are (Unicode Technical Standard 39)."""
_NO_SCRIPT = frozenset({"Modifier", "Feminine", "Masculine", "Micro", "Combining"})


def flags(corpus: Corpus) -> Iterator[Flag]:
    """Each flag of the tables that something has, in a fixed order. None of them hangs on a clock."""
    for table, words in _SEARCHED.items():
        yield from _personal(corpus, table, words)
    yield from _mixed(corpus)


def days_to_come(corpus: Corpus, today: datetime.date) -> Iterator[Flag]:
    """Documents that say they were published after today: a day later may be the date where they were."""
    query = "SELECT document_id, published FROM documents WHERE published_start > $last"
    found: dict[str, Flagged] = defaultdict(Flagged)
    for key, published in corpus.rows(query, last=today + _ONE_DAY):
        found["day of publication is to come"].add(key, published)
    yield from _told(corpus, "documents", found)


def scripts(name: str) -> frozenset[str]:
    """The scripts of the letters of a name, as their Unicode names begin: Latin, Cyrillic, Cjk."""
    told = set()
    for letter in set(name):
        if unicodedata.category(letter).startswith("L"):
            first, *rest = unicodedata.name(letter, "UNNAMED").split()
            told.add((rest[0] if first in ("FULLWIDTH", "HALFWIDTH") else first).partition("-")[0].capitalize())
    return frozenset(told - _NO_SCRIPT)


def is_mixed(name: str) -> bool:
    """Whether a name has letters of scripts that no name mixes: a Cyrillic letter that looks like a Latin one."""
    found = scripts(name)
    return len(found - _EAST_ASIAN) > 1 or (bool(found & _EAST_ASIAN) and bool(found - _EAST_ASIAN - {"Latin"}))


def _personal(corpus: Corpus, table: str, words: str) -> Iterator[Flag]:
    """Rows whose words have the shape of personal data or of a key, and rows from which such were taken."""
    from pipeline.personal import CANDIDATE, MARKS, REDACTED, counts

    found: dict[str, Flagged] = defaultdict(Flagged)
    rows = corpus.rows(
        f"SELECT document_id, {words} AS words, cleaner FROM {table} "
        "WHERE regexp_matches(words, $shape) OR ends_with(cleaner, $redacted)",
        shape=CANDIDATE,
        redacted=REDACTED,
    )
    for key, text, cleaner in rows:
        told = Counter({f"personal or secret: {kind}": count for kind, count in counts(text).items()})
        if cleaner.endswith(REDACTED):
            told.update({f"redacted: {kind}": text.count(mark) for kind, mark in MARKS.items() if mark in text})
        for name, count in told.items():
            found[name].add(key, count, count)
    names = [f"{what}: {kind}" for what in ("personal or secret", "redacted") for kind in MARKS]
    yield from _told(corpus, table, {name: found[name] for name in names if name in found})


def _mixed(corpus: Corpus) -> Iterator[Flag]:
    found: dict[str, Flagged] = defaultdict(Flagged)
    for key, name, forms in corpus.rows(
        "SELECT speaker_id, name, forms FROM speakers WHERE strlen(name || forms) > length(name || forms)"
    ):
        mixed = sorted({form for form in (name, *json.loads(forms)) if is_mixed(form)})
        if mixed:
            shown = "; ".join(f"{form} ({' and '.join(sorted(scripts(form)))})" for form in mixed)
            found["name mixes scripts"].add(key, shown)
    yield from _told(corpus, "speakers", found)


def _told(corpus: Corpus, table: str, found: Mapping[str, Flagged]) -> Iterator[Flag]:
    for name, rows in found.items():
        yield rows.flag(name, table, corpus.count(table))
