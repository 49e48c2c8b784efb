"""Documents one at a time, in a process of their own that may die of them.

The child says of each document what became of it. When it dies, the document it was at is tried once more, as the first
of a fresh child; when that dies too, nothing else can have been the reason, and the document becomes a row that says
so.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from pipeline.read import RAW
from pipeline.shards.stage import (
    Job,
    Tables,
    budget,
    computed,
    failed,
    inputs,
    limit_memory,
    limited,
    out_of_memory,
)

_OUT_OF_MEMORY = 65  # exit code of a child that was refused memory
_BY_SIGNAL = {signal.SIGPROF: "timeout", signal.SIGALRM: "timeout", signal.SIGKILL: "memory"}


def one_by_one(job: Job, read: Tables, rows: Sequence[int]) -> Iterator[Tables]:
    """The stage's tables of each document, in order."""
    left = list(rows)
    tried = False
    if not left:
        yield computed(job.stage, read, [])
    while left:
        child = _child(job, left)
        try:
            for tables in _said(child):
                yield tables
                left, tried = left[1:], False
        finally:
            child.kill()
            child.communicate()
        if not left:
            return
        if tried:
            yield failed(job.stage, read, left[0], *_reason(child.returncode))
            left, tried = left[1:], False
        else:
            tried = True


def _child(job: Job, rows: Sequence[int]) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "pipeline.shards.alone"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    try:
        pickle.dump((job, list(rows)), child.stdin)
        child.stdin.flush()
    except BrokenPipeError:
        pass  # it died at once; what it died of is seen in its exit code
    return child


def _said(child: subprocess.Popen) -> Iterator[Tables]:
    """What a child gives until it ends, in whatever way; raises what it raised."""
    while True:
        try:
            said = pickle.load(child.stdout)
        except (EOFError, pickle.UnpicklingError):
            child.wait()
            return
        if isinstance(said, BaseException):
            raise said
        yield said


def _reason(code: int) -> tuple[str, str]:
    """Why a child died: the label, and the detail for a crash."""
    if code == _OUT_OF_MEMORY:
        return "memory", ""
    if code >= 0:
        return "crashed", f"exit status {code}"
    try:
        told = signal.Signals(-code)
    except ValueError:
        return "crashed", f"signal {-code}"
    return _BY_SIGNAL.get(told, "crashed"), told.name


def _warm(stage: str) -> None:
    """Load what the stage loads, so that no document's budget pays for it."""
    content = "“The bridge is open,” Mayor Ilse Dorn said on Monday.".encode()
    row = dict.fromkeys(RAW.names) | {"source": "", "format": "text", "content": content, "publish_text": True}
    read: Tables = {"raw": pa.Table.from_pylist([row | {"language": "en"}], schema=RAW)}
    read |= computed("clean", read, [0])
    if stage == "annotate":
        computed(stage, read, [0])


def _main() -> None:
    """The child: read a job, say the tables of each of its documents."""
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # whatever a library prints must not stand between the tables
        job, rows = pickle.load(sys.stdin.buffer)
        limit_memory()
        _warm(job.stage)
        try:
            read = inputs(job)
            for row in rows:
                with limited(budget(read, row)):
                    said: Any = computed(job.stage, read, [row])
                pickle.dump(said, out)
                out.flush()
        except Exception as error:
            if out_of_memory(error):
                os._exit(_OUT_OF_MEMORY)
            pickle.dump(error, out)
    os._exit(0)


if __name__ == "__main__":
    _main()
