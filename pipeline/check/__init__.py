"""Tables into a Report: the expectations of schemas/, then our laws; and a built package, by its very bytes.

The only room that knows Great Expectations and Frictionless. A bad row is never an exception: it is counted in its
check, shown among the first five examples, and listed in full in the report's quarantine.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from pipeline import schema
from pipeline.check import passed
from pipeline.check.built import package
from pipeline.check.expectations import under_way
from pipeline.check.flags import flags
from pipeline.check.laws import laws, unicode_law
from pipeline.check.report import Balance, Check, Failure, Flag, Flagged, Report
from pipeline.corpus import Corpus, Source
from pipeline.errors import SchemaError

__all__ = ["Balance", "Check", "Failure", "Flag", "Flagged", "Report", "check", "package"]


def check(
    tables: Mapping[str, Source],
    *,
    inputs: int,
    contents: Callable[[str], bytes | None] | None = None,
    work: Path | None = None,
) -> Report:
    """Check all rows of all tables.

    Args:
        tables: the six tables, with a text for every accepted document, the withheld ones too.
        inputs: number of raw documents that came in.
        contents: the raw bytes of a document by its `source`; without it, no row is led back to its bytes.
        work: a folder in which is kept what passed, for tables on disk; with it, laws about a row are asked of those
            documents alone that are new or changed since. The report is the same as without.

    Raises SchemaError when a table has not the columns and types of its schema: that is no bad row but a bug.
    """
    corpus = Corpus.of(tables)
    for name in schema.TABLES:
        found = corpus.schema(name)
        if not found.equals(schema.arrow(name)):
            raise SchemaError(f"schemas/{name}.json: a table came with other columns: {found.to_string()}")
    new, read = _new(corpus, work)
    found = [unicode_law(name, corpus, read=name in read) for name in schema.TABLES]
    readable = not any(check.failed for check, _ in found)
    if readable:  # what is no Unicode cannot even be read
        with under_way(corpus) as expected:
            lawful = laws(corpus, inputs, contents, new)
            found += expected() + lawful
    reasons: Counter[str] = Counter()
    for batch in corpus.pieces("documents", ["document_id", "rejected"]):
        reasons.update(reason for reason in batch["rejected"].to_pylist() if reason is not None)
    report = Report(
        checks=tuple(check for check, _ in found),
        quarantine=tuple(failure for _, failures in found for failure in failures),
        counts={name: corpus.count(name) for name in schema.TABLES},
        balance=Balance(
            inputs=inputs,
            accepted=corpus.count("documents") - reasons.total(),
            rejected=reasons.total(),
            reasons=dict(sorted(reasons.items())),
        ),
        flags=tuple(flags(corpus)) if readable else (),
    )
    if work is not None:
        if report.ok:
            passed.keep(corpus, work)
        passed.forget(corpus)
    return report


def _new(corpus: Corpus, work: Path | None) -> tuple[Mapping[str, str], Collection[str]]:
    """What `passed.new` gives, and the tables of which every string was read on the way."""
    import duckdb

    if work is None:
        return {}, ()
    try:
        return passed.new(corpus, work), passed.TABLES
    except duckdb.InvalidInputException:  # some string is no Unicode: the law about it tells which
        return {}, ()
