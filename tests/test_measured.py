"""What is known of how well stance is read, as the card of a release tells it."""

import json

from pipeline.evaluate.corpora import assessed, stances
from pipeline.evaluate.measured import FILES
from pipeline.release import measured


def test_the_kept_figures_are_of_every_file_and_tell_how_each_label_was_read() -> None:
    """Each file has its figures, and those of stance count every row once, by what people said and what was read."""
    kept = json.loads(measured.KEPT.read_text(encoding="utf-8"))

    assert [scores["file"].removesuffix(".jsonl") for scores in kept] == list(FILES)
    for scores in kept:
        if scores["file"].startswith("stance_newsmtsc"):
            assert sum(count for row in scores["confusion"].values() for count in row.values()) == scores["rows"]
            assert 0 < scores["confident"]["coverage"] < 100


def test_the_card_prints_a_table_for_each_file_of_stance() -> None:
    """Three tables of three labels, and one line on voice."""
    told = measured.markdown()

    assert told.count("| people said | read as negative | read as neutral | read as positive |") == 3
    assert "have a probability of at least 0.8" in told
    assert "(NewsDiscourse)**: F1 " in told


def test_rows_of_stance_are_counted_by_gold_and_reading(tmp_path) -> None:
    """A confusion table holds each row where its two labels meet."""
    rows = [
        {"id": "1", "text": "Solt is a liar.", "target": "Solt", "start": 0, "end": 4, "label": "negative"},
        {"id": "2", "text": "Solt met Renn on Monday.", "target": "Solt", "start": 0, "end": 4, "label": "neutral"},
    ]

    _, scores = stances(rows, tmp_path / "stance_small.jsonl")

    assert sum(scores["confusion"]["negative"].values()) == sum(scores["confusion"]["neutral"].values()) == 1
    assert set(scores["confident"]) == {"coverage", "right"}


def test_every_target_that_people_judged_in_an_article_has_a_row_of_ours() -> None:
    """Several targets of an article give a row each, a single one gives one, and the event gives none."""
    text = "The Kestrian regime lied. Kestria invaded the valley. Kestria robbed the farmers. Teal met Orne on Monday."
    several = {
        "id": "a",
        "sentences": text.split(". "),
        "author_feeling": {"Kestria": "neg", "Teal": "neu", "main_event": "pos"},
    }
    one = {"id": "b", "text": text, "target": "Kestria", "label": "negative", "paragraph_labels": []}

    found = list(assessed([several, one]))

    assert [(key, gold) for key, gold, _ in found] == [("a|Kestria", "neg"), ("a|Teal", "neu"), ("b", "negative")]
    assert [stance.polarity for _, _, stance in found[1:]] == ["insufficient", "negative"]
