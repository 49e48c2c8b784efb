"""The whole annotate stage on text that nobody wrote for reading: nothing raises, and time grows with length alone."""

import re
import time
from collections.abc import Callable

import pyarrow as pa
import pytest

from pipeline import schema
from pipeline.annotate.article import Article
from pipeline.annotate.attribution import attribute, bare_pieces, read
from pipeline.annotate.dates import DocumentDate, find
from pipeline.annotate.decision import spoken
from pipeline.annotate.parse import parse
from pipeline.annotate.speakers import resolve
from pipeline.annotate.stage import annotate
from pipeline.annotate.stance import assess
from pipeline.annotate.targets import targets

Tables = tuple[pa.Table, pa.Table, pa.Table]

SAID = "The minister, Irena Solt, said on Friday that brigades had crossed the Orlu, and critics in Harl feared her. "
QUOTED = "“We will not leave before May 3,” said Solt, who “never slept” for two days, and Harl praised the regime. "
SPANS = ("spans", "speaker_span", "cue_span", "evidence")


def stage_input(text: str, pieces: str | None = None) -> Tables:
    """The stage's input for one document; what cleaning would refuse gets in as well. A line is a paragraph."""
    if pieces is None:
        pieces = ";".join(f"body:{line.start()}-{line.end()}" for line in re.finditer(r"[^\n]*\S[^\n]*", text))
    document = dict.fromkeys(schema.arrow("documents").names) | {
        "document_id": "d0",
        "source": "a.txt",
        "outlet": "The Harl Post",
        "encoding": "utf-8",
        "published": "2024-04-12",
        "published_source": "metadata",
        "published_confidence": 1.0,
    }
    row = {"document_id": "d0", "text": text, "paragraphs": pieces, "alignment": f"{len(text)}=", "cleaner": "none"}
    return (
        pa.table({"source": ["a.txt"], "content": pa.array([text.encode()], pa.binary())}),
        pa.Table.from_pylist([document], schema=schema.arrow("documents")),
        pa.Table.from_pylist([row], schema=schema.arrow("texts")),
    )


def _sound(text: str, found: Tables) -> None:
    """Every span of every row lies inside the text, and the words that a row gives are those at its span."""
    claims, dates, stances = (table.to_pylist() for table in found)
    for row in (*claims, *dates):
        assert 0 <= row["start"] < row["end"] <= len(text)
        assert row["text"] == text[row["start"] : row["end"]]
        assert 0 <= row["raw_start"] < row["raw_end"] <= len(text.encode())
    for row in (*claims, *stances):
        for name in SPANS:
            for span in (row.get(name) or "").split(";"):
                start, _, end = span.partition("-")
                assert not span or 0 <= int(start) < int(end) <= len(text), (name, span)


HOSTILE: dict[str, Callable[[], str]] = {
    "one paragraph": lambda: (SAID + QUOTED) * 100,
    "quotation marks": lambda: '"' * 2_000 + "“" * 1_000 + "”" * 1_000,
    "quotation marks around words": lambda: '"a ' * 2_000,
    "one sentence": lambda: "and the river rose near Harl " * 1_000,
    "NULs": lambda: SAID + "\0" * 20_000 + QUOTED + "\0",
    "nothing but line ends": lambda: "\n" * 100_000,
    "one-word paragraphs": lambda: "Harl\n\n" * 2_000,
    "quotations that never end": lambda: ("“" + SAID + "\n\n" + '"' + QUOTED[1:] + "\n\n") * 60,
    "labels": lambda: "HOST: We saw it.\n\nSOLT: No.\n\n" * 300,
    "one word": lambda: "a" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_makes_the_stage_fail(name):
    """Whatever the text, there are rows or none, and their spans lie inside it."""
    text = HOSTILE[name]()

    _sound(text, annotate(*stage_input(text)))


def test_structure_without_words_is_no_error():
    """Pieces of every kind may be blank, marks alone, or all the text there is."""
    text = '“ ”\n\n: \n\n "\n\n—'
    kinds = ("title", "heading", "label", "item", "byline", "dateline", "body")
    lines = [line.span() for line in re.finditer(r"[^\n]+", text)]
    for kind in kinds:
        pieces = ";".join(f"{kind}:{start}-{end}" for start, end in lines)
        _sound(text, annotate(*stage_input(text, pieces)))
    _sound("", annotate(*stage_input("", "")))


def test_lone_surrogates_reach_no_annotator_that_fails_on_them():
    """No table can hold one, so each annotator is asked by itself; offsets count it as one code point."""
    text = "\udce9Solt said “we \ud800 go” on Friday. \udfff\n\n" + SAID + "\ud83d"
    article = Article("d0", "The Harl Post", text, tuple(bare_pieces(text)))
    t = parse(text)
    reading = read(article)
    found = spoken(text, attribute(article, t, reading))

    assert {text[start:end] for each in found for start, end in each.spans} >= {"we \ud800 go"}
    assert len(resolve(article, t, found)) == len(found)
    assert all(text[t.start : t.end] == t.text for t in find(text, DocumentDate.of("2024-04-12", "metadata", 1.0)))
    assert len(assess(article, t, found, targets(article, t))) == len(targets(article, t))


GROWING: dict[str, Callable[[int], str]] = {
    "one paragraph": lambda n: "".join(f"{SAID}Ana{i % 97} Bel{i} saw Harl. {QUOTED}" for i in range(n // 230)),
    "paragraphs": lambda n: "\n\n".join(f"{SAID}\n\nThen Ana{i} asked: {QUOTED}" for i in range(n // 230)),
    "quotation marks": lambda n: '"“”' * (n // 15),
    "one sentence": lambda n: "and the river rose near Harl " * (n // 60),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", GROWING)
def test_twice_the_text_takes_less_than_three_times_as_long(name):
    """Time is near linear: CPU time of 80,000 characters against 40,000, twice if the machine was busy with others."""
    short, long = (stage_input(GROWING[name](size)) for size in (40_000, 80_000))
    annotate(*stage_input(SAID))

    assert any(_seconds(long) < 3 * _seconds(short) for _ in range(2))


def _seconds(tables: Tables) -> float:
    start = time.process_time()
    annotate(*tables)
    return time.process_time() - start
