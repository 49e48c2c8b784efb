"""Engines: this process, a pool, a Dask cluster; and documents that kill, hang or starve whoever reads them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.errors import StoreError
from pipeline.run import run
from pipeline.shards import cut, engines
from pipeline.shards.engines import ANSWER, WORTH, InProcess, each
from pipeline.shards.stage import Cost, Done, Job

ROOT = Path(__file__).parent.parent
POISONED = Path(__file__).parent / "poisoned"
DOCUMENTS = 8


def tree(output: Path) -> dict[str, bytes]:
    """All shards below, by path: what must not tell how it was made."""
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in sorted(output.rglob("*.parquet"))}


def rows(output: Path, stage: str) -> dict[str, dict]:
    """The documents of the one package below after a stage, by file name."""
    found = (pq.ParquetFile(path).read().to_pylist() for path in output.glob(f"work/*/{stage}/*/documents.parquet"))
    return {row["source"]: row for part in found for row in part}


def environment(poison: Path | None = None) -> dict[str, str]:
    """The variables of a process that uses this clone, and suffers from poison when a folder for its signs is given."""
    path = [str(POISONED)] if poison else []
    told = {"POISON": str(poison)} if poison else {}
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*path, str(ROOT)]), **told}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A folder of short articles in French, which are cleaned and not annotated: no model need be loaded."""
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "source.toml").write_text('language = "fr"\n', encoding="utf-8")
    for number in range(DOCUMENTS):
        text = f"Jour {number}\n\nLe conseil se réunit le jour {number}.\n\nLe pont reste ouvert.\n"
        (folder / f"{number:02}.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def plain(raw: Path, tmp_path: Path) -> dict[str, bytes]:
    """The shards that this process makes of them, one after the other."""
    run(raw, tmp_path / "plain", "tiny", until="claims")
    return tree(tmp_path / "plain")


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of four documents in the mean, for runs in this process; every document is worth a worker."""
    monkeypatch.setattr(cut, "SHARD_DOCUMENTS", 4)
    monkeypatch.setattr(engines, "WORTH", 1)


def poison(raw: Path, *words: str, language: str = "fr") -> None:
    """Documents with these words between the others."""
    for word in words:
        (raw / f"03-{word}.txt").write_text(f"Un récit\n\nIl contient {word} au milieu.\n", encoding="utf-8")
    with (raw / "source.toml").open("a", encoding="utf-8") as file:
        file.writelines(f'[files."03-{word}.txt"]\nlanguage = "{language}"\n' for word in words)


def onrecord(*arguments: object, poison: Path) -> subprocess.CompletedProcess[str]:
    """The command line in a fresh process that suffers from poison."""
    command = [sys.executable, "-m", "pipeline", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(poison), check=False)


def test_documents_that_kill_hang_or_starve_are_rejected_rows_and_nothing_else_is_lost(raw, tmp_path):
    """Each has its reason; one that was merely there when a worker was killed is cleaned; the others are as ever."""
    run(raw, tmp_path / "plain", "tiny", until="documents")
    poison(raw, "CLEAN-EXIT", "CLEAN-LOOP", "CLEAN-EAT", "CLEAN-SEGV", "CLEAN-ONCE")
    place = ("--raw", raw, "--output", tmp_path / "output", "--package", "tiny")
    done = onrecord("documents", *place, "--workers", 2, poison=tmp_path)
    found = rows(tmp_path / "output", "clean")

    assert done.returncode == 0, done.stderr
    assert f"{DOCUMENTS + 5} inputs = {DOCUMENTS + 1} documents + 4 rejected" in done.stdout
    told = {name[3:-4]: (row["rejected"], row["rejected_detail"]) for name, row in found.items() if "-" in name}
    assert told == {
        "CLEAN-EXIT": ("crashed", "the interpreter died: exit status 0, while it was cleaned"),
        "CLEAN-SEGV": ("crashed", "the interpreter died: SIGSEGV, while it was cleaned"),
        "CLEAN-LOOP": ("timeout", "more than 3 s of processor time, while it was cleaned"),
        "CLEAN-EAT": ("memory", "more than 1073 MB of memory, while it was cleaned"),
        "CLEAN-ONCE": (None, None),
    }
    before = rows(tmp_path / "plain", "clean")
    assert {name: row for name, row in found.items() if "-" not in name} == before


def test_a_run_in_one_process_outlives_a_document_without_end(raw, tmp_path, monkeypatch):
    """Without workers too, the shard goes to a process of its own; the verdict stays until `again` asks anew."""
    poison(raw, "CLEAN-LOOP")
    program = f"""
from pathlib import Path
from pipeline.run import run
for _ in range(2):
    done = run(Path({str(raw)!r}), Path({str(tmp_path / "output")!r}), "tiny", until="documents")
    print(done.made["clean"][0], done.cost["stages"]["clean"]["computed"])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    told = rows(tmp_path / "output", "clean")["03-CLEAN-LOOP.txt"]["rejected"]
    monkeypatch.setattr(cut, "SHARD_DOCUMENTS", 200)
    again = run(raw, tmp_path / "output", "tiny", until="documents", again=True)

    assert done.stdout.splitlines() == [f"1 {DOCUMENTS + 1}", "0 0"], done.stderr
    assert told == "timeout"
    assert again.cost["stages"]["clean"]["computed"] == 1
    assert rows(tmp_path / "output", "clean")["03-CLEAN-LOOP.txt"]["rejected"] is None


def test_a_document_that_cannot_be_annotated_stays_a_document(raw, tmp_path):
    """What kills the annotators is accepted, with its text, and says why it has no claims."""
    poison(raw, "ANNOTATE-EXIT", language="en")
    place = ("--raw", raw, "--output", tmp_path / "output", "--package", "tiny")
    done = onrecord("claims", *place, "--workers", 1, poison=tmp_path)
    found = rows(tmp_path / "output", "annotate")

    assert done.returncode == 0, done.stderr
    assert found["03-ANNOTATE-EXIT.txt"]["not_annotated"] == "crashed"
    assert found["03-ANNOTATE-EXIT.txt"]["rejected"] is None
    assert {row["not_annotated"] for name, row in found.items() if "-" not in name} == {"language"}
    assert len(found) == DOCUMENTS + 1


def test_a_run_that_was_killed_leaves_nobody_behind_and_the_next_one_goes_on(raw, tmp_path):
    """A run that gets kill -9 in the middle of a shard: its workers end, and the next run gives the same."""
    poison(raw, "CLEAN-HOLD")
    run(raw, tmp_path / "plain", "tiny", until="documents")
    place = ["documents", "--raw", str(raw), "--output", str(tmp_path / "output"), "--package", "tiny"]
    program = (
        "from pipeline.shards import cut, engines; cut.SHARD_DOCUMENTS, engines.WORTH = 4, 1\n"
        "from pipeline.__main__ import script; script()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, *place, "--workers", "2"], env=environment(tmp_path), start_new_session=True
    ) as killed:
        while not (tmp_path / "CLEAN-HOLD").exists():
            assert killed.poll() is None
            time.sleep(0.05)
        children = _children(killed.pid)
        killed.send_signal(signal.SIGKILL)
    marks = list((tmp_path / "output").rglob("*.begun"))
    again = run(raw, tmp_path / "output", "tiny", until="documents")

    assert killed.returncode == -signal.SIGKILL
    assert children
    for _ in range(600):
        if not any(Path(f"/proc/{child}/cmdline").is_file() and _lives(child) for child in children):
            break
        time.sleep(0.1)
    assert not any(_lives(child) for child in children)
    assert len(marks) in (1, 2)
    assert again.inputs == DOCUMENTS + 1
    assert tree(tmp_path / "output") == tree(tmp_path / "plain")


def _children(process: int) -> list[int]:
    told = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    return [int(child) for child in told.split()]


def _lives(process: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return False


def test_a_pool_gives_the_bytes_of_one_process(raw, plain, tmp_path):
    """Two processes make the very same shards, whichever ends first."""
    run(raw, tmp_path / "output", "tiny", until="claims", workers=2)

    assert tree(tmp_path / "output") == plain


class Noting(InProcess):
    """An engine with room for many jobs, which does none and notes when it is handed which."""

    width = 10

    def __init__(self) -> None:
        self.noted: list[str] = []

    def submit(self, job: Job) -> "Future[Done]":
        """Note the job; it is done."""
        self.noted.append(job.result.name)
        future: Future[Done] = Future()
        future.set_result(Done({}, 0, Cost("", 0.0, 0)))
        return future


def test_the_dearest_job_begins_and_few_documents_are_handed_to_few_workers(monkeypatch):
    """Jobs begin by the documents that they have to compute; each worker at once stands for a hundred of them."""
    monkeypatch.setattr(engines, "WORTH", WORTH)
    under_way = {}
    for sizes in ([3, 0, 50, 7], [90, 150, 30], [400, 300, 500]):
        engine = Noting()
        jobs = [(Job("clean", "", (), Path(str(size))), size) for size in sizes]
        done = each(jobs, engine)
        next(done)
        under_way[sum(sizes)] = len(engine.noted)
        list(done)

        assert engine.noted == [str(size) for size in sorted(sizes, reverse=True)]
    assert under_way == {60: 1, 270: 2, 1200: 3}


# ---- a real Dask cluster ----


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a scheduler with two workers of one thread."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as held:
        yield held.scheduler_address


def test_a_cluster_gives_the_bytes_of_one_process(raw, plain, tmp_path, cluster):
    """Dask's workers make the very same shards."""
    found = run(raw, tmp_path / "output", "tiny", until="claims", cluster=cluster)

    assert tree(tmp_path / "output") == plain
    assert found.cost["stages"]["clean"]["workers"]


def test_a_cluster_watches_its_workers_again_after_a_run(tmp_path, cluster):
    """Dask's profiler rests while a run has the cluster, and goes on afterwards."""
    from distributed import Client

    def watched(dask_worker):
        return dask_worker.periodic_callbacks["profile"].is_running()

    with Client(cluster, set_as_default=False) as client:
        with engines.engine(0, cluster, tmp_path):
            during = client.run(watched)
        after = client.run(watched)

    assert (set(during.values()), set(after.values())) == ({False}, {True})


def test_a_cluster_that_does_not_answer_is_an_error_in_seconds(raw, tmp_path):
    """Nobody listens; somebody listens and says nothing; the address is none: each is told, and nothing is made."""
    pytest.importorskip("distributed")
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
        closed.close()
        for address in (f"tcp://127.0.0.1:{silent.getsockname()[1]}", f"tcp://127.0.0.1:{port}", "nowhere://x"):
            begun = time.monotonic()
            with pytest.raises(StoreError, match="no Dask scheduler answered"):
                run(raw, tmp_path / "output", "tiny", until="documents", cluster=address)
            assert time.monotonic() - begun < 2 * ANSWER or os.getloadavg()[0] > 2
    assert tree(tmp_path / "output") == {}


def test_a_cluster_that_does_not_see_the_work_folder_is_refused(raw, tmp_path, cluster):
    """The work folder is on a disk that is mounted for the run alone: nothing is handed to workers without it."""
    place = tmp_path / "disk"
    place.mkdir()
    command = f"{sys.executable} -m pipeline documents --raw {raw} --output {place}/output --cluster {cluster}"
    script = f"mount -t tmpfs -o size=8m tmpfs {place} && exec {command}"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], env=environment(), capture_output=True, text=True, check=False
    )
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        pytest.skip("no right to mount a file system here")

    assert done.returncode == 2
    assert f"the worker does not see {place}" in done.stderr
    assert "file system that all of them share" in done.stderr


def test_a_worker_of_another_version_is_refused_and_both_are_named(raw, tmp_path):
    """A worker whose copy of the code has one more line: both versions and the file are in the message."""
    pytest.importorskip("distributed")
    other = tmp_path / "other"
    passed_over = shutil.ignore_patterns("node_modules", "__pycache__")
    shutil.copytree(ROOT / "pipeline", other / "pipeline", ignore=passed_over)
    shutil.copytree(ROOT / "schemas", other / "schemas")
    shutil.copy(ROOT / "pyproject.toml", other)
    with (other / "pipeline" / "clean" / "rules.py").open("a", encoding="utf-8") as file:
        file.write("\nMORE = True\n")
    program = """
import sys, time
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=50) as held:
        print(held.scheduler_address, flush=True)
        sys.stdin.read()
"""
    (tmp_path / "serve.py").write_text(program, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, tmp_path / "serve.py"],
        env={**os.environ, "PYTHONPATH": str(other)},
        cwd=other,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as served:
        address = served.stdout.readline().strip()
        with pytest.raises(StoreError) as refused:
            run(raw, tmp_path / "output", "tiny", until="documents", cluster=address)
        served.stdin.close()

    assert "the worker has On Record" in str(refused.value)
    assert ", this is On Record" in str(refused.value)
    assert "clean/rules.py" in str(refused.value)
