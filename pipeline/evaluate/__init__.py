"""Scores of the annotators, by the functions that the pipeline itself runs.

Against the gold of the sample corpus (`gold`), and on files of annotated data (`file`). All figures are percentages.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from pipeline.errors import SchemaError
from pipeline.evaluate import corpora, quotes
from pipeline.evaluate.counts import Scores
from pipeline.evaluate.gold import gold, gold_digest

__all__ = ["file", "gold", "gold_digest", "show"]

_FORMATS = {
    "quotes_": quotes.quotes,
    "dates_": corpora.dates,
    "stance_": corpora.stances,
    "claim_": corpora.claims,
}


def file(path: Path, predictions: Path | None = None) -> Scores:
    """Annotate a file of annotated data, write what the annotators say to `predictions`, and score it.

    SchemaError for a file whose name or rows are in no known format.
    """
    annotate = next((each for prefix, each in _FORMATS.items() if path.name.startswith(prefix)), None)
    if annotate is None:
        raise SchemaError(f"{path}: unknown format. The name must begin with one of {', '.join(_FORMATS)}.")
    try:
        with path.open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines if line.strip()]
    except FileNotFoundError:
        raise SchemaError(f"{path}: no such file.") from None
    except ValueError as error:
        raise SchemaError(f"{path}: no JSON Lines: {error}.") from None
    if not rows:
        raise SchemaError(f"{path}: no rows.")
    try:
        predicted, scores = annotate(rows, path)
    except KeyError as error:
        raise SchemaError(f"{path}: a row lacks the key {error}.") from None
    if predictions is not None:
        with predictions.open("w", encoding="utf-8") as out:
            out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in predicted)
    return {"file": path.name, "rows": len(rows), **scores}


def show(scores: Scores, out: TextIO) -> None:
    """The scores as text, one figure a line."""

    def lines(name: str, value: Any, depth: int) -> None:
        if isinstance(value, Mapping) and value and all(not isinstance(part, Mapping) for part in value.values()):
            print("  " * depth + f"{name:<27} " + "  ".join(f"{key} {part}" for key, part in value.items()), file=out)
        elif isinstance(value, Mapping):
            print("  " * depth + name, file=out)
            for key, part in value.items():
                lines(key, part, depth + 1)
        else:
            print("  " * depth + f"{name:<27} {value}", file=out)

    for name, value in scores.items():
        lines(name, value, 0)
