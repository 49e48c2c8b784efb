"""Shards in, shards out: the only room that knows processes, clusters and files of work.

A shard is a folder of Parquet files, one a table, that holds some hundred documents. A stage maps shard -> shard over
an engine. Freshness is a fact on disk: a shard is named by all that went into it, so one that is there is not made
again, a run that was killed goes on where it stopped, and inside a shard that must be made again only the documents
that changed are computed.

    cut      raw rows into shards, cut where the documents say so
    store    a shard's folder: whole or absent
    code     what a stage hangs on besides its input
    stage    one shard's work, in whatever process
    alone    documents one at a time, in a process that may die of them
    engines  this process, a pool, a cluster
    session  one run at a time, and what it took
    plan     what a run would do, and why
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pipeline.shards import code, store
from pipeline.shards.cut import cut_into
from pipeline.shards.engines import Engine, each, engine
from pipeline.shards.session import Account, Progress, session
from pipeline.shards.stage import Job
from pipeline.shards.store import Shard, load

__all__ = ["Account", "Engine", "Progress", "Shard", "cut_into", "engine", "load", "mapped", "session"]


def mapped(
    stage: str,
    shards: Sequence[Shard],
    work: Path,
    engine: Engine,
    made: dict[str, tuple[int, int]],
    progress: Account,
    *,
    again: bool = False,
) -> list[Shard]:
    """Run a stage over the shards that are not fresh; the shards it gives, in the order of its input.

    Args:
        stage: clean or annotate.
        shards: what it reads.
        work: folder of the package's work; the stage's shards lie in a folder of its name.
        engine: what runs it.
        made: is told how many shards were made, and of how many.
        progress: hears of documents done and rejected, and is charged with what the jobs take.
        again: whether documents that could not be finished are tried again.
    """
    folder = (work / stage).resolve()
    folder.mkdir(exist_ok=True)
    jobs, rows = {}, {}
    fresh: dict[Path, dict[str, str]] = {}
    for shard in shards:
        result = folder / fingerprint(stage, shard)
        told = store.told(result, stage)
        if told is None or (again and told["failed"] != "0"):
            jobs[result] = Job(stage, code.digest(stage), _inputs(shard), result, again=again)
            rows[result] = shard.rows
        else:
            fresh[result] = told
    total = sum(shard.rows for shard in shards)
    done = total - sum(rows.values())
    made[stage] = (len(jobs), len(shards))
    progress(stage, done, total)
    for job, finished in each(_with_donors(jobs.values(), folder, fresh, rows), engine):
        done += rows[job.result]
        fresh[job.result] = finished.told
        progress.add(stage, finished.cost, finished.computed)
        progress(stage, done, total)
        progress("rejected", sum(int(told["rejected"]) for told in fresh.values()), done)
    results = []
    for number, shard in enumerate(shards):
        result = folder / fingerprint(stage, shard)
        told = fresh[result]
        results.append(
            Shard(number, result, result.name, shard.rows, told["output"], int(told["failed"]), _inputs(shard))
        )
    store.sweep(folder, fresh)
    _keep_parts(folder / "code.json", stage)
    return results


def fingerprint(stage: str, shard: Shard) -> str:
    """The name of the shard that a stage makes of a shard: 32 hexadecimal digits of all that goes into it."""
    return hashlib.sha256(f"{stage} {shard.output} {code.digest(stage)}".encode()).hexdigest()[:32]


def _inputs(shard: Shard) -> tuple[Path, ...]:
    return (*shard.inputs, shard.folder.resolve())


def _with_donors(
    jobs: Iterable[Job], folder: Path, fresh: Iterable[Path], rows: Mapping[Path, int]
) -> list[tuple[Job, int]]:
    """The jobs with those earlier shards of the same code in which some of their documents are found as they are, and
    the number of documents that are left to compute. `rows` counts the documents of each job, by its result.
    """
    jobs = list(jobs)
    where: dict[bytes, Path] = {}
    for earlier in store.others(folder, fresh) if jobs else ():
        told = store.told(earlier, folder.name) if earlier.is_dir() else None
        if told and told.get("code") == jobs[0].code:
            where |= dict.fromkeys(load(earlier, "prints")["input"].to_pylist(), earlier)
    if not where:
        return [(job, rows[job.result]) for job in jobs]
    found = []
    for job in jobs:
        prints = load(job.inputs[-1], "prints")["output"].to_pylist()
        donors = tuple(sorted({where[print_] for print_ in prints if print_ in where}))
        left = sum(print_ not in where for print_ in prints)
        found.append((Job(job.stage, job.code, job.inputs, job.result, donors, job.again), left))
    return found


def _keep_parts(path: Path, stage: str) -> None:
    """Keep what the stage hung on, so that the next run can say what changed."""
    text = json.dumps(code.parts(stage), indent=1, sort_keys=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        part = path.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
