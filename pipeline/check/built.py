"""A built package, by its very bytes: the real Frictionless command line, the Parquet files read back."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import schema, withheld
from pipeline.check.report import Check, Found, checked

FRICTIONLESS_ROWS = 2_000
"""Rows of a table up to which Frictionless reads the whole package: a row of claims takes it 7 ms, as Parquet and CSV
together. Of a larger package it reads so many rows a resource and follows no foreign key; the laws have followed all of
them."""


def package(folder: Path) -> tuple[Check, ...]:
    """Check a package as it lies in its folder; `release.verify` holds its bytes against their sums."""
    return (*_frictionless(folder), *_read_back(folder))


def _frictionless(folder: Path) -> list[Check]:
    """What `frictionless validate datapackage.json` says, a check a resource."""
    rows = [pq.read_metadata(path).num_rows for path in (folder / "data").glob("*.parquet")]
    if max(rows, default=0) <= FRICTIONLESS_ROWS:
        return _validate(folder)
    with tempfile.TemporaryDirectory() as sample:
        (Path(sample) / "data").symlink_to((folder / "data").resolve())
        descriptor = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
        for resource in descriptor["resources"]:
            resource.get("schema", {}).pop("foreignKeys", None)  # to follow one, it reads the other table whole
        (Path(sample) / "datapackage.json").write_text(json.dumps(descriptor), encoding="utf-8")
        return _validate(Path(sample), "--limit-rows", str(FRICTIONLESS_ROWS))


def _validate(folder: Path, *options: str) -> list[Check]:
    name = "frictionless validate"
    run = subprocess.run(
        [sys.executable, "-m", "frictionless", "validate", "datapackage.json", "--json", *options],
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    try:
        report = json.loads(run.stdout)
    except json.JSONDecodeError:
        told = run.stderr.strip().splitlines() or [f"exit status {run.returncode}"]
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
    tables: dict[str, pa.Table] = {}
    found = []
    for name in schema.TABLES:
        path = folder / "data" / f"{name}.parquet"
        try:
            tables[name] = pq.read_table(path, page_checksum_verification=True)
            bad: Found = ()
            if not tables[name].schema.equals(schema.arrow(name)):
                bad = [("", tables[name].schema.to_string(), "the columns are not those of the schema")]
        except (OSError, pa.ArrowException) as error:
            bad = [("", error, "cannot be read")]
        found.append(
            checked("Parquet reads back as its schema", name, tables[name].num_rows if name in tables else 0, bad)[0]
        )
    if any(check.failed for check in found):
        return found
    documents = tables["documents"].select(["document_id", "published_start", "text_published"]).to_pylist()
    rank = {row["document_id"]: place for place, row in enumerate(documents)}
    for name in schema.TABLES:
        found.append(
            checked("rows are in canonical order", name, tables[name].num_rows, _disorder(name, tables[name], rank))[0]
        )
    hidden = {row["document_id"] for row in documents if not row["text_published"]}
    held = [(key, None, "this text is withheld") for key in tables["texts"]["document_id"].to_pylist() if key in hidden]
    found.append(checked("withheld texts are absent", "texts", tables["texts"].num_rows, held)[0])
    for name in ("claims", "dates"):
        long = _long(name, tables[name], hidden)
        found.append(checked("quotes of withheld texts are short", name, tables[name].num_rows, long)[0])
    return found


def _long(name: str, table: pa.Table, hidden: Collection[str]) -> Found:
    """Rows of documents whose text is withheld with more words of it than may be shown."""
    among = pa.array(sorted(hidden), pa.string())
    rows = table.filter(pc.is_in(table["document_id"], value_set=among))
    keys, texts = (rows[column].to_pylist() for column in (schema.load(name).primary_key, "text"))
    for key, text in zip(keys, texts, strict=True):
        if len(withheld.words(text)) > withheld.WORDS:
            yield key, text, f"more than {withheld.WORDS} words of a text that is withheld"


def _disorder(name: str, table: pa.Table, rank: Mapping[str, int]) -> Found:
    """Rows that stand before their predecessor: documents by day and key, the rest by document, start and key."""
    key = schema.load(name).primary_key
    columns = [column for column in ("document_id", "published_start", "start", key) if column in table.column_names]
    last: tuple[Any, ...] = ()
    for row in table.select(dict.fromkeys(columns)).to_pylist():
        if name == "documents":
            at: tuple[Any, ...] = (str(row["published_start"] or "none"), row[key])
        else:
            at = (rank.get(row.get("document_id"), 0), row.get("start", 0), row[key])
        if at < last:
            yield row[key], None, "stands behind a row that it comes before"
        last = at
