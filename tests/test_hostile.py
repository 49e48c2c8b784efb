"""Two hundred hostile files through the whole pipeline."""

import json
import os
import subprocess
import sys
from pathlib import Path

import hostile
import pytest

import pipeline.read
from pipeline.read import read


def test_each_hostile_file_is_one_input(tmp_path: Path) -> None:
    """Reading names every file once and ends; what it refuses has a reason in words."""
    assert hostile.write(tmp_path / "raw") == hostile.FILES
    rows = list(read(tmp_path / "raw"))

    assert len({row["source"] for row in rows}) == len(rows) == hostile.FILES
    assert all((row["content"] is None) == bool(row["rejected"] and row["rejected_detail"]) for row in rows)


@pytest.mark.slow
def test_hostile_files_are_all_accounted_for(tmp_path: Path) -> None:
    """A run over them exits 0 with a release; every file is a document or rejected; no process of it ever has 1 GB of
    memory; nothing is written beside the output, and what links lead to is in no table.
    """
    hostile.write(tmp_path / "raw")
    before = sorted(path.name for path in tmp_path.iterdir())
    command = [sys.executable, "-m", "pipeline", "run", "--raw", "raw", "--output", "output", "--package", "hostile"]
    code = (  # a process of its own, whose children are this run's alone; the peak is in kilobytes
        f"import resource, subprocess, sys; code = subprocess.call({[*command, '--json', '--workers', '1']!r}); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(pipeline.read.__file__).parents[2])}
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = process.communicate()
    assert process.returncode == 0, err.decode()
    found = json.loads(out)
    stages = found["cost"]["stages"].values()
    peaks = [used["peak_bytes"] for stage in stages for used in (stage, *stage["workers"].values())]

    assert 0 < max(*peaks, int(err.split()[-1]) * 1024) < 10**9
    assert found["inputs"] == found["documents"] + sum(found["rejected"].values()) == hostile.FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "output"])
    secret = next(line for line in Path("/etc/passwd").read_bytes().splitlines() if line)
    assert not any(secret in path.read_bytes() for path in (tmp_path / "output").rglob("*") if path.is_file())
