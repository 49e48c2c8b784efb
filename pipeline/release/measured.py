"""How well stance and voice are read, as `pipeline.evaluate.measured` found it: a part of the card."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEPT = Path(__file__).parents[1] / "annotate" / "weights" / "measured.json"


def figures() -> list[tuple[str, str]]:
    """What was measured, and its F1: ('one sentence', 'macro-F1 82.3 (95 % interval 77.9 to 86.4) on 343 rows')."""
    return [(scores["what"], _score(scores)) for scores in json.loads(KEPT.read_text(encoding="utf-8"))]


def markdown() -> str:
    """The figures as Markdown: F1, how many readings are confident and right, and how each label was read."""
    return "\n\n".join(part for scores in json.loads(KEPT.read_text(encoding="utf-8")) for part in _told(scores))


def _score(scores: Mapping[str, Any]) -> str:
    speech = scores["labels"].get("speech")
    found = f"F1 {speech}" if speech is not None else f"macro-F1 {scores['macro_f1']}"
    if interval := scores.get("interval"):
        found += f" (95 % interval {interval['low']} to {interval['high']})"
    return f"{found} on {scores['rows']:,} rows"


def _told(scores: Mapping[str, Any]) -> list[str]:
    told = f"**{scores['what']}**: {_score(scores)}."
    if confident := scores.get("confident"):
        told += (
            f" {confident['coverage']} % have a probability of at least 0.8; {confident['right']} % of these are right."
        )
    return [told, _table(scores["confusion"])] if "confusion" in scores else [told]


def _table(confusion: Mapping[str, Mapping[str, int]]) -> str:
    names = list(confusion)
    lines = [("people said", *(f"read as {name}" for name in names)), ("---", *("---:" for _ in names))]
    lines += [(name, *(str(confusion[name][other]) for other in names)) for name in names]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
