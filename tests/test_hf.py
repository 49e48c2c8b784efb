"""The traps of Hugging Face's `datasets`, each with two real releases, in fresh processes with one cache."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import tiny
import yaml
from served import nginx, serving

from pipeline import check, schema
from pipeline.release import card, manifest, tables

REPORT = check.Report((), (), {name: len(rows) for name, rows in tiny.rows().items()}, check.Balance(4, 3, 1, {}))
LABELS = [("claims", field.name) for field in schema.load("claims").fields if field.labels]


def folder(home: Path, version: str, rows: tiny.Rows) -> Path:
    """A release's data and card, in a folder named as every release's is on a user's disk: latest."""
    built = home / version / "latest"
    (built / "data").mkdir(parents=True)
    published = tables.published(tables.canonical(tiny.tables(rows)))
    for name, table in published.items():
        tables.write_parquet(name, table, built / "data" / f"{name}.parquet")
    digest = manifest.write_payload(built)
    (built / "README.md").write_text(card.card(published, REPORT, "tiny", version, digest), encoding="utf-8")
    return built


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Three releases: one, one with a claim less, and the second again with other words under the same version."""
    home = tmp_path_factory.mktemp("releases")
    fewer = tiny.rows()
    del fewer["claims"][0]
    other = tiny.rows()
    del other["claims"][0]
    other["claims"][0]["speaker_role"] = "Treasurer"
    return folder(home, "1.0.0", tiny.rows()), folder(home, "1.1.0", fewer), folder(home / "again", "1.1.0", other)


def in_a_fresh_process(code: str, cache: Path, *arguments: object, **environment: str) -> Any:
    """What a script says in JSON on its last line; `datasets` is imported anew and knows only the cache."""
    told = {"HF_HOME": str(cache), "HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, **told, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


LOAD = """
import json, sys
from datasets import load_dataset
loaded = [load_dataset(folder, "claims", split="train") for folder in sys.argv[1:]]
print(json.dumps([[claims.num_rows, str(claims.info.version), claims["speaker_role"][:]] for claims in loaded]))
"""


def test_one_cache_gives_each_release_its_own_rows(releases: tuple[Path, ...], tmp_path: Path) -> None:
    """Folders of one name, loaded in turn and again: rows and version are each release's own, also of a rebuild."""
    first, second, rebuilt = releases
    wanted = [[3, "1.0.0", ["Mayor", None, None]], [2, "1.1.0", ["Mayor", None]]]

    assert wanted == in_a_fresh_process(LOAD, tmp_path, first, second)
    assert [[2, "1.1.0", ["Mayor", "Treasurer"]], wanted[0]] == in_a_fresh_process(LOAD, tmp_path, rebuilt, first)


READ = """
import json, os, sys
from datasets import get_dataset_config_names, load_dataset
folder = sys.argv[1]
whole = load_dataset(folder)["train"]
stream = load_dataset(folder, "claims", split="train", streaming=True)
narrow = load_dataset(folder, "claims", split="train", columns=["claim_id", "text"])
kept = load_dataset(folder, "claims", split="train", filters=[("voice", "==", "attributed")])
flow = load_dataset(folder, "claims", split="train", streaming=True, filters=[("voice", "==", "attributed")])
print(json.dumps({
    "configs": sorted(get_dataset_config_names(folder)),
    "whole": whole.num_rows,
    "stream": [row["text"] for row in stream],
    "columns": narrow.column_names,
    "kept": kept["text"][:],
    "flow": [row["text"] for row in flow],
    "labels": {name: feature.names for name, feature in whole.features.items() if hasattr(feature, "names")},
    "words": {name: [feature.int2str(value) if value is not None else None for value in whole[name]]
              for name, feature in whole.features.items() if hasattr(feature, "names")},
}))
"""


@pytest.fixture(scope="module")
def read(releases: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The first release, read in every way that users ask for."""
    return in_a_fresh_process(READ, tmp_path_factory.mktemp("cache"), releases[0])


def test_streaming_columns_and_filters_work(read: dict[str, Any]) -> None:
    """Every table is a configuration; a stream, some columns and some rows are what was asked for."""
    texts = ["The bridge is open,", "The council paid 40 million crowns for it.", "=1+1 stood on the wall"]

    assert sorted(schema.TABLES) == read["configs"]
    assert texts == read["stream"]
    assert len(texts) == read["whole"]
    assert ["claim_id", "text"] == read["columns"]
    assert [texts[0], texts[2]] == read["kept"] == read["flow"]


def test_labels_agree(releases: tuple[Path, ...], read: dict[str, Any]) -> None:
    """Label order is one in schema, card and loaded data, and each number stands for the word in the file."""
    header = yaml.safe_load((releases[0] / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    info = next(info for info in header["dataset_info"] if info["config_name"] == "claims")
    carded = {
        feature["name"]: list(feature["dtype"]["class_label"]["names"].values())
        for feature in info["features"]
        if isinstance(feature["dtype"], dict)
    }
    held = pq.read_table(releases[0] / "data" / "claims.parquet")

    assert carded == read["labels"] == {name: list(schema.load(table).field(name).labels) for table, name in LABELS}
    assert {name: held[name].to_pylist() for _, name in LABELS} == read["words"]


def test_every_column_stands_in_the_card(releases: tuple[Path, ...]) -> None:
    """A column that the card lacks would fail to load, and one too many is taken in silence: there is neither."""
    header = yaml.safe_load((releases[0] / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    carded = {info["config_name"]: [f["name"] for f in info["features"]] for info in header["dataset_info"]}

    assert carded == {name: pq.read_schema(releases[0] / "data" / f"{name}.parquet").names for name in schema.TABLES}
    assert all("splits" not in info for info in header["dataset_info"])
    assert [entry["version"] for entry in header["configs"]] == ["1.0.0"] * len(schema.TABLES)


HTTP = """
import json, sys
from datasets import load_dataset
url = sys.argv[1] + "/data/claims.parquet"
claims = load_dataset("parquet", data_files=url, split="train")
stream = load_dataset("parquet", data_files=url, split="train", streaming=True)
print(json.dumps([claims["text"][:], [row["text"] for row in stream], claims["claim_type"][0]]))
"""


def test_a_release_loads_over_http(releases: tuple[Path, ...], tmp_path: Path) -> None:
    """From nginx, whole and as a stream, the rows come as they are; labels are words then."""
    pytest.importorskip("aiohttp", reason="datasets reads over HTTP with aiohttp")
    if not nginx():
        pytest.skip("nginx is not installed")
    with serving(releases[0]) as address:
        found = in_a_fresh_process(HTTP, tmp_path, address, HF_HUB_OFFLINE="0", HF_HUB_DISABLE_TELEMETRY="1")
    texts = pq.read_table(releases[0] / "data" / "claims.parquet")["text"].to_pylist()

    assert found == [texts, texts, "attribute"]


def test_the_card_tells_rows_with_and_without_text_apart(releases: tuple[Path, ...]) -> None:
    """The card counts what is published: the withheld text is in the count, not in the table."""
    body = (releases[0] / "README.md").read_text(encoding="utf-8")

    assert "Texts withheld by their source: 1." in body
    assert pc.sum(pq.read_table(releases[0] / "data" / "documents.parquet")["text_published"]).as_py() == 2
