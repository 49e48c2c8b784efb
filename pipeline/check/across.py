"""The laws across rows: keys, and what two tables or all rows of one must agree on. Each is a query of its own."""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from pipeline import schema
from pipeline.check.report import Found
from pipeline.corpus import Corpus


def unique(corpus: Corpus, table: str) -> Found:
    """Rows that share what no two rows may share."""
    spec = schema.load(table)
    for column in unique_columns(spec):
        yield from corpus.rows(
            f"SELECT r.{spec.primary_key}, r.{column}, n || ' rows have this {column}' FROM {table} r JOIN (SELECT "
            f"{column}, count(*) n FROM {table} GROUP BY ALL HAVING n > 1) USING ({column}) ORDER BY ALL"
        )


def unique_columns(spec: schema.Table) -> list[str]:
    """The columns of which no two rows may share a value, the primary key first."""
    return list(
        dict.fromkeys([spec.primary_key, *(field.name for field in spec.fields if field.constraints.get("unique"))])
    )


def foreign_keys(corpus: Corpus, table: str) -> Found:
    """Rows whose foreign keys lead nowhere."""
    spec = schema.load(table)
    for column, other, key in spec.foreign_keys:
        yield from corpus.rows(
            f"SELECT r.{spec.primary_key}, r.{column}, '{column} is no {key} of {other}' FROM {table} r "
            f"ANTI JOIN {other} o ON r.{column} = o.{key} WHERE r.{column} IS NOT NULL ORDER BY ALL"
        )


def _parents(corpus: Corpus, table: str) -> Found:
    yield from corpus.rows(
        "SELECT r.claim_id, r.parent_id, 'a parent is another claim of the same document' FROM claims r "
        "JOIN claims p ON r.parent_id = p.claim_id "
        "WHERE r.parent_id = r.claim_id OR r.document_id <> p.document_id ORDER BY ALL"
    )


def _speakers(corpus: Corpus, table: str) -> Found:
    counted = (
        "SELECT speaker_id, sum(n) AS claims, count(DISTINCT document_id) AS documents, "
        "count(DISTINCT outlet) AS outlets FROM (SELECT speaker_id, document_id, outlet, count(*) n FROM claims "
        "WHERE speaker_id IS NOT NULL GROUP BY ALL) GROUP BY ALL"
    )
    told = "[r.claims, r.documents, r.outlets]"
    held = "[coalesce(c.claims, 0), coalesce(c.documents, 0), coalesce(c.outlets, 0)]"
    yield from corpus.rows(
        f"SELECT r.speaker_id, {told}, 'claims, documents and outlets of this speaker are ' || CAST({held} AS VARCHAR) "
        f"FROM speakers r LEFT JOIN ({counted}) c ON r.speaker_id = c.speaker_id WHERE {told} <> {held} ORDER BY ALL"
    )
    yield from corpus.rows(
        "SELECT DISTINCT r.speaker_id, c.speaker, 'a claim calls this speaker so, not ' || r.name FROM speakers r "
        "JOIN claims c ON r.speaker_id = c.speaker_id WHERE c.speaker <> r.name ORDER BY ALL"
    )


DAYS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "documents": (("published", "published_start", "published_end"),),
    "claims": (("date", "date_start", "date_end"), ("about_date", "about_start", "about_end")),
    "dates": (("edtf", "date_start", "date_end"),),
}


def _days(corpus: Corpus, table: str) -> Found:
    """Each distinct value with its days is read once, and a plain day, the commonest, is compared as it stands."""
    from pipeline.annotate.dates import edtf

    for column, first, last in DAYS[table]:
        bad: list[tuple[str | None, Any, Any, str]] = []
        distinct = (
            f"SELECT DISTINCT {column}, {first}, {last} FROM {table} WHERE NOT coalesce("
            f"{column} = CAST({first} AS VARCHAR) AND {first} = {last} AND length({column}) = 10, false)"
        )
        for text, *days in corpus.rows(distinct):
            try:
                bounds = (None, None) if text is None else edtf.bounds(text)
            except ValueError as error:
                bad.append((text, *days, f"{column}: {error}"))
                continue
            if tuple(days) != bounds:
                told = f"{first} and {last} are {_told(days)}, those of {column} {_told(bounds)}"
                bad.append((text, *days, told))
        if bad:
            names = {column: pa.string(), first: pa.date32(), last: pa.date32(), "told": pa.string()}
            corpus.hold("bad_days", pa.table(dict(zip(names, zip(*bad, strict=True), strict=True)), pa.schema(names)))
            same = " AND ".join(f"r.{name} IS NOT DISTINCT FROM b.{name}" for name in (column, first, last))
            key = schema.load(table).primary_key
            yield from corpus.rows(
                f"SELECT r.{key}, r.{column}, b.told FROM {table} r JOIN bad_days b ON {same} ORDER BY ALL"
            )


def _told(days: Any) -> str:
    return " and ".join("null" if day is None else day.isoformat() for day in days)


ACROSS: Mapping[str, tuple[tuple[str, ...], Callable[[Corpus, str], Found]]] = {
    "keys are unique": (schema.TABLES, unique),
    "foreign keys lead somewhere": (("documents", "texts", "claims", "dates", "stances"), foreign_keys),
    "parents are of the same document": (("claims",), _parents),
    "days are those of the EDTF value": (tuple(DAYS), _days),
    "speakers count their claims": (("speakers",), _speakers),
}
"""Each law across rows with its tables and what finds its bad rows."""
