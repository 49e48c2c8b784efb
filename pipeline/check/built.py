"""A built package, by its very bytes: the real Frictionless command line, the Parquet files read back."""

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import schema, withheld
from pipeline.check.report import Check, Found, checked
from pipeline.corpus import Corpus, Files, give_back

FRICTIONLESS_ROWS, FRICTIONLESS_HEAD = 500, 100
"""Rows of a table up to which Frictionless reads the whole package: a row of claims takes it 7 ms, as Parquet and CSV
together, and it holds a Parquet file whole. Of a larger package it reads the first rows of each table, the second
number, and follows no foreign key: that takes it no longer than to start. The rules in SQL, which ask the same, have
looked at all rows."""

_READ = 2_000  # rows at a time


def package(folder: Path) -> tuple[Check, ...]:
    """Check a package as it lies in its folder; `release.verify` holds its bytes against their sums."""
    with _frictionless(folder) as run:
        read = _read_back(folder)  # meanwhile
        return (*_told(run), *read)


@contextmanager
def _frictionless(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`frictionless validate datapackage.json`, under way."""
    rows = [pq.read_metadata(path).num_rows for path in (folder / "data").glob("*.parquet")]
    with tempfile.TemporaryDirectory() as sample:
        if max(rows, default=0) > FRICTIONLESS_ROWS:
            _heads(folder, Path(sample))
            folder = Path(sample)
        with subprocess.Popen(
            [sys.executable, "-m", "frictionless", "validate", "datapackage.json", "--json"],
            cwd=folder,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        ) as run:
            try:
                yield run
            finally:
                run.kill()  # nobody waits for it when the run is interrupted


def _heads(folder: Path, target: Path) -> None:
    """Write the package with the first rows of each table, and a descriptor of them."""
    (target / "data" / "csv").mkdir(parents=True)
    for path in (folder / "data").glob("*.parquet"):
        file = pq.ParquetFile(path)
        head = next(file.iter_batches(FRICTIONLESS_HEAD), None)
        pq.write_table(pa.Table.from_batches([head] if head else [], file.schema_arrow), target / "data" / path.name)
    for path in (folder / "data" / "csv").glob("*.csv"):
        with (
            path.open(encoding="utf-8", newline="") as whole,
            (target / "data" / "csv" / path.name).open("w", encoding="utf-8", newline="") as head,
        ):
            csv.writer(head).writerows(islice(csv.reader(whole), FRICTIONLESS_HEAD + 1))
    descriptor = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    for resource in descriptor["resources"]:
        resource.get("schema", {}).pop("foreignKeys", None)  # a row's may stand behind the first rows
        for key in ("bytes", "hash"):
            resource.pop(key, None)
    (target / "datapackage.json").write_text(json.dumps(descriptor), encoding="utf-8")


def _told(run: "subprocess.Popen[str]") -> list[Check]:
    """What Frictionless says at its end, a check a resource."""
    name = "frictionless validate"
    said, complained = run.communicate()
    try:
        report = json.loads(said)
    except json.JSONDecodeError:
        told = complained.strip().splitlines() or [f"exit status {run.returncode}"]
        return [checked(name, "datapackage.json", 1, [("", told[-1], "frictionless gave no report")])[0]]
    found = [checked(name, "datapackage.json", 1, _errors(report["errors"]))[0]]
    for task in report["tasks"]:
        found.append(checked(name, task["name"], task["stats"].get("rows", 1), _errors(task["errors"]))[0])
    return found


def _errors(errors: Iterable[Mapping[str, Any]]) -> Found:
    for error in errors:
        row = f"row {error['rowNumber']}" if "rowNumber" in error else ""
        yield row, error.get("cell", error["type"]), error["message"]


def _read_back(folder: Path) -> list[Check]:
    """The Parquet files with their page checksums verified: schema, row order, and no text that is withheld."""
    found = []
    for name in schema.TABLES:
        rows, bad = 0, []
        try:
            file = pq.ParquetFile(folder / "data" / f"{name}.parquet", page_checksum_verification=True)
            if not file.schema_arrow.equals(schema.arrow(name)):
                bad = [("", file.schema_arrow.to_string(), "the columns are not those of the schema")]
            for batch in file.iter_batches(_READ, use_threads=False):
                rows += batch.num_rows
        except (OSError, pa.ArrowException) as error:
            bad = [("", error, "cannot be read")]
        found.append(checked("Parquet reads back as its schema", name, rows, bad)[0])
        give_back()
    if any(check.failed for check in found):
        return found
    with tempfile.TemporaryDirectory() as spill:
        corpus = Corpus({name: Files((folder / "data" / f"{name}.parquet",)) for name in schema.TABLES}, Path(spill))
        return [*found, *_agree(corpus)]


def _agree(corpus: Corpus) -> Iterator[Check]:
    counts = {name: corpus.count(name) for name in schema.TABLES}
    for name in schema.TABLES:
        yield checked("rows are in canonical order", name, counts[name], _disorder(name, corpus))[0]
    held = corpus.rows(
        "SELECT document_id, NULL, 'this text is withheld' FROM texts JOIN documents USING (document_id) "
        "WHERE NOT text_published"
    )
    yield checked("withheld texts are absent", "texts", counts["texts"], held)[0]
    for name in ("claims", "dates"):
        yield checked("quotes of withheld texts are short", name, counts[name], _long(name, corpus))[0]


def _long(name: str, corpus: Corpus) -> Found:
    """Rows of documents whose text is withheld with more words of it than may be shown."""
    key = schema.load(name).primary_key
    query = f"SELECT {key}, t.text FROM {name} t JOIN documents USING (document_id) WHERE NOT text_published"
    for row, text in corpus.rows(query):
        if len(withheld.words(text)) > withheld.WORDS:
            yield row, text, f"more than {withheld.WORDS} words of a text that is withheld"


def _disorder(name: str, corpus: Corpus) -> Found:
    """Rows that stand before their predecessor: documents by day and key, the rest by document, start and key.

    The rows are those of the documents in their order, so both are walked once; nothing is held.
    """
    key = schema.load(name).primary_key
    told = "stands behind a row that it comes before"
    columns = schema.arrow(name).names
    last: tuple[Any, ...] = ()
    if name == "documents" or "document_id" not in columns:
        for row in _values(corpus, name, *(["published_start", key] if name == "documents" else [key])):
            at = tuple("none" if value is None else str(value) for value in row)
            if at < last:
                yield row[-1], None, told
            last = at
        return
    documents = (document for (document,) in _values(corpus, "documents", "document_id"))
    here = None
    for document, start, row_key in _values(corpus, name, "document_id", "start" if "start" in columns else key, key):
        if document != here:
            here, last = document, ()
            if document not in documents:  # walks on to it
                yield row_key, None, told
                return
        if (start, row_key) < last:
            yield row_key, None, told
        last = (start, row_key)


def _values(corpus: Corpus, name: str, *columns: str) -> Iterator[tuple[Any, ...]]:
    """Some values of each row, in the order in which they lie."""
    for batch in corpus.pieces(name, columns):
        yield from zip(*(batch[column].to_pylist() for column in columns), strict=True)
