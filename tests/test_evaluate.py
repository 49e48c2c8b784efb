"""Scores of annotated files: what counts as right, what probabilities are worth, and people as a yardstick."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import evaluate
from pipeline.evaluate import quotes
from pipeline.evaluate.calibration import calibration, macro_f1_interval

TEXT = (
    "“The bridge at Harl will hold through the winter,” the engineer, Petra Oom, said on Monday.\n\n"
    "Mayor Olga Renn believes that the town can wait."
)


def _quote(words: str, speaker: str | None, *, speech: bool = True, **more: object) -> dict:
    start = TEXT.index(words)
    at = TEXT.index(speaker) if speaker else None
    return {
        "start": start,
        "end": start + len(words),
        "speaker": speaker,
        "speaker_start": at,
        "speaker_end": None if at is None else at + len(speaker),
        "speech": speech,
        **more,
    }


SAID = _quote("“The bridge at Harl will hold through the winter,”", "Petra Oom")
BELIEVED = _quote("that the town can wait", "Mayor Olga Renn", speech=False)


def _row(*found: dict, **more: object) -> dict:
    return {"doc_id": "a", "text": TEXT, "quotes": list(found), **more}


def _f1(gold: dict, said: dict) -> dict[str, tuple[float, float]]:
    scores = quotes.score([(gold, said)])
    return {track: (part["relaxed"]["f1"], part["relaxed_and_speaker"]["f1"]) for track, part in scores.items()}


def test_quotations_are_scored_on_three_tracks():
    """All; those of saying, where another right one is no mistake; and the parts in quotation marks alone."""
    assert _f1(_row(SAID, BELIEVED), _row(SAID, BELIEVED)) == {
        "attributions": (100.0, 100.0),
        "speech": (100.0, 100.0),
        "segments": (100.0, 100.0),
    }
    assert _f1(_row(SAID, BELIEVED), _row(BELIEVED)) == {
        "attributions": (66.7, 66.7),
        "speech": (0.0, 0.0),
        "segments": (0.0, 0.0),
    }


def test_marks_and_punctuation_do_not_count_but_words_do():
    """Content is a set of words: exact without its marks, relaxed with one of nine missing, wrong with three."""
    whole, less, least = (
        quotes.score([(_row(SAID), _row(_quote(words, "Petra Oom")))])["attributions"]
        for words in (
            "The bridge at Harl will hold through the winter",
            "bridge at Harl will hold through the winter",
            "Harl will hold through the winter",
        )
    )

    assert (whole["exact"]["f1"], less["exact"]["f1"], less["relaxed"]["f1"]) == (100.0, 0.0, 100.0)
    assert least["relaxed"]["f1"] == 0.0


def test_a_speaker_is_right_by_last_name_or_by_place():
    """Titles and a longer form do not matter, nor does the place where the name is the same; nobody is never right."""
    for said, right in (
        (_quote("The bridge at Harl will hold through the winter", "the engineer, Petra Oom"), 100.0),
        ({**SAID, "speaker": "Oom of Harl", "speaker_start": None, "speaker_end": None}, 100.0),
        (_quote("The bridge at Harl will hold through the winter", "Mayor Olga Renn"), 0.0),
        (_quote("The bridge at Harl will hold through the winter", None), 0.0),
    ):
        assert _f1(_row(SAID), _row(said))["attributions"] == (100.0, right), said["speaker"]


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ('He said "we go" and "we stay".', ['"we go"', '"we stay"']),
        ("“One line\n“and the next”", ["“One line", "“and the next”"]),
        ("the so-called ‘quiet Orlu’ isn’t", ["‘quiet Orlu’"]),
        ("the dogs’ bowl", []),
    ],
)
def test_what_stands_in_quotation_marks(text, marked):
    """Marks pair on a line, one left open ends with it, and an apostrophe is none."""
    assert [text[start:end] for start, end in quotes.marked(text)] == marked


@given(st.text('“”‘’"an \n', max_size=40))
def test_marked_stretches_lie_apart_on_any_text(text):
    """Whatever the marks, the stretches are in order, apart and inside the text."""
    places = [place for span in quotes.marked(text) for place in span]

    assert places == sorted(set(places))
    assert all(0 <= place <= len(text) for place in places)


def test_people_are_compared_in_both_directions_beside_ours(tmp_path):
    """What one annotator has and another lacks costs precision one way and recall the other."""
    path = tmp_path / "quotes_small_multi.jsonl"
    rows = [_row(SAID, BELIEVED, annotator="x"), _row(SAID, annotator="y")]
    _write(path, *rows)

    scores = evaluate.file(path)

    assert scores["articles"] == 1
    assert scores["people"]["attributions"]["exact"] == {"precision": 66.7, "recall": 66.7, "f1": 66.7, "gold": 3}
    assert scores["ours"]["segments"]["exact"] == {"precision": 100.0, "recall": 100.0, "f1": 100.0, "gold": 2}


def test_attributions_are_scored_with_their_calibration(tmp_path):
    """Every attribution of a file carries a confidence that is set against the gold."""
    path = tmp_path / "quotes_small.jsonl"
    _write(path, _row(SAID, BELIEVED))

    scores = evaluate.file(path, tmp_path / "predictions.jsonl")

    assert scores["segments"]["relaxed_and_speaker"]["f1"] == 100.0
    found = json.loads((tmp_path / "predictions.jsonl").read_text(encoding="utf-8"))["quotes"]
    held = scores["calibration"]["confidence_span"]
    assert held["judged"] + held["unmeasured"] == len(found)


def test_calibration_is_the_distance_of_what_is_said_and_what_comes_true():
    """Bin by bin, so that too much here does not make up for too little there."""
    assert calibration([(0.75, True)] * 3 + [(0.75, False)])["error"] == 0.0
    assert calibration([(0.9, True), (0.9, False)])["error"] == 0.4
    assert calibration([(0.25, True)] * 2 + [(0.75, False)] * 2)["error"] == 0.75
    assert calibration([(None, True), (1.0, True)]) == {
        "error": 0.0,
        "mean": 1.0,
        "right": 1.0,
        "judged": 1,
        "unmeasured": 1,
    }
    assert calibration([])["error"] is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_a_calibration_error_lies_between_the_whole_distance_and_one(judged):
    """It is never less than the distance of the two means, and never more than 1."""
    found = calibration(judged)

    assert abs(found["mean"] - found["right"]) - 0.002 <= found["error"] <= 1


def test_an_interval_holds_the_score_and_shrinks_with_more_rows():
    """The bootstrap is seeded: the same rows give the same interval, four times as many about half of it."""
    random.seed(3)
    pairs = [(gold, gold if random.random() < 0.8 else "neutral") for gold in ("negative", "neutral", "positive") * 60]

    low, high = macro_f1_interval(pairs)
    narrow, wide = macro_f1_interval(pairs * 4)

    assert macro_f1_interval(pairs) == (low, high)
    assert low < narrow < wide < high
    assert 0.35 < (wide - narrow) / (high - low) < 0.65
    assert macro_f1_interval([("a", "a"), ("b", "b")]) == (100.0, 100.0)


def test_stance_in_a_sentence_is_scored_with_what_may_be_relied_on(tmp_path):
    """Macro-F1 with its interval, that of the surest four fifths, and the calibration of the probabilities."""
    said = [
        ("Renn lied to the council and stole from the poor.", "negative"),
        ("Renn met the council on Monday.", "neutral"),
        ("Renn saved the town with brilliant and brave work.", "positive"),
    ]
    path = tmp_path / "stance_small.jsonl"
    rows = [{"id": text, "text": text, "target": "Renn", "start": 0, "end": 4, "label": label} for text, label in said]
    _write(path, *rows)

    scores = evaluate.file(path)

    assert scores["interval"]["low"] <= scores["macro_f1"] <= scores["interval"]["high"]
    assert set(scores["surest_80_percent"]) == {"macro_f1", "labels"}
    assert scores["calibration"]["judged"] == 3


def test_confidence_of_dates_is_set_against_the_gold(tmp_path):
    """Of temporal expressions and of the days of what was said, each against its own gold."""
    text = "The keeper said Friday it fell."
    document = {"doc_id": "a", "dct": "2025-04-28", "text": text}
    timex = {"start": 16, "end": 22, "type": "DATE", "value": "2025-04-25", "text": "Friday"}
    event = {"doc_id": "a", "start": 11, "end": 15, "trigger": "said", "gold": "2025-04-25"}
    other = {"doc_id": "a", "start": 26, "end": 30, "trigger": "fell", "gold": "2025", "event_class": "OTHER"}
    _write(tmp_path / "dates_small.jsonl", {**document, "timexes": [timex]})
    _write(tmp_path / "dates_claimlink_small.jsonl", event, other)

    timexes = evaluate.file(tmp_path / "dates_small.jsonl")["calibration"]
    days = evaluate.file(tmp_path / "dates_claimlink_small.jsonl")["calibration"]

    assert (timexes["judged"], timexes["right"]) == (1, 1.0)
    assert (days["judged"], days["right"]) == (1, 1.0)


def _write(path: Path, *rows: dict) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
