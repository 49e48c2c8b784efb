"""What a run is doing, while it does: bars on a terminal, lines in a pipe."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

EVERY = 10.0
"""Seconds between two lines about the same stage."""


@contextmanager
def shown(out: TextIO) -> Iterator[Callable[[str, int, int], None]]:
    """A `pipeline.shards.Progress` that shows on `out` what it hears."""
    if out.isatty():
        with _bars(out) as update:
            yield update
    else:
        yield _Lines(out)


class _Lines:
    """A line every some seconds, and when a stage is done that had something to do."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._begun: dict[str, tuple[float, int]] = {}
        self._told = time.monotonic()
        self._rejected = 0

    def __call__(self, what: str, done: int, of: int) -> None:
        if what == "rejected":
            self._rejected = done
            return
        now = time.monotonic()
        begun, before = self._begun.setdefault(what, (now, done))
        if now - self._told < EVERY and done != of:
            return
        if of == 1 or (done == of and done == before):  # a step without a count, or there was nothing to do
            return
        self._told = now
        rate = (done - before) / max(now - begun, 1e-3)
        left = f", {(of - done) / rate:,.0f} s left" if of > done and rate else ""
        rejected = f", {self._rejected:,} rejected" if self._rejected else ""
        total = f" of {of:,}" if of else ""
        print(f"{what}: {done:,}{total} documents, {rate:,.1f} a second{left}{rejected}", file=self._out, flush=True)


@contextmanager
def _bars(out: TextIO) -> Iterator[Callable[[str, int, int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rejected]}"),
    )
    with Progress(*columns, console=Console(file=out), transient=True) as bars:
        tasks: dict[str, Any] = {}
        begun: dict[str, tuple[float, int]] = {}

        def update(what: str, done: int, of: int) -> None:
            if what == "rejected":
                if tasks:
                    bars.update(next(reversed(tasks.values())), rejected=f"{done:,} rejected" if done else "")
                return
            now = time.monotonic()
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=None, rate="", rejected="")
                begun[what] = (now, done)
            since, before = begun[what]
            rate = f"{(done - before) / max(now - since, 1e-3):,.1f}/s" if done > before and of != 1 else ""
            bars.update(tasks[what], completed=done, total=of or None, rate=rate)

        yield update
