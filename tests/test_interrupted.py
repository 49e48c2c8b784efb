"""Ctrl-C at any moment: the run ends with its exit code, nobody of it is left, and the next one goes on."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.run import run

ROOT = Path(__file__).parent.parent
ALL = "ONRECORD_FAULTS" in os.environ  # `make faults`: twenty moments
MOMENTS = 20 if ALL else 3
DOCUMENTS = 300


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """Processes hear Ctrl-C, also where a shell that put the tests in the background made them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short articles in French, which are cleaned and not annotated."""
    folder = tmp_path_factory.mktemp("raw")
    (folder / "source.toml").write_text('language = "fr"\n')
    for number in range(DOCUMENTS):
        (folder / f"{number:03}.txt").write_text(f"Jour {number}\n\nLe conseil se réunit le jour {number}.\n")
    return folder


def tree(output: Path) -> dict[str, bytes]:
    """All shards below, by path."""
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in sorted(output.rglob("*.parquet"))}


def test_an_interrupted_run_ends_and_the_next_one_goes_on(raw: Path, tmp_path: Path) -> None:
    """A terminal's Ctrl-C, sent to run and workers alike: exit code 130 and one line, no process left behind, no torn
    shard; the run after it makes what one without a break makes.
    """
    run(raw, tmp_path / "plain", "tiny", until="documents")
    begun = time.monotonic()
    _begun(raw, tmp_path / "probe").wait()
    takes = time.monotonic() - begun
    moments = random.Random(23)
    ended = []
    for number in range(MOMENTS):
        output = tmp_path / str(number)
        process = _begun(raw, output)
        while process.poll() is None and not (output / "work").exists():
            time.sleep(0.01)
        time.sleep(takes / 2 * moments.random())
        os.killpg(process.pid, signal.SIGINT)
        sent = time.monotonic()
        _, told = process.communicate()
        ended.append((process.returncode, time.monotonic() - sent))

        assert process.returncode in (130, 0), told
        assert process.returncode == 0 or "onrecord: interrupted" in told
        assert "Traceback" not in told
        with pytest.raises(ProcessLookupError):
            _wait_for_none(process.pid)
        run(raw, output, "tiny", until="documents")
        assert tree(output) == tree(tmp_path / "plain")
    assert 130 in {code for code, _ in ended}
    if ALL:
        late = max(seconds for _, seconds in ended)
        print(f"\n{[code for code, _ in ended].count(130)} of {MOMENTS} interrupted, the last after {late:.1f} s")


DROPPED = """
import os, signal, sys, weakref
import pipeline.run
from pipeline.__main__ import script

class Library:
    pass

def call(_):
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):
        pass

def run(*arguments, real=pipeline.run.run, **options):
    library = Library()
    kept = weakref.ref(library, call)
    del library  # what is raised in its callback is dropped
    return real(*arguments, **options)

pipeline.run.run = run
sys.argv[0] = "onrecord"
script()
"""


def test_a_ctrl_c_that_python_drops_ends_the_run_all_the_same(raw: Path, tmp_path: Path) -> None:
    """In a callback that is run when an object dies, as importing runs them, KeyboardInterrupt comes to nobody."""
    ended = subprocess.run(
        [sys.executable, "-c", DROPPED, "documents", "--raw", raw, "--output", tmp_path, "--package", "tiny"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert "Exception ignored" in ended.stderr
    assert "onrecord: interrupted" in ended.stderr
    assert ended.returncode == 130


def _begun(raw: Path, output: Path) -> subprocess.Popen[str]:
    place = ("--raw", str(raw), "--output", str(output), "--package", "tiny", "--workers", "2")
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", "documents", *place],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _wait_for_none(group: int) -> None:
    """Return when somebody of a process group is still there after half a minute; ProcessLookupError if nobody is."""
    for _ in range(300):
        os.killpg(group, 0)
        time.sleep(0.1)
