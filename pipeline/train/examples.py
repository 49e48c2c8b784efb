"""Annotated articles as the tagger learns from them: tokens, and what each should be tagged."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.annotate import model
from pipeline.annotate.article import Article, Piece
from pipeline.annotate.quotes import quoted_runs
from pipeline.errors import StoreError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_LINE = re.compile(r"[^\n]*\S[^\n]*")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Example:
    """An annotated article.

    text     its text
    lines    its paragraphs, in code points
    quoted   outermost runs in quotation marks
    quotes   the annotations, as in the file
    tokens   the whole article's
    tags     the right tag of every token
    cues     spans in tokens
    contents spans in tokens, with the index of their cue, or -1
    sources  spans in tokens, with the indices of their cues
    """

    text: str
    lines: list[Span]
    quoted: list[Span]
    quotes: list[dict[str, Any]]
    tokens: model.Tokens
    tags: np.ndarray
    cues: list[Span]
    contents: list[tuple[Span, int]]
    sources: dict[Span, list[int]]


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON Lines."""
    try:
        with path.open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines if line.strip()]
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error


def example(row: dict[str, Any], tokenizer: "Tokenizer") -> Example:
    """A row of the corpus with its tokens and what they should be tagged."""
    text = row["text"]
    lines = [match.span() for match in _LINE.finditer(text)]
    article = Article(row["doc_id"], None, text, tuple(Piece("body", start, end) for start, end in lines))
    quoted = [(run.start, run.end) for run in quoted_runs(article) if run.parent is None]
    chunks = list(model.encode(tokenizer, text, lines, quoted))
    names = ("ids", "features", "starts", "ends", "units")
    tokens = model.Tokens(*(np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in names))

    def within(spans: Iterable[Sequence[int]]) -> list[Span]:
        found = [
            (int(np.searchsorted(tokens.ends, start, "right")), int(np.searchsorted(tokens.starts, end, "left")))
            for start, end in spans
        ]
        return [(start, end) for start, end in found if start < end]

    tags = np.zeros(len(tokens.ids), np.int64)
    cues: list[Span] = []
    contents: list[tuple[Span, int]] = []
    sources: dict[Span, list[int]] = {}
    for quote in row["quotes"]:
        cue = -1
        if quote["cue_spans"]:
            cue = len(cues)
            cues += within([(quote["cue_spans"][0][0], quote["cue_spans"][-1][1])])
        contents += [(span, cue) for span in within(quote["spans"])]
        if quote["speaker_spans"] and cue >= 0:
            for span in within(quote["speaker_spans"][:1]):
                sources.setdefault(span, []).append(cue)
    for role, spans in (("source", sources), ("content", [span for span, _ in contents]), ("cue", cues)):
        tag = 2 * model.ROLES.index(role) + 1
        for start, end in spans:
            tags[start] = tag
            tags[start + 1 : end] = tag + 1
    return Example(text, lines, quoted, row["quotes"], tokens, tags, cues, contents, sources)


def store(name: str, content: bytes) -> None:
    """Write a file of weights, and take it for the pinned one until the process ends."""
    model.FOLDER.mkdir(exist_ok=True)
    (model.FOLDER / name).write_bytes(content)
    model.DIGESTS[name] = sha256(content).hexdigest()
    print(f'    "{name}": "{model.DIGESTS[name]}",', flush=True)
