"""Shards: what is made again, what is taken over, and what a run's folder of work may suffer."""

import datetime
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import read
from pipeline.errors import StoreError
from pipeline.run import run
from pipeline.shards import code, cut, plan, session
from pipeline.shards.stage import limited, peak, spent

ROOT = Path(__file__).parent.parent
DOCUMENTS = 24


def tree(work: Path) -> dict[str, bytes]:
    """All shards of a package's work, by path: what must not tell how it was made."""
    return {path.relative_to(work).as_posix(): path.read_bytes() for path in sorted(work.rglob("*.parquet"))}


def tables(output: Path) -> list[dict]:
    """The rows of documents of the one package below."""
    found = output.glob("work/*/clean/*/documents.parquet")
    return sorted((row for path in found for row in pq.ParquetFile(path).read().to_pylist()), key=lambda r: r["source"])


def story(number: int) -> str:
    """A short article."""
    return f"Day {number}\n\nThe council of Amsel met on day {number}.\n\nIt said that the bridge would be closed.\n"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A folder of short articles."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for number in range(DOCUMENTS):
        (folder / f"{number:02}.txt").write_text(story(number), encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of four documents in the mean."""
    monkeypatch.setattr(cut, "SHARD_DOCUMENTS", 4)


def made(raw: Path, output: Path) -> tuple[tuple[int, int], int]:
    """Clean the documents: shards made and in all, and documents computed."""
    found = run(raw, output, "tiny", until="documents")
    return found.made["clean"], found.cost["stages"]["clean"]["computed"]


def test_what_did_not_change_is_not_made_again_whatever_the_clock_says(raw, tmp_path):
    """A second run computes nothing, although all files are dated forty years before or after."""
    (shards, of), computed = made(raw, tmp_path / "output")
    before = tree(tmp_path / "output")
    for year, folder in ((1984, raw), (2064, tmp_path / "output")):
        time = datetime.datetime(year, 1, 1, tzinfo=datetime.UTC).timestamp()
        for path in folder.rglob("*"):
            os.utime(path, (time, time))

    assert (shards, computed) == (of, DOCUMENTS)
    assert of > 3
    assert made(raw, tmp_path / "output") == ((0, of), 0)
    assert tree(tmp_path / "output") == before


@pytest.mark.parametrize("change", ["edit", "add", "remove", "rename", "facts"])
def test_only_documents_that_changed_are_computed(raw, tmp_path, change):
    """Whatever happens to one document, the others are taken over, and the shards are those of a fresh run."""
    (_, before), _ = made(raw, tmp_path / "output")
    expected = 1
    if change == "edit":
        (raw / "07.txt").write_text(story(70), encoding="utf-8")
    elif change == "add":
        (raw / "07a.txt").write_text(story(70), encoding="utf-8")
    elif change == "remove":
        (raw / "07.txt").unlink()
        expected = 0
    elif change == "rename":
        (raw / "07.txt").rename(raw / "17a.txt")
    else:
        (raw / "source.toml").write_text('[files."07.txt"]\noutlet = "The Bugle"\n', encoding="utf-8")
    (shards, of), computed = made(raw, tmp_path / "output")
    made(raw, tmp_path / "fresh")

    assert computed == expected
    assert shards <= 4
    assert abs(of - before) <= 2
    assert tree(tmp_path / "output") == tree(tmp_path / "fresh")


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=300, unique=True), st.data())
def test_a_document_more_or_less_moves_only_the_cuts_beside_it(numbers, data):
    """Cuts hang on the documents: without one of them, at most a few shards are other ones."""
    gone = data.draw(st.sampled_from(numbers))
    rows = [
        dict.fromkeys(read.RAW.names) | {"source": f"{number:07}.txt", "content": b""} for number in sorted(numbers)
    ]
    all_, less = (
        [[row["source"] for row in shard] for shard in cut._cut(some)]
        for some in (rows, [row for row in rows if row["source"] != f"{gone:07}.txt"])
    )

    assert [row for shard in all_ for row in shard] == [row["source"] for row in rows]
    assert all(len(shard) <= 4 * cut.SHARD_DOCUMENTS for shard in all_)
    assert len([shard for shard in less if shard not in all_]) <= 8


def test_a_stage_whose_code_changed_is_done_again_and_the_next_one_only_for_what_comes_out_otherwise(
    raw, tmp_path, monkeypatch
):
    """Other code of clean cleans all documents; annotate finds the same documents and has nothing to do."""
    (raw / "source.toml").write_text('language = "fr"\n', encoding="utf-8")  # annotate passes them over
    first = run(raw, tmp_path / "output", "tiny", until="claims")
    digest = code.digest
    monkeypatch.setattr(code, "digest", lambda stage: "0" * 64 if stage == "clean" else digest(stage))
    again = run(raw, tmp_path / "output", "tiny", until="claims")

    assert first.made["annotate"][0] > 0
    assert again.made == {"clean": first.made["clean"], "annotate": (0, first.made["annotate"][1])}
    assert again.cost["stages"]["clean"]["computed"] == DOCUMENTS


def test_what_a_stage_hangs_on_holds_every_module_that_it_loads(raw):
    """No file of ours that cleaning and annotating load is missing from the digests that make shards stale."""
    text = "Amsel, 2 May 2031\n\n“The bridge is open,” Mayor Ilse Dorn said on Monday. It cost 4 million crowns.\n"
    program = f"""
import json, sys
import pyarrow as pa
from pipeline import read
from pipeline.clean import clean
row = dict.fromkeys(read.RAW.names) | dict(source="a.txt", format="text", content={text!r}.encode(), publish_text=True)
raw = pa.Table.from_pylist([row, row | dict(source="a.html", format="html")], schema=read.RAW)
documents, texts = clean(raw)
cleaned = set(sys.modules)
from pipeline.annotate.stage import annotate
annotate(raw, documents, texts)
files = lambda names: sorted(sys.modules[name].__file__ for name in names if name.partition(".")[0] == "pipeline")
print(json.dumps([files(cleaned), files(set(sys.modules) - cleaned)]))
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    runner = {"__init__.py", "errors.py"}
    for stage, files in zip(("clean", "annotate"), json.loads(done.stdout.splitlines()[-1]), strict=True):
        names = {Path(file).relative_to(ROOT / "pipeline").as_posix() for file in files}
        assert names - runner <= set(code.parts(stage)), stage
    assert {"annotate/weights/tagger.onnx", "schemas/claims.json", "spacy"} <= set(code.parts("annotate"))


@pytest.mark.parametrize("damage", ["truncated", "empty", "gone"])
def test_a_torn_shard_is_made_again(raw, tmp_path, damage):
    """A shard that a stopped machine left half written counts as none."""
    made(raw, tmp_path / "output")
    before = tree(tmp_path / "output")
    path = next((tmp_path / "output").glob("work/tiny/clean/*/texts.parquet"))
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-9] if damage == "truncated" else b"")

    assert made(raw, tmp_path / "output")[0][0] == 1
    assert tree(tmp_path / "output") == before


def test_what_is_left_of_other_shards_goes(raw, tmp_path):
    """After a run there lie the shards of the input as it is, and nothing of what killed or earlier runs left."""
    made(raw, tmp_path / "output")
    clean = tmp_path / "output" / "work" / "tiny" / "clean"
    shutil.copytree(next(path for path in clean.iterdir() if path.is_dir()), clean / "0000.1a2b.part")
    (clean / "0000.begun").touch()
    for path in sorted(raw.iterdir())[12:]:
        path.unlink()
    made(raw, tmp_path / "output")
    made(raw, tmp_path / "fresh")

    assert tree(tmp_path / "output") == tree(tmp_path / "fresh")
    assert not list(clean.glob("*.begun"))


def test_the_second_of_two_runs_refuses_at_once_and_names_the_first(raw, tmp_path):
    """While a run holds the folder of work, another process ends with 2 and says which process is there."""
    with session(tmp_path / "output" / "work" / "tiny", lambda *_: None):
        done = onrecord("documents", "--raw", raw, "--output", tmp_path / "output", "--package", "tiny")
    after = onrecord("documents", "--raw", raw, "--output", tmp_path / "output", "--package", "tiny")

    assert done.returncode == 2
    assert f"process {os.getpid()}" in done.stderr
    assert "Traceback" not in done.stderr
    assert after.returncode == 0


def test_explain_says_what_would_be_done_and_why_and_does_nothing(raw, tmp_path, monkeypatch):
    """Before the first run, after it, after a change of a document and after one of code."""
    output, work = tmp_path / "output", tmp_path / "output" / "work" / "tiny"
    nothing = list(plan.plan(raw, work))
    assert not output.exists()
    run(raw, output, "tiny", until="documents")
    before = tree(output)
    same = list(plan.plan(raw, work))
    (raw / "07.txt").write_text(story(70), encoding="utf-8")
    edited = list(plan.plan(raw, work))
    parts, digest = code.parts, code.digest
    monkeypatch.setattr(code, "parts", lambda stage: parts(stage) | {"clean/rules.py": "other", "ftfy": "9.9"})
    monkeypatch.setattr(code, "digest", lambda stage: digest(stage)[::-1])
    other = "\n".join(plan.plan(raw, work))

    assert nothing[0].startswith(f"read: {DOCUMENTS} documents in ")
    assert "nothing is kept yet" in nothing[1]
    shards = same[0].split()[-2]
    assert f"clean: {shards} of {shards} shards are fresh" in same
    assert f"clean: {int(shards) - 1} of {shards} shards are fresh" in edited
    assert any("their documents are new or changed" in line for line in edited)
    assert "clean/rules.py changed" in other
    assert f"ftfy {parts('clean')['ftfy']} -> 9.9" in other
    assert tree(output) == before


def test_explain_on_the_command_line_prints_and_writes_nothing(raw, tmp_path):
    """`--explain` is the plan, exit 0, no folder."""
    done = onrecord("run", "--explain", "--raw", raw, "--output", tmp_path / "output", "--package", "tiny")

    assert done.returncode == 0
    assert done.stdout.startswith(f"read: {DOCUMENTS} documents in ")
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(("fault", "code"), [("full", 74), ("read-only", 73)])
def test_a_disk_that_takes_no_more_is_one_clear_line_and_the_next_run_goes_on(raw, tmp_path, fault, code):
    """On a real file system that is full or read-only: path and reason, no torn shard; with room it resumes."""
    for number in range(DOCUMENTS, 3 * DOCUMENTS):
        (raw / f"{number:02}.txt").write_text(os.urandom(9000).hex(), encoding="ascii")  # Parquet makes it half
    place = tmp_path / "disk"
    place.mkdir()
    options = "size=700k" if fault == "full" else "size=700k,ro"
    command = f"{sys.executable} -m pipeline documents --raw {raw} --package tiny --workers 1 --output {place}/output"
    script = f"mount -t tmpfs -o {options} tmpfs {place} && {{ {command}; code=$?; find {place}; exit $code; }}"
    if fault == "full":
        script = script.replace("exit $code", f"mount -o remount,size=8m {place} && {command} && exit $code")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], env=environment, capture_output=True, text=True)
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        pytest.skip("no right to mount a file system here")

    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert str(place) in done.stderr
    if fault == "full":
        assert "No space left on device. Make room and run again" in done.stderr
        assert f"{3 * DOCUMENTS} inputs" in done.stdout
    else:
        assert "Read-only file system" in done.stderr


def test_a_process_that_only_waits_is_ended_by_the_clock():
    """The budget is processor time, but a process that sleeps is ended too, by a signal that tells."""
    program = "import time\nfrom pipeline.shards.stage import limited\nwith limited(0.05):\n    time.sleep(600)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == -14

    with limited(3600):
        assert peak() > 10**7


def test_an_account_of_a_run_lies_beside_its_shards(raw, tmp_path):
    """run.json holds seconds, processor seconds and peak memory by stage, the same as the result tells."""
    found = run(raw, tmp_path / "output", "tiny", until="documents")
    told = json.loads((tmp_path / "output" / "work" / "tiny" / "run.json").read_text(encoding="utf-8"))

    assert set(told["stages"]) == set(found.cost["stages"]) == {"read", "clean"}
    for stage in told["stages"].values():
        assert stage["documents"] == DOCUMENTS
        assert 10**7 < stage["peak_bytes"] < 10**11
        assert 0 <= stage["cpu_s"] <= 10 * stage["wall_s"] + 1


def test_no_processor_time_is_charged_twice(raw, tmp_path):
    """With a pool whose processes end with the run, the account is no more than the system's own."""
    before = spent()
    found = run(raw, tmp_path / "output", "tiny", until="documents", workers=2)

    assert 0 < found.cost["cpu_s"] <= spent() - before


def test_a_work_folder_that_cannot_be_made_is_a_store_error(raw, tmp_path):
    """A file in the place of the output folder is told by its path."""
    (tmp_path / "output").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="output"):
        run(raw, tmp_path / "output", "tiny", until="documents")


def onrecord(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command line in a fresh process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pipeline", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
