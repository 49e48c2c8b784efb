"""What runs the jobs: this process, processes of this machine, or a cluster. Stages do not know which.

Each is a `concurrent.futures.Executor` with three more facts: how many jobs to keep under way, what a job raises when
its worker died, and how to be ready again after that.
"""

import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import contextmanager, suppress
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

from pipeline.errors import StoreError
from pipeline.shards import code
from pipeline.shards.stage import Done, Job, limit_memory, work

ANSWER = 5.0
"""Seconds in which a cluster's scheduler must answer."""
WORKERS_COME = 60.0
"""Seconds in which a cluster without workers, such as one that grows when asked, must have one."""
DEATHS = 4
"""Workers that may die at one shard. From the second on documents run in processes of their own, so what kills the
worker then is not the shard."""


class InProcess:
    """The calling process, one job after the other."""

    width = 1
    death: tuple[type[BaseException], ...] = ()

    def submit(self, job: Job) -> "Future[Done]":
        """Do the job now."""
        future: Future[Done] = Future()
        try:
            future.set_result(work(job, guest=True))
        except Exception as error:
            future.set_exception(error)
        return future

    def renew(self) -> None:
        """Nothing dies here but all."""

    def close(self, *, now: bool) -> None:
        """Nothing is held."""


class Processes:
    """Processes of this machine, started afresh when one of them dies; the models are loaded once in each."""

    death = (BrokenExecutor,)

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self.width = 2 * workers
        self.renew()

    def submit(self, job: Job) -> "Future[Done]":
        """Hand the job to the next free process; one that begins for it is deaf to Ctrl-C from its first moment on."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self._executor.submit(work, job)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def renew(self) -> None:
        """New processes in place of those that a death took with it."""
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        self._executor: Executor = ProcessPoolExecutor(self._workers, get_context("spawn"), _begin)

    def close(self, *, now: bool) -> None:
        """Let the processes end; `now` leaves the jobs under way to end with this process."""
        self._executor.shutdown(wait=not now, cancel_futures=True)


class Cluster:
    """Workers of a Dask cluster that share the work folder with this machine."""

    def __init__(self, address: str, work: Path) -> None:
        try:
            from distributed import Client, KilledWorker
        except ImportError as error:
            raise StoreError(
                "--cluster needs Dask distributed: install onrecord[cluster], here and on the workers."
            ) from error
        self.death = (KilledWorker,)
        self._address = address
        try:
            client = partial(Client, address, timeout=ANSWER, set_as_default=False, name="onrecord")
            self._client = _within(ANSWER + 1, client)  # its own timeout does not end it when somebody listens mutely
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(
                f"{address}: no Dask scheduler answered within {ANSWER:.0f} s ({error}). Start one with `dask "
                "scheduler`, workers with `dask worker --nthreads 1`, and give the address that the scheduler prints."
            ) from error
        try:
            self._introduce(work)
        except BaseException:
            self._client.close()
            raise
        self._client.register_plugin(_unwatched(), name=_UNWATCHED)
        # an unlike key for each call: a job that is asked for again must run again
        self._executor = self._client.get_executor(pure=False)

    @property
    def width(self) -> int:
        """Twice the workers that are there at the moment: clusters grow and shrink."""
        return 2 * max(1, len(self._client.scheduler_info(n_workers=-1)["workers"]))

    def submit(self, job: Job) -> "Future[Done]":
        """Hand the job to the scheduler."""
        return self._executor.submit(work, job)

    def renew(self) -> None:
        """The scheduler finds another worker, and the worker's nanny starts it again."""

    def close(self, *, now: bool) -> None:
        """Leave the cluster as it was."""
        if not now and self._client.status == "running":
            with suppress(OSError, TimeoutError):  # it went away
                self._client.unregister_worker_plugin(_UNWATCHED)
        self._client.close(timeout=1 if now else 10)

    def _introduce(self, work: Path) -> None:
        """Refuse workers of another version, and such as do not see the work folder."""
        try:
            self._client.wait_for_workers(1, timeout=WORKERS_COME)
        except TimeoutError:
            raise StoreError(f"{self._address}: the cluster has no worker. Start some with `dask worker`.") from None
        ours = code.version(), {stage: code.parts(stage) for stage in ("clean", "annotate")}
        probe = work / f"probe.{secrets.token_hex(8)}"
        probe.touch()
        try:
            told = self._client.run(_introduced, str(probe), on_error="return")
        finally:
            probe.unlink()
        for worker, answer in told.items():
            if isinstance(answer, BaseException):
                raise StoreError(
                    f"{worker}: the worker cannot load {code.version()}, which runs here: {answer}. Install it there."
                )
            version, parts, sees = answer
            if parts != ours[1]:
                different = {
                    name: (here.get(name, "absent"), there.get(name, "absent"))
                    for stage, here in ours[1].items()
                    for there in (parts.get(stage, {}),)
                    for name in sorted({*here, *there})
                    if here.get(name) != there.get(name)
                }
                shown = [
                    f"{name} {_short(here)} here, {_short(there)} there" for name, (here, there) in different.items()
                ]
                raise StoreError(
                    f"{worker}: the worker has {version}, this is {ours[0]}; different are: {'; '.join(shown[:5])}"
                    f"{' and more' if len(shown) > 5 else ''}. Install the same on both."
                )
            if not sees:
                raise StoreError(
                    f"{worker}: the worker does not see {work}. Put --output on a file system that all of them share."
                )


_UNWATCHED = "onrecord-unwatched"


def _unwatched() -> Any:
    """A plugin of workers: their profiler does not look at our jobs. A hundred times a second it walks up the stack of
    calls, which is deep in a parser; that takes a twentieth of the time, and the account of a run tells more.
    """
    from distributed import WorkerPlugin

    class Unwatched(WorkerPlugin):
        def setup(self, worker: Any) -> None:
            if watch := worker.periodic_callbacks.get("profile"):
                watch.stop()

        def teardown(self, worker: Any) -> None:
            if watch := worker.periodic_callbacks.get("profile"):
                watch.start()

    return Unwatched()


Engine = InProcess | Processes | Cluster

WORTH = 100
"""Documents that are worth a worker more: they take annotate some six seconds, and to load the models takes three."""


@contextmanager
def engine(workers: int, cluster: str | None, work: Path) -> Iterator[Engine]:
    """The engine that was asked for; no workers: this very process. After Ctrl-C nobody waits for jobs under way."""
    found = Cluster(cluster, work) if cluster is not None else Processes(workers) if workers else InProcess()
    try:
        yield found
    except BaseException as error:
        found.close(now=not isinstance(error, Exception))
        raise
    found.close(now=False)


def each(jobs: Iterable[tuple[Job, int]], engine: Engine) -> Iterator[tuple[Job, Done]]:
    """The jobs and what they give, in the order in which they end. A job whose worker died is done again.

    Each job comes with the number of documents to compute. Those with most begin, so that no worker is left alone with
    one of them at the end; and where there are few in all, few workers begin.

    Raises StoreError when workers keep dying at one job, or the cluster goes away.
    """
    ordered = sorted(jobs, key=itemgetter(1))
    waiting = [job for job, _ in ordered]
    most = max(1, sum(number for _, number in ordered) // WORTH)
    deaths: dict[Path, int] = {}
    under_way: dict[Future[Done], Job] = {}
    while waiting or under_way:
        died: list[Job] = []
        broken = False
        while waiting and len(under_way) < min(engine.width, most):
            try:
                under_way[engine.submit(waiting[-1])] = waiting[-1]
                waiting.pop()
            except engine.death:  # a process died since we last looked
                broken = True
                break
        for future in wait(under_way, return_when=FIRST_COMPLETED).done:
            job = under_way.pop(future)
            try:
                yield job, future.result()
            except engine.death as error:
                broken = True
                died.append(job)
                deaths[job.result] = deaths.get(job.result, 0) + 1
                if deaths[job.result] >= DEATHS:
                    raise StoreError(
                        f"{job.result}: {DEATHS} workers died at this shard, although its documents ran apart from "
                        "them. Has the machine memory enough for so many workers?"
                    ) from error
            except CancelledError:
                raise StoreError("The cluster went away. Run again when it is back: what is done is kept.") from None
        if broken:
            if not isinstance(engine, Cluster):  # one death ends all processes of a pool
                died += under_way.values()
                wait(under_way)
                yield from _finished(under_way, died)
                under_way.clear()
            waiting += died[::-1]
            engine.renew()


def _finished(futures: dict["Future[Done]", Job], died: list[Job]) -> Iterator[tuple[Job, Done]]:
    """Of the futures of a broken pool, what was done nevertheless; such jobs are taken off `died`."""
    for future, job in futures.items():
        if not future.cancelled() and future.exception() is None:
            died.remove(job)
            yield job, future.result()


def _within(seconds: float, call: Callable[[], Any]) -> Any:
    """What a call gives or raises; TimeoutError after some seconds, in which case it is left to itself."""
    future: Future[Any] = Future()

    def answer() -> None:
        try:
            future.set_result(call())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=answer, daemon=True).start()
    return future.result(seconds)


def _begin() -> None:
    """A process begins: within its memory, deaf to Ctrl-C (the one who started it hears it), and never orphaned."""
    from multiprocessing import connection, parent_process

    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())  # gives back what is done with: 40 MB less
    limit_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow(parent: int) -> None:
        connection.wait([parent])
        os._exit(1)

    threading.Thread(target=partial(follow, parent_process().sentinel), daemon=True).start()


def _introduced(probe: str) -> tuple[str, dict[str, Any], bool]:
    """What a worker tells of itself: its version, all that its stages hang on, and whether it sees a file."""
    return code.version(), {stage: code.parts(stage) for stage in ("clean", "annotate")}, Path(probe).exists()


def _short(value: str) -> str:
    return value[:12] if len(value) == 64 else value
