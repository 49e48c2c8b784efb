"""A run's hold on its work folder, and the account of what it took.

One run at a time works in a folder: the lock is the kernel's, so a run that was killed holds nothing. What a run took,
stage by stage and worker by worker, is measured between the calls of `progress` and kept in run.json beside the shards.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.errors import StoreError
from pipeline.shards import store
from pipeline.shards.stage import Cost, peak, spent

Progress = Callable[[str, int, int], None]
"""Called with what is counted, how much of it is done, and of how much; 0 when that is not known. Counted are documents
in `read`, `clean`, `annotate`, documents in `rejected`, and the steps `link`, `check` and `release` as one each."""


@dataclass(slots=True)
class Stage:
    """What a stage took: seconds by the clock, processor seconds, peak resident bytes of the run's own process and of
    each worker, documents it had, and how many of them were computed.
    """

    wall: float = 0.0
    cpu: float = 0.0
    peak: int = 0
    documents: int = 0
    computed: int = 0
    workers: dict[str, dict[str, float]] = field(default_factory=dict)


class Account:
    """What a run takes. It is a `Progress` that passes on what it hears; a stage lasts until another one is named."""

    def __init__(self, progress: Progress) -> None:
        self.stages: dict[str, Stage] = {}
        self._progress = progress
        self._current: str | None = None
        self._wall = self._begun = time.monotonic()
        self._cpu = self._own = 0.0
        self.settle()

    def __call__(self, what: str, done: int, of: int) -> None:
        """Hear and pass on."""
        if what != "rejected":
            if what != self._current:
                self.settle()
                self._current = what
                self.stages.setdefault(what, Stage())
                _forget_peak()
            self.stages[what].documents = max(done, of)
        self._progress(what, done, of)

    def add(self, what: str, cost: Cost, computed: int) -> None:
        """Charge a worker's job to a stage."""
        stage = self.stages[what]
        stage.computed += computed
        worker = stage.workers.setdefault(cost.worker, {"cpu_s": 0.0, "peak_bytes": 0})
        worker["cpu_s"] += cost.cpu
        worker["peak_bytes"] = max(worker["peak_bytes"], cost.peak)

    def settle(self) -> None:
        """Charge what was used since the last call to the stage under way.

        What workers used is charged job by job, so where there are any, only what this very process used counts here:
        a pool that ends would be charged again.
        """
        wall, cpu, own = time.monotonic(), spent(), time.process_time()
        if self._current is not None:
            stage = self.stages[self._current]
            stage.wall += wall - self._wall
            stage.cpu += own - self._own if stage.workers else cpu - self._cpu
            stage.peak = max(stage.peak, peak())
        self._wall, self._cpu, self._own = wall, cpu, own

    def told(self) -> dict[str, Any]:
        """The account, ready for JSON. Times in seconds, memory in bytes."""
        self.settle()
        stages = {}
        for name, stage in self.stages.items():
            ours = f"{os.getpid()}"
            others = {who: used for who, used in stage.workers.items() if who.rpartition(":")[2] != ours}
            stages[name] = {
                "wall_s": round(stage.wall, 3),
                "cpu_s": round(stage.cpu + sum(used["cpu_s"] for used in others.values()), 3),
                "peak_bytes": stage.peak,
                "workers": {who: {key: round(one, 3) for key, one in used.items()} for who, used in others.items()},
            }
            if name in ("read", "clean", "annotate"):
                stages[name] |= {"documents": stage.documents}
            if name in ("clean", "annotate"):
                stages[name] |= {"computed": stage.computed}
        return {
            "wall_s": round(time.monotonic() - self._begun, 3),
            "cpu_s": round(sum(stage["cpu_s"] for stage in stages.values()), 3),
            "stages": stages,
        }


@contextmanager
def session(work: Path, progress: Progress) -> Iterator[Account]:
    """Hold the work folder of a package while a run works in it.

    Raises StoreError when another run holds it, or it cannot be written.
    """
    path = work / "lock"
    try:
        work.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise store.refused(error, path) from error
    with open(descriptor, "r+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(
                f"{work}: another run works there (process {lock.read(20).strip() or 'unknown'}). Wait until it has "
                "ended, or give this one another --output or --package."
            ) from None
        try:
            lock.truncate()
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            account = Account(progress)
            try:
                yield account
            finally:
                _keep(work / "run.json", account)
        except OSError as error:
            raise store.refused(error, work) from error


def _keep(path: Path, account: Account) -> None:
    """Write the account; a disk that is full must not hide why the run ended."""
    part = path.with_suffix(".part")
    try:
        if path.parent.is_dir():  # a withdrawal removes it
            part.write_text(json.dumps(account.told(), indent=1) + "\n", encoding="utf-8")
            part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)


def _forget_peak() -> None:
    """Let the peak of resident memory be counted anew from here, where the kernel can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
