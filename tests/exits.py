"""Exit codes over many runs: each command once and again, in fresh processes, must end with the same right code.

    python tests/exits.py [RUNS]        (default: 200 of each; of what takes more than a second a quarter of that, of
                                         what takes more than five a tenth)

pyarrow may abort at exit after all work is done (arrow #34314), which one run does not show. What counts is therefore
the number of processes that loaded it and ended, and not what they worked on: a corpus of four short texts takes every
command all its way. Each case has a folder of its own, and as many cases run at a time as there are processors.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
RAW = {
    "gazette/ferry.txt": "Ferry halted\n\nThe harbour master, Irena Solt, said on Friday that the ferry had halted.\n",
    "herald/pont.txt": "Le pont\n\nLe pont est ouvert depuis lundi, a dit la mairie. Les bateaux peuvent passer.\n",
    "herald/source.toml": 'publish_text = false\nlanguage = "fr"\n',
    "herald/noise.bin": "\0\1",
    "wire/vault.txt": "The vault\n\nThe banker Ove Brandt said on Monday that the vault had been empty for years.\n",
}
Arguments = Callable[[Path, int], Sequence[object]]
Ended = tuple[int, float]
"""An exit code, and the processor seconds that it took to get there."""


def ended(command: Sequence[object], here: Path, number: int) -> Ended:
    """How a command ended."""
    return _ended(_begun(command, here))


def to_a_full_disk(command: Sequence[object], here: Path, number: int) -> Ended:
    """... whose standard output is a device that is full."""
    with open("/dev/full", "w") as full:
        return _ended(_begun(command, here, stdout=full))


def while_locked(command: Sequence[object], here: Path, number: int) -> Ended:
    """... while another process, this one, holds the lock of the package."""
    with (here / "output" / "tiny" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _ended(_begun(command, here))


def interrupted(command: Sequence[object], here: Path, number: int) -> Ended:
    """... that gets Ctrl-C some time after it began to write, each time a little later."""
    for index in range(2_000) if not (here / "many").exists() else ():
        (here / "many").mkdir(exist_ok=True)
        (here / "many" / f"{index}.txt").write_text(f"Jour {index}\n\nLe conseil se réunit le jour {index}.\n")
    process = _begun(command, here)
    while process.poll() is None and not (here / f"interrupted{number}" / "work").exists():
        time.sleep(0.01)
    time.sleep(number % 20 / 40)
    process.send_signal(signal.SIGINT)
    return _ended(process)


def served(command: Sequence[object], here: Path, number: int) -> Ended:
    """... that answers on its port and is then told to end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = _begun([*command, "--port", port], here)
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.01)
    process.terminate()
    return _ended(process)


def _begun(command: Sequence[object], here: Path, **options: object) -> subprocess.Popen[bytes]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | options
    # Compiled once for all processes, which takes a fifth of what one takes that does little.
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(here.parent / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    line = [sys.executable, "-m", "pipeline", *map(str, command)]
    return subprocess.Popen(line, cwd=here, env=environment, **quiet)  # type: ignore[call-overload]


def _ended(process: subprocess.Popen[bytes]) -> Ended:
    if process.poll() is None:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return process.returncode, used.ru_utime + used.ru_stime
    return process.returncode, 0.0


@dataclass(frozen=True, slots=True)
class Case:
    """A command, its right exit code, what is done before each run of it, how it is run, and one in how many times."""

    name: str
    code: int
    arguments: Arguments
    before: Callable[[Path, int], object] = lambda here, number: None
    run: Callable[[Sequence[object], Path, int], Ended] = ended
    part: int = 1


HERE = ("--package", "tiny")  # raw/ and output/ of the folder that a command runs in
LAST = Path("output", "tiny", "1.0.0")
ONE = ("--workers", "1")


def another(here: Path, number: int) -> None:
    """A document that was not there at the last run."""
    (here / "raw" / "herald" / "day.txt").write_text(f"Jour {number}\n\nLe conseil se réunit le jour {number}.\n")


def anew(here: Path, number: int) -> None:
    """The package as it was at first."""
    shutil.rmtree(here / "output")
    shutil.copytree(here / "kept", here / "output")


def spoilt(here: Path, number: int) -> None:
    """A release with one changed file."""
    (here / LAST / "README.md").write_text("other")


def wrong_facts(here: Path, number: int) -> None:
    """A source.toml with a key that there is not."""
    (here / "raw" / "source.toml").write_text("outlett = 1\n")


def only_empty(here: Path, number: int) -> None:
    """Nothing but a file without a byte."""
    shutil.rmtree(here / "raw")
    (here / "raw").mkdir()
    (here / "raw" / "empty.txt").touch()


CASES = (
    Case("help", 0, lambda h, n: ["--help"]),
    Case("no such command", 2, lambda h, n: ["frobnicate"]),
    Case("documents", 0, lambda h, n: ["documents", *HERE, *ONE], another, part=4),
    Case("documents, two workers", 0, lambda h, n: ["documents", *HERE, "--workers", "2"], another, part=4),
    Case("documents, explained", 0, lambda h, n: ["documents", *HERE, "--explain"], another),
    Case("documents, wrong facts", 78, lambda h, n: ["documents", *HERE, *ONE], wrong_facts),
    Case("documents, below a file", 73, lambda h, n: ["documents", *HERE, "--output", LAST / "README.md", *ONE]),
    Case(
        "documents, interrupted",
        130,
        lambda h, n: ["documents", *HERE, "--raw", "many", "--output", f"interrupted{n}"],
        run=interrupted,
    ),
    Case("claims", 0, lambda h, n: ["claims", *HERE, *ONE], another, part=4),
    Case("check", 0, lambda h, n: ["check", *HERE, *ONE], another, part=10),
    Case("release, nothing new", 0, lambda h, n: ["release", *HERE, *ONE]),
    Case("run, nothing new", 0, lambda h, n: ["run", *HERE, *ONE]),
    Case("run, something new", 0, lambda h, n: ["run", *HERE, *ONE], another, part=10),
    Case("run, refused", 1, lambda h, n: ["run", "--package", "none", *ONE], only_empty, part=10),
    Case("reproduce", 0, lambda h, n: ["reproduce", "1.0.0", *HERE, *ONE], part=10),
    Case("reproduce, no such version", 2, lambda h, n: ["reproduce", "9.0.0", *HERE]),
    Case("verify", 0, lambda h, n: ["verify"]),
    Case("verify, spoilt", 1, lambda h, n: ["verify"], spoilt),
    Case("verify, nothing there", 2, lambda h, n: ["verify", "raw"]),
    Case("verify, to a full disk", 74, lambda h, n: ["verify"], run=to_a_full_disk),
    Case("diff", 0, lambda h, n: ["diff", LAST, LAST], part=4),
    Case("diff, spoilt", 1, lambda h, n: ["diff", LAST, LAST], spoilt),
    Case("catalogue", 0, lambda h, n: ["catalogue", *HERE]),
    Case("catalogue, locked", 75, lambda h, n: ["catalogue", *HERE], run=while_locked),
    Case("catalogue, no package", 2, lambda h, n: ["catalogue", "--package", "none"]),
    Case("yank", 0, lambda h, n: ["yank", "1.0.0", "--reason", "wrong", *HERE], anew),
    Case("yank, no such version", 2, lambda h, n: ["yank", "9.0.0", "--reason", "wrong", *HERE]),
    Case("withdraw", 0, lambda h, n: ["withdraw", "wire/vault.txt", "--reason", "asked", *HERE, *ONE], anew, part=10),
    Case("withdraw, no such document", 2, lambda h, n: ["withdraw", "x", "--reason", "asked", *HERE]),
    Case("pull", 0, lambda h, n: ["pull", "output/tiny", f"pulled{n}"]),
    Case("pull, spoilt", 1, lambda h, n: ["pull", "output/tiny", f"pulled{n}"], spoilt),
    Case("pull, no server", 75, lambda h, n: ["pull", "http://127.0.0.1:9/x", "pulled"], part=10),
    Case("update", 0, lambda h, n: ["update", "mine"]),
    Case("update, not pulled", 2, lambda h, n: ["update", "raw"]),
    Case("rehydrate", 0, lambda h, n: ["rehydrate", LAST, "--raw", "raw", "--to", f"whole{n}"], part=4),
    Case("rehydrate, no copies", 1, lambda h, n: ["rehydrate", LAST, "--raw", "mine/data", "--to", f"whole{n}"]),
    Case("push", 0, lambda h, n: ["push", f"target{n}", *HERE], lambda h, n: (h / f"target{n}").mkdir()),
    Case("push, no target", 2, lambda h, n: ["push", "nowhere/at/all", *HERE]),
    Case("serve", 0, lambda h, n: ["serve"], run=served),
    Case("serve, nothing there", 2, lambda h, n: ["serve", "--output", "nowhere"]),
    Case("evaluate", 0, lambda h, n: ["evaluate", "dates_tiny.jsonl"]),
    Case("evaluate, unknown format", 78, lambda h, n: ["evaluate", "output/tiny/versions.json"]),
    Case("bench, nothing to measure", 78, lambda h, n: ["bench", "raw"]),
)


def codes(case: Case, runs: int, start: Path, here: Path) -> tuple[Counter[int], float]:
    """How often which exit code came, and the processor seconds of them all, in a copy of the folder `start`."""
    shutil.copytree(start, here)
    found: Counter[int] = Counter()
    taken = 0.0
    for number in range(runs):
        case.before(here, number)
        code, seconds = case.run(case.arguments(here, number), here, number)
        found[code] += 1
        taken += seconds
        for made in here.glob(f"*{number}"):
            shutil.rmtree(made)
    shutil.rmtree(here)
    return found, taken


def main(runs: int) -> int:
    """Run all; the number of wrong exit codes."""
    wrong = processes = 0
    spent = 0.0
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count()) as pool:
        start = Path(scratch) / "start"
        for name, content in RAW.items():
            (start / "raw" / name).parent.mkdir(parents=True, exist_ok=True)
            (start / "raw" / name).write_text(content, encoding="utf-8")
        row = {"doc_id": "a", "text": "He came on 3 May 2031.", "dct": "2031-05-04", "timexes": []}
        (start / "dates_tiny.jsonl").write_text(str(row).replace("'", '"') + "\n")
        for command in (["run", *HERE, *ONE], ["pull", "output/tiny", "mine"]):
            assert ended(command, start, 0)[0] == 0, command
        shutil.copytree(start / "output", start / "kept")
        told = {
            case.name: (case, pool.submit(codes, case, max(1, runs // case.part), start, Path(scratch) / case.name))
            for case in sorted(CASES, key=lambda case: -case.part)
        }
        for name, (case, future) in told.items():
            found, seconds = future.result()
            bad = found.total() - found[case.code]
            wrong += bad
            odd = f"  WRONG: {dict(found)}" if bad else ""
            print(
                f"{name:<28} {case.code:>3}: {found[case.code]} of {found.total()}, "
                f"{seconds / found.total():.2f} CPU-s each{odd}",
                flush=True,
            )
            spent += seconds
            processes += found.total()
        print(f"{processes} commands, {spent:.0f} CPU-s", flush=True)
    return wrong


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what it puts in the background ignore it
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(1 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 200) else 0)
    sys.exit(130)
