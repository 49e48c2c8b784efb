"""What is done to hold little at a time does not show in what comes out."""

from importlib import import_module

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny

from pipeline import schema
from pipeline.check.expectations import under_way
from pipeline.corpus import Corpus, Files
from pipeline.release import made_up, tables

NUMBERS = "SELECT len(list(DISTINCT repeat(CAST(a.number * 1000 + b.number AS VARCHAR), 9))) FROM a, a b"


@pytest.fixture
def numbers(tmp_path, monkeypatch):
    """A table of 500 numbers on disk, of which a list of all pairs takes some 20 MB that do not spill."""
    pq.write_table(pa.table({"number": range(500)}), tmp_path / "a.parquet")
    monkeypatch.setattr("pipeline.corpus.MEMORY", 12)
    return {"a": Files((tmp_path / "a.parquet",))}


def test_a_query_that_needs_more_memory_is_given_more(numbers):
    """Rows, tables of the engine and batches come as if there had been no limit, with or without a folder to spill."""
    columns = pa.schema([("number", pa.int64())])
    (asked, made, read) = (Corpus(numbers) for _ in range(3))
    made.execute(f"CREATE TABLE found AS {NUMBERS}")

    assert asked.one(NUMBERS) == made.one("FROM found") == (250_000,)
    assert [batch.to_pylist() for batch in read.batches(NUMBERS, columns)] == [[{"number": 250_000}]]


def test_a_query_is_not_given_all_the_memory_there_is(numbers, monkeypatch):
    """Beyond the most that the engine may hold, the query fails and the machine does not."""
    import duckdb

    monkeypatch.setattr("pipeline.corpus.MOST", 12)
    with pytest.raises(duckdb.OutOfMemoryException):
        Corpus(numbers).one(NUMBERS)


def test_canonical_order_does_not_hang_on_the_parts(monkeypatch):
    """Tables of rows in any order, put in order some documents at a time or all at once, are the same tables."""
    corpus = made_up.corpus(400)
    random = np.random.default_rng(3)
    mixed = {name: table.take(pa.array(random.permutation(len(table)))) for name, table in corpus.items()}
    whole = tables.canonical(corpus)
    monkeypatch.setattr(tables, "_PART", 3)
    parts = list(tables.parts(mixed))

    assert len(parts) == -(-len(corpus["documents"]) // 3) > 1
    for name, table in whole.items():
        assert pa.concat_tables(part[name] for part in parts).equals(table)
    assert whole["speakers"]["speaker_id"].to_pylist() == sorted(corpus["speakers"]["speaker_id"].to_pylist())


def test_a_process_of_its_own_finds_what_is_wrong(monkeypatch):
    """Great Expectations looks at every table of a large corpus and names the column that is wrong."""
    monkeypatch.setattr(import_module("pipeline.check.expectations"), "SAMPLED", 2)
    rows = tiny.rows()
    rows["claims"] = [row | {"confidence_span": 2.0} for row in rows["claims"]]
    with under_way(tiny.tables(rows)) as told:
        found = told()

    assert {made.table for made, _ in found} == set(schema.TABLES)
    assert {made.name for made, bad in found if bad} == {"expect_column_values_to_be_between(confidence_span)"}
