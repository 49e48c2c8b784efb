"""Releases made in a moment: by the real writers, without the checks and the page."""

import json
from functools import cache
from pathlib import Path

import pyarrow as pa
import tiny

from pipeline import schema
from pipeline.check.report import Balance, Report
from pipeline.release import (
    card,
    catalogue,
    changes,
    croissant,
    datapackage,
    made_up,
    manifest,
    provenance,
    publish,
    store,
    tables,
)

NO_CHECKS = Report((), (), {}, Balance(0, 0, 0, {}))


def many(claims: int = 300) -> tiny.Rows:
    """Rows of a made-up corpus, enough for shares to mean something; anew at each call."""
    return {name: [dict(row) for row in rows] for name, rows in _many(claims).items()}


@cache
def _many(claims: int) -> tiny.Rows:
    return {name: table.to_pylist() for name, table in made_up.corpus(claims).items()}


def built(folder: Path, rows: tiny.Rows, version: str = "1.0.0") -> Path:
    """A release folder with data and descriptor."""
    _built(folder, rows, version)
    return folder


def _built(folder: Path, rows: tiny.Rows, version: str) -> tuple[dict[str, pa.Table], pa.Table]:
    """The published tables, written into the folder, and the texts with the withheld ones."""
    canonical = tables.canonical({name: schema.table(name, rows[name]) for name in schema.TABLES})
    found = tables.published(canonical)
    (folder / "data" / "csv").mkdir(parents=True)
    for name, table in found.items():
        tables.write_parquet(name, table, folder / "data" / f"{name}.parquet")
        tables.write_csv(table, folder / "data" / "csv" / f"{name}.csv")
    (folder / datapackage.FILE).write_text(datapackage.descriptor(folder, "tiny", version), encoding="utf-8")
    return found, canonical["texts"]


def published(output: Path, rows: tiny.Rows, version: str, withdrawn: dict[str, str] | None = None) -> Path:
    """The package `tiny` below `output`, with one release more; the folder of that release."""
    home = output / "tiny"
    with store.staging(home) as folder:
        last = catalogue.read(home).last
        found, texts = _built(folder, rows, version)
        if withdrawn:
            told = [{"document_id": key, "reason": why, "version": version} for key, why in sorted(withdrawn.items())]
            (folder / "withdrawals.json").write_text(json.dumps({"withdrawals": told}), encoding="utf-8")
        data = manifest.write_payload(folder)
        (folder / tables.FILE).write_text(
            tables.described({name: tables.logical(one.schema, one.to_batches()) for name, one in found.items()}),
            encoding="utf-8",
        )
        changes.write(changes.compare(home / last.version if last else None, folder), folder, version)
        (folder / "README.md").write_text(card.card(found, NO_CHECKS, "tiny", version, data), encoding="utf-8")
        (folder / croissant.FILE).write_text(croissant.descriptor(folder, "tiny", version), encoding="utf-8")
        withheld = None
        if texts.num_rows > found["texts"].num_rows:
            complete = home / ".staging" / "texts.parquet"
            tables.write_parquet("texts", texts, complete)
            withheld = (texts.num_rows - found["texts"].num_rows, manifest.digest(complete))
        before = last and (last.version, last.tagmanifest_sha256)
        said = provenance.describe(found, "tiny", version, before, withheld)
        (folder / provenance.FILE).write_text(said, encoding="utf-8")
        manifest.write_tags(folder, "tiny", version)
        publish.publish(folder, home, version)
    return home / version


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
