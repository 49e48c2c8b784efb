"""A release built once more from the raw texts, and what is other than the published one, and why."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.errors import StoreError
from pipeline.release import Build, catalogue, changes, manifest, provenance, rebuild, redacts, verify, withdrawals
from pipeline.run import Progress, run

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Reproduced:
    """What a rebuild came to.

    Attributes:
        folder: the published release.
        files: number of its files that were compared.
        different: those that came out otherwise; none when the release is reproduced.
        rows: for each table that differs, a line on its rows and columns.
        reasons: what was not the same when it was built: raw texts, code, libraries, Python, processor. The files may
            have come out the same nevertheless.
    """

    folder: Path
    files: int
    different: tuple[str, ...]
    rows: tuple[str, ...]
    reasons: tuple[str, ...]


def reproduce(
    raw: Path,
    output: Path,
    package: str,
    version: str,
    *,
    workers: int = 0,
    progress: Progress = lambda stage, done, of: None,
) -> Reproduced:
    """Build a release once more from `raw`, in a folder that is deleted again, and compare it file by file.

    Raises StoreError when there is no such release or it is not whole, ReleaseRefused when the raw texts no longer pass
    the checks.
    """
    home = output / package
    held = catalogue.read(home)
    entry = held.get(version)
    folder = home / version
    if entry is None or entry.status == "withdrawn":
        there = ", ".join(one.version for one in held.versions if one.status != "withdrawn") or "none"
        raise StoreError(f"{folder}: there is no such release to reproduce. There are: {there}.")
    faults = verify.fixity(folder, entry.tagmanifest_sha256)
    if faults:
        raise StoreError(f"{folder} is not as it was published ({faults[0].file}: {faults[0].message}).")
    with tempfile.TemporaryDirectory() as temporary:
        gone = {one.document_id: one.reason for one in withdrawals(folder)}
        result = run(
            raw,
            Path(temporary),
            package,
            until="check",
            withdrawn=gone,
            workers=workers,
            redact=redacts(folder),
            progress=progress,
        )
        build = Build(Path(temporary) / "built", package, result.tables, result.report, provenance.told(raw))
        rebuild(build, folder, home, held)
        different = build.differences(folder)
        files = len(manifest.payload(folder)) + len(manifest.tags(folder)) - 1  # all but provenance.json
        rows = tuple(_rows(folder, build.folder)) if any(name.startswith("data/") for name in different) else ()
        return Reproduced(folder, files, tuple(different), rows, tuple(_reasons(folder, build.folder)))


def _rows(published: Path, built: Path) -> Iterator[str]:
    for name, table in changes.compare(published, built).tables.items():
        if table.added or table.removed or table.changed:
            columns = ", ".join(f"{column} ({count:,})" for column, count in table.columns.items())
            yield (
                f"{name}: {table.added:,} rows more, {table.removed:,} fewer, {table.changed:,} of {table.old_rows:,} "
                f"changed{f', in {columns}' if columns else ''}"
            )


def _reasons(published: Path, built: Path) -> Iterator[str]:
    then, now = (json.loads((folder / provenance.FILE).read_text(encoding="utf-8")) for folder in (published, built))
    if then["inputs"]["sha256"] != now["inputs"]["sha256"]:
        yield from _inputs(published, built)
    if "told" in then["inputs"]:  # the first releases do not name them
        yield from _told(then["inputs"]["told"], now["inputs"]["told"])
    if then["code"]["sha256"] != now["code"]["sha256"]:
        yield f"other code: {_named(then['code'])} then, {_named(now['code'])} now"
    for name in sorted(then["models"].keys() | now["models"].keys()):
        if then["models"].get(name) != now["models"].get(name):
            yield f"another model: {name}"
    for name in sorted(then["libraries"].keys() | now["libraries"].keys()):
        if then["libraries"].get(name) != now["libraries"].get(name):
            yield f"another library: {name} {then['libraries'].get(name)} then, {now['libraries'].get(name)} now"
    if then["lock_sha256"] and now["lock_sha256"] and then["lock_sha256"] != now["lock_sha256"]:
        yield "another requirements.lock"
    if then["python"] != now["python"]:
        yield f"another Python: {then['python']} then, {now['python']} now"
    if then["processor"] != now["processor"]:
        yield (
            f"another processor, which may round the sums of the models otherwise: {_processor(then)} then, "
            f"{_processor(now)} now"
        )


def _inputs(published: Path, built: Path) -> Iterator[str]:
    """Which raw documents are not those of the release."""
    then, now = (
        dict(zip(*(table[name].to_pylist() for name in ("source", "raw_sha256")), strict=True))
        for table in (pq.read_table(folder / "data" / "documents.parquet") for folder in (published, built))
    )
    for told, sources in (
        ("are missing", then.keys() - now.keys()),
        ("are new", now.keys() - then.keys()),
        ("have other bytes", {source for source in then.keys() & now.keys() if then[source] != now[source]}),
    ):
        if sources:
            shown = ", ".join(sorted(sources)[:_SHOWN]) + (", ..." if len(sources) > _SHOWN else "")
            yield f"other raw texts: {len(sources):,} {told}: {shown}"


def _told(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """Which files that tell about the documents are not those of the release."""
    for path in sorted(then.keys() | now.keys()):
        if then.get(path) != now.get(path):
            how = "is missing" if path not in now else "is new" if path not in then else "has other bytes"
            yield f"other facts told: {path} {how}"


def _named(code: Mapping[str, Any]) -> str:
    return f"{code['name']} {code['version']} ({code['revision'] or 'no clone'}, sources {code['sha256'][:12]})"


def _processor(told: Mapping[str, Any]) -> str:
    return " ".join([told["processor"]["machine"], *told["processor"]["features"]])
