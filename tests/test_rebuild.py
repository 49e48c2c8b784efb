"""The command line on one small corpus, again and again: the same bytes everywhere, no word to the network."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def corpus(folder: Path, turn: int = 0) -> None:
    """The articles below `raw/`, written in an order of this turn."""
    names = sorted(ARTICLES)
    for name in reversed(names) if turn == 1 else names[turn:] + names[:turn]:
        path = folder / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(ARTICLES[name].encode("utf-8"))
        os.utime(path, (turn * 10_000, turn * 10_000))


def modes(folder: Path) -> dict[str, int]:
    """The permissions of a folder and of all below it."""
    return {path.relative_to(folder).as_posix(): path.stat().st_mode & 0o7777 for path in [folder, *folder.rglob("*")]}


def test_a_rebuild_is_the_same_bytes_wherever_it_runs(tmp_path: Path) -> None:
    """Locale, time zone, hash seed, umask, number of workers and order of the raw files show in no byte of release, zip
    and catalogue, nor in who may read them.
    """
    found: dict[str, Any] = {}
    for turn, (name, (variables, umask, workers)) in enumerate(SETTINGS.items()):
        place = tmp_path / str(turn)
        corpus(place, turn)
        options = ("--package", "tiny", "--workers", str(workers))
        command("run", "--raw", "raw", "--output", "output", *options, cwd=place, umask=umask, **variables)
        shutil.rmtree(place / "output" / "work")
        found[name] = tree(place / "output"), modes(place / "output" / "tiny" / "1.0.0")
        lists = [path for path in (place / "output").rglob("*") if path.is_file() and path.name != ".lock"]

        assert {0o644} == {path.stat().st_mode & 0o7777 for path in lists}
    files, permissions = found["plain"]

    assert {0o644, 0o755} == set(permissions.values())
    assert files["tiny/1.0.0/data/csv/claims.csv"].count(b"\r\n") > 4
    for name, (others, theirs) in found.items():
        assert [path for path in files.keys() | others.keys() if files.get(path) != others.get(path)] == [], name
        assert permissions == theirs, name


def connects(log: Path) -> list[str]:
    """The lines of a log of strace that tell of an address of the internet."""
    return [line for line in log.read_text(errors="replace").splitlines() if re.search(r"AF_INET6?\b", line)]


def test_no_step_asks_the_network(tmp_path: Path) -> None:
    """From the raw texts to the verified package no process connects to an address, though nothing told it to stay off
    line; a connection would have been seen.
    """
    tracer = ("strace", "-f", "-qq", "-e", "trace=connect", "-o")
    knock = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"
    if not shutil.which("strace") or subprocess.run([*tracer, os.devnull, "true"], check=False).returncode:
        pytest.skip("strace is not there, or may not trace")
    subprocess.run([*tracer, tmp_path / "knock", sys.executable, "-c", knock], check=True)
    corpus(tmp_path)
    home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home")}
    run = ("run", "--raw", "raw", "--output", "output", "--package", "tiny", "--workers", "2")
    command(*run, cwd=tmp_path, before=(*tracer, "run"), **home)
    told = command("verify", "output", cwd=tmp_path, before=(*tracer, "verify"), **home)

    assert len(connects(tmp_path / "knock")) == 1
    assert connects(tmp_path / "run") == []
    assert "whole" in told
    assert connects(tmp_path / "verify") == []
