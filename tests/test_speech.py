"""Whether a sentence passes on what somebody says: the head on the states of the encoder."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import evaluate
from pipeline.annotate import speech
from pipeline.annotate.article import Article, Piece
from pipeline.annotate.attribution import attribute, read
from pipeline.annotate.model import WIDTH
from pipeline.annotate.parse import parse

TEXT = (
    "The gate at Tarn Mill failed on Sunday.\n"
    "“Nobody had greased the hinges for a year,” Mayor Olga Renn told reporters.\n"
    "The river fell by a metre overnight.\n"
    "Renn said that the council had been warned twice, and that she would not resign."
)


def likely(text: str) -> list[float]:
    """The probability of each line."""
    lines = [line.span() for line in re.finditer(r"[^\n]+", text)]
    article = Article("", None, text, tuple(Piece("body", *line) for line in lines))
    reading = read(article)
    return speech.passed_on(article, attribute(article, parse(text), reading), lines, reading)


def test_quoted_and_reported_sentences_are_told_from_the_outlets_own() -> None:
    """What a mayor says and is reported to have said passes something on; the failed gate and the river do not."""
    assert [probability >= 0.5 for probability in likely(TEXT)] == [False, True, False, True]


@given(st.text(max_size=80))
@settings(max_examples=40, deadline=None)
def test_any_text_has_probabilities(text: str) -> None:
    """Whatever a sentence holds, even no token at all, it has a probability between 0 and 1."""
    article = Article("", None, text, (Piece("body", 0, len(text)),) if text.strip() else ())
    reading = read(article)

    (found,) = speech.passed_on(article, attribute(article, parse(text), reading), [(0, len(text))], reading)

    assert 0 <= found <= 1


def test_a_head_reads_no_more_tokens_than_it_learned_from() -> None:
    """Tokens beyond `LONGEST` change nothing."""
    states = np.random.default_rng(1).normal(size=(2 * speech.LONGEST, 2 * WIDTH)).astype(np.float16)
    nothing = np.zeros(speech.EVIDENCE, np.float32)
    head = speech.load((speech.FOLDER / "speech.npz").read_bytes())

    assert head.logit(states, nothing) == head.logit(states[: speech.LONGEST], nothing)


def test_voice_is_scored_document_by_document(tmp_path: Path) -> None:
    """The evaluation reads sentences where they stand and gives the F1 of those that pass something on."""
    rows = [
        {"id": str(i), "doc": doc, "text": text, "speech": i in (1, 3)}
        for doc in ("a", "b")
        for i, text in enumerate(TEXT.split("\n"))
    ]
    path = tmp_path / "claim_small.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    scores = evaluate.file(path, tmp_path / "said.jsonl")

    assert scores["labels"] == {"speech": 100.0, "no speech": 100.0}
    said = [json.loads(line) for line in (tmp_path / "said.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["label"] for row in said] == ["no speech", "speech"] * 4


def test_the_network_that_learns_is_the_head_that_reads() -> None:
    """The head written down gives the log odds of the network that was trained."""
    torch = pytest.importorskip("torch")
    from pipeline.train import speech as training

    torch.manual_seed(3)
    net = training.network().eval()
    random = np.random.default_rng(3)
    states = random.normal(size=(7, 2 * WIDTH)).astype(np.float16)
    found = random.normal(size=speech.EVIDENCE).astype(np.float32)
    head = training._head(net, np.zeros(speech.EVIDENCE, np.float32), np.ones(speech.EVIDENCE, np.float32))

    with torch.no_grad():
        told = net(
            torch.from_numpy(states[None].astype(np.float32)),
            torch.ones(1, 7, dtype=bool),
            torch.from_numpy(found[None]),
        )

    assert abs(float(told) - speech.load(training.file_of(head)).logit(states, found)) < 0.01
