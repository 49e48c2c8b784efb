"""The main job, from raw texts to a release.

raw/ -> shards of raw rows -> clean -> annotate -> link -> check -> release
"""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import check, link, schema, unchanged
from pipeline.corpus import Corpus, Files, Source, give_back
from pipeline.errors import ReleaseRefused
from pipeline.link.aliases import read as read_aliases
from pipeline.shards import Account, Engine, Progress, Shard, cut_into, engine, mapped, session


@dataclass(frozen=True, slots=True)
class Result:
    """What a run made.

    Attributes:
        tables: the six tables, linked, as they lie in the work folder or in the release.
        report: what the checks found; None when the run stopped before them, or nothing has changed since a run that
            was checked.
        folder: the finished release; None when the run stopped before it.
        new: whether the release was written now; False when it was there already, byte for byte the same.
        inputs: number of raw documents.
        made: for each stage, the number of shards made anew, and the number of all.
        in_vain: what aliases.toml names and no claim has, in words.
        cost: seconds by the clock and of the processors, and peak memory, by stage and worker.
    """

    tables: Corpus
    report: check.Report | None
    folder: Path | None
    new: bool
    inputs: int
    made: Mapping[str, tuple[int, int]]
    in_vain: tuple[str, ...] = ()
    cost: Mapping[str, Any] = field(default_factory=dict)


def run(
    raw: Path,
    output: Path,
    package: str,
    *,
    until: str = "release",
    version: str = "auto",
    withdrawn: Mapping[str, str] | None = None,
    key: Path | None = None,
    workers: int = 0,
    cluster: str | None = None,
    again: bool = False,
    redact: bool = False,
    progress: Progress = lambda stage, done, of: None,
) -> Result:
    """Carry the texts of `raw` through the stages up to `until`: documents, claims, check or release.

    `withdrawn` are documents that are left out from now on, with the reason, beside those that the package has
    withdrawn before; `key` is the file of the ssh key that signs the release. `workers` are processes, 0 for this very
    one; `cluster` is the address of a Dask scheduler that works in their place. `again` tries documents once more that
    an earlier run could not finish. `redact` puts what looks like personal data out of sight in every document, also
    where no source.toml asks for it.

    Raises SchemaError for a wrong source.toml or aliases.toml, StoreError for folders that cannot be read or written, a
    cluster that cannot be used and a work folder in which another run works, ReleaseRefused when the checks fail or the
    release is refused.
    """
    pa.set_memory_pool(pa.system_memory_pool())  # gives back what is done with: 620 MB, not 750
    with session(output / "work" / package, progress) as account:
        begin = partial(engine, workers, cluster, output / "work" / package)
        result = _run(raw, output, package, until, version, withdrawn or {}, key, begin, again, redact, account)
    return replace(result, cost=account.told())


def _run(
    raw: Path,
    output: Path,
    package: str,
    until: str,
    version: str,
    withdrawn: Mapping[str, str],
    key: Path | None,
    begin: Callable[[], AbstractContextManager[Engine]],
    again: bool,
    redact: bool,
    progress: Account,
) -> Result:
    from pipeline.release import provenance, publish, release, withdrawn_from
    from pipeline.release.tables import written

    aliases = read_aliases(raw)
    work = output / "work" / package
    gone = {**withdrawn_from(output / package), **withdrawn}
    made: dict[str, tuple[int, int]] = {}
    with begin() as engine:
        shards = list(cut_into(raw, work / "raw", progress, redact=redact))
        cleaned = mapped("clean", shards, work, engine, made, progress, again=again)
        spill = work / "spill"
        found = {name: _rows(cleaned, name, gone) for name in ("documents", "texts")}
        if until == "documents":
            tables = Corpus(found, spill)
            return Result(tables, None, None, False, tables.count("documents"), made)
        annotated = mapped("annotate", cleaned, work, engine, made, progress, again=again)
    home = output / package
    if until == "release" and not again:
        here = unchanged.released(work, home, unchanged.state(annotated, aliases, gone, home, version))
        if here:
            tables = written(here[0] / "data")
            return Result(tables, None, here[0], False, tables.count("documents"), made, here[1])
    found |= {name: _rows(annotated, name, gone) for name in ("documents", "claims", "dates", "stances")}
    progress("link", 0, 1)
    unlinked = Corpus(found, spill)
    links = link.links(unlinked, aliases, work)
    linked = {
        name: _written(work / "link" / f"{name}.parquet", schema.arrow(name), getattr(links, name))
        for name in ("documents", "claims", "speakers")
    }
    inputs, in_vain = unlinked.count("documents"), links.in_vain
    del unlinked, links  # and what the engine holds for them, which it would keep
    give_back()
    tables = Corpus(found | linked, spill)
    progress("link", 1, 1)
    if until == "claims":
        return Result(tables, None, None, False, inputs, made, in_vain)
    progress("check", 0, 1)
    report = check.check(tables, inputs=_inputs(shards, cleaned, inputs), contents=_contents(shards), work=work)
    _write_quarantine(work / "quarantine", report)
    _write_flagged(work / "flagged", report)
    progress("check", 1, 1)
    if until == "check":
        return Result(tables, report, None, False, inputs, made, in_vain)
    if not report.ok:
        publish.refuse(output / package, version, report)
        raise ReleaseRefused(
            f"{package}: {len(report.quarantine)} bad rows, listed in {work / 'quarantine'}. Nothing was published.",
            report,
        )
    tables = Corpus(found | linked, spill)  # for the same reason
    give_back()
    progress("release", 0, 1)
    told = provenance.told(raw)
    released = release(
        tables, report, output=output, package=package, version=version, withdrawn=withdrawn, key=key, told=told
    )
    unchanged.keep(work, unchanged.state(annotated, aliases, gone, home, version), released.folder, in_vain)
    progress("release", 1, 1)
    return Result(tables, released.report, released.folder, released.new, inputs, made, in_vain)


def _rows(shards: list[Shard], name: str, gone: Mapping[str, str]) -> Source:
    """The rows of a table in all shards without withdrawn documents; law 2 makes them the stage's on all at once."""
    paths = tuple(shard.folder / f"{name}.parquet" for shard in shards)
    return Files(paths, frozenset(gone)) if paths else schema.empty(name)


def _written(path: Path, columns: pa.Schema, rows: Iterable[pa.RecordBatch]) -> Files:
    """The rows written to a file, which is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with pq.ParquetWriter(part, columns, compression="zstd", compression_level=1) as file:
        for batch in rows:
            file.write_batch(batch)
    part.replace(path)
    return Files((path,))


def _inputs(raw: list[Shard], cleaned: list[Shard], kept: int) -> int:
    """Number of raw documents that came in and are not withdrawn; `kept` documents have a row and are not either."""
    there = sum(pq.read_metadata(shard.folder / "documents.parquet").num_rows for shard in cleaned)
    return sum(shard.rows for shard in raw) - (there - kept)


def _contents(shards: list[Shard]) -> Callable[[str], bytes]:
    """A function from `source` to the raw bytes as they were read, quick when asked in the order of reading."""
    places: dict[str, int] = {}
    for number, shard in enumerate(shards):
        names = pq.ParquetFile(shard.folder / "raw.parquet").read(["source"])["source"].to_pylist()
        places.update({source: number << 32 | row for row, source in enumerate(names)})

    @lru_cache(maxsize=4)
    def column(number: int) -> pa.ChunkedArray:
        return pq.ParquetFile(shards[number].folder / "raw.parquet").read(["content"])["content"]

    return lambda source: column(places[source] >> 32)[places[source] & 0xFFFFFFFF].as_py()


def _write_quarantine(folder: Path, report: check.Report) -> None:
    columns = ("table", "key", "check", "value", "message")
    _write_rows(folder, columns, [[getattr(failure, key) for key in columns] for failure in report.quarantine])


def _write_flagged(folder: Path, report: check.Report) -> None:
    rows = [(flag.table, key, flag.name, value) for flag in report.flags for key, value in flag.listed]
    _write_rows(folder, ("table", "key", "flag", "value"), rows)


def _write_rows(folder: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows of strings as the one Parquet file of a folder, both of the same name; no folder when there are none."""
    shutil.rmtree(folder, ignore_errors=True)
    if rows:
        folder.mkdir(parents=True)
        table = pa.table([pa.array(column, pa.string()) for column in zip(*rows, strict=True)], names=list(columns))
        pq.write_table(table, folder / f"{folder.name}.parquet")
