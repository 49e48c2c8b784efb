"""The pages as they are written: no script runs here."""

import base64
import datetime
import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape
from releases import published

from pipeline import check, schema
from pipeline.release import card, catalogue, changes, datapackage, figures, manifest, page, publish, samples, tables
from pipeline.release.snippets import snippets

EVIL = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}</style>", "</script><b>&lt;b&gt;"]
REPORT = check.Report((), (), {name: len(rows) for name, rows in tiny.rows().items()}, check.Balance(4, 3, 1, {}))


class Read(HTMLParser):
    """The tags of a page in order, the addresses it names, its policy and its data blocks by type."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.policy = ""
        self.blocks: dict[str, str] = {}
        self._type: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        held = dict(attributes)
        self.tags.append(tag)
        self.addresses += [value for key in ("href", "src") if (value := held.get(key)) is not None]
        if held.get("http-equiv") == "Content-Security-Policy":
            self.policy = held["content"] or ""
        self._type = held.get("type") if tag == "script" else None

    def handle_data(self, data: str) -> None:
        """Keep what stands in a data block."""
        if self._type:
            self.blocks[self._type] = self.blocks.get(self._type, "") + data

    def handle_endtag(self, tag: str) -> None:
        """A data block ends with its tag."""
        self._type = None


def built(folder: Path, rows: tiny.Rows) -> Path:
    """A release with its page, as far as the page needs it."""
    (folder / "data" / "csv").mkdir(parents=True)
    (folder / "quality").mkdir()
    for name, table in tables.published(tables.canonical(tiny.tables(rows))).items():
        tables.write_parquet(name, table, folder / "data" / f"{name}.parquet")
        tables.write_csv(table, folder / "data" / "csv" / f"{name}.csv")
    manifest.write_payload(folder)
    (folder / "quality" / "report.json").write_text(REPORT.to_json())
    page.write(folder, "tiny", "1.0.0")
    return folder


def test_a_page_lets_nothing_in_from_elsewhere(tmp_path: Path) -> None:
    """Its policy allows its own style and script only; every address is of the catalogue or the licence."""
    seen = Read((built(tmp_path, tiny.rows()) / page.FILE).read_text(encoding="utf-8"))
    licence = schema.package()["licence_path"]

    assert "default-src 'none'" in seen.policy
    assert "script-src 'self'" in seen.policy
    assert "require-trusted-types-for 'script'; trusted-types 'none'" in seen.policy
    assert [
        found for found in seen.addresses if re.match(r"[a-z]+:|//", found) and found not in (licence, "data:,")
    ] == []
    names = {
        "README.md",
        "datapackage.json",
        "croissant.json",
        "CHANGELOG.md",
        "provenance.json",
        "quality/report.html",
    }
    assert names <= set(seen.addresses)


@pytest.mark.parametrize("evil", EVIL)
def test_values_are_text(tmp_path: Path, evil: str) -> None:
    """Whatever stands in a row is shown and never becomes part of the page, nor ends its data blocks."""
    clean, bad = tiny.rows(), tiny.rows()
    for rows, value in ((clean, "plain"), (bad, evil)):
        for row in rows["claims"]:
            row |= {"text": value, "outlet": value}
        rows["claims"][2]["speaker"] = rows["stances"][0]["target"] = value
        rows["texts"][2]["text"] = rows["texts"][2]["text"].replace("Monday", value)
    text = (built(tmp_path / "bad", bad) / page.FILE).read_text(encoding="utf-8")
    seen = Read(text)

    plain = Read((built(tmp_path / "clean", clean) / page.FILE).read_text(encoding="utf-8"))

    assert Counter(plain.tags) == Counter(seen.tags)
    assert evil not in text
    assert json.loads(seen.blocks["application/ld+json"])["version"] == "1.0.0"


def test_a_page_hangs_on_the_rows_alone(tmp_path: Path) -> None:
    """Built twice in different places, the page is the same, byte for byte."""
    one, two = (built(tmp_path / name, tiny.rows()) / page.FILE for name in ("one", "two"))

    assert one.read_bytes() == two.read_bytes()


def test_a_withheld_text_is_not_on_the_page(tmp_path: Path) -> None:
    """The words of a text that its source withholds stand nowhere in the page."""
    assert "zephyrine" not in (built(tmp_path, tiny.rows()) / page.FILE).read_text(encoding="utf-8")


def test_the_description_names_the_files(tmp_path: Path) -> None:
    """schema.org and DCAT tell each data file with size and SHA-256, the days that the corpus spans, and the fields."""
    folder = built(tmp_path, tiny.rows())
    told = json.loads(Read((folder / page.FILE).read_text(encoding="utf-8")).blocks["application/ld+json"])
    digests = manifest.read(folder / manifest.PAYLOAD)

    assert ["Dataset", "dcat:Dataset"] == told["@type"]
    assert digests == {one["contentUrl"]: one["sha256"] for one in told["distribution"]}
    assert all((folder / one["contentUrl"]).stat().st_size == one["dcat:byteSize"] for one in told["distribution"])
    assert told["temporalCoverage"] == "2031-02-01/2031-03-03"
    assert [one["name"] for one in told["variableMeasured"]] == [field.name for field in schema.load("claims").fields]


def test_the_pieces_cover_the_file(tmp_path: Path) -> None:
    """The digests that the script compares are those of the whole file in pieces."""
    folder = built(tmp_path, tiny.rows())
    told = json.loads(Read((folder / page.FILE).read_text(encoding="utf-8")).blocks["application/json"])
    assert set(told["tables"]) == {"claims", "documents", "texts"}
    for table in told["tables"].values():
        content = (folder / table["path"]).read_bytes()
        cut = [content[at : at + table["piece"]] for at in range(0, len(content), table["piece"])]

        assert [base64.b64encode(hashlib.sha256(piece).digest()).decode() for piece in cut] == table["pieces"]
        assert len(content) == table["bytes"]


def test_a_page_tells_what_changed(tmp_path: Path) -> None:
    """Rows added, removed and changed since the release before stand by table, with what they ask of the version."""
    rows = tiny.rows()
    del rows["claims"][0]
    rows["claims"][0]["speaker_role"] = "Treasurer"
    old, new = built(tmp_path / "1.0.0", tiny.rows()), built(tmp_path / "2.0.0", rows)
    for folder in (old, new):
        (folder / datapackage.FILE).write_text(datapackage.descriptor(folder, "tiny", folder.name))
    told = changes.compare(old, new)
    changes.write(told, new, "2.0.0")
    page.write(new, "tiny", "2.0.0")
    text = (new / page.FILE).read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if '<code>claims</code></th><td class="number">' in line)

    assert re.findall("<td[^>]*>([0-9]+)</td>", line) == ["3", "2", "0", "1", "1"]
    assert {"../1.0.0/index.html", "changes/from-1.0.0/changes.json"} <= set(Read(text).addresses)
    assert all(f"<li>{reason.bump}: {escape(reason.text)}</li>" in text for reason in told.reasons)


def test_an_empty_release_has_a_page(tmp_path: Path) -> None:
    """Without claims, dates, stances and speakers there is still a page, and it says what is missing."""
    rows = tiny.rows() | {"claims": [], "dates": [], "stances": [], "speakers": []}
    for row in rows["documents"]:
        row |= dict.fromkeys(("published", "published_start", "published_end", "published_source"))

    assert "No article has a date." in (built(tmp_path, rows) / page.FILE).read_text(encoding="utf-8")


def versions(**values: Any) -> dict[str, Any]:
    """A package's versions.json with two versions, of which the first is as told."""
    told = {
        "status": "active",
        "reason": None,
        "replaced_by": None,
        "archive": None,
        "rows": {"documents": 4, "claims": 3},
    }
    told |= {"tagmanifest_sha256": "0" * 64}
    return {
        "package": "tiny",
        "title": "Tiny",
        "versions": [{"version": "1.0.0"} | told | values, {"version": "1.0.1"} | told],
        "failed": [{"after": "1.0.1", "version": "auto", "failed_checks": ["claims: <b>keys</b>"]}],
    }


def test_the_catalogue_leads_to_what_may_be_used() -> None:
    """It opens the newest active version, tells why another is not, links no withdrawn one, and describes itself."""
    text = page.catalogue([versions(status="withdrawn", reason="<i>a court</i>", replaced_by="1.0.1")])
    seen = Read(text)
    told = json.loads(seen.blocks["application/ld+json"])

    assert "tiny/1.0.1/index.html" in seen.addresses
    assert "tiny/1.0.0/index.html" not in seen.addresses
    assert "&lt;i&gt;a court&lt;/i&gt;" in text
    assert "&lt;b&gt;keys&lt;/b&gt;" in text
    assert [one["version"] for one in told["dataset"]] == ["1.0.1"]
    assert "script-src" not in seen.policy
    assert "Nothing is published here yet" in page.catalogue([])


def test_code_to_copy_runs(tmp_path: Path) -> None:
    """Each piece of code in Python and SQL runs as it stands, beside output/, and the card and the page show all."""
    folder = tmp_path / "output" / "tiny" / "1.0.0"
    text = (built(folder, tiny.rows()) / page.FILE).read_text(encoding="utf-8")
    published = tables.published(tables.canonical(tiny.tables(tiny.rows())))
    digest = manifest.digest(folder / manifest.PAYLOAD)
    (folder / "README.md").write_text(card.card(published, REPORT, "tiny", "1.0.0", digest), encoding="utf-8")
    code = {snippet.title: snippet for snippet in snippets("tiny", "1.0.0")}
    python = "\n".join(
        snippet.code + "\nprint(len(claims))" for snippet in code.values() if snippet.language == "python"
    )
    run = subprocess.run([sys.executable, "-c", python], cwd=tmp_path, capture_output=True, text=True, check=False)
    with duckdb.connect() as connection:
        sql = code["DuckDB"].code.replace("output/", f"{tmp_path}/output/")
        rows = connection.sql(sql).fetchall()

    assert run.stdout.split() == ["3", "3", "3"], run.stderr
    assert rows == [("Ilse Dorn", 1, 1)]
    for snippet in code.values():
        assert snippet.code in (folder / "README.md").read_text(encoding="utf-8")
        assert f'aria-label="Code for {snippet.title}"' in text


def test_time_is_cut_as_fine_as_a_page_can_show() -> None:
    """Days, months, quarters, years or decades: no more than 60 bars, none left out, vague dates counted apart."""
    for first, last, unit, number in (
        ("2031-03-03", "2031-03-03", "day", 1),
        ("2031-01-01", "2031-03-01", "day", 60),
        ("2031-01-01", "2031-03-02", "month", 3),
        ("2027-01-01", "2032-01-01", "quarter", 21),
        ("2000-01-01", "2031-01-01", "year", 32),
        ("1700-01-01", "2031-01-01", "decade", 34),
    ):
        days = [datetime.date.fromisoformat(day) for day in (first, last)]
        vague = (datetime.date(days[0].year, 1, 1), datetime.date(days[0].year + 30, 12, 31))
        documents = pa.table(
            {
                "document_id": ["a", "b", "c", "d"],
                "published_start": pa.array([*days, None, days[0]], pa.date32()),
                "published_end": pa.array([*days, None, days[-1] if first != last else None], pa.date32()),
            }
        )
        claims = pa.table({"document_id": ["a", "b", "b", "c", "d"], "outlet": ["X", "X", "Y", "X", None]})
        found = figures.timeline({"documents": documents, "claims": claims})

        assert (unit, number) == (found.unit, len(found.periods)), vague
        assert {"X": 2, "Y": 1} == {outlet: sum(counts) for outlet, counts in found.lanes}
        assert found.undated == 2


def test_a_matrix_counts_every_row_once() -> None:
    """Speakers and outlets stand by size, a cell is a count, and what is not shown is counted."""
    speakers = [f"S{number:02}" for number in range(figures.ROWS + 3) for _ in range(number + 1)]
    table = pa.table(
        {"speaker": [*speakers, None], "outlet": ["X" if number % 3 else "Y" for number in range(len(speakers) + 1)]}
    )
    found = figures.quoted({"claims": table})

    assert found.columns == ("X", "Y")
    assert found.rows[0][0] == f"S{figures.ROWS + 2:02}"
    assert sum(cell["claims"] for cell in found.rows[0][1]) == figures.ROWS + 3
    assert found.hidden_rows == 3


def test_assessed_stances_come_first() -> None:
    """A target with one assessed article stands before one with many that could not be assessed."""
    table = pa.table(
        {
            "target": ["Often"] * 5 + ["Once"],
            "outlet": ["X"] * 6,
            "polarity": ["insufficient"] * 5 + ["negative"],
        }
    )

    assert [("Once", ({"negative": 1},)), ("Often", ({"insufficient": 5},))] == list(
        figures.stances({"stances": table}).rows
    )


TEXTS = st.lists(st.text("ab é😀", min_size=1, max_size=400), min_size=1, max_size=4).map("\n\n".join)


@given(st.data(), TEXTS)
def test_a_passage_is_the_text(data: st.DataObject, text: str) -> None:
    """The pieces together are a stretch of the text, and the first span's words carry its mark."""
    spans = []
    for mark in ("claim", "cue"):
        start = data.draw(st.integers(0, len(text) - 1))
        spans.append((start, data.draw(st.integers(start + 1, len(text))), mark))
    pieces = samples.passage(text, spans)
    joined = "".join(piece.text for piece in pieces).removeprefix("…").removesuffix("…")

    assert joined in text
    assert text[spans[0][0] : spans[0][1]] == "".join(piece.text for piece in pieces if "claim" in piece.marks)


def test_an_installation_without_the_browser_keeps_the_one_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another installation bundled stays as the index vouches for it; changed by hand, it gives way."""
    monkeypatch.setattr(page, "_BUNDLED", tmp_path / "not bundled")
    output = tmp_path / "output"
    published(output, tiny.rows(), "1.0.0")
    script = output / page.BROWSER
    assert "Stands in" in script.read_text(encoding="utf-8")

    script.write_text("// bundled elsewhere\n", encoding="utf-8")
    (output / catalogue.INDEX).write_text(catalogue.index(output), encoding="utf-8")
    publish.renew(output / "tiny")
    assert script.read_text(encoding="utf-8") == "// bundled elsewhere\n"

    script.write_text("// by hand\n", encoding="utf-8")
    publish.renew(output / "tiny")
    assert "Stands in" in script.read_text(encoding="utf-8")
