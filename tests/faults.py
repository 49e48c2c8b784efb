"""Publishing in child processes that are to fail: run under `strace -e inject`, or told to kill themselves.

    python tests/faults.py PLAN RESULT

PLAN is a JSON list of trials `{"do", "built", "home", "calls", "kill_after"}`, RESULT becomes the list of their exit
codes, negative for a signal. strace counts system calls anew in each process. So one run of it, which fails call N,
reaches every call before it: a child first makes `calls` idle system calls of that kind.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import StoreError
from pipeline.release import publish, store

IDLE: dict[str, Callable[[], object]] = {
    "fsync": lambda: os.fsync(_NULL),
    "write": lambda: os.write(_NULL, b"."),
    "rename": lambda: os.rename("", ""),
    "mkdir": lambda: os.mkdir("/"),
}
_NULL = os.open(os.devnull, os.O_WRONLY)


def add(built: Path, home: Path) -> None:
    """Publish a finished folder as the version that it is named after, as a release does it."""
    with store.staging(home) as folder:
        held = publish.settle(home)
        if held.get(built.name) is None:
            shutil.copytree(built, folder, dirs_exist_ok=True)
            publish.publish(folder, home, built.name)
        else:
            publish.finish(home, held)


def remove(built: Path, home: Path) -> None:
    """Withdraw the release of that version."""
    publish.withdraw(home, [built.name], "not ours to print")


DO = {"add": add, "remove": remove}


def attempt(trial: dict) -> int:
    """One trial in a child process; its exit code, 2 for a clear error, negative for a signal."""
    child = os.fork()
    if child == 0:
        for name, number in trial.get("calls", {}).items():
            for _ in range(number):
                with contextlib.suppress(OSError):  # an idle call fails, and is counted
                    IDLE[name]()
        if "kill_after" in trial:  # nothing handles the alarm: the process is gone in the middle of whatever it does
            signal.setitimer(signal.ITIMER_REAL, trial["kill_after"])
        try:
            DO[trial["do"]](Path(trial["built"]), Path(trial["home"]))
        except StoreError:
            os._exit(2)
        except BaseException:
            os._exit(70)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    codes = [attempt(trial) for trial in json.loads(Path(sys.argv[1]).read_bytes())]
    Path(sys.argv[2]).write_text(json.dumps(codes))
