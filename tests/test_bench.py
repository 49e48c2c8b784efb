"""The bench: what it measures, on small data of its own."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.bench import bench, peers, quote_peers, reliance, speed
from pipeline.bench.rows import articles
from pipeline.errors import SchemaError

ARTICLE = (
    "Brigades cross the Orlu\n\n"
    "Mayor Olga Renn said on Monday that the bridge would hold. “It is a strong and brave bridge,” Renn said.\n\n"
    "Renn lied to the council. Renn stole from the poor. Renn betrayed the town and failed its people."
)


def _quotes(path: Path) -> None:
    words = "that the bridge would hold"
    start, at = ARTICLE.index(words), ARTICLE.index("Mayor Olga Renn")
    speaker = {"speaker": "Mayor Olga Renn", "speaker_start": at, "speaker_end": at + 15}
    quote = {"start": start, "end": start + len(words), "speech": True, **speaker}
    path.write_text(json.dumps({"doc_id": "a", "text": ARTICLE, "quotes": [quote]}) + "\n", encoding="utf-8")


def test_the_bench_measures_what_the_folder_holds(tmp_path):
    """Scores of each file, whether every article is annotated, quotations removed, and speed; peers when asked for."""
    _quotes(tmp_path / "quotes_small_dev.jsonl")

    found = bench(tmp_path)

    assert set(found) == {"quotes_small_dev", "all articles annotated", "quotations removed", "speed", "import_ms"}
    assert set(found["quotes_small_dev"]) == {"ours"}
    assert (found["all articles annotated"]["articles"], found["all articles annotated"]["failures"]) == (1, 0)
    assert found["all articles annotated"]["claims"] >= 2
    assert found["speed"][speed.SPACY]["ratio_to_spacy"] == 1.0
    assert all(part["words_per_cpu_second"] > 0 for part in found["speed"].values() if isinstance(part, dict))


def test_an_empty_folder_is_refused(tmp_path):
    """Nothing to measure is an error that says so, not an empty result."""
    with pytest.raises(SchemaError, match=r"no \.jsonl file"):
        bench(tmp_path)


def test_peers_are_run_by_the_interpreter_that_is_named(tmp_path):
    """A tool that it lacks is named as not run; one that it has is scored, with its failures counted."""
    _quotes(tmp_path / "quotes_small_dev.jsonl")

    found = peers.beside_quotes(tmp_path / "quotes_small_dev.jsonl", sys.executable)

    assert set(found) == {"ours", "textacy", "textacy by paragraph", "sayswho"}
    for name in ("textacy", "sayswho"):
        there = importlib.util.find_spec(name) is not None
        assert set(found[name]) >= ({"attributions", "failures"} if there else {"not run"})


@pytest.mark.parametrize("interpreter", ["no-such-python", "false"])
def test_an_interpreter_that_does_not_run_is_refused(interpreter):
    """The message names it, and no traceback shows."""
    with pytest.raises(SchemaError, match=interpreter):
        peers.run([{"doc_id": "a", "text": ARTICLE}], interpreter)


@given(st.lists(st.sampled_from(["Renn", "said", "we", '"', "'", "go", "\n"]), max_size=30), st.data())
def test_words_of_a_prepared_text_lead_back_to_the_words_of_the_text(words, data):
    """Whatever marks, blanks and words a tool puts in, a span of words leads to the same words."""
    text = " ".join(words)
    put_in = st.sampled_from(["", " ", '"', " x "])
    changed = "".join(part + data.draw(put_in) for part in re.split(r"(\W+)", text))
    back = quote_peers.led_back(changed, text)

    for word in re.finditer(r"\w+", changed):
        span = back(*word.span())
        assert span is None or text[slice(*span)] == word.group()
    if changed.split() == text.split():
        assert all(back(*word.span()) for word in re.finditer(r"\w+", changed))


@given(st.lists(st.tuples(st.text("ab ", min_size=1, max_size=6), st.booleans()), max_size=12))
def test_what_remains_keeps_its_words_and_their_places(parts):
    """Spans in what stays lead to the same characters; spans in what goes are gone."""
    text, spans, at = "".join(part for part, _ in parts), [], 0
    for part, goes in parts:
        spans.append((at, at + len(part), goes))
        at += len(part)
    rest = reliance.Remaining(text, [(start, end) for start, end, goes in spans if goes])

    assert rest.text == "".join(part for part, goes in parts if not goes)
    kept = list(rest.spans([(start, end) for start, end, _ in spans]))
    assert [rest.text[start:end] for start, end in kept] == [part for part, goes in parts if not goes]
    assert list(rest.spans([(start - 1, end) for start, end, goes in spans if goes and start])) == []


def test_quotations_are_removed_and_the_stance_compared():
    """What is said of a target in the outlet's own voice does not hang on what it quotes."""
    found = reliance.without_quotations([ARTICLE])

    assert found["articles"] == 1
    assert found["targets"] >= found["assessed"] >= 1
    assert found["unchanged"] == 100.0


def test_names_give_way_to_names_of_their_kind():
    """Persons and countries are exchanged, each for another, and every exchange counts once."""
    rows = [
        {"text": "Renn lied to the council.", "target": "Renn"},
        {"text": "Solt met the council on Monday.", "target": "Solt"},
        {"text": "He met the council.", "target": "he"},
    ]
    others = ["Iran met China.", "Norway sent boats.", "No country is named."]

    found = reliance.exchanged(rows, others)

    assert {part: each["sentences"] for part, each in found.items()} == {"all": 4, "country": 2, "person": 2}
    assert all(0 <= each["reversed"] <= each["flips"] <= 100 for each in found.values())
    assert reliance.exchanged(rows, others) == found


def test_an_article_that_several_people_annotated_counts_once(tmp_path):
    """The articles of a folder are told by their document, whatever the number of files and rows."""
    _quotes(tmp_path / "quotes_small_dev.jsonl")
    _quotes(tmp_path / "quotes_small_dev_multi.jsonl")

    assert articles(tmp_path) == {"a": ARTICLE}


def test_every_run_is_timed_in_every_round():
    """Rounds alternate between the runs, so that a slow moment of the machine meets all of them."""
    order = []
    spent = speed.timed({"a": lambda: order.append("a"), "b": lambda: order.append("b")})

    assert order == ["a", "b"] * (speed.ROUNDS + 1)
    assert [len(each) for each in spent.values()] == [speed.ROUNDS] * 2
