import datetime
import json
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
from releases import many, published
from served import serving

from pipeline import schema
from pipeline.release import croissant, tables, verify
from pipeline.release.push import push

mlcroissant = pytest.importorskip("mlcroissant")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The tiny corpus as files, described."""
    (tmp_path / "data" / "csv").mkdir(parents=True)
    for name, table in tables.canonical(tiny.tables(tiny.rows())).items():
        tables.write_parquet(name, table, tmp_path / "data" / f"{name}.parquet")
        tables.write_csv(table, tmp_path / "data" / "csv" / f"{name}.csv")
    (tmp_path / croissant.FILE).write_text(croissant.descriptor(tmp_path, "tiny", "1.0.0"), encoding="utf-8")
    return tmp_path


LOADER = """
import socket, sys

def refused(*_, **__):
    raise OSError("a reader asked for the network")

socket.getaddrinfo = socket.socket.connect = refused
import mlcroissant
dataset = mlcroissant.Dataset("croissant.json")
for name in sys.argv[1:]:
    print(name, sum(1 for _ in dataset.records(name)))
"""


def test_mlcroissant_finds_the_descriptor_valid(folder: Path) -> None:
    """`mlcroissant validate` passes, with no word of complaint but for the date that is left out on purpose."""
    run = subprocess.run(
        [Path(sys.executable).with_name("mlcroissant"), "validate", "--jsonld", croissant.FILE],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line.strip() for line in run.stderr.splitlines() if line.lstrip().startswith("- ")]

    assert run.returncode == 0, run.stderr
    assert [line for line in complaints if "datePublished" not in line] == []
    assert json.loads((folder / croissant.FILE).read_text())["conformsTo"].endswith("/croissant/1.1")


def test_records_load_without_a_network(folder: Path) -> None:
    """A fresh process that can open no connection reads every table whole."""
    run = subprocess.run(
        [sys.executable, "-c", LOADER, *schema.TABLES], cwd=folder, capture_output=True, text=True, check=False
    )
    published = tables.canonical(tiny.tables(tiny.rows()))

    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [f"{name} {table.num_rows}" for name, table in published.items()]


def test_records_are_the_rows(folder: Path) -> None:
    """Each field comes back with its value, text, number, boolean, day and null alike."""
    dataset = mlcroissant.Dataset(str(folder / croissant.FILE))
    for name, table in tables.canonical(tiny.tables(tiny.rows())).items():
        found = [{key.split("/")[1]: _plain(value) for key, value in row.items()} for row in dataset.records(name)]

        assert found == table.to_pylist()


def test_a_descriptor_loads_by_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pushed with the address of the packages, the descriptor beside a release loads over HTTP, digests checked."""
    home = published(tmp_path / "here", many(40), "1.0.0").parent
    (tmp_path / "there").mkdir()
    monkeypatch.setattr("mlcroissant._src.core.constants.DOWNLOAD_PATH", tmp_path)  # not in the user's own cache
    with serving(tmp_path / "there") as address:
        push(home, str(tmp_path / "there"), address=f"{address}/")
        push(home, str(tmp_path / "there"), address=address)
        dataset = mlcroissant.Dataset(f"{address}/croissant/tiny-1.0.0.json")
        found = sum(1 for _ in dataset.records("claims"))
        with pytest.raises(Exception, match="claims-file"):  # why the one inside the release will not do
            next(iter(mlcroissant.Dataset(f"{address}/tiny/1.0.0/croissant.json").records("claims")))

    assert found == 40
    assert verify.output(tmp_path / "there") == []


@pytest.mark.parametrize("place", [4, 1_000, -5])
def test_a_changed_file_is_refused(folder: Path, place: int) -> None:
    """One other byte anywhere in a data file, and its records do not load."""
    path = folder / "data" / "claims.parquet"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    dataset = mlcroissant.Dataset(str(folder / croissant.FILE))

    with pytest.raises(Exception, match="claims-file") as caught:
        next(iter(dataset.records("claims")))

    assert "Hash of downloaded file" in str(caught.value.__cause__)


def test_every_label_is_explained(folder: Path) -> None:
    """The description of an enumeration's field holds each of its labels with the definition."""
    described = json.loads((folder / croissant.FILE).read_text())
    told = {field["@id"]: field["description"] for records in described["recordSet"] for field in records["field"]}
    for name in schema.TABLES:
        for field in schema.load(name).fields:
            for value, definition in field.categories:
                assert f"{value} ({definition})" in told[f"{name}/{field.name}"]


def _plain(value: object) -> object:
    """What mlcroissant gives (bytes for text, a time stamp for a day) as our tables hold it."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, datetime.datetime):
        return value.date()
    return None if value != value else value  # a nan is a null number
