"""Exit codes over many runs: each command once and again, in fresh processes, must end with the same right code.

    python tests/exits.py [RUNS]        (default: 200 of each; the commands that clean and annotate run a tenth of that)

pyarrow may abort at exit after all work is done (arrow #34314), which one run does not show.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent


def codes(runs: int, command: Callable[[int], list[str]], *, full: bool = False, **options: object) -> Counter[int]:
    """How often which exit code came; `full` sends standard output to a device that is full."""
    found: Counter[int] = Counter()
    for number in range(runs):
        with open("/dev/full" if full else os.devnull, "w") as out:
            done = subprocess.run(
                [sys.executable, "-m", "pipeline", *command(number)],
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.DEVNULL,
                check=False,
                **options,  # type: ignore[call-overload]
            )
        found[done.returncode] += 1
    return found


def main(runs: int) -> int:
    """Run all; the number of wrong exit codes."""
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        raw = here / "raw"
        shutil.copytree(ROOT / "raw", raw)
        shutil.copytree(ROOT / "output", here / "output")
        shutil.rmtree(here / "output" / "work", ignore_errors=True)
        home = here / "output" / "sample"
        release = str(home / "1.0.0")
        spoilt = here / "spoilt"
        shutil.copytree(release, spoilt)
        (spoilt / "README.md").write_text("other")
        out = ["--output", str(here / "output"), "--raw", str(raw), "--package", "sample"]
        few = max(1, runs // 10)
        table: list[tuple[str, int, int, Callable[[int], list[str]], bool]] = [
            ("help", 0, runs, lambda n: ["--help"], False),
            ("no such command", 2, runs, lambda n: ["frobnicate"], False),
            ("verify", 0, runs, lambda n: ["verify", str(here / "output")], False),
            ("verify, spoilt", 1, runs, lambda n: ["verify", str(spoilt)], False),
            ("verify, nothing there", 2, runs, lambda n: ["verify", str(raw)], False),
            ("verify to a full disk", 74, runs, lambda n: ["verify", str(here / "output")], True),
            ("diff", 0, runs, lambda n: ["diff", release, release], False),
            ("diff, spoilt", 1, runs, lambda n: ["diff", release, str(spoilt)], False),
            ("pull", 0, runs, lambda n: ["pull", str(home), str(here / f"pulled{n}")], False),
            ("pull, no server", 75, few, lambda n: ["pull", "http://127.0.0.1:9/x", str(here / "none")], False),
            ("update", 0, runs, lambda n: ["update", str(here / f"pulled{n}")], False),
            ("update, not pulled", 2, runs, lambda n: ["update", str(raw)], False),
            ("rehydrate, nothing withheld", 2, runs, lambda n: ["rehydrate", release, "--raw", str(raw)], False),
            ("catalogue", 0, runs, lambda n: ["catalogue", *out], False),
            ("catalogue, below a file", 2, runs, lambda n: ["catalogue", "--output", str(spoilt / "README.md")], False),
            ("documents", 0, few, lambda n: ["documents", *out], False),
            ("check", 0, few, lambda n: ["check", *out], False),
        ]
        for name, expected, times, command, full in table:
            found = codes(times, command, full=full)
            bad = found.total() - found[expected]
            wrong += bad
            told = f"  WRONG: {dict(found)}" if bad else ""
            print(f"{name:<28} {expected:>3}: {found[expected]} of {found.total()}{told}", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 200) else 0)
