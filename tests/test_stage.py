"""The annotate stage as a whole: laws, and what the rows of small articles hold."""

import random
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline import schema
from pipeline.annotate.stage import annotate
from pipeline.clean import clean
from pipeline.read import RAW, read

ROOT = Path(__file__).parent.parent


def _rows(folder: Path) -> tuple[pa.Table, pa.Table, pa.Table]:
    raw = pa.Table.from_pylist(list(read(folder)), schema=RAW)
    return raw, *clean(raw)


def _annotated(tmp_path: Path, text: str, source: str = "") -> tuple[list[dict], list[dict], list[dict]]:
    (tmp_path / "article.txt").write_text(text, encoding="utf-8")
    if source:
        (tmp_path / "source.toml").write_text(source, encoding="utf-8")
    claims, dates, stances = annotate(*_rows(tmp_path))
    return claims.to_pylist(), dates.to_pylist(), stances.to_pylist()


@pytest.fixture(scope="session")
def corpus():
    """The sample corpus, read and cleaned: raw rows, documents, texts."""
    return _rows(ROOT / "raw")


def test_a_stage_does_not_see_how_its_input_was_cut(corpus):
    """stage(a + b) == stage(a) + stage(b), wherever the documents are parted and whatever their order."""
    whole = annotate(*corpus)
    raw, documents, texts = corpus
    order = documents["document_id"].to_pylist()
    random.Random(7).shuffle(order)
    parts = [order[:1], order[1:9], order[9:9], order[9:]]
    cut = [
        annotate(raw, documents, texts.filter(pa.compute.is_in(texts["document_id"], pa.array(part, pa.string()))))
        for part in parts
    ]

    for number, name in enumerate(("claims", "dates", "stances")):
        key = schema.load(name).primary_key
        together = pa.concat_tables([tables[number] for tables in cut])
        assert together.sort_by(key).equals(whole[number].sort_by(key)), name


def test_an_article_gives_its_claims_with_all_that_the_text_tells(tmp_path):
    """Who, to whom it was attributed, when, of which kind, and how the outlet stands to it."""
    claims, dates, _ = _annotated(
        tmp_path,
        "Minister confirms brigades crossed the river\n\n"
        "VELIN, April 15, 2024 (MSTA) - Defence Minister Irena Solt confirmed on Friday that brigades had crossed the "
        "Orlu. "
        '"We were asked, and we came," she said. The opposition claims that more than 300 soldiers died.\n\n'
        "The bridge at Harl was destroyed in March.\n",
        'outlet = "The Velin Courier"\n',
    )

    confirmed, quoted, claimed, own = claims
    assert (confirmed["speaker"], confirmed["speech_act"], confirmed["outlet_stance"]) == (
        "Irena Solt",
        "confirm",
        "endorses",
    )
    assert (confirmed["date"], confirmed["date_source"]) == ("2024-04-12", "adjacent")
    assert confirmed["text"] == "brigades had crossed the Orlu"
    assert (quoted["text"], quoted["mode"]) == ("We were asked, and we came,", "direct")
    assert (quoted["speaker"], quoted["speaker_text"], quoted["speaker_resolution"]) == ("Irena Solt", "she", "pronoun")
    assert (claimed["claim_type"], claimed["outlet_stance"]) == ("quantity", "distances")
    assert (own["voice"], own["speaker"], own["outlet_stance"]) == ("outlet", None, "endorses")
    assert (own["claim_type"], own["about_date"], own["date"]) == ("event", "2024-03", "2024-04-15")
    assert {claim["outlet"] for claim in claims} == {"The Velin Courier"}
    assert {"2024-04-12", "2024-03"} <= {date["edtf"] for date in dates}


@pytest.mark.parametrize(
    "text",
    [
        "Who sent the brigades?\n\nNobody would say why?\n",
        '"" \' “ ” ‘ « »\n\n“\n',
        "No stop here\n",
        "- one\n- two\n- three\n",
        "a" * 5000 + "\n\n" + '"' * 501,
        "١٢٣ \u202e \U0001f600 — …\n",
    ],
)
def test_texts_without_a_claim_give_no_claim_and_no_error(tmp_path, text):
    """Questions, stray marks, fragments and lists make no row, and nothing raises."""
    claims, _, stances = _annotated(tmp_path, text)

    assert claims == []
    assert stances == []


def test_what_is_not_english_is_kept_and_not_annotated(tmp_path):
    """A French text has its document and text, and no annotation."""
    claims, dates, stances = _annotated(
        tmp_path, "Le ministre a déclaré lundi que la centrale serait fermée le 3 mai 2025.\n", 'language = "fr"\n'
    )

    assert (claims, dates, stances) == ([], [], [])
