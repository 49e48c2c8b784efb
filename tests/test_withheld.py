"""What is left of a text that its source withholds: short quotes, in every file of a release, and their proof."""

import hashlib
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from releases import NO_CHECKS, published
from test_rehydrate import cleaned

from pipeline import schema, withheld
from pipeline.release import page
from pipeline.release.rehydrate import rehydrate

ARTICLE = """The quay is wet. Nobody walks there. The ropes are long and the nets hang from every mast standing.

“We shall not leave before the last of the herring is salted and the barrels are closed,” said Ada Quill on the \
evening of the third Sunday of the month of March.

Boats came. Boats went. Then the wind turned and the gulls sat down on the roof of the hall to wait for the morning.
"""
SUNDAY = "the evening of the third Sunday of the month of March"
OTHER = "The mill stands still. Nobody knows why the miller left it with the door open and a lamp in the window.\n"


def claim(document: str, text: str, start: int, end: int) -> dict:
    """A claim of the outlet's over some code points of a text."""
    words, spans = text[start:end], f"{start}-{end}"
    key = hashlib.sha256("\0".join((document, spans, words)).encode()).hexdigest()[:16]
    values = {"claim_id": f"c{key}", "document_id": document, "outlet": "Tide", "text": words, "spans": spans}
    values |= {"start": start, "end": end, "raw_start": start, "raw_end": end, "voice": "outlet", "checkable": True}
    values |= {"claim_type": "event", "claim_types": "event", "outlet_stance": "endorses", "annotator": "annotate/1"}
    return dict.fromkeys(field.name for field in schema.load("claims").fields) | values


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An article that is withheld and one that is not."""
    folder = tmp_path_factory.mktemp("raw")
    for name, text, facts in (("tide", ARTICLE, "publish_text = false\n"), ("mill", OTHER, "")):
        (folder / name).mkdir()
        (folder / name / "a.txt").write_text(text)
        (folder / name / "source.toml").write_text(f'outlet = "{name.title()}"\n{facts}')
    return folder


@pytest.fixture(scope="module")
def released(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two releases of both, in which every sentence is a claim; the second, which is returned, has its page."""
    rows = cleaned(raw)
    for text in rows["texts"]:
        for sentence in re.finditer(r"[^\n.\s][^\n.]*\.”?", text["text"]):
            rows["claims"].append(claim(text["document_id"], text["text"], *sentence.span()))
        if SUNDAY in text["text"]:
            rows["dates"].append(date(text["document_id"], SUNDAY, text["text"].index(SUNDAY)))
    output = tmp_path_factory.mktemp("output")
    published(output, rows | {"claims": rows["claims"][::2], "dates": []}, "1.0.0")
    second = published(output, rows, "1.1.0")
    shown = output / "page" / "1.1.0"
    shutil.copytree(second, shown)
    (shown / "quality").mkdir()
    (shown / "quality" / "report.json").write_text(NO_CHECKS.to_json())
    page.write(shown, "tide", "1.1.0")
    return second


def date(document: str, words: str, start: int) -> dict:
    """A temporal expression that nobody resolved."""
    end = start + len(words)
    key = hashlib.sha256("\0".join((document, str(start), str(end), words)).encode()).hexdigest()[:16]
    values = {"date_id": f"t{key}", "document_id": document, "text": words, "start": start, "end": end, "vague": False}
    values |= {"raw_start": start, "raw_end": end, "timex_type": "DATE", "timex_value": "XXXX"}
    return dict.fromkeys(field.name for field in schema.load("dates").fields) | values | {"annotator": "annotate/1"}


def runs(text: str) -> set[tuple[str, ...]]:
    """Every run of one word more than may be shown."""
    words = [text[start:end].casefold() for start, end in withheld.words(text)]
    return {tuple(words[at : at + withheld.WORDS + 1]) for at in range(len(words) - withheld.WORDS)}


def contents(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file below a folder as text: archives unpacked, tables row by row and column by column."""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            yield f"{path.name}, rows", " ".join(str(value) for row in table.to_pylist() for value in row.values())
            for name in table.column_names:
                yield f"{path.name}, {name}", " ".join(str(value) for value in table[name].to_pylist())
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                names = {Path(name).suffix for name in archive.namelist()}
                assert {".parquet", ".csv", ".json", ".md", ".txt"} <= names
                archive.extractall(folder.parent / "unpacked")
            yield from contents(folder.parent / "unpacked")
        elif path.is_file():
            yield path.name, path.read_text(encoding="utf-8", errors="replace")


def test_no_file_holds_a_longer_run_of_a_withheld_text(released: Path) -> None:
    """In the whole tree, its archive too, and with the rows of a table laid side by side, there is no eleventh word."""
    forbidden, allowed = runs(ARTICLE), runs(OTHER)
    seen = dict(contents(released.parents[1]))

    assert len(seen) > 60
    assert [name for name, text in seen.items() if runs(text) & forbidden] == []
    assert any(runs(text) & allowed for text in seen.values())
    shown = pq.read_table(released / "data" / "claims.parquet")["text"].to_pylist()
    assert "The ropes are …" in shown  # after seven words of the two sentences before
    assert "Boats came." in shown
    assert "Nobody knows why the miller left it with the door open and a lamp in the window." in shown


def test_page_csv_and_table_show_the_same_quotes(released: Path) -> None:
    """What the page lists and the CSV holds are the quotes of the table; a withheld passage is no sample."""
    shown = pq.read_table(released / "data" / "claims.parquet")["text"].to_pylist()
    told = (released.parents[1] / "page" / "1.1.0" / page.FILE).read_text(encoding="utf-8")
    cells = (released / "data" / "csv" / "claims.csv").read_text(encoding="utf-8")

    assert len(shown) == 9
    assert [text for text in shown if text not in told or text not in cells.replace('""', '"')] == []


def test_the_whole_words_come_back_proved(released: Path, raw: Path, tmp_path: Path) -> None:
    """Claims and dates are made whole from the user's copies, and each identifier is that of its words."""
    found = rehydrate(released, raw, tmp_path / "whole")
    rows = pq.read_table(tmp_path / "whole" / "claims.parquet").to_pylist()
    dates = pq.read_table(tmp_path / "whole" / "dates.parquet").to_pylist()
    text = {row["document_id"]: row["text"] for row in pq.read_table(tmp_path / "whole" / "texts.parquet").to_pylist()}

    assert (found.rows, found.rebuilt) == (2, 1)
    assert found.quotes > 3
    assert [row["text"] for row in rows] == [text[row["document_id"]][row["start"] : row["end"]] for row in rows]
    assert [SUNDAY] == [row["text"] for row in dates]
    assert sorted(path.name for path in (tmp_path / "whole").iterdir()) == [
        "claims.parquet",
        "dates.parquet",
        "texts.parquet",
    ]


WORDS = st.lists(st.sampled_from(["ab", "é", "日本", "x-y", "ไทย", "don't", "9.5"]), min_size=1, max_size=60)


@given(WORDS, st.data())
def test_quotes_laid_side_by_side_give_no_longer_run(parts: list[str], data: st.DataObject) -> None:
    """Whatever spans are asked for, nested and touching ones too, no run of words is longer than what may be shown."""
    text = " ".join(parts)
    ends = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted).filter(lambda at: at[0] < at[1])
    spans = sorted(tuple(span) for span in data.draw(st.lists(ends, max_size=12)))
    shown = set()
    for (start, end), quote in zip(spans, withheld.quotes(text, spans), strict=True):
        kept = quote if quote == text[start:end] else quote.removesuffix(withheld.SIGN).removesuffix(" ")
        assert text[start:].startswith(kept)
        assert start + len(kept) <= end
        shown |= set(range(start, start + len(kept)))
    run = longest = 0
    for start, end in withheld.words(text):
        run = run + 1 if shown & set(range(start, end)) else 0
        longest = max(longest, run)

    assert longest <= withheld.WORDS


@given(WORDS)
def test_short_words_stay_and_long_ones_are_cut_once(parts: list[str]) -> None:
    """Ten words stay as they are, of more the first ten are left, and to cut again changes nothing."""
    text = " ".join(parts)
    cut = withheld.shortened(text)

    assert len(withheld.words(cut)) == min(len(withheld.words(text)), withheld.WORDS)
    assert cut == text or cut.endswith(withheld.SIGN)
    assert withheld.shortened(cut) == cut
