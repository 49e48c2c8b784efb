"""What was checked before is not asked again, and no bad row slips through by it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny
from test_check import SEEDS

from pipeline import check, schema
from pipeline.check import passed
from pipeline.corpus import Corpus, Files
from pipeline.shards import code

LAST = ("every input has its row", "at least 1 rows")  # these take rows away, by whose places the others go


@pytest.fixture(autouse=True)
def _no_expectations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Great Expectations looks at its rows in either case and takes long: it is left out here."""
    monkeypatch.setattr(check, "expectations", lambda name, corpus: [])


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a check of the untouched corpus has kept what passed."""
    work = tmp_path_factory.mktemp("known")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check, "expectations", lambda name, corpus: [])
        assert checked(tiny.rows(), work, work).ok
    return work


def checked(rows: tiny.Rows, folder: Path, work: Path | None, content: Callable = tiny.content) -> check.Report:
    """The report of rows that lie on disk."""
    folder.mkdir(exist_ok=True)
    found = {}
    for name, table in tiny.tables(rows).items():
        pq.write_table(table, folder / f"{name}.parquet")
        found[name] = Files((folder / f"{name}.parquet",))
    return check.check(Corpus(found, folder / "spill"), inputs=len(tiny.RAW), contents=content, work=work)


def test_nothing_is_looked_at_twice_and_the_report_is_the_same(tmp_path, known, monkeypatch):
    """With all rows as they were, the laws about a row are asked of none, and every byte of the report is the same."""
    asked = {}
    laws = check.laws

    def counted(corpus, inputs, contents, new):
        asked.update({name: corpus.one(f"SELECT count(*) FROM {relation}")[0] for name, relation in new.items()})
        return laws(corpus, inputs, contents, new)

    monkeypatch.setattr(check, "laws", counted)
    again = checked(tiny.rows(), tmp_path / "again", known)

    assert asked == dict.fromkeys(passed.TABLES, 0)
    assert again == checked(tiny.rows(), tmp_path / "fresh", None)


ONE_EACH = sorted({law: (law, table, spoil) for law, table, spoil in SEEDS}.values(), key=lambda one: one[0] in LAST)


@pytest.mark.parametrize("group", range(5))
def test_rows_that_went_bad_are_found_as_if_nothing_were_known(group, tmp_path, known):
    """For every law: a row spoilt behind the back of what is known is reported byte for byte as by a fresh check."""
    rows = tiny.rows()
    for _, _, spoil in ONE_EACH[group::5]:
        spoil(rows)
    work = tmp_path / "work"
    work.mkdir()
    shutil.copy(known / passed.FILE, work)

    report = checked(rows, tmp_path / "rows", work)

    failed = {(one.name, one.table) for one in report.checks if one.failed}
    assert {(law, table) for law, table, _ in ONE_EACH[group::5]} <= failed
    assert report.to_json() == checked(rows, tmp_path / "fresh", None).to_json()
    assert (work / passed.FILE).read_bytes() == (known / passed.FILE).read_bytes()  # what fails is not kept


def test_raw_bytes_that_changed_are_found_though_no_row_did(tmp_path, known):
    """The raw bytes are hashed every time."""
    report = checked(tiny.rows(), tmp_path / "rows", known, lambda source: tiny.RAW[source].replace(b"paid", b"owes"))

    assert [one.name for one in report.checks if one.failed] == ["raw bytes hash to raw_sha256"]


def test_a_string_that_is_no_unicode_is_found(tmp_path, known):
    """Where the prints cannot be taken, the law about Unicode says of which row."""
    checked(tiny.rows(), tmp_path / "rows", known)
    path = tmp_path / "rows" / "claims.parquet"
    table = pq.read_table(path)
    bad = pa.array([b"\xff", *[b"Ilse"] * (len(table) - 1)], pa.binary())
    column = pa.Array.from_buffers(pa.string(), len(bad), bad.buffers())
    pq.write_table(table.set_column(3, table.schema.field(3), column), path)
    tables = {name: Files((tmp_path / "rows" / f"{name}.parquet",)) for name in schema.TABLES}

    report = check.check(tables, inputs=4, work=known)

    assert [(failure.table, failure.key) for failure in report.quarantine] == [("claims", "row 1")]


def test_other_code_and_a_torn_file_know_nothing(tmp_path, known, monkeypatch):
    """What was kept by other code, or cannot be read, is not relied on."""
    shutil.copytree(known, tmp_path / "torn")
    (tmp_path / "torn" / passed.FILE).write_bytes(b"PAR1")
    tables = {name: Files((known / f"{name}.parquet",)) for name in schema.TABLES}

    assert passed.new(Corpus(tables, tmp_path), known)
    assert not passed.new(Corpus(tables, tmp_path), tmp_path / "torn")
    monkeypatch.setattr(code, "everything", lambda: "other code")
    assert not passed.new(Corpus(tables, tmp_path), known)
