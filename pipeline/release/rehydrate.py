"""The texts that a release withholds, made again from the user's own copies of the articles, and proved the same.

A release names each document by the digest of its raw bytes and of its text, and the digest that texts.parquet has
with all texts in it. Whoever has the same articles cleans them anew; nothing but the very same file is written. Claims
and temporal expressions, of which the release shows a few words, get their whole words from those texts; the identifier
of each was made from them, so a wrong word would show.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import read, schema
from pipeline.errors import ReleaseRefused, StoreError
from pipeline.personal import REDACTED
from pipeline.release import manifest, provenance, tables, verify

SHOWN = 5  # articles named in a message
QUOTED = {"claims": ("document_id", "spans", "text"), "dates": ("document_id", "start", "end", "text")}
"""Tables with words of the texts, and the columns whose values give the identifier of a row."""


@dataclass(frozen=True, slots=True)
class Rehydrated:
    """What was written: rows of texts in all, how many of them were made from the user's copies, quotes made whole."""

    rows: int
    rebuilt: int
    quotes: int


def rehydrate(folder: Path, raw: Path, target: Path) -> Rehydrated:
    """Write a release's texts, claims and dates with all their words, the withheld ones from copies in a raw folder.

    Args:
        folder: the release.
        raw: folder of the user's copies, read as raw folders are; an article is known by its bytes, so file names and
            folders may be others.
        target: folder for texts.parquet, claims.parquet and dates.parquet, made where it is not there; not inside the
            release, where they would be published with it.

    Raises:
        ReleaseRefused: a release that is not whole, or an article that is missing or differs; it is named.
        StoreError: a release that withholds nothing, a folder that cannot be read, a target that cannot be written.
    """
    verify.refuse_foreign(folder)
    withheld = json.loads((folder / provenance.FILE).read_bytes())["withheld"]
    if withheld is None:
        raise StoreError(f"{folder}: withholds no text; data/texts.parquet is complete.")
    if target.resolve().is_relative_to(folder.resolve()):
        raise StoreError(f"{target}: lies in the release, with which it would be passed on. Name a place elsewhere.")
    columns = ["document_id", "source", "format", "outlet", "title", "encoding", "raw_sha256", "text_sha256", "cleaner"]
    rows = pq.read_table(folder / "data" / "documents.parquet", columns=columns).to_pylist()
    published = pq.read_table(folder / "data" / "texts.parquet").cast(schema.arrow("texts"))
    there = set(published["document_id"].to_pylist())
    wanted = [row for row in rows if row["text_sha256"] and row["document_id"] not in there]
    made = schema.table("texts", _texts(wanted, raw))
    texts = pa.concat_tables([published, made])
    order = {row["document_id"]: place for place, row in enumerate(rows)}
    places = [order[key] for key in texts["document_id"].to_pylist()]
    complete = {"texts": texts.take(sorted(range(len(places)), key=places.__getitem__)).combine_chunks()}
    words = dict(zip(made["document_id"].to_pylist(), made["text"].to_pylist(), strict=True))
    quotes = 0
    for name in QUOTED:
        table = pq.read_table(folder / "data" / f"{name}.parquet").cast(schema.arrow(name))
        complete[name], count = _whole(name, table, words, wanted)
        quotes += count
    parts = {name: target / f"{name}.parquet.part" for name in complete}
    try:
        target.mkdir(exist_ok=True)
        for name, table in complete.items():
            tables.write_parquet(name, table, parts[name])
        if manifest.digest(parts["texts"]) != withheld["texts_sha256"]:
            raise ReleaseRefused(_unlike(wanted))
        for part in parts.values():
            part.replace(part.with_suffix(""))
    except OSError as error:
        raise StoreError(f"{target}: {error.strerror or error}.") from error
    finally:
        if target.is_dir():
            for part in parts.values():
                part.unlink(missing_ok=True)
    return Rehydrated(len(texts), len(made), quotes)


def _whole(name: str, table: pa.Table, texts: Mapping[str, str], wanted: list[dict[str, Any]]) -> tuple[pa.Table, int]:
    """The table with the whole words of the rows whose text is among those given, and how many were cut before."""
    key = schema.load(name).primary_key
    hidden = pc.is_in(table["document_id"], value_set=pa.array(sorted(texts), pa.string())).combine_chunks()
    shown = []
    cut = 0
    for row in table.filter(hidden).to_pylist():
        words = texts[row["document_id"]][row["start"] : row["end"]]
        cut += words != row["text"]
        told = "\0".join(str((row | {"text": words})[column]) for column in QUOTED[name])
        if row[key] != row[key][0] + hashlib.sha256(told.encode()).hexdigest()[:16]:
            raise ReleaseRefused(f"{name}: {row[key]} is not the identifier of its words. {_unlike(wanted)}")
        shown.append(words)
    place = table.schema.get_field_index("text")
    whole = pc.replace_with_mask(table["text"].combine_chunks(), hidden, pa.array(shown, pa.string()))
    return table.set_column(place, table.schema.field(place), whole), cut


def _texts(wanted: list[dict[str, Any]], raw: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of texts for documents whose raw bytes lie in a folder; ReleaseRefused names those that do not."""
    from pipeline.clean import clean

    left: dict[str, list[dict[str, Any]]] = {}  # by the digest of the raw bytes, which two documents may share
    for row in wanted:
        left.setdefault(row["raw_sha256"], []).append(row)
    others: dict[str, str] = {}  # digests of the copies under a name that the release knows
    known = {row["source"] for row in wanted}
    for copy in read.read(raw):
        if copy["content"] is None:
            continue
        digest = hashlib.sha256(copy["content"]).hexdigest()
        if copy["source"] in known:
            others[copy["source"]] = digest
        for row in left.pop(digest, ()):
            facts = {key: row[key] for key in ("source", "format", "outlet", "title", "encoding")}
            facts["redact"] = row["cleaner"].endswith(REDACTED)
            bare = dict.fromkeys(read.RAW.names) | facts | {"content": copy["content"], "publish_text": False}
            _, texts = clean(pa.Table.from_pylist([bare], schema=read.RAW))
            text = texts.to_pylist()[0] if len(texts) else None
            if text is None or hashlib.sha256(text["text"].encode()).hexdigest() != row["text_sha256"]:
                raise ReleaseRefused(f"{copy['source']}: {_unlike([row])}")
            yield text
    if left:
        lost = [row for rows in left.values() for row in rows]
        missing = [
            f"  {row['source']}: your copy hashes to {others[row['source']]}, the release read {row['raw_sha256']}"
            if row["source"] in others
            else f"  {row['source']}: no file has the bytes that hash to {row['raw_sha256']}"
            for row in lost[:SHOWN]
        ]
        raise ReleaseRefused(
            f"{raw}: {len(lost)} of {len(wanted)} withheld articles are not there as they were read. Nothing was "
            "written.\n" + "\n".join(missing) + (f"\n  and {len(lost) - SHOWN} more" if len(lost) > SHOWN else "")
        )


def _unlike(rows: list[dict[str, Any]]) -> str:
    """Why the same raw bytes did not come out as they did for the release."""
    from pipeline.clean import CLEANER

    told = sorted({row["cleaner"] for row in rows})
    return (
        f"the same articles come out otherwise than in the release. It was cleaned by {', '.join(told)}, this is "
        f"{CLEANER}; provenance.json names the libraries. Nothing was written."
    )
