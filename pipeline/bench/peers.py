"""The annotators beside public tools, by one scorer."""

import json
import subprocess
from collections import Counter
from pathlib import Path

from pipeline.bench.rows import read
from pipeline.errors import SchemaError
from pipeline.evaluate import corpora, quotes
from pipeline.evaluate.counts import Row, Scores

DATES = {
    "ht": "HeidelTime",
    "su": "SUTime",
    "recog": "Recognizers",
    "duck": "Duckling",
    "spacy_plus": "spaCy + dateparser",
    "dateparser_gran": "dateparser",
}


def beside_dates(path: Path) -> Scores:
    """F1 of span and value of each temporal annotator, ours first."""
    rows = read(path)
    predictions = {"ours": corpora.dates(rows, path)[0]}
    for key, name in DATES.items():
        peer = path.parent / "peers_dates" / f"pred_{key}_{path.stem.removeprefix('dates_')}.jsonl"
        if peer.exists():
            predictions[name] = read(peer)
    return {
        name: {score: part["f1"] for score, part in corpora.timexes(rows, predicted).items() if "f1" in part}
        for name, predicted in predictions.items()
    }


def beside_quotes(path: Path, interpreter: str | None) -> Scores:
    """The attribution of the articles, ours first; of the peers also what they raised and on how many articles."""
    rows = read(path)
    words = sum(len(row["text"].split()) for row in rows)
    found: Scores = {"ours": quotes.quotes(rows, path)[1]}
    for name, lines in (run(rows, interpreter) if interpreter else {}).items():
        if missing := next((line["missing"] for line in lines if "missing" in line), None):
            found[name] = {"not run": missing}
            continue
        told = {line["doc_id"]: line for line in lines if "doc_id" in line}
        raised = Counter(error for line in told.values() for error in line["errors"])
        seconds = next(line["cpu_seconds"] for line in lines if "cpu_seconds" in line)
        found[name] = quotes.score([(row, told[row["doc_id"]]) for row in rows]) | {
            "failures": {"articles": sum(bool(line["errors"]) for line in told.values()), **raised},
            "words_per_cpu_second": round(words / seconds),
        }
    return found


def run(rows: list[Row], interpreter: str) -> dict[str, list[Row]]:
    """What each peer says, line by line, in the interpreter that has the peers; SchemaError where that fails."""
    script = Path(__file__).with_name("quote_peers.py")
    articles = "".join(json.dumps({key: row[key] for key in ("doc_id", "text")}) + "\n" for row in rows)
    try:
        done = subprocess.run(
            [interpreter, "-I", str(script)], input=articles, capture_output=True, text=True, check=True
        )
    except OSError as error:
        raise SchemaError(f"{interpreter}: this Python for the peers cannot be run: {error.strerror}.") from None
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().rpartition("\n")[2]
        raise SchemaError(f"{interpreter}: the peers cannot be run with this Python: {last}.") from None
    lines: dict[str, list[Row]] = {}
    for line in map(json.loads, done.stdout.splitlines()):
        lines.setdefault(line["peer"], []).append(line)
    return lines
