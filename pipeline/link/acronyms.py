"""Acronyms that a text itself spells out: "Harbour Workers' Union (HWU)", "HWU (Harbour Workers' Union)"."""

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.link.names import name_key, organisation_key, spelled_out

_BEFORE = 160  # code points before a bracket in which the full name stands
_AFTER = re.compile(r"\(([A-Z][A-Za-z0-9.&]{1,9})\)")
_AHEAD = re.compile(r"\b([A-Z][A-Za-z0-9.&]{1,9}) \(([A-Z][^()\n]{3,120})\)")
_TOKEN = re.compile(r"[\w'’.&–-]+")

Spelled = dict[str, dict[str, tuple[str, str]]]


def acronyms(texts: Iterable[pa.RecordBatch], wanted: Container[str]) -> Spelled:
    """What each wanted acronym stands for: folded full name -> (full name, the least `document_id` that spells it).

    Args:
        texts: batches of `document_id` and `text`.
        wanted: the acronyms to look for.

    Time is linear in the length of the texts; only what is found is kept.
    """
    found: Spelled = defaultdict(dict)
    for batch in texts:
        likely = batch.filter(pc.match_substring_regex(batch["text"], r"\([A-Z]"))
        for document_id, text in zip(likely["document_id"].to_pylist(), likely["text"].to_pylist(), strict=True):
            for acronym, full in _spelled(text):
                if acronym in wanted:
                    key = organisation_key(name_key(full))
                    held = found[acronym].get(key)
                    found[acronym][key] = min(held or (full, document_id), (full, document_id), key=lambda it: it[::-1])
    return dict(found)


def _spelled(text: str) -> Iterator[tuple[str, str]]:
    for bracket in _AFTER.finditer(text):
        line = text.rfind("\n", max(0, bracket.start() - _BEFORE), bracket.start()) + 1
        start = max(line, bracket.start() - _BEFORE)
        tokens = list(_TOKEN.finditer(text, start, bracket.start()))
        count = spelled_out(bracket[1], [token[0] for token in tokens])
        if count is not None:
            yield bracket[1], text[tokens[-count].start() : bracket.start()].rstrip()
    for named in _AHEAD.finditer(text):
        words = _TOKEN.findall(named[2])
        if spelled_out(named[1], words) == len(words):
            yield named[1], named[2]
