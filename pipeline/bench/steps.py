"""A step of a benchmark in a process of its own, so that one measure does not warm the next."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Steps = Mapping[str, tuple[Callable[[Path, int], Any], Callable[[Path, Any], None]]]
"""For each step what prepares it, which is not measured, and what is; both get the folder of the benchmark."""


def measured(module: str, step: str, home: Path, size: int) -> dict[str, float]:
    """Run one step of a module: its CPU-seconds, user and system, without imports, and its peak memory in MB."""
    command = [sys.executable, "-m", module, step, str(home), str(size)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main(steps: Steps, step: str, home: str, size: str) -> None:
    """What a module that `measured` runs does: print what a step took."""
    prepare, run = steps[step]
    prepared = prepare(Path(home), int(size))
    before = resource.getrusage(resource.RUSAGE_SELF)
    run(Path(home), prepared)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"cpu_seconds": round(cpu, 2), "peak_mb": after.ru_maxrss // 1024}))
