"""The command line on one small corpus, again and again: the same bytes everywhere, no word to the network."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from releases import tree

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow

ARTICLES = {
    "gazette/ferry.txt": (
        "Ferry halted at Port Amsel\n\nPORT AMSEL, April 12, 2024 - The harbour master, Irena Solt, said on Friday "
        'that the ferry had been halted. "We were asked and we came," she said.\n\nThe council of Amsel denied it.\n'
    ),
    "gazette/Zoll.txt": (
        "Zoll and the İzmir line\n\nAccording to Ove Brandt, the line will open in May 2024. Solt called it a "
        "disgrace.\n"
    ),
    "herald/pont.txt": (
        "Le pont est ouvert depuis lundi, a dit la mairie. Les bateaux du port peuvent de nouveau passer sous le pont, "
        "et les habitants du quartier sont heureux de pouvoir traverser.\n"
    ),
    "herald/-1.txt": "=1+1 stood on the wall of the harbour, the mayor said.\n",
    "herald/source.toml": 'outlet = "The Herald"\n',
    "herald/noise.bin": "\0\1\2",
}
SETTINGS = {
    "plain": ({"LC_ALL": "C.UTF-8", "TZ": "UTC0", "PYTHONHASHSEED": "0"}, 0o022, 1),
    "no locale": ({"LC_ALL": "POSIX", "PYTHONUTF8": "0", "TZ": "XYZ-14", "PYTHONHASHSEED": "4242"}, 0o077, 1),
    "many": ({"LANG": "tr_TR.UTF-8", "TZ": "XYZ+11:30", "PYTHONHASHSEED": "random"}, 0o002, 2),
}
"""Variables, umask and workers; the files of each corpus are written in another order than those before."""
if "ONRECORD_FAULTS" in os.environ:  # `make faults`: eight
    SETTINGS = {
        "seed": ({"PYTHONHASHSEED": "1"}, 0o022, 2),
        "zone": ({"TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "7"}, 0o027, 1),
        "language": ({"LANG": "de_DE.ISO-8859-1", "LC_TIME": "de_DE", "LC_NUMERIC": "de_DE"}, 0o022, 1),
        "careful": ({"PYTHONDEVMODE": "1", "PYTHONSAFEPATH": "1", "PYTHONHASHSEED": "99"}, 0o077, 1),
        "single": ({"OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "mimalloc", "COLUMNS": "20"}, 0o000, 3),
        **SETTINGS,
    }


def clock() -> dict[str, str]:
    """Variables that put a process into the next century; none where faketime is not installed."""
    if not shutil.which("faketime"):
        return {}
    told = ("faketime", "-f", "@2105-12-31 23:59:58", "printenv", "LD_PRELOAD", "FAKETIME")
    lines = subprocess.run(told, capture_output=True, text=True, check=True).stdout.splitlines()
    found = dict(zip(("LD_PRELOAD", "FAKETIME"), lines, strict=True))
    now = subprocess.run([sys.executable, "-c", "import time; print(time.time())"], env=found, capture_output=True)
    assert float(now.stdout) > 4e9
    return found


def command(*arguments: str, cwd: Path, before: tuple[str, ...] = (), umask: int = -1, **variables: str) -> str:
    """What `onrecord` printed in a fresh process that succeeded; variables of this process that tell of a place are not
    handed on.
    """
    kept = {key: value for key, value in os.environ.items() if not re.match(r"LC_|LANG|TZ$|HF_|PYTHON", key)}
    environment = kept | {"PYTHONPATH": str(ROOT), "SOURCE_DATE_EPOCH": "1900000000"} | variables
    done = subprocess.run(
        [*before, sys.executable, "-m", "pipeline", *arguments],
        cwd=cwd,
        env=environment,
        umask=umask,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def corpus(folder: Path, turn: int) -> None:
    """The articles below `raw/`, written in an order of this turn."""
    names = sorted(ARTICLES)
    for name in reversed(names) if turn % 3 == 1 else names[turn:] + names[:turn]:
        path = folder / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(ARTICLES[name].encode("utf-8"))
        os.utime(path, (turn * 10_000, turn * 10_000))


def modes(folder: Path) -> dict[str, int]:
    """The permissions of a folder and of all below it."""
    return {path.relative_to(folder).as_posix(): path.stat().st_mode & 0o7777 for path in [folder, *folder.rglob("*")]}


@pytest.fixture(scope="module")
def tracer() -> tuple[str, ...]:
    """What runs a command and writes down whom its processes connect to; empty where that cannot be had."""
    found = ("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect", "-o")
    there = shutil.which("strace") and not subprocess.run([*found, os.devnull, "true"], check=False).returncode
    return found if there else ()


@pytest.fixture(scope="module")
def built(tracer: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The corpus published once under each of the settings: the second time by another clock, the last time in a
    strange home and under the tracer.
    """
    places = {}
    for turn, (name, (variables, umask, workers)) in enumerate(SETTINGS.items()):
        place = places[name] = tmp_path_factory.mktemp("place")
        last = len(places) == len(SETTINGS)
        corpus(place, turn)
        command(
            *("run", "--raw", "raw", "--output", "output", "--package", "tiny", "--workers", str(workers)),
            cwd=place,
            before=(*tracer, str(place / "connects")) if last and tracer else (),
            umask=umask,
            **variables,
            **(home(place) if last else {}),
            **(clock() if turn == 1 else {}),
        )
        shutil.rmtree(place / "output" / "work")
    return places


def home(place: Path) -> dict[str, str]:
    """Variables that lead to a home in which nothing was ever kept."""
    return {"HOME": str(place / "home"), "XDG_CACHE_HOME": str(place / "home")}


def test_a_rebuild_is_the_same_bytes_wherever_it_runs(built: dict[str, Path]) -> None:
    """Clock, locale, time zone, hash seed, umask, number of workers and order of the raw files show in no byte of
    release, zip and catalogue, nor in who may read them.
    """
    found = {
        name: (tree(place / "output"), modes(place / "output" / "tiny" / "1.0.0")) for name, place in built.items()
    }
    files, permissions = found["plain"]

    assert {0o644, 0o755} == set(permissions.values())
    assert files["tiny/1.0.0/data/csv/claims.csv"].count(b"\r\n") > 4
    for name, (others, theirs) in found.items():
        lists = [path for path in (built[name] / "output").rglob("*") if path.is_file() and path.name != ".lock"]
        assert {0o644} == {path.stat().st_mode & 0o7777 for path in lists}, name
        assert [path for path in files.keys() | others.keys() if files.get(path) != others.get(path)] == [], name
        assert permissions == theirs, name


def connects(log: Path) -> list[str]:
    """The lines of a log of strace that tell of an address of the internet."""
    return [line for line in log.read_text(errors="replace").splitlines() if re.search(r"AF_INET6?\b", line)]


def test_no_step_asks_the_network(tracer: tuple[str, ...], built: dict[str, Path]) -> None:
    """From the raw texts to the verified package no process connects to an address, though nothing told it to stay off
    line; a connection would have been seen.
    """
    if not tracer:
        pytest.skip("strace is not there, or may not trace")
    place = list(built.values())[-1]
    knock = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"
    subprocess.run([*tracer, place / "knock", sys.executable, "-c", knock], check=True)
    told = command("verify", "output", cwd=place, before=(*tracer, str(place / "verify")), **home(place))

    assert len(connects(place / "knock")) == 1
    assert connects(place / "connects") == []
    assert "whole" in told
    assert connects(place / "verify") == []
