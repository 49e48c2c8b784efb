"""What needs the whole corpus: duplicates among documents, and one row for each speaker over all of them.

Both results depend on the rows alone, never on their order. Rows are streamed: held are the distinct names.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.corpus import Corpus
from pipeline.link.aliases import Aliases
from pipeline.link.duplicates import find_duplicates
from pipeline.link.names import name_key
from pipeline.link.speakers import find_speakers, speakers

__all__ = ["VERSION", "Aliases", "Linked", "Links", "link", "links", "name_key"]

VERSION = "link/2"


class Links(NamedTuple):
    """What linking gives, as streams that are read once.

    Attributes:
        documents: with `duplicate_*` filled.
        claims: with `speaker`, `speaker_id` and `speaker_kind` as in `speakers`.
        speakers: by key.
        in_vain: what the aliases name and no claim has, in words.
    """

    documents: Iterator[pa.RecordBatch]
    claims: Iterator[pa.RecordBatch]
    speakers: Iterator[pa.RecordBatch]
    in_vain: tuple[str, ...] = ()


class Linked(NamedTuple):
    """The same as tables; documents and claims in their given order."""

    documents: pa.Table
    claims: pa.Table
    speakers: pa.Table
    in_vain: tuple[str, ...] = ()


_NONE = Aliases()


def links(corpus: Corpus, aliases: Aliases = _NONE, work: Path | None = None) -> Links:
    """Mark duplicates and link speakers.

    Args:
        corpus: `documents`, `duplicate_*` not yet filled; `texts`, a row for each accepted document, the withheld ones
            too; `claims`, `speaker` as named in each document, `speaker_id` not yet filled. Tables of the engine are
            made beside them.
        aliases: the user's word on who is who, which wins over the rules.
        work: a folder in which sketches of texts are kept for the next time.
    """
    find_duplicates(corpus, work)
    in_vain = find_speakers(corpus, aliases)
    documents = (
        "SELECT r.* REPLACE (d.duplicate_of AS duplicate_of, d.kind AS duplicate_kind, "
        "d.similarity AS duplicate_similarity) FROM documents r LEFT JOIN duplicates d ON r.document_id = d.document_id"
    )
    claims = (
        "SELECT r.* REPLACE (n.name AS speaker, n.speaker_id AS speaker_id, n.kind AS speaker_kind) FROM claims r "
        "LEFT JOIN named n ON r.document_id = n.document_id AND r.speaker = n.speaker "
        "AND r.speaker_kind = n.speaker_kind"
    )
    return Links(
        corpus.batches(documents, schema.arrow("documents")),
        corpus.batches(claims, schema.arrow("claims")),
        speakers(corpus, VERSION),
        in_vain,
    )


def link(documents: pa.Table, texts: pa.Table, claims: pa.Table, aliases: Aliases = _NONE) -> Linked:
    """Mark duplicates and link speakers in memory, as `links` does."""
    given = {"documents": documents, "texts": texts, "claims": claims}
    found = links(Corpus(given), aliases)
    tables = {
        name: pa.Table.from_batches(batches, schema.arrow(name))
        for name, batches in (("documents", found.documents), ("claims", found.claims), ("speakers", found.speakers))
    }
    for name in ("documents", "claims"):
        key = schema.load(name).primary_key
        tables[name] = tables[name].take(pc.index_in(given[name][key], value_set=tables[name][key].combine_chunks()))
    return Linked(**tables, in_vain=found.in_vain)
