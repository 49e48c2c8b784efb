"""The files of a release: what stands in them, and that the readers they are for read them."""

import codecs
import csv
import datetime
import hashlib
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny
import yaml
from releases import tree

from pipeline import check, schema
from pipeline.check.built import FRICTIONLESS_HEAD
from pipeline.release import Released, manifest, tables

SECRET = "zephyrine"  # a word of the withheld text and of nothing else


def header(folder: Path) -> dict:
    """The YAML header of the dataset card."""
    return yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])


def test_sha256sum_passes(first: Released) -> None:
    """`sha256sum -c` passes on both lists as a user would run it, and they cover every file but the second of them."""
    checked = 0
    for sums in (manifest.PAYLOAD, manifest.TAGS):
        command = ["sha256sum", "--check", "--strict", sums]
        told = subprocess.run(command, cwd=first.folder, capture_output=True, text=True, check=False)

        assert told.returncode == 0, told.stderr
        checked += len(told.stdout.splitlines())
    assert len(tree(first.folder)) - 1 == checked


def test_the_data_are_named_by_one_digest(first: Released) -> None:
    """The digest in the card is that of manifest-sha256.txt, which lists the data and nothing else."""
    digest = hashlib.sha256((first.folder / manifest.PAYLOAD).read_bytes()).hexdigest()

    assert {name for name in tree(first.folder) if name.startswith("data/")} == set(
        manifest.read(first.folder / manifest.PAYLOAD)
    )
    assert {f"tiny 1.0.0 manifest sha256:{digest}"} == {
        info["description"] for info in header(first.folder)["dataset_info"]
    }


def test_the_logical_digest_hangs_on_no_writer(first: Released) -> None:
    """tables.json names each table by a digest that its definition gives, whatever its chunks and its file."""
    told = json.loads((first.folder / tables.FILE).read_text())["tables"]
    for name in schema.TABLES:
        table = pq.read_table(first.folder / "data" / f"{name}.parquet")
        columns = {field.name: by_definition(field, table[field.name].to_pylist()) for field in table.schema}
        pieces = [table.slice(at, 1).combine_chunks().to_batches()[0] for at in range(table.num_rows)]

        assert columns == told[name]["columns"]
        assert hashlib.sha256("".join(columns.values()).encode()).hexdigest() == told[name]["sha256"]
        assert tables.logical(table.schema, pieces) == told[name]


def by_definition(field: pa.Field, values: list) -> str:
    """The logical digest of a column, written out from its definition."""
    kind = str(field.type)
    form = {"int64": "<q", "double": "<d", "bool": "<?", "date32[day]": "<i"}.get(kind)
    day = datetime.date(1970, 1, 1)
    streams = [b"".join(b"\1" if value is None else b"\0" for value in values), b"", b""]
    for value in values:
        if form is None:
            text = (value or "").encode()
            streams[1] += struct.pack("<i", len(text))
            streams[2] += text
        else:
            streams[2] += struct.pack(form, (value - day).days if isinstance(value, datetime.date) else value or 0)
    parts = b"".join(hashlib.sha256(stream).digest() for stream in streams)
    return hashlib.sha256(f"{field.name}\0{kind}\0".encode() + parts).hexdigest()


def test_withheld_texts_are_in_no_file(first: Released) -> None:
    """No word of a withheld text is in the tables, the other files or the archive; the document and its hash are."""
    for table in schema.TABLES:
        rows = pq.read_table(first.folder / "data" / f"{table}.parquet").to_pylist()

        assert SECRET not in repr(rows)
    for name, content in tree(first.folder.parent).items():
        assert SECRET.encode() not in content, name
    sources = pq.read_table(first.folder / "data" / "documents.parquet")["source"].to_pylist()
    assert "herald/secret.txt" in sources


def test_rows_stand_in_canonical_order(first: Released) -> None:
    """Documents stand by date, undated last; claims by their document and start."""
    documents = pq.read_table(first.folder / "data" / "documents.parquet")
    claims = pq.read_table(first.folder / "data" / "claims.parquet")

    assert documents["source"].to_pylist()[:2] == ["herald/secret.txt", "gazette/bridge.txt"]
    assert sorted(documents["document_id"].to_pylist()[2:]) == documents["document_id"].to_pylist()[2:]
    assert claims["text"].to_pylist() == [
        "The bridge is open,",
        "The council paid 40 million crowns for it.",
        "=1+1 stood on the wall",
    ]


def test_parquet_is_written_for_readers_and_for_years(first: Released) -> None:
    """zstd, page index, pinned types, and in the footer nothing of pandas or of a clock."""
    path = first.folder / "data" / "claims.parquet"
    file = pq.ParquetFile(path)
    column = file.metadata.row_group(0).column(0)

    assert schema.arrow("claims").equals(file.schema_arrow)
    assert (column.compression, column.has_offset_index, column.has_column_index) == ("ZSTD", True, True)
    assert {b"ARROW:schema"} == set(file.metadata.metadata)


def test_a_flipped_bit_does_not_pass_for_data(first: Released, tmp_path: Path) -> None:
    """The page checksums tell a Parquet file in which one bit was flipped."""
    path = tmp_path / "claims.parquet"
    shutil.copy(first.folder / "data" / "claims.parquet", path)
    column = pq.read_metadata(path).row_group(0).column(3)
    content = bytearray(path.read_bytes())
    first_page = column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset
    content[first_page + column.total_compressed_size - 1] ^= 1  # the last byte of the column's last page
    path.write_bytes(content)

    with pytest.raises(OSError, match="checksum"):
        pq.read_table(path, page_checksum_verification=True)


def test_a_package_put_together_wrongly_is_found(first: Released, tmp_path: Path) -> None:
    """Rows out of order, a withheld text, a long quote of one and a changed byte are all found."""
    folder = tmp_path / "1.0.0"
    shutil.copytree(first.folder, folder)
    documents = pq.read_table(folder / "data" / "documents.parquet")
    pq.write_table(documents.take([3, 2, 1, 0]), folder / "data" / "documents.parquet")
    pq.write_table(tiny.tables(tiny.rows())["texts"], folder / "data" / "texts.parquet")
    claims = pq.read_table(folder / "data" / "claims.parquet").to_pylist()
    secret = next(row for row in documents.to_pylist() if row["source"] == "herald/secret.txt")
    claims[2] |= {"document_id": secret["document_id"], "text": "one two three four five six seven eight nine ten more"}
    pq.write_table(schema.table("claims", claims), folder / "data" / "claims.parquet")
    speakers = folder / "data" / "csv" / "speakers.csv"
    speakers.write_bytes(speakers.read_bytes().replace(b"Ilse Dorn", b"Else Dorn"))

    failed = {(one.name, one.table) for one in check.package(folder) if one.failed}

    assert {
        ("frictionless validate", "documents-file"),
        ("frictionless validate", "texts-file"),
        ("frictionless validate", "speakers-csv"),
        ("rows are in canonical order", "documents"),
        ("withheld texts are absent", "texts"),
        ("quotes of withheld texts are short", "claims"),
    } <= failed


def test_frictionless_has_read_every_row(first: Released, second: Released) -> None:
    """The real command line has validated each table, as Parquet and as exact CSV; of a larger one the first rows."""
    wanted = {"documents": 4, "texts": 2, "claims": 3, "dates": 1, "stances": 2, "speakers": 1}
    read = [
        {one.table: one.rows for one in report.checks if one.name == "frictionless validate"}
        for report in (first.report, second.report)
    ]

    assert 1 + 4 * len(schema.TABLES) == len(read[0]) == len(read[1])
    for name, count in wanted.items():
        assert (count, count) == (read[0][name], read[0][f"{name}-csv"])
    assert FRICTIONLESS_HEAD == read[1]["speakers"] == read[1]["speakers-csv"]


def test_the_descriptor_follows_what_was_measured(first: Released) -> None:
    """No Parquet table states its size; each has a file twin with size and hash, and every resource says utf-8."""
    descriptor = json.loads((first.folder / "datapackage.json").read_text(encoding="utf-8"))
    tables = {resource["name"]: resource for resource in descriptor["resources"]}

    assert {"utf-8"} == {resource["encoding"] for resource in tables.values()}
    for name in schema.TABLES:
        twin = tables[f"{name}-file"]
        content = (first.folder / twin["path"]).read_bytes()

        assert "bytes" not in tables[name]
        assert ("file", len(content)) == (twin["type"], twin["bytes"])
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == twin["hash"]


def test_pandas_polars_and_duckdb_read_the_same(first: Released) -> None:
    """Three readers find the same rows in the Parquet files, words where `datasets` has labels, nulls as nulls."""
    import duckdb
    import pandas as pd
    import polars as pl

    path = first.folder / "data" / "claims.parquet"
    wanted = ["attribute", "quantity", "event"]

    assert wanted == pd.read_parquet(path)["claim_type"].tolist()
    assert wanted == pl.read_parquet(path)["claim_type"].to_list()
    with duckdb.connect() as connection:
        query = f"SELECT claim_type, speaker, date_start FROM '{path}'"

        assert connection.execute(query).fetchall() == [
            ("attribute", "Ilse Dorn", tiny.MONDAY),
            ("quantity", None, None),
            ("event", None, None),
        ]


def test_csv_holds_the_exact_values(first: Released) -> None:
    """Each CSV cell is the Parquet value as text: '=1+1' untouched, null empty, true and false in lower case, CRLF."""
    for name in schema.TABLES:
        with (first.folder / "data" / "csv" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            head, *lines = csv.reader(file)
        rows = pq.read_table(first.folder / "data" / f"{name}.parquet").to_pylist()

        assert schema.arrow(name).names == head
        assert [
            ["" if v is None else str(v).lower() if v in (True, False) else str(v) for v in row.values()]
            for row in rows
        ] == lines
    content = (first.folder / "data" / "csv" / "claims.csv").read_bytes()
    assert 4 == content.count(b"\r\n") == content.count(b"\n")
    assert b",=1+1 stood on the wall," in content


def test_csv_gives_back_what_it_was_given(tmp_path: Path) -> None:
    """Commas, quotes and line breaks in a cell, and numbers of any size, come back through a CSV reader."""
    words = ['x,"y"', "", None, "line\nbreak\r", '"', "=1+1", "a\u2028b"]
    numbers = [1.0, 1e-7, 1e22, None, -0.1, 5e-324, 0.1 + 0.2]
    table = pa.table({"words": words, "numbers": numbers, "flags": [True, False, None, True, True, True, True]})
    tables.write_csv(table, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        _, *lines = csv.reader(file)

    assert [word or "" for word in words] == [line[0] for line in lines]
    assert numbers == [float(line[1]) if line[1] else None for line in lines]
    assert [line[2] for line in lines] == ["true", "false", "", "true", "true", "true", "true"]


HOSTILE = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t1", "\r1", "\n1", "\0=1", "＝1", '=HYPERLINK("http://a.example","x")'),
    *("-", "=", "-2+3,=cmd|' /C calc'!A0", '"=1"', "", None, "'=1", " =1", "a=1", "–1", "\ufeff=1", "x –1; no"),
]
PARTED = {  # where another separator than the comma is set
    "x;=1+1;y": "x;'=1+1;y", "x\t+1\ty": "x\t'+1\ty", "x|@A1|y": "x|'@A1|y", 'x;"=1";y': "x;\"'=1\";y",
    "x\n=1;y": "x\n'=1;y", "x\r-1;y": "x\r'-1;y", "\t=1": "'\t'=1",
}  # fmt: skip


def test_the_csv_for_spreadsheets_holds_no_formula(tmp_path: Path) -> None:
    """Words that begin as a formula get a ' and are else equal; other cells, and negative numbers, are untouched."""
    numbers = [-1.5] * len(HOSTILE)
    table = pa.table({"words": HOSTILE, "numbers": numbers, "whole": pa.array([-7] * len(HOSTILE), pa.int64())})
    chunks = pa.concat_tables([table.slice(0, 3), table.slice(3, 0), table.slice(3)])
    for name, rows in (("one", table), ("chunks", chunks)):
        tables.write_csv(rows, tmp_path / f"{name}.csv")
    content = (tmp_path / "one-excel.csv").read_bytes()
    head, *lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    with (tmp_path / "one.csv").open(encoding="utf-8", newline="") as file:
        _, *exact = csv.reader(file)

    assert content.startswith(codecs.BOM_UTF8 + b"words,numbers,whole\r\n")
    assert (tmp_path / "chunks-excel.csv").read_bytes() == content
    assert ["words", "numbers", "whole"] == head
    assert ["'" + word if word else "" for word in HOSTILE[:13]] == [line[0] for line in lines[:13]]
    assert [word or "" for word in HOSTILE[13:]] == [line[0] for line in lines[13:]]
    assert [word or "" for word in HOSTILE] == [line[0] for line in exact]
    assert {("-1.5", "-7")} == {(line[1], line[2]) for line in lines}
    tables.write_csv(pa.table({"words": list(PARTED)}), tmp_path / "parted.csv")
    inside = list(csv.reader(io.StringIO((tmp_path / "parted-excel.csv").read_bytes().decode("utf-8-sig"), newline="")))
    assert [["words"], *([words] for words in PARTED.values())] == inside


@pytest.mark.skipif(not shutil.which("soffice"), reason="needs LibreOffice")
@pytest.mark.parametrize("separators", ["59", "44/59/9"])
def test_libreoffice_finds_no_formula(first: Released, tmp_path: Path, separators: str) -> None:
    """LibreOffice finds formulas in the exact copy and none in the other, with the semicolon as the separator and with
    the three that it sets unless told otherwise: comma, semicolon and tab.
    """
    copies = sorted((first.folder / "data" / "csv").glob("*-excel.csv"))
    tables.write_csv(pa.table({"words": [*HOSTILE, *PARTED]}), tmp_path / "hostile.csv")
    subprocess.run(
        [
            *("soffice", "--headless", "--norestore", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"),
            *("--convert-to", "fods", f"--infilter=CSV:{separators},34,76,1", "--outdir", tmp_path / "opened"),
            *(tmp_path / "hostile.csv", tmp_path / "hostile-excel.csv", *copies),
        ],
        check=True,
        capture_output=True,
    )
    found = {path.stem: path.read_text("utf-8").count("table:formula=") for path in (tmp_path / "opened").iterdir()}

    assert {"hostile", "hostile-excel", *(path.stem for path in copies)} == found.keys()
    assert found.pop("hostile") > 0
    assert set(found.values()) == {0}


def test_every_list_of_files_has_the_csv_for_spreadsheets(first: Released) -> None:
    """Descriptors, sums, page and card name the copy, each as what it is; only the exact CSV has a schema."""
    folder = first.folder
    resources = {one["name"]: one for one in json.loads((folder / "datapackage.json").read_text())["resources"]}
    croissant = {one["contentUrl"] for one in json.loads((folder / "croissant.json").read_text())["distribution"]}
    page = (folder / "index.html").read_text(encoding="utf-8")
    for name in schema.TABLES:
        path = f"data/csv/{name}-excel.csv"

        assert path in manifest.read(folder / manifest.PAYLOAD)
        assert path in croissant
        assert page.count(f'href="{path}"') == 2
        assert f"{schema.load(name).title}, as CSV for spreadsheets" == resources[f"{name}-excel"]["title"]
        assert (path, "file") == (resources[f"{name}-excel"]["path"], resources[f"{name}-excel"]["type"])
        assert "schema" not in resources[f"{name}-excel"]
    assert "`<table>-excel.csv`" in (folder / "README.md").read_text(encoding="utf-8")
    assert b",'=1+1 stood on the wall," in (folder / "data" / "csv" / "claims-excel.csv").read_bytes()


def test_the_card_says_what_the_schemas_say(first: Released) -> None:
    """Every column in its order, every label in the schema's order, a version on each config, and no `splits`."""
    card = header(first.folder)

    assert set(schema.TABLES) == {config["config_name"] for config in card["configs"]}
    assert {"1.0.0"} == {config["version"] for config in card["configs"]}
    assert [config["config_name"] for config in card["configs"] if config.get("default")] == ["claims"]
    assert (card["license"], card["language"], card["size_categories"]) == ("cc0-1.0", ["en"], ["n<1K"])
    for info in card["dataset_info"]:
        spec = schema.load(info["config_name"])

        assert "splits" not in info
        assert [field.name for field in spec.fields] == [feature["name"] for feature in info["features"]]
        labels = {
            f["name"]: tuple(f["dtype"]["class_label"]["names"].values())
            for f in info["features"]
            if f["dtype"] is not None and "class_label" in f["dtype"]
        }
        assert {field.name: field.labels for field in spec.fields if field.labels} == labels


def test_the_card_shows_values_as_text(first: Released) -> None:
    """An outlet's name with a bar and a tag in it stays one cell and runs as nothing."""
    body = (first.folder / "README.md").read_text(encoding="utf-8")

    assert "| Herald &#124; &#60;b&#62;bold&#60;/b&#62; | 2 |" in body
    assert "<b>" not in body
    assert 'load_dataset("output/tiny/1.0.0", "claims", split="train")' in body


def test_the_archive_holds_the_folder(first: Released) -> None:
    """The zip holds each file of the folder, sorted, stored, dated 1980, with the same rights everywhere."""
    with zipfile.ZipFile(first.folder.with_name("tiny-1.0.0.zip")) as archive:
        entries = archive.infolist()

        assert tree(first.folder) == {entry.filename: archive.read(entry) for entry in entries}
    assert sorted(entry.filename for entry in entries) == [entry.filename for entry in entries]
    assert {((1980, 1, 1, 0, 0, 0), zipfile.ZIP_STORED, 0o100644 << 16)} == {
        (entry.date_time, entry.compress_type, entry.external_attr) for entry in entries
    }


def test_an_empty_table_is_still_a_table(tmp_path: Path) -> None:
    """Canonical tables without rows are written and read back with their columns."""
    rows = tiny.rows() | {"claims": [], "dates": [], "stances": [], "speakers": []}
    canonical = tables.canonical(tiny.tables(rows))
    for name, table in canonical.items():
        tables.write_parquet(name, table, tmp_path / name)

        assert schema.arrow(name).equals(pq.read_schema(tmp_path / name))


LOADER = """
import json, sys
from datasets import load_dataset
told = []
for folder in sys.argv[1:]:
    claims = load_dataset(folder, "claims", split="train")
    stream = load_dataset(folder, "claims", split="train", streaming=True)
    kept = load_dataset(folder, "documents", split="train", filters=[("text_published", "==", True)])
    told.append({
        "rows": claims.num_rows,
        "version": str(claims.info.version),
        "types": {name: repr(feature) for name, feature in claims.features.items()},
        "labels": claims.features["claim_type"].names,
        "first": claims.features["claim_type"].int2str(claims[0]["claim_type"]),
        "speakers": claims["speaker"][:],
        "day": str(claims[0]["date_start"]),
        "stream": [row["text"] for row in stream],
        "published": kept.num_rows,
        "tables": {name: load_dataset(folder, name, split="train").num_rows for name in ("texts", "stances")},
    })
print(json.dumps(told))
"""


def test_datasets_loads_each_release_as_itself(first: Released, second: Released, tmp_path: Path) -> None:
    """Offline, in a fresh process with one cache, two releases in folders of one name give their own rows."""
    folders = []
    for one in (first, second):
        folders.append(tmp_path / one.folder.name / "latest")
        shutil.copytree(one.folder, folders[-1])
    offline = {
        **os.environ,
        "HF_HOME": str(tmp_path / "cache"),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }
    run = subprocess.run(
        [sys.executable, "-c", LOADER, *folders], env=offline, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    one, two = json.loads(run.stdout.splitlines()[-1])
    assert ([one["rows"], one["version"]], [two["rows"], two["version"]]) == ([3, "1.0.0"], [2, "2.0.0"])
    assert list(schema.load("claims").field("claim_type").labels) == one["labels"]
    assert one["first"] == "attribute"
    assert one["speakers"] == ["Ilse Dorn", None, None]
    assert one["day"] == "2031-03-03"
    assert two["stream"] == ["The bridge is open,", "The council paid 40 million crowns for it."]
    assert one["published"] == 2
    assert one["tables"] == {"texts": 2, "stances": 2}
    for field in schema.load("claims").fields:
        wanted = (
            "ClassLabel"
            if field.labels
            else {
                "string": "'string'",
                "integer": "'int64'",
                "number": "'float64'",
                "date": "'date32'",
                "boolean": "'bool'",
            }[field.type]
        )

        assert wanted in one["types"][field.name]
