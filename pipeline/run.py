"""The main job, from raw texts to a release.

raw/ -> shards of raw rows -> clean -> annotate -> link -> check -> release
"""

import shutil
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import check, link, schema
from pipeline.corpus import Corpus, Files, Source
from pipeline.errors import ReleaseRefused, StoreError
from pipeline.link.aliases import read as read_aliases
from pipeline.shards import Progress, Shard, cut_into, mapped


@dataclass(frozen=True, slots=True)
class Result:
    """What a run made.

    Attributes:
        tables: the six tables, linked, as they lie in the work folder.
        report: what the checks found; None when the run stopped before them.
        folder: the finished release; None when the run stopped before it.
        new: whether the release was written now; False when it was there already, byte for byte the same.
        inputs: number of raw documents.
        made: for each stage, the number of shards made anew, and the number of all.
        in_vain: what aliases.toml names and no claim has, in words.
    """

    tables: Corpus
    report: check.Report | None
    folder: Path | None
    new: bool
    inputs: int
    made: Mapping[str, tuple[int, int]]
    in_vain: tuple[str, ...] = ()


def run(
    raw: Path,
    output: Path,
    package: str,
    *,
    until: str = "release",
    version: str = "auto",
    withdrawn: Mapping[str, str] | None = None,
    key: Path | None = None,
    workers: int = 1,
    progress: Progress = lambda stage, done, of: None,
) -> Result:
    """Carry the texts of `raw` through the stages up to `until`: documents, claims, check or release.

    `withdrawn` are documents that are left out from now on, with the reason, beside those that the package has
    withdrawn before; `key` is the file of the ssh key that signs the release.

    Raises SchemaError for a wrong source.toml or aliases.toml, StoreError for folders that cannot be read or written,
    ReleaseRefused when the checks fail or the release is refused.
    """
    from pipeline.release import publish, release, withdrawn_from

    aliases = read_aliases(raw)
    work = output / "work" / package
    gone = {**withdrawn_from(output / package), **(withdrawn or {})}
    made: dict[str, tuple[int, int]] = {}
    with ExitStack() as stack:
        executor = None
        if workers > 1:
            executor = stack.enter_context(ProcessPoolExecutor(workers, mp_context=get_context("spawn")))
        try:
            shards = list(cut_into(raw, work / "raw", progress))
            cleaned = mapped("clean", shards, work, executor, made, progress)
            spill = work / "spill"
            found = {name: _rows(cleaned, name, gone) for name in ("documents", "texts")}
            if until == "documents":
                tables = Corpus(found, spill)
                return Result(tables, None, None, False, tables.count("documents"), made)
            annotated = mapped("annotate", cleaned, work, executor, made, progress)
        except OSError as error:
            raise StoreError(f"{error.filename or work}: {error.strerror or error}.") from error
    found |= {name: _rows(annotated, name, gone) for name in ("claims", "dates", "stances")}
    progress("link", 0, 1)
    unlinked = Corpus(found, spill)
    links = link.links(unlinked, aliases)
    linked = {
        name: _written(work / "link" / f"{name}.parquet", schema.arrow(name), getattr(links, name))
        for name in ("documents", "claims", "speakers")
    }
    inputs, in_vain = unlinked.count("documents"), links.in_vain
    del unlinked, links  # and what the engine holds for them
    tables = Corpus(found | linked, spill)
    progress("link", 1, 1)
    if until == "claims":
        return Result(tables, None, None, False, inputs, made, in_vain)
    progress("check", 0, 1)
    report = check.check(tables, inputs=_inputs(shards, cleaned, inputs), contents=_contents(shards))
    _write_quarantine(work / "quarantine", report)
    progress("check", 1, 1)
    if until == "check":
        return Result(tables, report, None, False, inputs, made, in_vain)
    if not report.ok:
        publish.refuse(output / package, version, report)
        raise ReleaseRefused(
            f"{package}: {len(report.quarantine)} bad rows, listed in {work / 'quarantine'}. Nothing was published.",
            report,
        )
    progress("release", 0, 1)
    released = release(tables, report, output=output, package=package, version=version, withdrawn=withdrawn, key=key)
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

    @lru_cache(maxsize=2)
    def column(number: int) -> pa.ChunkedArray:
        return pq.ParquetFile(shards[number].folder / "raw.parquet").read(["content"])["content"]

    return lambda source: column(places[source] >> 32)[places[source] & 0xFFFFFFFF].as_py()


def _write_quarantine(folder: Path, report: check.Report) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if report.quarantine:
        folder.mkdir(parents=True)
        rows = [
            {key: getattr(failure, key) for key in ("table", "key", "check", "value", "message")}
            for failure in report.quarantine
        ]
        columns = pa.schema([(key, pa.string()) for key in rows[0]])
        pq.write_table(pa.Table.from_pylist(rows, schema=columns), folder / "quarantine.parquet")
