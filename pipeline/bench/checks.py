"""What checking costs beside its peers, and whether memory grows with the corpus. Part of `onrecord bench`.

The peers look at the same rows: plain DuckDB, which counts by the same conditions, without the rows that break them and
what is said of these; and Great Expectations, which knows the expectations of the schemas but none of the laws.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.bench.steps import main, measured
from pipeline.evaluate.counts import Scores

_LAWFUL = {
    "texts": "SELECT d.document_id AS old, t.* REPLACE (digest('d', [d.source, d.raw_sha256]) AS document_id, "
    "'body:0-' || length(t.text) AS paragraphs, length(t.text) || '=' AS alignment) "
    "FROM made_texts t JOIN made_documents d USING (document_id)",
    "documents": "SELECT r.* REPLACE (t.document_id AS document_id, sha256(t.text) AS text_sha256, "
    "length(t.text) AS characters, length(t.text) AS raw_bytes) FROM made_documents r "
    "JOIN texts t ON r.document_id = t.old",
    "claims": "SELECT c.* EXCLUDE (place) REPLACE (digest('c', [t.document_id, c.spans, c.text]) AS claim_id, "
    "CASE WHEN c.speaker IS NULL THEN 'outlet' ELSE 'attributed' END AS voice, "
    "CASE WHEN c.speaker IS NOT NULL THEN 'direct' END AS mode, left(t.text, 6) AS speaker_text, "
    "'0-6' AS speaker_span, substring(t.text, 9, 4) AS cue, '8-12' AS cue_span) "
    "FROM (SELECT m.* REPLACE (t.document_id AS document_id, substring(t.text, 50 * place + 1, 45) AS text, "
    '50 * place AS start, 50 * place + 45 AS "end", 50 * place AS raw_start, 50 * place + 45 AS raw_end, '
    "(50 * place) || '-' || (50 * place + 45) AS spans) FROM (SELECT *, row_number() OVER (PARTITION BY document_id "
    "ORDER BY claim_id) - 1 AS place FROM made_claims) m JOIN texts t ON m.document_id = t.old "
    "WHERE 50 * place + 45 <= length(t.text)) c JOIN texts t USING (document_id)",
    "dates": "SELECT d.* REPLACE (digest('t', [document_id, CAST(start AS VARCHAR), "
    'CAST("end" AS VARCHAR), text]) AS date_id) '
    "FROM (SELECT d.* REPLACE (t.document_id AS document_id, substring(t.text, d.start + 1, 8) AS text) "
    "FROM (SELECT DISTINCT ON (document_id, start) * FROM made_dates ORDER BY date_id) d "
    "JOIN texts t ON d.document_id = t.old "
    'WHERE d."end" <= length(t.text)) d',
    "stances": "SELECT DISTINCT ON (stance_id) s.* REPLACE (t.document_id AS document_id, "
    "digest('s', [t.document_id, target]) AS stance_id, 'insufficient' AS polarity, 1 AS sentences_outlet, "
    "NULL AS sentences_negative, NULL AS sentences_positive, NULL AS score, NULL AS score_low, NULL AS score_high) "
    "FROM made_stances s JOIN texts t ON s.document_id = t.old",
    "speakers": "SELECT s.* REPLACE (c.claims AS claims, c.documents AS documents, c.outlets AS outlets) "
    "FROM made_speakers s JOIN (SELECT speaker_id, count(*) AS claims, count(DISTINCT document_id) AS documents, "
    "count(DISTINCT outlet) AS outlets FROM claims GROUP BY ALL) c USING (speaker_id)",
}
"""The made-up corpus of `release.made_up` so changed that it keeps every law, table by table."""


def bench(claims: int) -> Scores:
    """Law checks on so many claims beside their peers; peaks of memory at a tenth of the corpus and at all of it."""
    with tempfile.TemporaryDirectory() as folder:
        found: Scores = {"claims": claims}
        peaks: dict[str, list[float]] = {}
        for size in (claims // 10, claims):
            home = Path(folder) / str(size)
            home.mkdir()
            for step in ("make", "link", "laws", "release"):
                told = measured("pipeline.bench.checks", step, home, size)
                peaks.setdefault(step, []).append(told["peak_mb"])
                found[step] = told
        for step in ("by_hand", "great_expectations"):
            found[step] = measured("pipeline.bench.checks", step, home, claims)
        seconds = found["laws"]["cpu_seconds"]
        found["laws_cpu_to_plain_duckdb"] = round(seconds / found["by_hand"]["cpu_seconds"], 2)
        found["great_expectations_cpu_to_laws"] = round(found["great_expectations"]["cpu_seconds"] / seconds, 2)
        for step in ("link", "laws", "release"):
            found[f"{step}_peak_mb_at_a_tenth"] = peaks[step][0]
            found[f"{step}_memory_growth"] = round(peaks[step][1] / peaks[step][0], 2)
    return found


def _corpus(home: Path) -> Any:
    from pipeline import schema
    from pipeline.corpus import Corpus, Files

    return Corpus({name: Files((home / f"{name}.parquet",)) for name in schema.TABLES}, home / "spill")


def _steps() -> dict[str, tuple[Callable[[Path, int], Any], Callable[[Path, Any], None]]]:
    """For each step what prepares it, which is not measured, and what is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pipeline import schema
    from pipeline.check.expectations import validated
    from pipeline.check.laws import by_hand, laws, unicode_law
    from pipeline.corpus import Corpus
    from pipeline.errors import PipelineError
    from pipeline.link import links
    from pipeline.release import made_up, tables

    def nothing(home: Path, claims: int) -> int:
        return claims

    def make(home: Path, claims: int) -> None:
        made = made_up.corpus(claims)
        corpus = Corpus({f"made_{name}": table for name, table in made.items()})
        corpus.execute(
            "CREATE MACRO digest(letter, parts) AS letter || left(sha256(array_to_string(parts, chr(0))), 16)"
        )
        for name, query in _LAWFUL.items():
            corpus.execute(f"CREATE TABLE {name} AS {query}")
        for name in schema.TABLES:
            columns = ", ".join(f'"{column}"' for column in schema.arrow(name).names)
            with pq.ParquetWriter(home / f"{name}.parquet", schema.arrow(name), compression="zstd") as file:
                for batch in corpus.batches(f"SELECT {columns} FROM {name}", schema.arrow(name)):
                    file.write_batch(batch)

    def link(home: Path, _: int) -> None:
        for stream in links(_corpus(home))[:3]:
            for _batch in stream:
                pass

    def check(home: Path, _: int) -> None:
        corpus = _corpus(home)
        found = [unicode_law(name, corpus) for name in schema.TABLES]
        found += laws(corpus, corpus.count("documents"), None)
        bad = [one.name for one, _ in found if one.failed]
        if bad:
            raise PipelineError(f"the made-up corpus breaks laws: {', '.join(bad)}")

    def plainly(home: Path, _: int) -> None:
        corpus = _corpus(home)
        for query in by_hand(corpus):
            if any(corpus.one(query)):
                raise PipelineError(f"the made-up corpus breaks a law: {query}")

    def great_expectations(home: Path, rows: Any) -> None:
        for name, table in rows.items():
            validated(name, table)

    def rows(home: Path, _: int) -> dict[str, pa.Table]:
        return {name: pq.ParquetFile(home / f"{name}.parquet").read() for name in schema.TABLES}

    def release(home: Path, _: int) -> None:
        tables.write(_corpus(home), home / "data")

    return {
        "make": (nothing, make),
        "link": (nothing, link),
        "laws": (nothing, check),
        "by_hand": (nothing, plainly),
        "great_expectations": (rows, great_expectations),
        "release": (nothing, release),
    }


if __name__ == "__main__":
    main(_steps(), *sys.argv[1:])
