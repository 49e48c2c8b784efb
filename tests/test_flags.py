"""What no check refuses and somebody ought to look at is told: to who runs it, and in the release."""

import datetime
import io
import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny
from releases import NO_CHECKS

from pipeline import check, link, read, schema, summary
from pipeline.annotate.stage import annotate
from pipeline.check.flags import days_to_come, flags, is_mixed
from pipeline.clean import clean
from pipeline.corpus import Corpus
from pipeline.link.aliases import read as aliases
from pipeline.personal import REDACTED
from pipeline.release import page, publish
from pipeline.run import _write_flagged, run

FERRY = (
    "Ferry halted\n\nPORT AMSEL, April 12, 2024 - Irena Sоlt, the harbour master, said on Friday that the ferry had "
    'halted. "Write to desk@quay.example or dorn@quay.example," Sоlt said.\n\nOve Brandt denied it.\n'
)
"""Both her o's are Cyrillic."""


def told(corpus: Corpus) -> dict[tuple[str, str], check.Flag]:
    """The flags of a corpus, by name and table."""
    return {(flag.name, flag.table): flag for flag in flags(corpus)}


@pytest.fixture(scope="module")
def ferry(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """An article of two addresses and a name of mixed scripts, gone through all stages; and one with neither."""
    raw = tmp_path_factory.mktemp("raw")
    (raw / "ferry.txt").write_text(FERRY, encoding="utf-8")
    (raw / "plain.txt").write_text("The dam\n\nEngineers said on Tuesday that the dam would hold.\n", encoding="utf-8")
    rows = pa.Table.from_pylist(list(read.read(raw)), schema=read.RAW)
    documents, texts = clean(rows)
    found = {"documents": documents, "texts": texts}
    found |= dict(zip(("claims", "dates", "stances"), annotate(rows, documents, texts), strict=True))
    links = link.links(Corpus(found), aliases(raw))
    for name in ("documents", "claims", "speakers"):
        found[name] = pa.Table.from_batches(list(getattr(links, name)), schema.arrow(name))
    return Corpus(found)


def test_a_name_of_mixed_scripts_is_flagged_with_its_letters_as_they_are(ferry: Corpus) -> None:
    """A Cyrillic letter in a Latin name is told with both scripts; the name itself is not changed."""
    flag = told(ferry)["name mixes scripts", "speakers"]
    names = dict(ferry.rows("SELECT speaker_id, name FROM speakers"))

    assert [names[key] for key, _ in flag.listed] == ["Irena Sоlt"]
    assert all("Irena Sоlt (Cyrillic and Latin)" in value for _, value in flag.listed)
    assert flag.rows == len(names) > 1


def test_shapes_are_counted_by_document(ferry: Corpus) -> None:
    """Documents with such and how many in all, by kind; the flag shows no address."""
    found = told(ferry)
    flag = found["personal or secret: e-mail address", "texts"]
    (document,) = (
        key for key, source in ferry.rows("SELECT document_id, source FROM documents") if source == "ferry.txt"
    )

    assert {("name mixes scripts", "speakers"), (flag.name, flag.table)} == found.keys()
    assert (2, 1, 2, ((document, "2"),)) == (flag.rows, flag.flagged, flag.times, flag.listed)


def test_what_was_redacted_is_counted_too() -> None:
    """Marks count in what was redacted, and only there; headlines, authors and reasons are looked at as well."""
    rows = tiny.rows()
    for row, words in zip(rows["texts"], ("[IBAN redacted], [IBAN redacted]", "[IBAN redacted]"), strict=False):
        row["text"] = words
    rows["texts"][0]["cleaner"] += REDACTED
    rows["documents"][0]["byline"] = "Ada Quill, ada@quay.example"
    rows["documents"][3]["rejected_detail"] = "no date: +49 30 9018200"
    found = told(Corpus(tiny.tables(rows)))

    assert {key: (flag.flagged, flag.times) for key, flag in found.items()} == {
        ("redacted: IBAN", "texts"): (1, 2),
        ("personal or secret: e-mail address", "documents"): (1, 1),
        ("personal or secret: telephone number", "documents"): (1, 1),
    }


@pytest.mark.parametrize(
    ("name", "mixed"),
    [
        *(("Irena Sоlt", True), ("Ove Вrandt", True), ("Αda Quill", True), ("𝐀da Quill", True), ("山田 Иван", True)),
        *(("Irena Solt", False), ("Ирена Солт", False), ("Ève Ólafsdóttir-Ñandú", False), ("山田 Taro", False)),
        *(
            ("ヤマダ太郎", False),
            ("김 CJ 그룹", False),
            ("Ｏｖｅ Brandt", False),
            ("O’Dorn 2nd", False),
            ("محمد", False),
            ("", False),
        ),
    ],
)
def test_scripts_that_no_name_mixes(name: str, mixed: bool) -> None:
    """Look-alikes beside Latin letters are mixed; accents, wide forms, and the scripts of East Asia are not."""
    assert is_mixed(name) == mixed


def test_the_report_tells_flags_and_a_corpus_without_any_has_no_word_of_them(tmp_path: Path) -> None:
    """Page, JSON and the file with all rows of them: values as text, the first five rows on the page."""
    plain = NO_CHECKS
    evil = "<script>alert(1)</script>"
    rows = [(f"d{number}", evil) for number in range(9)]
    found = check.Flagged()
    for key, value in rows[::-1]:
        found.add(key, value)
    report = replace(plain, flags=(found.flag("name mixes scripts", "speakers", 12),))
    shown = page.quality(report, "tiny", "1.0.0")
    for one in (report, plain):
        _write_flagged(tmp_path / "flagged", one)
        if one is report:
            listed = pq.read_table(tmp_path / "flagged" / "flagged.parquet").to_pylist()

    assert "flags" not in json.loads(plain.to_json())
    assert "Worth a look" not in page.quality(plain, "tiny", "1.0.0")
    assert not (tmp_path / "flagged").exists()
    assert report.ok
    assert [flag | {"examples": None} for flag in json.loads(report.to_json())["flags"]] == [
        {"name": "name mixes scripts", "table": "speakers", "rows": 12, "flagged": 9, "times": 9, "examples": None}
    ]
    assert 5 == shown.count("&lt;script&gt;") == len(json.loads(report.to_json())["flags"][0]["examples"])
    assert evil not in shown
    assert [{"table": "speakers", "key": key, "flag": "name mixes scripts", "value": evil} for key, _ in rows] == listed


def test_however_many_rows_are_found_ten_thousand_are_held() -> None:
    """All are counted; listed are the first by key, in whatever order they came."""
    found = check.Flagged()
    for number in range(0, 2 * 34_567, 2):
        found.add(f"d{number * 7919 % 34_567:05}", "x", 2)
    flag = found.flag("a flag", "texts", 40_000)

    assert (40_000, 34_567, 2 * 34_567) == (flag.rows, flag.flagged, flag.times)
    assert [f"d{number:05}" for number in range(10_000)] == [key for key, _ in flag.listed]


@pytest.mark.parametrize("clock", ["source date epoch", "clock"])
def test_a_day_of_publication_to_come_is_told(clock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the day that SOURCE_DATE_EPOCH gives, else by the clock; the day of the other side of the earth is none, and
    the tables keep what the source says.
    """
    raw = tmp_path / "raw"
    raw.mkdir()
    days = {"today": "2031-03-03", "ahead": "2031-03-04", "late": "2031-03-05", "year": "9999", "old": "1970-01-01"}
    if clock == "clock":
        monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
        now = datetime.datetime.now(datetime.UTC).date()
        days = {
            name: str(now + datetime.timedelta(count)) for count, name in enumerate(("today", "ahead", "late", "more"))
        }
    else:
        monkeypatch.setenv(
            "SOURCE_DATE_EPOCH", str(int(datetime.datetime(2031, 3, 3, 23, tzinfo=datetime.UTC).timestamp()))
        )
    for name, day in days.items():
        (raw / f"{name}.jsonl").write_text(json.dumps({"text": "The ropes were wet.", "published": day}) + "\n")
    result = run(raw, tmp_path / "output", "tiny", until="documents")
    found = summary.summary(result, publish.today())
    out = io.StringIO()
    summary.show_short(found, out)
    sources = dict(result.tables.rows("SELECT document_id, source FROM documents"))
    (flag,) = found["flags"]
    late = {
        "late.jsonl#1": days["late"],
        **({"year.jsonl#1": "9999"} if "year" in days else {"more.jsonl#1": days["more"]}),
    }

    assert late == {sources[key]: value for key, value in flag["examples"]}
    assert f"day of publication is to come: 2 of {len(days)} documents: " in out.getvalue()
    assert set(days.values()) == {published for (published,) in result.tables.rows("SELECT published FROM documents")}
    assert "flags" not in summary.summary(result)
    assert list(days_to_come(Corpus.of(result.tables), datetime.date(9999, 12, 30))) == []
