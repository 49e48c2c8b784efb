"""`onrecord` as a user types it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

STORY = (
    "Brigades crossed the river\n\n"
    "PORT AMSEL, April 12, 2024 - The defence minister, Irena Solt, said on Friday that the brigades had crossed "
    'the Orlu. "We were asked and we came," she said.\n\nThe government had denied it for five months.\n'
)


def onrecord(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in a fresh process."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    command = [sys.executable, "-m", "pipeline", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)


@pytest.fixture
def raw(tmp_path):
    """A folder with one short article."""
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "brigades.txt").write_text(STORY, encoding="utf-8")
    return folder


def test_redact_puts_addresses_out_of_sight(raw, tmp_path):
    """`--redact` reaches the texts of every document, and `--explain` tells of the run that it asks for."""
    (raw / "desk.txt").write_text("The desk is open. Write to desk@quay.example for a place.\n", encoding="utf-8")
    places = ("--raw", raw, "--output", tmp_path, "--package", "texts")
    done = onrecord("documents", *places, "--redact", "--workers", "1")
    texts = [text for path in tmp_path.glob("work/texts/clean/*/texts.parquet") for text in _column(path, "text")]

    assert done.returncode == 0, done.stderr
    assert "The desk is open. Write to [e-mail redacted] for a place." in texts
    assert len(texts) == 2
    assert "clean: 1 of 1 shards are fresh" in onrecord("documents", *places, "--redact", "--explain").stdout
    assert "clean: 0 of 1 shards are fresh" in onrecord("documents", *places, "--explain").stdout


def _column(path: Path, name: str) -> list[str]:
    return pq.read_table(path, columns=[name])[name].to_pylist()


def test_help_imports_nothing_heavy():
    """`--help` answers without the packages that take seconds to import."""
    code = (
        "import sys\nfrom pipeline.__main__ import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'pyarrow', 'pandas', 'numpy', 'spacy', 'datasets', 'frictionless', 'great_expectations', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parent.parent, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "--workers", "0"), "at least 1"),
        (("frobnicate",), "invalid choice"),
        (("documents", "--raw", "nowhere"), "nowhere"),
        (("documents", "--raw", ".", "--package", "Über Alles"), "no package name"),
        (("verify", "."), "is no release, package or folder of packages"),
        (("yank", "1.0.0", "--reason", "wrong"), "there is no such package"),
        (("yank", "1.0.0"), "--reason"),
        (("reproduce", "1.0.0"), "There are: none"),
        (("withdraw", "a.txt", "--reason", "asked"), "there is no release"),
        (("catalogue",), "there is no such package"),
        (("release", "--raw", ".", "--key", "absent", "--package", "keyed"), "no such file"),
    ],
)
def test_wrong_use_is_exit_2_with_one_clear_line(tmp_path, arguments, said):
    """A mistake of the user's ends with 2, says what it is, and shows no traceback."""
    done = onrecord(*arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["nothing_known.jsonl", "quotes_absent.jsonl"])
def test_annotated_data_that_cannot_be_used_are_exit_78(tmp_path, name):
    """A file that describes others and is none ends with 78 and is named."""
    done = onrecord("evaluate", name, cwd=tmp_path)

    assert done.returncode == 78
    assert name in done.stderr


def test_a_wrong_source_toml_stops_before_anything_starts(raw, tmp_path):
    """An unknown key is an error that names file and key, and nothing is written."""
    (raw / "source.toml").write_text('outlett = "The Bugle"\n', encoding="utf-8")
    done = onrecord("run", "--raw", raw, "--output", tmp_path / "output")

    assert done.returncode == 78
    assert "source.toml" in done.stderr
    assert "outlett" in done.stderr
    assert not list((tmp_path / "output").rglob("*.parquet"))


def test_a_folder_that_may_not_be_written_is_exit_77(raw, tmp_path):
    """Without the right to write there, a run and a catalogue end with 77 and name the path; nothing is left there."""
    output = tmp_path / "output"
    (output / "texts").mkdir(parents=True)
    (output / "texts" / "1.0.0").mkdir()
    bare = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if bare and not shutil.which(bare[0]):
        pytest.skip("nothing here takes root's right to write everywhere")
    for folder in (output / "texts", output):
        folder.chmod(0o555)
    for arguments in (("documents", "--raw", raw), ("catalogue", "--package", "texts")):
        command = [*bare, sys.executable, "-m", "pipeline", *map(str, arguments), "--output", str(output)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

        assert done.returncode == 77, done.stderr
        assert f"{output}" in done.stderr
        assert "Traceback" not in done.stderr
    assert sorted(path.name for path in output.rglob("*")) == ["1.0.0", "texts"]


def test_a_stage_prints_what_it_made_as_json(raw, tmp_path):
    """`--json` gives machines the numbers, on standard output and nothing beside them."""
    done = onrecord("documents", "--raw", raw, "--output", tmp_path / "output", "--json")

    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert (found["inputs"], found["documents"], found["rejected"]) == (1, 1, {})
    assert found["cost"]["stages"]["clean"]["computed"] == 1


def test_verify_says_which_file_is_damaged_with_exit_1(first, tmp_path):
    """Each fault is a line with the file, what is wrong and what to do; a whole package is a line that says so."""
    output = tmp_path / "output"
    shutil.copytree(first.folder.parents[1], output)
    whole = onrecord("verify", output)
    path = output / "tiny" / "1.0.0" / "data" / "csv" / "claims.csv"
    path.write_bytes(path.read_bytes().replace(b"bridge", b"Bridge"))
    damaged = onrecord("verify", output)

    assert (whole.returncode, damaged.returncode) == (0, 1)
    assert whole.stdout == f"{output}: whole, every byte as it was published\n"
    assert damaged.stdout.startswith(f"{path}: hashes to ")
    assert "take it again from where the release came from" in damaged.stdout


def test_yank_leads_nobody_to_the_release(first, tmp_path):
    """After `onrecord yank` of the only release there is no latest, and `verify` finds nothing wrong with that."""
    output = tmp_path / "output"
    shutil.copytree(first.folder, output / "tiny" / "1.0.0")
    renewed = onrecord("catalogue", "--output", output, "--package", "tiny")
    done = onrecord("yank", "1.0.0", "--reason", "wrong", "--output", output, "--package", "tiny")

    assert (renewed.returncode, done.returncode) == (0, 0)
    assert "latest is 1.0.0" in renewed.stdout
    assert "no release is active" in done.stdout
    assert not (output / "tiny" / "latest.json").exists()
    assert onrecord("verify", output).returncode == 0


def test_only_unusable_texts_are_refused_with_exit_1(tmp_path):
    """A folder without one readable text publishes nothing and ends with 1."""
    raw = tmp_path / "texts"
    raw.mkdir()
    (raw / "empty.txt").write_bytes(b"")
    done = onrecord("run", "--raw", raw, "--output", tmp_path / "output", "--package", "nothing")

    assert done.returncode == 1
    assert "texts" in done.stderr
    assert not list((tmp_path / "output" / "nothing").glob("*.*.*"))
