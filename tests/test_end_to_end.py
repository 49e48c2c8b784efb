"""The main job on the sample corpus, and what real libraries make of the package."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline import evaluate, schema
from pipeline.run import run

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


def _python(code: str, home: Path) -> str:
    """Run code in a fresh process that cannot reach a hub; what it printed."""
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _sums(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """The package of the sample corpus, built once."""
    return run(ROOT / "raw", tmp_path_factory.mktemp("output"), "sample")


def test_every_input_is_a_row(sample):
    """Nothing disappears: raw files and records on one side, documents on the other."""
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "raw").rglob("*.jsonl"))
    files = [path for path in (ROOT / "raw").rglob("*") if path.is_file() and path.suffix not in (".toml", ".jsonl")]

    assert sample.inputs == len(files) + lines
    assert sample.tables["documents"].num_rows == sample.inputs


def test_all_checks_pass(sample):
    """The report is part of the release and has no failed check."""
    report = json.loads((sample.folder / "quality" / "report.json").read_text(encoding="utf-8"))

    assert sample.report.ok
    assert [check["name"] for check in report["checks"] if check["failed"]] == []
    assert len(report["checks"]) > 50


def test_a_second_run_makes_nothing_anew(sample, tmp_path):
    """Fresh shards are kept, and the same content is not published twice."""
    output = tmp_path / "output"
    shutil.copytree(sample.folder.parents[1], output)
    again = run(ROOT / "raw", output, "sample")

    assert {made for made, _ in again.made.values()} == {0}
    assert again.folder == output / "sample" / sample.folder.name
    assert [path.name for path in (output / "sample").iterdir() if path.is_dir()] == [sample.folder.name]


def test_a_changed_document_changes_only_its_version(sample, tmp_path):
    """A corrected raw file gives a new version; the old one keeps its bytes."""
    raw, output = tmp_path / "raw", tmp_path / "output"
    shutil.copytree(ROOT / "raw", raw)
    shutil.copytree(sample.folder.parents[1], output)
    before = _sums(output / "sample" / sample.folder.name)
    path = raw / "continental-wire" / "2025-06-05-brief-halberg-leak.txt"
    path.write_text(path.read_text(encoding="utf-8") + "\nThe harbour was closed.\n", encoding="utf-8")
    again = run(raw, output, "sample")

    assert again.folder.name == "1.1.0"  # rows are new, and few are gone
    assert _sums(output / "sample" / sample.folder.name) == before


def test_shards_and_workers_do_not_show_in_the_bytes(sample, tmp_path, monkeypatch):
    """Two worker processes and shards of five documents give the very same folder."""
    monkeypatch.setattr("pipeline.shards.cut.SHARD_DOCUMENTS", 5)
    other = run(ROOT / "raw", tmp_path / "output", "sample", workers=2)

    assert other.made["annotate"][1] > 3
    assert _sums(other.folder) == _sums(sample.folder)


def test_datasets_loads_every_table_with_its_types(sample, tmp_path):
    """`load_dataset(folder, table)` gives the rows, ClassLabels and declared types, offline, streaming or not."""
    code = f"""
import json
from datasets import ClassLabel, load_dataset
found = {{}}
for name in {schema.TABLES!r}:
    data = load_dataset({str(sample.folder)!r}, name, split="train")
    streamed = sum(1 for _ in load_dataset({str(sample.folder)!r}, name, split="train", streaming=True))
    labels = {{key: value.names for key, value in data.features.items() if isinstance(value, ClassLabel)}}
    types = {{key: value.dtype for key, value in data.features.items() if not isinstance(value, ClassLabel)}}
    found[name] = [data.num_rows, streamed, str(data.info.version), labels, types]
print(json.dumps(found))
"""
    found = json.loads(_python(code, tmp_path))

    for name, (rows, streamed, version, labels, types) in found.items():
        table = pq.ParquetFile(sample.folder / "data" / f"{name}.parquet").read()
        fields = schema.load(name).fields
        assert (rows, streamed, version) == (table.num_rows, table.num_rows, sample.folder.name)
        assert labels == {field.name: list(field.labels) for field in fields if field.categories}
        assert types == {entry["name"]: entry["dtype"] for entry in schema.features(name) if entry["name"] in types}
    assert found["claims"][0] > 300


def test_frictionless_and_sha256sum_agree_as_a_user_would_run_them(sample):
    """`frictionless validate datapackage.json` and `sha256sum -c` on both lists pass in the folder."""
    for command in (
        [sys.executable, "-m", "frictionless", "validate", "datapackage.json"],
        ["sha256sum", "--check", "--strict", "--quiet", "manifest-sha256.txt"],
        ["sha256sum", "--check", "--strict", "--quiet", "tagmanifest-sha256.txt"],
    ):
        done = subprocess.run(command, cwd=sample.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_loading_recipes_of_the_readme_run(sample, tmp_path):
    """What the README tells to copy works, in Python and in DuckDB."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    page = re.sub(r"output/sample/\d+\.\d+\.\d+", str(sample.folder), page)
    blocks = page.split("```")
    python = [block.removeprefix("python\n") for block in blocks if block.startswith("python\n")]
    queries = [block.removeprefix("sql\n") for block in blocks if block.startswith("sql\n")]

    assert len(python) == 3
    for recipe in python:
        assert int(_python(recipe + "\nprint(len(claims))", tmp_path)) > 100
    import duckdb

    (query,) = queries
    assert len(duckdb.sql(query).fetchall()) > 10


def test_the_annotators_hold_their_floors():
    """Each score on the sample corpus is at least its floor; a floor only rises."""
    floors = json.loads((ROOT / "tests" / "floors.json").read_text(encoding="utf-8"))
    scores = evaluate.gold()

    short = {
        f"{name}.{key}": (scores[name][key], floor)
        for name, held in floors["scores"].items()
        for key, floor in held.items()
        if scores[name][key] < floor
    }
    assert short == {}
    assert floors["gold_sha256"] == evaluate.gold_digest()
