"""One shard's work, in whatever process: take over what is known, compute the rest, write, rename.

Documents are given to a stage in slices, under a budget of processor time that the kernel enforces. A document that
breaks it, or kills its process, leaves the mark of a shard that was begun and not finished; whoever takes up that shard
next goes through it with care, one document at a time in a process of their own (`alone`).
"""

import hashlib
import os
import platform
import resource
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus import give_back
from pipeline.errors import StoreError
from pipeline.shards import code, store
from pipeline.shards.store import OUTPUT, PRINTS, load

Tables = dict[str, pa.Table]

SECONDS = 30.0
SECONDS_PER_BYTE = 200e-6
"""Processor time that one document may take in a stage, and more for each of its bytes: some ten times what the slowest
stage takes for text, about 20 seconds a megabyte; and half a minute for whatever does not grow with the text."""
PATIENCE = 20
"""Times its budget that a document may take by the clock: a process that waits uses no processor."""
MEMORY = 4 * 2**30
"""Bytes of data that a process of ours may hold: ten times what it needs for news, so that one document cannot take the
machine from the others."""
SLICE_BYTES = 100_000
"""Bytes of raw text that are given to a stage at once, about two seconds of the slowest one."""
FAILED = {
    "timeout": "more than {seconds:.0f} s of processor time",
    "memory": "more than {memory} MB of memory",
    "crashed": "the interpreter died: {detail}",
}
"""Why a document could not be finished: labels of `documents.rejected` and `documents.not_annotated`."""

_ONE_AT_A_TIME = threading.Lock()  # budgets are those of the process, so a worker with several threads waits here


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is asked for.

    Attributes:
        stage: clean or annotate.
        code: digest of what the stage hangs on, which must be the worker's own too.
        inputs: folders of the shard's raw rows and, for annotate, of its cleaned ones.
        result: folder to make.
        donors: folders of earlier shards in which some of the documents are found as they are.
        again: whether documents that could not be finished are tried again.
    """

    stage: str
    code: str
    inputs: tuple[Path, ...]
    result: Path
    donors: tuple[Path, ...] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """What a job took: who worked, processor seconds, and the peak of its resident memory in bytes."""

    worker: str
    cpu: float
    peak: int


@dataclass(frozen=True, slots=True)
class Done:
    """What a job gave: what is kept with the shard, the number of documents that were computed, and the cost."""

    told: dict[str, str]
    computed: int
    cost: Cost


def work(job: Job, *, guest: bool = False) -> Done:
    """Do a job. A `guest` in a process that is not ours stops at a budget instead of dying of it.

    Raises StoreError when the worker has another version, cannot see the folders, or cannot write.
    """
    if code.digest(job.stage) != job.code:
        raise StoreError(f"A worker has another version of the stages: {code.version()}.")
    mark = job.result.with_name(f"{job.result.name}.begun")
    with _ONE_AT_A_TIME:
        before = spent()
        try:
            careful = mark.exists()
            mark.touch()
        except OSError as error:
            raise store.refused(error, mark) from error
        try:
            done = _work(job, careful, guest)
        except Exception as error:
            error.add_note(f"in stage {job.stage}, shard {job.result}")
            raise
        finally:  # so that only a death leaves it
            mark.unlink(missing_ok=True)
        give_back()  # or what shards leave unused adds up: a worker that read thousands of articles took 600 MB
        return Done(*done, Cost(f"{platform.node()}:{os.getpid()}", spent() - before, peak()))


def _work(job: Job, careful: bool, guest: bool) -> tuple[dict[str, str], int]:
    read = inputs(job)
    prints = load(job.inputs[-1], "prints")["output"].combine_chunks()
    known, places = _taken_over(job, prints)
    rest = sorted(set(range(len(prints))) - set(places))
    made: list[Tables] = []
    if not careful:
        try:
            made = list(_in_slices(job.stage, read, rest, guest))
        except Exception as error:
            if not isinstance(error, _OverBudgetError) and not out_of_memory(error):
                raise
            careful = True
    if careful:
        from pipeline.shards.alone import one_by_one

        made = list(one_by_one(job, read, rest))
    tables = {name: pa.concat_tables([one[name] for one in (*known, *made)]) for name in OUTPUT[job.stage]}
    order = pc.sort_indices(pa.array([*places, *rest], pa.int64()))
    ids = tables["documents"]["document_id"].combine_chunks().take(order)
    tables = {  # in one chunk each, so that the bytes do not tell how they came together
        name: table.take(order if name == "documents" else _by_document(table, ids)).combine_chunks()
        for name, table in tables.items()
    }
    given = _prints(tables) if job.stage == "clean" else None
    reason = "rejected" if job.stage == "clean" else "not_annotated"
    unfinished = sum(one in FAILED for one in tables["documents"][reason].to_pylist())
    output = job.result.name if given is None else hashlib.sha256(b"".join(given)).hexdigest()
    tables["prints"] = pa.Table.from_arrays(
        [prints, pa.nulls(len(prints), pa.binary()) if given is None else pa.array(given, pa.binary())], schema=PRINTS
    )
    rejected = len(prints) - tables["documents"]["rejected"].null_count
    told = {"code": job.code, "output": output, "failed": str(unfinished), "rejected": str(rejected)}
    store.write(job.result, tables, told)
    return told, len(rest)


def inputs(job: Job) -> Tables:
    """What a job's stage reads: the raw rows and, for annotate, documents and texts. Rows of the first two are one a
    document, in order.
    """
    read = {"raw": load(job.inputs[0], "raw")}
    if job.stage == "annotate":
        read |= {name: load(job.inputs[1], name) for name in ("documents", "texts")}
    return read


def computed(stage: str, read: Tables, rows: Sequence[int]) -> Tables:
    """The stage's tables for some of the documents it could read."""
    part = _part(read, rows)
    if stage == "clean":
        from pipeline.clean import clean

        return dict(zip(OUTPUT[stage], clean(part["raw"]), strict=True))
    from pipeline.annotate.stage import annotate

    return dict(zip(OUTPUT[stage], (part["documents"], *annotate(**part)), strict=True))


def failed(stage: str, read: Tables, row: int, reason: str, detail: str) -> Tables:
    """The tables of a document that the stage could not finish: a rejected one, or one that is not annotated."""
    if stage == "clean":
        told = FAILED[reason].format(seconds=budget(read, row), memory=MEMORY // 10**6, detail=detail)
        raw = read["raw"]
        for name, value in (("rejected", reason), ("rejected_detail", f"{told}, while it was cleaned")):
            raw = raw.set_column(raw.schema.get_field_index(name), raw.schema.field(name), _all(raw, value))
        return computed(stage, {"raw": raw}, [row])
    documents = read["documents"]
    place = documents.schema.get_field_index("not_annotated")
    documents = documents.set_column(place, documents.schema.field(place), _all(documents, reason))
    return computed(stage, read | {"documents": documents}, [row])


def budget(read: Tables, row: int) -> float:
    """Seconds of processor time that a document may take."""
    return SECONDS + SECONDS_PER_BYTE * len(read["raw"]["content"][row].as_py() or b"")


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Within it, a process that takes more than so many seconds of processor time is ended by the kernel."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE * seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def limit_memory() -> None:
    """Hold this process to MEMORY, for good."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def peak() -> int:
    """Bytes of resident memory that this process has held at most."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):  # ru_maxrss would count the process that started this one
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory was refused; onnxruntime has none of its own for it."""
    return isinstance(error, MemoryError) or "allocat" in str(error).casefold()


class _OverBudgetError(Exception):
    """A slice took longer than a document may."""


def _in_slices(stage: str, read: Tables, rows: Sequence[int], guest: bool) -> Iterator[Tables]:
    """The stage's tables, slice by slice: each must end within what any one of its documents may take."""
    sizes = pc.fill_null(pc.binary_length(read["raw"]["content"]), 0).to_pylist()
    guard = _interrupted if guest else limited
    for part in _slices(rows, sizes):
        with guard(SECONDS + SECONDS_PER_BYTE * min(sizes[row] for row in part)):
            tables = computed(stage, read, part)
        yield tables
    if not rows:
        yield computed(stage, read, [])


def _slices(rows: Sequence[int], sizes: Sequence[int]) -> Iterator[list[int]]:
    held: list[int] = []
    size = 0
    for row in rows:
        if held and size + sizes[row] > SLICE_BYTES:
            yield held
            held, size = [], 0
        held.append(row)
        size += sizes[row]
    if held:
        yield held


@contextmanager
def _interrupted(seconds: float) -> Iterator[None]:
    """As `limited`, by an exception: for a process that others live in. Only its main thread can be interrupted."""

    def stop(*_: object) -> None:
        raise _OverBudgetError

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _taken_over(job: Job, prints: pa.Array) -> tuple[list[Tables], list[int]]:
    """The tables of unchanged documents from earlier shards, and the places of these documents in this one."""
    wanted = {print_: row for row, print_ in enumerate(prints.to_pylist())}
    unfit = set(FAILED) if job.again else set()
    found: list[Tables] = []
    places: list[int] = []
    for donor in job.donors:
        documents = load(donor, "documents")
        reasons = documents["rejected" if job.stage == "clean" else "not_annotated"].to_pylist()
        rows = []
        for row, print_ in enumerate(load(donor, "prints")["input"].to_pylist()):
            if print_ in wanted and reasons[row] not in unfit:
                places.append(wanted.pop(print_))
                rows.append(row)
        part = documents.take(pa.array(rows, pa.int64()))
        found.append(
            {"documents": part}
            | {name: _of(load(donor, name), part["document_id"]) for name in OUTPUT[job.stage] if name != "documents"}
        )
    return found, places


def _part(read: Tables, rows: Sequence[int]) -> Tables:
    """Some documents of what a stage reads."""
    places = pa.array(rows, pa.int64())
    part = {name: read[name].take(places) for name in ("raw", "documents") if name in read}
    if "texts" in read:
        part["texts"] = _of(read["texts"], part["documents"]["document_id"])
    return part


def _of(table: pa.Table, documents: pa.ChunkedArray) -> pa.Table:
    """The rows of some documents."""
    return table.filter(pc.is_in(table["document_id"], documents.combine_chunks()))


def _by_document(table: pa.Table, ids: pa.Array) -> pa.Array:
    """The order in which rows stand as their documents do, and within one as they were."""
    return pc.sort_indices(pc.index_in(table["document_id"].combine_chunks(), ids))


def _prints(tables: Mapping[str, pa.Table]) -> list[bytes]:
    """For each document, the digest of its rows."""
    texts = {row["document_id"]: tuple(row.values()) for row in tables["texts"].to_pylist()}
    told = (repr((*row.values(), texts.get(row["document_id"]))) for row in tables["documents"].to_pylist())
    return [hashlib.sha256(one.encode("utf-8", "surrogatepass")).digest()[:16] for one in told]


def _all(table: pa.Table, value: str) -> pa.Array:
    return pa.array([value] * table.num_rows, pa.string())


def spent() -> float:
    """Processor seconds of this process and of the children it has seen end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + used.ru_utime + used.ru_stime
