"""What needs the whole corpus: duplicates among documents, and one row for each speaker over all of them.

Both results depend on the rows alone, never on their order: the earliest document of a group (first day of publication,
then `source`) is the one that the others duplicate, and a speaker's name is the commonest fullest form.
"""

import hashlib
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from pipeline import schema

VERSION = "link/1"

SHINGLE_WORDS = 5
NEAR = 0.5
"""Least Jaccard similarity of five-word sequences for a near duplicate: most of what the two hold is the same. News
reprints with cuts lie above 0.6, two reports of one event by different hands below 0.2 (sample corpus)."""
_BANDS, _ROWS = 42, 3  # LSH finds a pair of similarity 0.5 with probability 0.996, one of 0.1 with 0.04

_WORD = re.compile(r"\w+")
_CORPUS_WIDE = {"person", "organisation"}  # groups, documents and anonymous sources are others in every document


def link(documents: pa.Table, texts: pa.Table, claims: pa.Table) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Mark duplicates and link speakers.

    Args:
        documents: rows of `documents`, `duplicate_*` not yet filled.
        texts: a row for each accepted document, the withheld ones too.
        claims: rows of `claims`, `speaker` as named in each document, `speaker_id` not yet filled.

    Returns:
        documents, claims and speakers; the rows of the first two in their given order.
    """
    linked_claims, speakers = _link_speakers(documents, claims)
    return _mark_duplicates(documents, texts), linked_claims, speakers


def _mark_duplicates(documents: pa.Table, texts: pa.Table) -> pa.Table:
    rows = {row["document_id"]: row for row in documents.to_pylist()}
    words = {
        document_id: tuple(_WORD.findall(text.casefold()))
        for document_id, text in zip(texts["document_id"].to_pylist(), texts["text"].to_pylist(), strict=True)
    }
    order = sorted(
        words,
        key=lambda key: (rows[key]["published_start"] is None, rows[key]["published_start"] or 0, rows[key]["source"]),
    )
    first_with: dict[str, str] = {}
    for key in order:
        first = first_with.setdefault(rows[key]["text_sha256"], key)
        if first != key:
            rows[key].update(duplicate_of=first, duplicate_kind="exact", duplicate_similarity=1.0)
    distinct = [key for key in order if rows[key]["duplicate_of"] is None and len(words[key]) >= SHINGLE_WORDS]
    for key, other, similarity in _near(distinct, words):
        rows[key].update(duplicate_of=other, duplicate_kind="near", duplicate_similarity=round(similarity, 3))
    return schema.table("documents", rows.values())


def _near(order: list[str], words: Mapping[str, tuple[str, ...]]) -> Iterable[tuple[str, str, float]]:
    """(document, the earliest document it nearly repeats, Jaccard similarity), in order."""
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(threshold=NEAR, num_perm=_BANDS * _ROWS, num_bands=_BANDS)
    for i, key in enumerate(order):
        sketch = RMinHash(num_perm=_BANDS * _ROWS, seed=1)
        shingles = _shingles(words[key])
        sketch.update([" ".join(shingle) for shingle in shingles])
        for j in sorted(index.query(sketch)):
            others = _shingles(words[order[j]])
            similarity = len(shingles & others) / len(shingles | others)
            if similarity >= NEAR:
                yield key, order[j], similarity
                break
        index.insert(i, sketch)


def _shingles(words: tuple[str, ...]) -> set[tuple[str, ...]]:
    return {words[i : i + SHINGLE_WORDS] for i in range(len(words) - SHINGLE_WORDS + 1)}


def name_key(name: str) -> str:
    """A name without case, accents, hyphens, stops and a leading article: 'Kim Jong-un' and 'KIM Jong Un' are equal."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)).casefold()
    found = _WORD.findall(re.sub(r"['’]s\b|[.'’]", "", bare))
    while len(found) > 1 and found[0] == "the":
        found = found[1:]
    return " ".join(found)


def _link_speakers(documents: pa.Table, claims: pa.Table) -> tuple[pa.Table, pa.Table]:
    outlets = dict(zip(documents["document_id"].to_pylist(), documents["outlet"].to_pylist(), strict=True))
    rows = claims.to_pylist()
    said = [row for row in rows if row["speaker"] is not None]
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in said:
        scope = () if row["speaker_kind"] in _CORPUS_WIDE else (row["document_id"],)
        groups[(row["speaker_kind"], name_key(row["speaker"]) or row["speaker"], *scope)].append(row)
    _merge_surnames(groups)
    speakers = []
    for (kind, *_), members in groups.items():
        name = _fullest(row["speaker"] for row in members)
        scope = [] if kind in _CORPUS_WIDE else [members[0]["document_id"]]
        speaker_id = "p" + hashlib.sha256("\0".join([kind, name.casefold(), *scope]).encode()).hexdigest()[:16]
        forms = {row["speaker"] for row in members}
        forms |= {
            row["speaker_text"] for row in members if row["speaker_text"] and row["speaker_resolution"] == "named"
        }
        for row in members:
            row.update(speaker=name, speaker_id=speaker_id)
        held = {row["document_id"] for row in members}
        speakers.append(
            {
                "speaker_id": speaker_id,
                "name": name,
                "kind": kind,
                "forms": _array(forms),
                "roles": _array(row["speaker_role"] for row in members),
                "affiliations": _array(row["speaker_affiliation"] for row in members),
                "claims": len(members),
                "documents": len(held),
                "outlets": len({outlets[key] for key in held} - {None}),
                "linker": VERSION,
            }
        )
    speakers.sort(key=lambda row: row["speaker_id"])
    return schema.table("claims", rows), schema.table("speakers", speakers)


def _merge_surnames(groups: dict[tuple[str, ...], list[dict[str, Any]]]) -> None:
    """Give a person known by a last name alone to the one full name with it that shares a word of role or affiliation.

    Two full names with that last name, or no shared word: nothing is merged, because nothing tells them apart.
    """
    full: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for key in groups:
        if key[0] == "person" and " " in key[1]:
            full[key[1].rsplit(" ", 1)[1]].append(key)
    for key in [key for key in groups if key[0] == "person" and " " not in key[1]]:
        candidates = full.get(key[1], [])
        if len(candidates) == 1 and _described(groups[key]) & _described(groups[candidates[0]]):
            groups[candidates[0]] += groups.pop(key)


def _described(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    words = (row[key] for row in rows for key in ("speaker_role", "speaker_affiliation") if row[key])
    return {word for text in words for word in _WORD.findall(text.casefold()) if len(word) > 3}


def _fullest(names: Iterable[str]) -> str:
    counts = Counter(names)
    words = {name: len(name_key(name).split()) for name in counts}
    return min((-words[name], -counts[name], name) for name in counts)[-1]


def _array(values: Iterable[str | None]) -> str | None:
    found = sorted({value for value in values if value})
    return json.dumps(found, ensure_ascii=False) if found else None
