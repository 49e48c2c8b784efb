"""The main job, from raw texts to a release.

raw/ -> shards of raw rows -> clean -> annotate -> link -> check -> release
"""

import shutil
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import check, link, schema, unchanged
from pipeline.errors import ReleaseRefused
from pipeline.link.aliases import read as read_aliases
from pipeline.shards import Account, Engine, Progress, Shard, cut_into, engine, load, mapped, session

Tables = dict[str, pa.Table]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run made.

    Attributes:
        tables: the six tables, linked.
        report: what the checks found; None when the run stopped before them, or nothing has changed since a run that
            was checked.
        folder: the finished release; None when the run stopped before it.
        new: whether the release was written now; False when it was there already, byte for byte the same.
        inputs: number of raw documents.
        made: for each stage, the number of shards made anew, and the number of all.
        in_vain: what aliases.toml names and no claim has, in words.
        cost: seconds by the clock and of the processors, and peak memory, by stage and worker.
    """

    tables: Mapping[str, pa.Table]
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
    progress: Progress = lambda stage, done, of: None,
) -> Result:
    """Carry the texts of `raw` through the stages up to `until`: documents, claims, check or release.

    `withdrawn` are documents that are left out from now on, with the reason, beside those that the package has
    withdrawn before; `key` is the file of the ssh key that signs the release. `workers` are processes, 0 for this very
    one; `cluster` is the address of a Dask scheduler that works in their place. `again` tries documents once more that
    an earlier run could not finish.

    Raises SchemaError for a wrong source.toml or aliases.toml, StoreError for folders that cannot be read or written, a
    cluster that cannot be used and a work folder in which another run works, ReleaseRefused when the checks fail or the
    release is refused.
    """
    with session(output / "work" / package, progress) as account:
        begin = partial(engine, workers, cluster, output / "work" / package)
        result = _run(raw, output, package, until, version, withdrawn or {}, key, begin, again, account)
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
    progress: Account,
) -> Result:
    from pipeline.release import provenance, publish, release, withdrawn_from

    aliases = read_aliases(raw)
    work = output / "work" / package
    gone = {**withdrawn_from(output / package), **withdrawn}
    made: dict[str, tuple[int, int]] = {}
    with begin() as engine:
        shards = list(cut_into(raw, work / "raw", progress))
        cleaned = mapped("clean", shards, work, engine, made, progress, again=again)
        if until == "documents":
            documents, texts = _gather(cleaned, "documents", gone), _gather(cleaned, "texts", gone)
            return Result({"documents": documents, "texts": texts}, None, None, False, documents.num_rows, made)
        annotated = mapped("annotate", cleaned, work, engine, made, progress, again=again)
    home = output / package
    if until == "release" and not again:
        here = unchanged.released(work, home, unchanged.state(annotated, aliases, gone, home, version))
        if here:
            tables = unchanged.Tables(here[0])
            return Result(tables, None, here[0], False, tables["documents"].num_rows, made, here[1])
    documents, texts = _gather(annotated, "documents", gone), _gather(cleaned, "texts", gone)
    inputs = documents.num_rows
    claims = _gather(annotated, "claims", gone)
    progress("link", 0, 1)
    documents, claims, speakers, in_vain = link.link(documents, texts, claims, aliases)
    tables = {
        "documents": documents,
        "texts": texts,
        "claims": claims,
        "dates": _gather(annotated, "dates", gone),
        "stances": _gather(annotated, "stances", gone),
        "speakers": speakers,
    }
    progress("link", 1, 1)
    if until == "claims":
        return Result(tables, None, None, False, inputs, made, in_vain)
    progress("check", 0, 1)
    report = check.check(tables, inputs=_inputs(shards, cleaned, gone), contents=_contents(shards))
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
    told = provenance.told(raw)
    released = release(
        tables, report, output=output, package=package, version=version, withdrawn=withdrawn, key=key, told=told
    )
    unchanged.keep(work, unchanged.state(annotated, aliases, gone, home, version), released.folder, in_vain)
    progress("release", 1, 1)
    return Result(tables, released.report, released.folder, released.new, inputs, made, in_vain)


def _gather(shards: list[Shard], name: str, gone: Collection[str]) -> pa.Table:
    """The table of all shards without withdrawn documents; law 2 makes this the stage's on all rows at once."""
    found = pa.concat_tables([schema.empty(name), *(load(s.folder, name).cast(schema.arrow(name)) for s in shards)])
    return found.filter(pc.invert(pc.is_in(found["document_id"], pa.array(list(gone), pa.string())))) if gone else found


def _inputs(raw: list[Shard], cleaned: list[Shard], gone: Collection[str]) -> int:
    """Number of raw documents that came in and are not withdrawn."""
    withdrawn = (
        pc.sum(pc.is_in(load(shard.folder, "documents")["document_id"], pa.array(list(gone), pa.string()))).as_py() or 0
        for shard in (cleaned if gone else ())
    )
    return sum(shard.rows for shard in raw) - sum(withdrawn)


def _contents(shards: list[Shard]) -> Callable[[str], bytes]:
    """A function from `source` to the raw bytes as they were read, quick when asked in the order of reading."""
    places: dict[str, tuple[Path, int]] = {}
    for shard in shards:
        names = pq.ParquetFile(shard.folder / "raw.parquet").read(["source"])["source"].to_pylist()
        places.update({source: (shard.folder, row) for row, source in enumerate(names)})
    column = lru_cache(maxsize=2)(lambda folder: pq.ParquetFile(folder / "raw.parquet").read(["content"])["content"])
    return lambda source: column(places[source][0])[places[source][1]].as_py()


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
