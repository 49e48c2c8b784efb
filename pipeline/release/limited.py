"""Parquet files from elsewhere, first read in a process that may not take much.

291 bytes of Parquet can unfold to 20 GB, and a reader in C++ that meets what it was not written for may take the whole
process with it. So a file of a foreign release is read by a worker with little memory and time; what that one survives,
and says of it, is what the rest may rely on. No file comes here before its digest was checked.
"""

import multiprocessing
import resource
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pipeline.errors import ReleaseRefused

MEMORY = 2 * 2**30
"""Bytes that the worker may have. A row group of ours holds 50,000 rows: 250 MB of texts of 5 kB."""
RATIO, FREE = 200, 2**30
"""Bytes that a byte of a file may unfold to, as for archives, and bytes that any file may."""
SECONDS, PER_BYTE = 60, 1e-6
"""Time that the worker may take: a start, and what a slow disk needs."""


def digests(paths: Sequence[Path]) -> list[Mapping[str, Any] | str]:
    """The logical digests (`tables.logical_of_file`) of Parquet files, in their order; a str says why there is none."""
    if not paths:
        return []
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    seconds = int(SECONDS + PER_BYTE * sum(path.stat().st_size for path in paths))
    worker = spawn.Process(target=_work, args=(theirs, paths, seconds), daemon=True)
    worker.start()
    theirs.close()
    found: list[Mapping[str, Any] | str] = []
    try:
        while len(found) < len(paths) and ours.poll(seconds):
            found.append(ours.recv())
        told = f"reading it takes more than the {seconds} seconds that it may"
    except EOFError:
        worker.join()
        told = f"reading it ended the process (exit status {worker.exitcode})"
    finally:
        worker.kill()
        worker.join()
        ours.close()
    return found + [told] * (len(paths) - len(found))


def refuse_bombs(paths: Sequence[Path]) -> None:
    """Raise ReleaseRefused when one of these Parquet files cannot be read within the limits."""
    for path, found in zip(paths, digests(paths), strict=True):
        if isinstance(found, str):
            raise ReleaseRefused(f"{path}: {found}. It was not used.")


def _work(connection: Connection, paths: Sequence[Path], seconds: int) -> None:
    """Send a digest, or what is wrong, for each file."""
    for kind, most in ((resource.RLIMIT_DATA, MEMORY), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    import pyarrow as pa

    from pipeline.release import tables

    pa.set_cpu_count(1)  # a thread has a stack and an arena of its own, which count
    pa.set_io_thread_count(1)
    for path in paths:
        most = max(FREE, RATIO * path.stat().st_size)
        try:
            connection.send(tables.logical_of_file(path, most))
        except (MemoryError, OverflowError):
            connection.send(f"unfolds to more than the {MEMORY:,} bytes of memory that it may take")
        except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            connection.send(
                f"cannot be read as Parquet ({str(error).splitlines()[0][:200] if str(error) else error!r})"
            )
    connection.close()
