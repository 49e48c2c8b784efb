"""The annotators beside their peers and beside people, in one run over one folder of annotated data.

`releases.bench` measures what publishing costs, on a made-up corpus. Here come scores first, then what may be relied on
(failures, names exchanged, quotations removed), then speed. Peers of the
temporal annotator come as files of their predictions (`peers_dates/pred_<peer>_<data set>.jsonl`), because most need
Java; peers in attribution are run by the Python interpreter that has them installed.
"""

from fnmatch import fnmatch
from pathlib import Path

from pipeline.bench import peers, reliance, speed
from pipeline.bench.rows import articles, read
from pipeline.errors import SchemaError
from pipeline.evaluate import file
from pipeline.evaluate.counts import Scores

SCORED = ("dates_claimlink_*", "quotes_*_multi.jsonl", "stance_newsmtsc_*_dev.jsonl")
TIMED = 60  # articles of the development files that the annotators are timed on


def bench(folder: Path, interpreter: str | None = None) -> Scores:
    """Scores, reliability and speed on the files of `folder`, in the formats of `evaluate`.

    `interpreter` is a Python that has textacy and sayswho; without one those peers are left out. SchemaError where the
    folder holds no data or the interpreter cannot be run.
    """
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        raise SchemaError(f"{folder}: no .jsonl file. Name the folder of annotated data.")
    found: Scores = {}
    for path in paths:
        if fnmatch(path.name, "dates_*") and not fnmatch(path.name, "dates_claimlink_*"):
            found[path.stem] = peers.beside_dates(path)
        elif fnmatch(path.name, "quotes_*_dev.jsonl"):
            found[path.stem] = peers.beside_quotes(path, interpreter)
        elif any(fnmatch(path.name, kind) for kind in SCORED):
            scores = file(path)
            found[path.stem] = {key: scores[key] for key in scores if key != "file"}
    if texts := list(articles(folder).values()):
        found["all articles annotated"] = reliance.failures(texts)
    sentences = [row for path in paths if fnmatch(path.name, "stance_newsmtsc_*_dev.jsonl") for row in read(path)]
    others = [row for path in paths if fnmatch(path.name, "stance_basil_articles_*.jsonl") for row in read(path)]
    if sentences:
        found["names exchanged"] = reliance.exchanged(sentences, [text for row in others for text in row["sentences"]])
    dev = list(articles(folder, "_dev").values())
    if dev:
        found["quotations removed"] = reliance.without_quotations(dev)
        found["speed"] = speed.speed(dev[:TIMED])
    return found | {"import_ms": speed.import_time("pipeline.annotate.dates")}
